"""Suites of plugins at hand, for the tests of the kit: mostly plugins with a mistake that it must find."""

from __future__ import annotations

from typing import Any

from stina_core import Model, Operations, StoreConfig, load_plugins
from stina_core.testing import MigrationSuite

from .declarations import Run, stepping

SWEEPS = [
    "test_exception_at_any_statement_leaves_all_or_nothing",
    "test_kill_at_any_statement_leaves_all_or_nothing",
]


def of(*runs: Run, models: tuple[type[Model], ...] = (), **attributes: Any) -> MigrationSuite:
    """Return the suite of a plugin `notes` with the steps *runs*."""
    plugins = load_plugins([stepping("notes", *runs, models=models)], StoreConfig(strict=True))
    names = {"plugin": "notes", "plugins": lambda self: plugins, "thorough": True, **attributes}
    suite: MigrationSuite = type("Suite", (MigrationSuite,), names)()
    return suite


def lose_column(op: Operations) -> None:
    op.drop_column("note", "title")
