"""What a running migration tells whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a migration is.

    Attributes:
        plugin, step: Whose step runs; the step is empty while a backup is made, both
            while another program opens or migrates the file and this one waits.
        done, total: Rows of a step that rewrites rows; None where nobody knows.
    """

    plugin: str
    step: str
    done: int | None = None
    total: int | None = None


OnProgress = Callable[[Progress], object]
"""Called at the start of each step, several times a second while it runs, and at its end.

In the thread that opens the store, inside the migration's transaction, so it must
not touch the store. What it raises stops the migration, which is then undone.
"""
