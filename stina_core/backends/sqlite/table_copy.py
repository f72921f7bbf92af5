"""What SQL copies a table into its new form, and what holds the copy against the old one. Only texts: no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import DefinitionError
from .definition import ColumnText, Definition, quoted

_STORAGE = {"INT": "integer", "INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "blob"}


@dataclass(frozen=True)
class TableCopy:
    """One table in its *old* form and its *new* one, which has all columns of the old.

    Attributes:
        using: By column, SQL over the old row that gives its new values, which are then not compared.
        fill: By column, SQL of the value for rows that have NULL there, or that had no such column.
    """

    old: Definition
    new: Definition
    using: Mapping[str, str] = field(default_factory=dict)
    fill: Mapping[str, str] = field(default_factory=dict)

    def insert(self, new_name: str) -> str:
        """Return the statement that fills the new table, called *new_name*, from the old one."""
        targets, sources = [], []
        if self._by_rowid and self.new.rowid_column is None:
            targets.append(self._rowid)
            sources.append(self._rowid)
        for column in self._written():
            targets.append(quoted(column.name))
            sources.append(self.source(column))
        return (
            f"INSERT INTO {quoted(new_name)} ({', '.join(targets)}) "
            f"SELECT {', '.join(sources)} FROM {quoted(self.old.name)}"
        )

    def rows(self, new_name: str) -> str:
        """Return FROM and what follows: each row `o` of the old table beside its copy `n`, NULL if it has none."""
        return f"FROM {quoted(self.old.name)} AS o LEFT JOIN {quoted(new_name)} AS n ON {self._join()}"

    @property
    def missing(self) -> str:
        """A test whether a row has no copy."""
        return f"n.{self._rowid if self.new.has_rowid else quoted(self.new.key[0])} IS NULL"

    def tests(self) -> dict[str, str]:
        """Return a test of each value that must be in the copy as it was, by column."""
        return {column.name: self._same(column) for column in self._compared()}

    def source(self, column: ColumnText, prefix: str = "") -> str:
        """Return the SQL over the old row that gives the new value of *column*."""
        fill = self.fill.get(column.name, "NULL")
        if column.name not in self._there():
            return fill
        if column.name in self.using:
            value = f"({self.using[column.name]})"
        else:
            value = self._converted(column, f"{prefix}{quoted(column.name)}")
        return f"coalesce({value}, {fill})" if column.name in self.fill else value

    def _written(self) -> list[ColumnText]:
        """Columns of the new table whose values come from the old one or are filled in."""
        there = self._there()
        return [
            column
            for column in self.new.columns
            if not column.generated and (column.name in there or column.name in self.fill)
        ]

    def _converted(self, column: ColumnText, value: str) -> str:
        return f"CAST({value} AS {column.type})" if self._is_retyped(column) else value

    def _is_retyped(self, column: ColumnText) -> bool:
        return column.type.upper() not in (self._there()[column.name].type.upper(), "ANY")

    def _compared(self) -> list[ColumnText]:
        """Columns that keep their values; what SQLite computes from others follows them.

        Not the row id where it is a column: that is what the rows are matched by.
        """
        there = self._there()
        matched = self.new.rowid_column if self.new.rowid_column == self.old.rowid_column else None
        return [
            column
            for column in self.new.columns
            if column.name in there
            and column.name not in self.using
            and not column.generated
            and column.name != matched
        ]

    def _same(self, column: ColumnText) -> str:
        """A test whether a value came through; the signs keep SQLite from converting one side to the other's type."""
        old, new = f"+o.{quoted(column.name)}", f"+n.{quoted(column.name)}"
        if self._is_retyped(column):
            same = f"{old} IS {self._back(column, old, new)} COLLATE BINARY"
        else:
            same = f"{old} IS {new} COLLATE BINARY"
            if _storage(self.old, column) is None or _storage(self.old, column) != _storage(self.new, column):
                same += f" AND typeof({old}) = typeof({new})"
        return f"({old} IS NULL OR {same})" if column.name in self.fill else f"({same})"

    def _back(self, column: ColumnText, old: str, new: str) -> str:
        """The new value in the type of the old one; NULL where it has no such form."""
        is_number = column.type.upper() in ("INTEGER", "REAL")  # SQLite compares the two exactly
        forms = {kind: new if is_number else f"CAST({new} AS {kind})" for kind in ("integer", "real")}
        forms["text"] = f"CAST({new} AS text)"
        forms["blob"] = f"CASE WHEN typeof({new}) <> 'text' OR is_utf8({old}) THEN CAST({new} AS blob) END"
        only = _storage(self.old, column)
        if only not in (None, "blob"):  # is_utf8() takes no NULL
            return forms[only]
        tests = " ".join(f"WHEN '{kind}' THEN {form}" for kind, form in forms.items())
        return f"CASE typeof({old}) {tests} ELSE {new} END"

    def _join(self) -> str:
        if self._by_rowid and self.new.rowid_column is None:
            return f"n.{self._rowid} = o.{self._rowid}"
        key = self.new.key if self._by_rowid or not self.new.has_rowid else self.old.key
        for name in key:
            if name in self.using:
                raise DefinitionError(
                    f"{name} is the key of {self.old.name} and cannot be changed with using="
                )
        pairs = [
            f"n.{quoted(name)} = {self.source(self.new.column(name), 'o.')}"
            for name in key
            if name in self._there()
        ]
        return " AND ".join(pairs) or "true"

    @property
    def _by_rowid(self) -> bool:
        return self.old.has_rowid and self.new.has_rowid

    @property
    def _rowid(self) -> str:
        """A name of the row id that no column has taken, unless it is that very column."""
        if self.old.rowid_column is not None and self.old.rowid_column == self.new.rowid_column:
            return quoted(self.old.rowid_column)
        taken = {column.name.lower() for column in (*self.old.columns, *self.new.columns)}
        for name in ("rowid", "_rowid_", "oid"):
            if name not in taken:
                return name
        raise DefinitionError(f"{self.old.name} has columns called rowid, _rowid_ and oid; rename one first")

    def _there(self) -> dict[str, ColumnText]:
        return {column.name: column for column in self.old.columns}


def _storage(definition: Definition, column: ColumnText) -> str | None:
    """The one storage class a STRICT table takes in a column besides NULL; None where there may be several.

    Asking every value for its class would make the comparison take twice as long.
    """
    return _STORAGE.get(definition.column(column.name).type.upper()) if definition.strict else None
