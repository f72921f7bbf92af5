"""The kit for plugin authors and for our own tests.

Installed as a pytest plugin with `stina-core`: the fixtures of
`stina_core.testing.pytest_plugin` are there without an import, and no test
reaches the real `~/.stina` unless it takes `STINA_HOME` away itself. For
property-based tests, which want no fixtures, use `memory_store()` inside the test.

Names are resolved at first use: pytest imports this package in every project of the environment.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .commands import CommandResult, StinaCommand
    from .faults import PlantedError, failing_at, killing_at, statements
    from .forks import forked
    from .migrations import MigrationSuite
    from .processes import Running, run_python, run_together, running_python
    from .stores import file_rows, memory_store, plugins_of

_HOMES = {
    "CommandResult": ".commands",
    "MigrationSuite": ".migrations",
    "PlantedError": ".faults",
    "Running": ".processes",
    "StinaCommand": ".commands",
    "failing_at": ".faults",
    "file_rows": ".stores",
    "forked": ".forks",
    "killing_at": ".faults",
    "memory_store": ".stores",
    "plugins_of": ".stores",
    "run_python": ".processes",
    "run_together": ".processes",
    "running_python": ".processes",
    "statements": ".faults",
}

__all__ = [
    "CommandResult",
    "MigrationSuite",
    "PlantedError",
    "Running",
    "StinaCommand",
    "failing_at",
    "file_rows",
    "forked",
    "killing_at",
    "memory_store",
    "plugins_of",
    "run_python",
    "run_together",
    "running_python",
    "statements",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stina_core.testing' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
