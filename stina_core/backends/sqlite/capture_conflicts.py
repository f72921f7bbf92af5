"""Rows that REPLACE removes without firing their DELETE triggers. Only texts: no database.

SQLite does that unless recursive_triggers is on, as it is on connections of
ours only. A row with the key of the new one is no trouble: it is there again
afterwards. But a row may be in the way by another unique rule. Triggers before
the write note the keys of such rows in `stina_conflict`, those after it log
the ones that are gone. A note says no more than "when this row is found gone,
that is not in the log yet"; one too many does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ...catalog import Column, Index, IndexPart, Table, sql_literal
from .capture_key import changed, key_sql, missing, same

Parts = tuple[str, str, list[str]]
"""Event, condition and statements of a trigger."""

_NOTES = "stina_conflict"
_ANY_NOTE = f'EXISTS (SELECT 1 FROM "{_NOTES}")'
_CASTS = {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "blob": "BLOB"}
_DIRECTION = re.compile(r"\s+(ASC|DESC)\s*$", re.IGNORECASE)


class Conflicts:
    """What of *table*, whose primary key is *key*, can be in the way of a row that has another key."""

    def __init__(self, table: Table, key: Sequence[Column]) -> None:
        self._table = table
        self._key = key
        self._columns = {column.name: column for column in table.columns}
        self._of_table = f'"table" = {sql_literal(table.name)}'
        self._rules = [index for index in table.indexes if index.unique]
        names = {name for index in self._rules for name in self._names(index)} | {one.name for one in key}
        self._moving = any(_moves(column) for column in table.columns if column.name in names)
        if any(column.collation for column in key) or (self._rules and self._moving):
            self._rules.append(Index(*(column.name for column in key), unique=True))
        names = {name for index in self._rules for name in self._names(index)}
        self._ruled = [column for column in table.columns if column.name in names]

    @property
    def possible(self) -> bool:
        """Whether anything can."""
        return bool(self._rules)

    def gone(self) -> str:
        """Return FROM and what follows, for the notes `c` of rows that are not there any more."""
        is_gone = missing(self._table.name, self._key, 'c."key"')
        return f'FROM "{_NOTES}" AS c WHERE c.{self._of_table} AND {is_gone}'

    def triggers(self, log_gone: str) -> dict[str, Parts]:
        """Return the triggers by what they do.

        Args:
            log_gone: The statement that logs `gone()`.
        """
        clear = f'DELETE FROM "{_NOTES}" WHERE {self._of_table}'
        old = key_sql(self._key, "OLD")
        move = (
            f'UPDATE "{_NOTES}" SET "key" = {key_sql(self._key, "NEW")} '
            f'WHERE {self._of_table} AND "key" IS {old}'
        )
        settle = [f'{log_gone} AND c."key" IS NOT {old}', clear]
        if self._moving:
            settle[1] = f'{clear} AND "id" IN (SELECT c."id" {self.gone()} AND c."key" IS NOT {old})'
        before_update = [
            *([self._note_itself()] if self._moving else [clear]),
            *(f"{note} AND NOT ({same(self._key, 'o')})" for note in self._notes()),
        ]
        return {
            "noteinsert": ("BEFORE INSERT", "", [clear, *self._notes()]),
            "noteupdate": ("BEFORE UPDATE", changed(self._ruled), before_update),
            "settleinsert": ("AFTER INSERT", _ANY_NOTE, [log_gone, clear]),
            "settleupdate": ("AFTER UPDATE", f"({changed(self._ruled)}) AND {_ANY_NOTE}", settle),
            "move": ("AFTER UPDATE", f"({changed(self._key)}) AND {_ANY_NOTE}", [move]),
            "forget": ("BEFORE DELETE", _ANY_NOTE, [f'{clear} AND "key" IS {old}']),
        }

    def _notes(self) -> Iterator[str]:
        """Yield a statement for each rule that notes the rows that are in the way of NEW."""
        for index in self._rules:
            conditions = [self._equal(part) for part in index.parts]
            conditions += [f"({index.where})"] if index.where else []
            yield (
                f'INSERT INTO "{_NOTES}" ("table", "key") SELECT {sql_literal(self._table.name)}, '
                f'{key_sql(self._key, "o")} FROM "{self._table.name}" AS o WHERE {" AND ".join(conditions)}'
            )

    def _note_itself(self) -> str:
        """Return the statement that notes the row that a foreign key action changes.

        It may get in the way of the very row that replaces the one it pointed to.
        """
        old = key_sql(self._key, "OLD")
        notes = f'SELECT 1 FROM "{_NOTES}" WHERE {self._of_table}'
        return (
            f'INSERT INTO "{_NOTES}" ("table", "key") SELECT {sql_literal(self._table.name)}, {old} '
            f'WHERE EXISTS ({notes}) AND NOT EXISTS ({notes} AND "key" IS {old})'
        )

    def _equal(self, part: IndexPart) -> str:
        """Return SQL for whether row `o` and NEW are the same for one *part* of an index."""
        if part.column:
            collate = f" COLLATE {part.collation}" if part.collation else ""
            return f'o."{part.column}" = NEW."{part.column}"{collate}'
        expression = _DIRECTION.sub("", part.expression)
        return f"{expression} = (SELECT {expression} FROM (SELECT {', '.join(self._new(expression))}))"

    def _new(self, expression: str) -> Iterator[str]:
        """Yield the columns that *expression* may name, as they are in NEW.

        A bare NEW has no affinity for SQLite, and what the expression compares would come out differently.
        """
        for name in _named(expression, self._columns):
            kind = _CASTS.get(self._columns[name].type)
            yield f'CAST(NEW."{name}" AS {kind}) AS "{name}"' if kind else f'NEW."{name}" AS "{name}"'

    def _names(self, index: Index) -> Iterator[str]:
        """Yield the columns on which it depends whether *index* lets a row in."""
        for part in index.parts:
            yield from [part.column] if part.column else _named(part.expression, self._columns)
        yield from _named(index.where or "", self._columns)


def _named(sql: str, columns: Iterable[str]) -> list[str]:
    """Return those of *columns* that *sql* may name: perhaps too many, never too few."""
    words = set(re.findall(r"\w+", sql.lower()))
    return [name for name in columns if name.lower() in words]


def _moves(column: Column) -> bool:
    """Whether a foreign key action may change *column* while a REPLACE is going on.

    SQLite runs such actions as soon as a row is removed. The other rows that are
    in the way are still there then, so an UPDATE that comes from one must not
    take their notes for settled.
    """
    reference = column.reference
    return reference is not None and (
        reference.on_delete in ("SET NULL", "SET DEFAULT")
        or reference.on_update in ("CASCADE", "SET NULL", "SET DEFAULT")
    )
