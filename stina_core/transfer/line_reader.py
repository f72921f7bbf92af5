"""Makes a store of an export, at the steps it was written at: an older one is then brought up to date as files are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..backends.base import BrokenText
from ..errors import ConstraintError, InvalidValueError, SchemaTooNewError
from ..migrations.plan import CORE, Entry, plan
from ..opening import open_database
from ..plugins import Plugins
from .checks import at, check_outcome
from .lines import FORMAT, decoded, read_line
from .rows import quoted_names

if TYPE_CHECKING:
    from ..backends.sqlite.backend import SqliteBackend
    from ..catalog import Value
    from ..config import StoreConfig

LONGEST = 1 << 28
"""Bytes of one line."""

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "TEXT": (str, BrokenText),
    "INTEGER": int,
    "REAL": float,
    "BLOB": bytes,
}


def read_export(path: Path, config: StoreConfig, plugins: Plugins) -> dict[str, dict[str, int]]:
    """Write the rows of the export *path* into the new store that *config* names.

    Returns:
        By plugin that is not on, its tables in the export and the number of their rows.

    Raises:
        SchemaTooNewError: a newer version of Stina or of a plugin wrote it.
        LedgerConflictError: a plugin's past in it is not the one it has here.
        InvalidValueError: a line is not what it should be; it is named by its number.
    """
    with path.open("rb") as file:
        reader = _Reader(path, file, plugins)
        cut = reader.plugins_then()
        opened = open_database(config, cut)
        try:
            check_outcome(opened.outcome, str(path))
            opened.backend.foreign_keys(False)  # a row that points to nothing is left out later, and said
            with opened.transactions.begin():
                reader.read_rows(opened.backend)
        finally:
            opened.backend.close()
    return reader.left


class _Reader:
    """Reads one export.

    Attributes:
        left: Rows of plugins that are not on, by plugin and table.
    """

    def __init__(self, path: Path, file: BinaryIO, plugins: Plugins) -> None:
        self.left: dict[str, dict[str, int]] = {}
        self._path = path
        self._plugins = plugins
        self._lines = self._documents(file)
        self._number = 0
        self._inserts: dict[str, tuple[str, dict[str, str]]] = {}
        self._steps = self._header()

    def plugins_then(self) -> Plugins:
        """Return the plugins with no more than the steps that had run in the exported store."""
        applied = {plugin.name: self._steps.get(plugin.name, []) for plugin in self._plugins.on}
        entries = [Entry(name, step, "") for name, steps in applied.items() for step in steps]
        refused = plan(self._plugins.steps(), entries, applied.keys()).refused
        for error in refused.values():
            raise at(str(self._path), error)
        return Plugins(
            [
                replace(
                    plugin,
                    steps=[step for step in plugin.steps if step.id in applied[plugin.name]],
                    schema=None,  # its models are of the newest version
                    hooks={},
                )
                for plugin in self._plugins.on
            ]
        )

    def read_rows(self, backend: SqliteBackend) -> None:
        """Insert all rows, and see that none is missing at the end."""
        rows = 0
        left: Counter[tuple[str, str]] = Counter()
        for document in self._lines:
            match document:
                case {"table": str(table), "row": dict(row), **rest} if not rest:
                    owner = self._owner(table)
                    if owner in self._plugins and self._plugins[owner].on:
                        self._insert(backend, table, row)
                    else:
                        left[owner, table] += 1
                    rows += 1
                case {"end": {"rows": int(count), **more}, **rest} if not rest and not more:
                    if count != rows:
                        raise self._wrong(f"it says that there are {count} rows, and there are {rows}")
                    self._see_nothing_follows()
                    for (owner, table), number in left.items():
                        self.left.setdefault(owner, {})[table] = number
                    return
                case _:
                    raise self._wrong('it is neither a row, {"table": ..., "row": ...}, nor the end')
        self._number += 1
        raise self._wrong("the export ends here, without its last line; it is not all there")

    def _header(self) -> dict[str, list[str]]:
        head = next(self._lines, None)
        match head:
            case {"stina": bool()}:
                raise self._wrong("it is no first line of an export")
            case {"stina": int(number)} if number > FORMAT:
                raise SchemaTooNewError(
                    CORE, None, f"{self._path} was written by a newer version of Stina; update it"
                )
            case {"stina": int(number), "plugins": dict(plugins)} if number == FORMAT:
                return {name: self._steps_of(name, one) for name, one in plugins.items()}
            case _:
                raise self._wrong("it is no first line of an export")

    def _steps_of(self, name: str, described: object) -> list[str]:
        match described:
            case {"steps": list(steps)} if all(isinstance(step, str) for step in steps):
                return steps
            case _:
                raise self._wrong(f"it does not say which steps of the plugin {name!r} had run")

    def _owner(self, table: str) -> str:
        """Return the plugin of the export to which *table* belongs."""
        name, underscore, _ = table.partition("_")
        if not underscore or name not in self._steps:
            raise self._wrong(f"{table!r} is no table of a plugin that the first line names")
        return name

    def _insert(self, backend: SqliteBackend, table: str, row: Mapping[str, object]) -> None:
        if table not in self._inserts:
            self._inserts[table] = self._statement(backend, table)
        sql, types = self._inserts[table]
        if row.keys() != types.keys():
            column = sorted(row.keys() ^ types.keys())[0]
            lacks = "has no column" if column in row else "must have a value for"
            raise self._wrong(f"{table} {lacks} {column!r}")
        values = [self._value(column, row[column], kind) for column, kind in types.items()]
        try:
            backend.execute(sql, values)
        except (ConstraintError, InvalidValueError) as error:
            raise self._wrong(f"{table} cannot hold this row: {error}") from error

    def _statement(self, backend: SqliteBackend, table: str) -> tuple[str, dict[str, str]]:
        """Return what inserts a row into *table*, and the type of each of its columns."""
        types = {
            name: kind.upper()
            for name, kind in backend.execute(
                "SELECT i.name, i.type FROM pragma_table_list AS t, pragma_table_info(t.name) AS i "
                "WHERE t.schema = 'main' AND t.type = 'table' AND t.name = ? ORDER BY i.cid",
                (table,),
            )
        }
        if not types:
            raise self._wrong(f"there is no table {table!r}")
        # The bytes of a text that is not UTF-8 become that text again.
        places = ", ".join("CAST(? AS TEXT)" if kind == "TEXT" else "?" for kind in types.values())
        names = ", ".join(quoted_names(list(types)))
        return f'INSERT INTO "{table}" ({names}) VALUES ({places})', types

    def _value(self, column: str, value: object, kind: str) -> Value:
        try:
            found = decoded(value)
        except (ValueError, TypeError) as error:
            raise self._wrong(f"{column}: {error}") from error
        wrong = isinstance(found, bool) or (isinstance(found, BrokenText) and kind != "TEXT")
        if found is not None and (wrong or not isinstance(found, _KINDS.get(kind, object))):
            raise self._wrong(f"{column} holds {kind or 'other values'}, not {type(value).__name__}")
        return found

    def _see_nothing_follows(self) -> None:
        for _ in self._lines:
            raise self._wrong("there is something after the end")

    def _documents(self, file: BinaryIO) -> Iterator[Any]:
        while text := file.readline(LONGEST):
            self._number += 1
            if not text.endswith(b"\n"):
                raise self._wrong("it is not all there, or too long")
            try:
                yield read_line(text)
            except ValueError as error:
                raise self._wrong(f"it is no JSON ({_without_contents(error)})") from error

    def _wrong(self, why: str) -> InvalidValueError:
        return InvalidValueError(f"{self._path}, line {self._number}", f"{why}. Nothing was imported")


def _without_contents(error: ValueError) -> str:
    return f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
