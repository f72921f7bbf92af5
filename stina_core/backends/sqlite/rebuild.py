"""Makes a table anew under another definition, and loses nothing of it on the way.

The order is the one SQLite recommends (sqlite.org/lang_altertable.html#otheralter):
make the new table, copy, drop the old one, rename. It runs in a migration's
transaction with foreign keys off; with them on, dropping a parent would delete
its children's rows. What nobody names in the new definition comes along: row ids,
the high-water mark of AUTOINCREMENT, indexes, triggers, statistics; views,
triggers and foreign keys elsewhere go on meaning the table of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import BackendError, ConstraintError, DefinitionError, InvalidValueError, TransactionError
from .definition import ColumnText, Definition, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..base import Row
    from .database import StoreDatabase

_STORAGE = {"INT": "integer", "INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "blob"}


@dataclass(frozen=True)
class Rebuild:
    """One table from its *old* definition to its *new* one, which has all columns of the old.

    Attributes:
        using: By column, SQL over the old row that gives its new values, which are then not compared.
        fill: By column, SQL of the value for rows that have NULL there, or that had no such column.
    """

    database: StoreDatabase
    old: Definition
    new: Definition
    using: Mapping[str, str] = field(default_factory=dict)
    fill: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Rebuild it.

        Raises:
            DefinitionError: a value would not survive the conversion to its new type.
            ConstraintError: a row does not fit the new definition.
            TransactionError: foreign keys are on, or there is no transaction.
        """
        self._check_place()
        self._check_number()
        name, new_name = self.old.name, self._vacant()
        kept = self._attached()
        self._run(self.new.render(new_name))
        self._copy(new_name)
        self._keep_sequence(new_name)
        with self._utf8():
            self._compare(new_name)
        statistics = self._statistics()
        with self._legacy():
            self._run(f"DROP TABLE {quoted(name)}")
            self._run(f"ALTER TABLE {quoted(new_name)} RENAME TO {quoted(name)}")
        for sql in kept:
            self._run(sql)
        for table, rows in statistics.items():
            for row in rows:
                self._run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    def _check_place(self) -> None:
        """Anywhere else than inside a migration, the steps below would lose rows of other tables."""
        if not self.database.connection().in_transaction or self._run("PRAGMA foreign_keys")[0][0]:
            raise TransactionError("a table is rebuilt only inside a migration, with foreign keys off")

    def _check_number(self) -> None:
        """For NULL in a column that becomes the row id SQLite would make up a number."""
        name = self.new.rowid_column
        if name is None or name == self.old.rowid_column:
            return
        ((count,),) = self._run(
            f"SELECT count(*) FROM {quoted(self.old.name)} WHERE ({self._source(self.new.column(name))}) IS NULL"
        )
        if count:
            raise DefinitionError(f"{count} rows of {self.old.name} have no {name}, which is to be the key")

    def _vacant(self) -> str:
        name = f"{self.old.name}__rebuild"
        while self._run("SELECT 1 FROM sqlite_schema WHERE name = ?", (name,)):
            name += "_"
        return name

    def _attached(self) -> list[str]:
        """The statements of the table's indexes and triggers, oldest first."""
        rows = self._run(
            "SELECT sql FROM sqlite_schema WHERE lower(tbl_name) = lower(?) AND type IN ('index', 'trigger') "
            "AND sql IS NOT NULL ORDER BY rowid",
            (self.old.name,),
        )
        return [sql for (sql,) in rows]

    def _copy(self, new_name: str) -> None:
        targets, sources = [], []
        if self._by_rowid and self.new.rowid_column is None:
            targets.append(self._rowid)
            sources.append(self._rowid)
        for column in self._written():
            targets.append(quoted(column.name))
            sources.append(self._source(column))
        with self._as_old(new_name):
            self._run(
                f"INSERT INTO {quoted(new_name)} ({', '.join(targets)}) "
                f"SELECT {', '.join(sources)} FROM {quoted(self.old.name)}"
            )

    def _written(self) -> list[ColumnText]:
        """Columns of the new table whose values come from the old one or are filled in."""
        there = self._there()
        return [
            column
            for column in self.new.columns
            if not column.generated and (column.name in there or column.name in self.fill)
        ]

    def _source(self, column: ColumnText, prefix: str = "") -> str:
        fill = self.fill.get(column.name, "NULL")
        if column.name not in self._there():
            return fill
        if column.name in self.using:
            value = f"({self.using[column.name]})"
        else:
            value = self._converted(column, f"{prefix}{quoted(column.name)}")
        return f"coalesce({value}, {fill})" if column.name in self.fill else value

    def _converted(self, column: ColumnText, value: str) -> str:
        return f"CAST({value} AS {column.type})" if self._is_retyped(column) else value

    def _is_retyped(self, column: ColumnText) -> bool:
        return column.type.upper() not in (self._there()[column.name].type.upper(), "ANY")

    def _compare(self, new_name: str) -> None:
        """Hold every row and every value of the new table against the old one, before that goes."""
        counts = [
            self._run(f"SELECT count(*) FROM {quoted(name)}")[0][0] for name in (self.old.name, new_name)
        ]
        if counts[0] != counts[1]:
            raise BackendError(f"{self.old.name} has {counts[0]} rows, and its copy {counts[1]}")
        tests = {column.name: self._same(column) for column in self._compared()}
        both = f"FROM {quoted(self.old.name)} AS o LEFT JOIN {quoted(new_name)} AS n ON {self._join()}"
        missing = f"n.{quoted(self.new.key[0]) if not self.new.has_rowid else self._rowid} IS NULL"
        wrong = " OR ".join([missing, *(f"NOT ({test})" for test in tests.values())])
        if not self._run(f"SELECT 1 {both} WHERE {wrong} LIMIT 1"):
            return
        for name, test in tests.items():
            ((count,),) = self._run(f"SELECT count(*) {both} WHERE NOT ({test})")
            if count:
                raise DefinitionError(
                    f"{count} of {counts[0]} values of {self.old.name}.{name} would not survive as "
                    f"{self.new.column(name).type}; say with using= what they become"
                )
        raise BackendError(f"the copy of {self.old.name} does not hold the same rows")

    def _compared(self) -> list[ColumnText]:
        """Columns that keep their values; what SQLite computes from others follows them."""
        there = self._there()
        return [
            column
            for column in self.new.columns
            if column.name in there and column.name not in self.using and not column.generated
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
            f"n.{quoted(name)} = {self._source(self.new.column(name), 'o.')}"
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

    def _keep_sequence(self, new_name: str) -> None:
        if not (self.old.autoincrement and self.new.autoincrement):
            return
        rows = self._run("SELECT seq FROM sqlite_sequence WHERE name = ?", (self.old.name,))
        self._run("DELETE FROM sqlite_sequence WHERE name = ?", (new_name,))
        for (highest,) in rows:
            self._run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (new_name, highest))

    def _statistics(self) -> dict[str, list[Row]]:
        tables = self._run(
            "SELECT name FROM sqlite_schema WHERE name IN ('sqlite_stat1', 'sqlite_stat4') ORDER BY name"
        )
        return {
            table: self._run(f"SELECT * FROM {table} WHERE tbl = ?", (self.old.name,)) for (table,) in tables
        }

    @contextmanager
    def _as_old(self, new_name: str) -> Iterator[None]:
        """Let errors name the table as it is known."""
        try:
            yield
        except ConstraintError as error:
            text = str(error).replace(new_name, self.old.name)
            raise ConstraintError(
                text, kind=error.kind, table=self.old.name, constraint=error.constraint
            ) from error
        except InvalidValueError as error:
            field, _, text = str(error).replace(new_name, self.old.name).partition(": ")
            raise InvalidValueError(field, text) from error

    @contextmanager
    def _legacy(self) -> Iterator[None]:
        """Let DROP and RENAME leave what other objects say of the table alone."""
        self._run("PRAGMA legacy_alter_table = ON")
        try:
            yield
        finally:
            self._run("PRAGMA legacy_alter_table = OFF")

    @contextmanager
    def _utf8(self) -> Iterator[None]:
        """Give SQL `is_utf8(blob)`: SQLite takes any bytes for a text, and then no program can read it."""
        connection = self.database.connection()
        connection.create_scalar_function("is_utf8", _is_utf8, 1)
        try:
            yield
        finally:
            connection.create_scalar_function("is_utf8", None, 1)

    def _run(self, sql: str, values: Row = ()) -> list[Row]:
        return self.database.run(sql, values).fetchall()


def _storage(definition: Definition, column: ColumnText) -> str | None:
    """The one storage class a STRICT table takes in a column besides NULL; None where there may be several.

    Asking every value for its class would make the comparison take twice as long.
    """
    return _STORAGE.get(definition.column(column.name).type.upper()) if definition.strict else None


def _is_utf8(*values: Any) -> bool:
    try:
        bytes(values[0]).decode()
    except UnicodeDecodeError:
        return False
    return True
