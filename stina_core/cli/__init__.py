"""The `stina` command, and what a plugin's own commands are made with.

Importing this costs nothing; the public names are resolved at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .confirming import confirm, yes_option
    from .invocation import pass_store
    from .output import emit, emit_line, emit_rows
    from .reader import while_read

_HOMES = {
    "confirm": ".confirming",
    "emit": ".output",
    "emit_line": ".output",
    "emit_rows": ".output",
    "pass_store": ".invocation",
    "while_read": ".reader",
    "yes_option": ".confirming",
}

__all__ = ["confirm", "emit", "emit_line", "emit_rows", "pass_store", "while_read", "yes_option"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stina_core.cli' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)
