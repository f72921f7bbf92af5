"""What the original app has beside ours: its tables in the file, its own files in the directory.

Nothing here is ever changed. Tables that a plugin takes over go when its steps
adopt them; they are here again if the original app was run once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .migrations.plan import CORE
from .migrations.retirement import users

if TYPE_CHECKING:
    from .plugins import Plugins
    from .shapes import Shapes

_LARGEST = 1 << 22
"""Bytes of a file that is read to see what it is; the original's settings have some thousand."""


@dataclass(frozen=True, slots=True)
class OldTable:
    """A table with the name of one of the original app's.

    Attributes:
        plugin: Who adopts it; empty for a table of nobody.
        waiting: Whether the plugin's steps have not run yet, and will adopt it.
        named_by: Tables, views and triggers that name it: as long as they do it stays, adopted or not.
    """

    name: str
    rows: int
    plugin: str = ""
    waiting: bool = False
    named_by: tuple[str, ...] = ()

    @property
    def written_again(self) -> bool:
        """Whether the original app made it anew, and wrote to it, after it was adopted."""
        return bool(self.plugin and self.rows and not self.waiting and not self.named_by)


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file of the original app beside the store. Stina does not change it."""

    path: str
    kind: str
    """`settings`, `key` or `state`; the last is what the app had before it used SQLite."""


def old_tables(
    tables: Mapping[str, Collection[str]],
    plugins: Plugins,
    pending: Sequence[str],
    orphaned: Iterable[str],
    count: Callable[[Sequence[str]], Mapping[str, int]],
    shapes: Shapes,
) -> tuple[OldTable, ...]:
    """Return those of *tables* that are neither the core's nor a plugin's own, by name.

    Args:
        tables: Of the file, each with its columns.
        pending: Steps that have not run, as `plugin/step`.
        count: Gives the number of rows of each of some tables.
        shapes: Of the file.
    """
    owner = {
        table: plugin.name
        for plugin in plugins
        for table, columns in tables.items()
        if plugin.schema is not None and plugin.schema.is_adopted(table, columns)
    }
    waiting = {step.partition("/")[0] for step in pending}
    prefixes = tuple(f"{name}_" for name in (CORE, *(plugin.name for plugin in plugins), *orphaned))
    found = sorted(table for table in tables if table in owner or not table.startswith(prefixes))
    rows = count(found)
    return tuple(
        OldTable(
            table,
            rows[table],
            owner.get(table, ""),
            owner.get(table, "") in waiting,
            tuple(users(shapes, table)) if table in owner else (),
        )
        for table in found
    )


def old_files(store: str) -> tuple[OldFile, ...]:
    """Return the files of the original app that are beside the store at the path *store*."""
    folder = Path(store).parent
    kinds = {"settings.enc": "settings", "settings.json": "settings", "state.json": "state"}
    found = [OldFile(str(folder / name), kind) for name, kind in kinds.items() if _is_original(folder / name)]
    if any(file.path.endswith(".enc") for file in found) and _is_file(folder / ".k"):
        found.append(OldFile(str(folder / ".k"), "key"))
    return tuple(found)


def _is_original(path: Path) -> bool:
    """Whether the file has what the original app writes under this name, which is a common one."""
    marks = {
        "settings.enc": {"alg", "iv", "data", "tag"},
        "settings.json": {"providers"},
        "state.json": {"messages"},
    }
    content = _object(path)
    return marks[path.name] <= content.keys()


def _object(path: Path) -> Mapping[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}  # not readable, or no JSON: not one of the original's
    return content if isinstance(content, dict) else {}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
