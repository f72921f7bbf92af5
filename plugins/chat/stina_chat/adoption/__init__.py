"""Adopts the conversations that the original app wrote, in every form that it gave them.

Frozen with the step `0002_adopt`, which alone calls it: nothing here asks the rest of
the plugin. What it makes follows from the file alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import settling, tables
from .reading import Reader

if TYPE_CHECKING:
    from stina_core import Operations


def adopt(op: Operations) -> None:
    """Make the plugin's rows of all old tables, and drop these once they are found in what was made."""
    found = tables.tables_in(op)
    if not found:
        return
    reader = Reader(op)
    reader.read_own()
    reader.read(found)
    settling.finish(op, reader.found, reader.messages)
    tables.retire(op, found)
