"""Rows that REPLACE removes without firing their DELETE triggers. Only texts: no database.

SQLite does that unless recursive_triggers is on, as it is on connections of
ours only. A row with the key of the new one is no trouble: it is there again
afterwards. But a row may be in the way by another unique rule. Triggers before
the write note the keys of such rows in `stina_conflict`, those after it log
the ones that are gone. A note says no more than "when this row is found gone,
that is not in the log yet"; one too many does no harm, and the next write
clears it.

Foreign key actions run as soon as a row is removed, in the middle of the REPLACE,
and may write to the same table. That an UPDATE comes from one shows in a note
whose row is gone already; it is counted in under `<table> within`, and leaves
the notes to the statement around it. An action may also remove the row that is
being updated, which is noted under `<table> owner`: its UPDATE never ends.
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
        of_key = Index(*(column.name for column in key), unique=True)
        unique = [index for index in table.indexes if index.unique]
        ruled = self._ruled([*unique, of_key])
        self._moving = any(map(_moves, ruled))
        if any(column.collation for column in key) or (unique and self._moving):
            unique.append(of_key)
        self._cascading = _cascades(table, always=bool(unique))
        self._on_insert = unique
        self._on_update = [*unique, of_key] if self._cascading and of_key not in unique else unique
        self._within = sql_literal(f"{table.name} within")
        self._owner = sql_literal(f"{table.name} owner")

    @property
    def possible(self) -> bool:
        """Whether anything can."""
        return bool(self._on_update)

    def gone(self) -> str:
        """Return FROM and what follows, for the notes `c` of rows that are not there any more."""
        is_gone = missing(self._table.name, self._key, 'c."key"')
        return f'FROM "{_NOTES}" AS c WHERE c.{self._of_table} AND {is_gone}'

    def triggers(self, log_gone: str) -> dict[str, Parts]:
        """Return the triggers by what they do.

        Args:
            log_gone: The statement that logs `gone()`.
        """
        old = key_sql(self._key, "OLD")
        forget = f'DELETE FROM "{_NOTES}" WHERE {self._of_table} AND "key" IS {old}'
        ruled = changed(self._ruled(self._on_update))
        settle = [f'{log_gone} AND c."key" IS NOT {old}', self._clear()]
        made = {
            "noteupdate": ("BEFORE UPDATE", ruled, self._before_update()),
            "settleupdate": (
                "AFTER UPDATE",
                f"({ruled}) AND {_ANY_NOTE}",
                self._unless_within(settle) if self._moving else settle,
            ),
            "forget": ("BEFORE DELETE", _ANY_NOTE, [forget]),
        }
        if self._cascading:
            made["settledelete"] = (
                "AFTER DELETE",
                self._any(f'{self._owner} AND "key" IS {old}'),
                settle,
            )
        if self._on_insert:
            made["noteinsert"] = ("BEFORE INSERT", "", [self._clear(), *self._notes(self._on_insert)])
            made["settleinsert"] = ("AFTER INSERT", _ANY_NOTE, [log_gone, self._clear()])
        return made

    def _before_update(self) -> list[str]:
        notes = [f"{note} AND NOT ({same(self._key, 'o')})" for note in self._notes(self._on_update)]
        outermost = f" AND NOT {self._any(self._within)}" if self._moving else ""
        if self._cascading:
            any_of_table = self._any(sql_literal(self._table.name))
            notes.append(f"{self._note('OLD', self._owner)} WHERE {any_of_table}{outermost}")
        if not self._moving:
            return [self._clear(), *notes]
        enter = (
            f'INSERT INTO "{_NOTES}" ("table") SELECT {self._within} WHERE EXISTS (SELECT 1 {self.gone()})'
        )
        return [enter, f"{self._clear()}{outermost}", *notes]

    def _unless_within(self, settle: Sequence[str]) -> list[str]:
        """Return *settle*, but for an UPDATE that comes from within a REPLACE.

        That one leaves it to the statement around it, and notes its own row, which
        may be in the way of that statement's row now.
        """
        within = self._any(self._within)
        leave = f'DELETE FROM "{_NOTES}" WHERE "id" = (SELECT max("id") FROM "{_NOTES}" WHERE "table" = {self._within})'
        return [f"{self._note('NEW')} WHERE {within}", *(f"{one} AND NOT {within}" for one in settle), leave]

    def _clear(self) -> str:
        names = [sql_literal(self._table.name)]
        names += [self._within] if self._moving else []
        names += [self._owner] if self._cascading else []
        return f'DELETE FROM "{_NOTES}" WHERE "table" IN ({", ".join(names)})'

    def _any(self, of: str) -> str:
        return f'EXISTS (SELECT 1 FROM "{_NOTES}" WHERE "table" = {of})'

    def _notes(self, rules: Iterable[Index]) -> Iterator[str]:
        """Yield a statement for each of *rules* that notes the rows that are in the way of NEW."""
        for index in rules:
            conditions = [self._equal(part) for part in index.parts]
            conditions += [f"({index.where})"] if index.where else []
            yield f'{self._note("o")} FROM "{self._table.name}" AS o WHERE {" AND ".join(conditions)}'

    def _note(self, row: str, of: str = "") -> str:
        of = of or sql_literal(self._table.name)
        return f'INSERT INTO "{_NOTES}" ("table", "key") SELECT {of}, {key_sql(self._key, row)}'

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

    def _ruled(self, rules: Iterable[Index]) -> list[Column]:
        """Return the columns on which it depends whether *rules* let a row in."""
        names: set[str] = set()
        for index in rules:
            for part in index.parts:
                names.update([part.column] if part.column else _named(part.expression, self._columns))
            names.update(_named(index.where or "", self._columns))
        return [column for column in self._table.columns if column.name in names]


def _named(sql: str, columns: Iterable[str]) -> list[str]:
    """Return those of *columns* that *sql* may name: perhaps too many, never too few."""
    words = set(re.findall(r"\w+", sql.lower()))
    return [name for name in columns if name.lower() in words]


def _moves(column: Column) -> bool:
    """Whether a foreign key action may change *column*."""
    reference = column.reference
    return reference is not None and (
        reference.on_delete in ("SET NULL", "SET DEFAULT")
        or reference.on_update in ("CASCADE", "SET NULL", "SET DEFAULT")
    )


def _cascades(table: Table, *, always: bool) -> bool:
    """Whether a foreign key action may remove the row that is being updated.

    Without *always* only a table that points to itself counts, not a circle of several.
    """
    references = [column.reference for column in table.columns if column.reference]
    return any(one.on_delete == "CASCADE" and (always or one.table == table.name) for one in references)
