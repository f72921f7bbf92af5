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
from .definition import Definition, quoted
from .table_copy import TableCopy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..base import Row
    from .database import StoreDatabase


@dataclass(frozen=True)
class Rebuild:
    """One table from its *old* definition to its *new* one; the attributes are those of `TableCopy`."""

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
            f"SELECT count(*) FROM {quoted(self.old.name)} WHERE ({self._sql.source(self.new.column(name))}) IS NULL"
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
        with self._as_old(new_name):
            self._run(self._sql.insert(new_name))

    def _compare(self, new_name: str) -> None:
        """Hold every row and every value of the new table against the old one, before that goes."""
        counts = [
            self._run(f"SELECT count(*) FROM {quoted(name)}")[0][0] for name in (self.old.name, new_name)
        ]
        if counts[0] != counts[1]:
            raise BackendError(f"{self.old.name} has {counts[0]} rows, and its copy {counts[1]}")
        tests, rows = self._sql.tests(), self._sql.rows(new_name)
        wrong = " OR ".join([self._sql.missing, *(f"NOT ({test})" for test in tests.values())])
        if not self._run(f"SELECT 1 {rows} WHERE {wrong} LIMIT 1"):
            return
        for name, test in tests.items():
            ((count,),) = self._run(f"SELECT count(*) {rows} WHERE NOT ({test})")
            if count:
                raise DefinitionError(
                    f"{count} of {counts[0]} values of {self.old.name}.{name} would not survive as "
                    f"{self.new.column(name).type}; say with using= what they become"
                )
        raise BackendError(f"the copy of {self.old.name} does not hold the same rows")

    @property
    def _sql(self) -> TableCopy:
        return TableCopy(self.old, self.new, self.using, self.fill)

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


def _is_utf8(*values: Any) -> bool:
    try:
        bytes(values[0]).decode()
    except UnicodeDecodeError:
        return False
    return True
