"""Which capture triggers a file has, and which it should have."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from ...catalog import Table
from ..base import Row
from .capture_sql import GUARD, GUARD_NAME, LOG, PREFIX, triggers_of
from .database import StoreDatabase

TRIGGERS = (
    "SELECT type = 'table', name, tbl_name, CASE type WHEN 'trigger' THEN sql END FROM sqlite_schema "
    f"WHERE type = 'table' OR type = 'trigger' AND (name GLOB '{PREFIX}*' OR name = '{GUARD_NAME}') ORDER BY rowid"
)

Texts = Mapping[str, str]
"""Triggers of one table: the statement that made each, by name."""


class Capture:
    """The capture triggers of a file, on the calling thread's connection and in its transaction."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def wrong(self, tables: Iterable[Table]) -> set[str]:
        """Return which of *tables* are in the file and have not exactly the triggers they should have.

        That is text for text: a table that was renamed still logs its old name,
        though SQLite took its triggers along. `stina_change` is among them if the
        guard of the log is not right. One SELECT.
        """
        _, wanted, found = self._compared(tables)
        return set(_differing(wanted, found))

    def reconcile(self, tables: Iterable[Table]) -> set[str]:
        """Mend what `wrong()` says, and return that. Part of the transaction it is called in.

        All triggers of a table are made anew if one is wrong, for their order. Other
        triggers, and those of tables that are not among *tables*, stay as they are.
        """
        everywhere, wanted, found = self._compared(tables)
        wrong = _differing(wanted, found)
        made = {name: sql for table in wrong for name, sql in wanted[table].items()}
        in_the_way = {name for table in wrong for name in found.get(table, {})} | made.keys() & everywhere
        self._drop(in_the_way)
        for sql in made.values():
            self._database.run(sql)
        return set(wrong)

    def remove(self, tables: Iterable[str]) -> None:
        """Drop the capture triggers of *tables*, as before a rebuild or a bulk load; the guard stays."""
        of_tables = self._found()[1]
        self._drop(name for table in tables for name in of_tables.get(table, {}) if name != GUARD_NAME)

    def captured(self) -> set[str]:
        """Return the tables of the file that have capture triggers."""
        return {
            table for table, texts in self._found()[1].items() if any(name != GUARD_NAME for name in texts)
        }

    def reset(self, tables: Iterable[str]) -> None:
        """Log for each of *tables* that anything may have happened to any of its rows."""
        for table in tables:
            self._database.run(f'INSERT INTO "{LOG}" ("table", "op") VALUES (?, \'R\')', (table,))

    def _compared(self, tables: Iterable[Table]) -> tuple[set[str], dict[str, Texts], dict[str, Texts]]:
        """The names of all capture triggers; by table, those that should be and those that are there."""
        there, found = self._found()
        return {name for texts in found.values() for name in texts}, _wanted(tables, there), found

    def _found(self) -> tuple[set[str], dict[str, Texts]]:
        return _found(self._database.run(TRIGGERS).fetchall())

    def _drop(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            self._database.run(f'DROP TRIGGER "{name}"')


def wrong(rows: Iterable[Row], tables: Iterable[Table]) -> list[str]:
    """Return what `Capture.wrong()` does, of a file for which `TRIGGERS` gives *rows*."""
    there, found = _found(rows)
    return _differing(_wanted(tables, there), found)


def _found(rows: Iterable[Row]) -> tuple[set[str], dict[str, Texts]]:
    """All tables of the file, and by table the capture triggers."""
    tables: set[str] = set()
    triggers: dict[str, dict[str, str]] = {}
    for is_table, name, table, sql in rows:
        if is_table:
            tables.add(name)
        else:
            triggers.setdefault(table, {})[name] = sql
    return tables, dict(triggers)


def _wanted(tables: Iterable[Table], there: Container[str]) -> dict[str, Texts]:
    wanted: dict[str, Texts] = {
        table.name: triggers_of(table) for table in tables if table.name in there and table.name != LOG
    }
    if LOG in there:
        wanted[LOG] = {GUARD_NAME: GUARD}
    return wanted


def _differing(wanted: Mapping[str, Texts], found: Mapping[str, Texts]) -> list[str]:
    return [table for table, texts in wanted.items() if dict(found.get(table, {})) != dict(texts)]
