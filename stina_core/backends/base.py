"""What the rest of the core asks of a database. SQLite and, later, PostgreSQL give it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import peewee

if TYPE_CHECKING:
    from ..alterations import TableChange
    from ..catalog import Index, Search, Table, Type
    from ..shapes import Shapes
    from .following import Capture, Log
    from .sqlite.full_text import FullText
    from .wake import Waiter

Row = tuple[Any, ...]


class BrokenText(bytes):
    """A stored text that is not UTF-8, as its bytes."""

    def repaired(self) -> str:
        """Return it as text: halves of one character joined, what cannot be read as U+FFFD.

        JavaScript programs write an emoji cut in two as two separate halves (CESU).
        """
        halves = (
            self.decode("utf-8", "surrogatepass") if self._only_halves() else self.decode("utf-8", "replace")
        )
        return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _only_halves(self) -> bool:
        try:
            self.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Backup:
    """A verified copy of a store."""

    path: Path
    bytes: int
    reason: str
    at: str
    """UTC, ISO 8601 with milliseconds."""


class Statements(Protocol):
    """What a database does for compiled queries, besides what Peewee asks of it."""

    def read(self, sql: str, values: Row) -> list[Row]:
        """Run a SELECT and return its rows; noted for whoever observes what is read."""
        ...

    def write(self, sql: str, values: Row) -> tuple[list[Row], int]:
        """Run an INSERT, UPDATE or DELETE; return the rows it gives and how many it wrote.

        Outside a transaction it is one of its own.
        """
        ...


class Session(Protocol):
    """The raw transaction verbs, on the calling thread's connection.

    Attributes:
        gate: To be entered around a transaction, where all threads share one connection; otherwise None.
    """

    @property
    def gate(self) -> AbstractContextManager[object] | None: ...

    on_begin: Callable[[], object]
    """Called at the begin of each transaction, under the write lock; what it raises ends it."""

    def begin(self) -> object:
        """Start a transaction that holds the write lock; waits for it, then StoreBusyError.

        Returns what `on_begin` answers.
        """
        ...

    def begin_snapshot(self, deadline: float) -> None:
        """Start a read transaction in which statements fail after *deadline* seconds."""
        ...

    def end_snapshot(self) -> None:
        """Leave the read transaction that `begin_snapshot()` started, or failed to start."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None:
        """Undo everything since `begin()`; nothing to do where the database did it by itself."""
        ...

    def savepoint(self, name: str) -> None: ...
    def release_savepoint(self, name: str) -> None: ...

    def rollback_savepoint(self, name: str) -> None:
        """Undo everything since `savepoint()`; nothing to do where the database undid all."""
        ...

    def in_transaction(self) -> bool:
        """What the database itself says: it may have rolled back on its own after an error."""
        ...


class Ddl(Protocol):
    """Schema statements, and what the file says of its own schema."""

    def create_table(self, table: Table) -> None: ...
    def drop_table(self, table: str) -> None: ...
    def rename_table(self, table: str, new_name: str) -> None: ...
    def rename_column(self, table: str, column: str, new_name: str) -> None: ...

    def change_table(self, change: TableChange, before_loss: Callable[[], object]) -> None:
        """Change one table; it is rewritten once at most, and nothing of it is lost.

        Args:
            before_loss: Called before the first statement that removes or rewrites anything.
        """
        ...

    def create_index(self, table: str, name: str, index: Index) -> None: ...
    def drop_index(self, name: str) -> None: ...
    def create_search(self, name: str, search: Search) -> None: ...

    def wanted(self, tables: Iterable[Table]) -> Shapes:
        """What a schema of exactly *tables* says."""
        ...

    def found(self) -> Shapes:
        """What the schema of the file says."""
        ...

    def tables(self) -> list[str]:
        """Names of all ordinary tables in the file, sorted."""
        ...

    def columns(self, table: str) -> list[str]:
        """Column names of *table* in order; empty if there is no such table."""
        ...

    def key(self, table: str) -> tuple[str, Type]:
        """The single primary key column of *table* and its type; QueryError if there is none."""
        ...


class Backend(Protocol):
    """One open database: where its statements go, how it is locked, copied and described."""

    @property
    def database(self) -> peewee.Database: ...
    @property
    def session(self) -> Session: ...
    @property
    def ddl(self) -> Ddl: ...
    @property
    def log(self) -> Log: ...
    @property
    def capture(self) -> Capture: ...
    @property
    def version(self) -> str:
        """The database library's version, for the ledger."""
        ...

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Run one statement of the core itself and return all its rows."""
        ...

    def read(self, sql: str) -> list[Row]:
        """Run one SELECT of the core itself as it is, in whatever transaction this thread's connection has."""
        ...

    def is_one_statement(self, sql: str) -> bool:
        """Whether *sql* is a single statement: a second one could end the transaction around it."""
        ...

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement of the core itself once per row of values."""
        ...

    def old_rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows of *table*, which another program wrote, one at a time.

        A text that is not UTF-8 comes as BrokenText instead of failing the whole read.
        """
        ...

    def open(self) -> None:
        """Open this thread's connection, inside `lock()`.

        Raises:
            ConfigError: the file is marked as another program's. It was not changed.
        """
        ...

    def lock(self, waiting: Callable[[], object] = lambda: None) -> AbstractContextManager[object]:
        """Among all processes, be the only one that opens, migrates or restores this store.

        Args:
            waiting: Called once if another one is.
        """
        ...

    def confined(self, plugin: str, others: Collection[str]) -> AbstractContextManager[None]:
        """Inside the block this thread's statements change no table of the plugins *others*.

        Raises:
            DefinitionError: one would; it was not started.
        """
        ...

    def ticking(self, tick: Callable[[], object]) -> AbstractContextManager[None]:
        """Inside the block *tick* is called several times a second while a statement runs."""
        ...

    def foreign_keys(self, on: bool) -> None:
        """Switch enforcement; outside a transaction only."""
        ...

    def dangling(self, tables: Collection[str], *, committed: bool = False) -> dict[tuple[str, str], int]:
        """How many rows of which table point to nothing in which other.

        Asked are *tables* and those that point to one of them.

        Args:
            committed: Ask as the file was before the present transaction.

        Raises:
            QueryError: a foreign key does not fit the key it points to.
        """
        ...

    def claim(self) -> None:
        """Mark the file as Stina's; part of the transaction it is called in."""
        ...

    def settle(self) -> None:
        """Choose the journal for a file whose ledger is fine; outside a transaction only."""
        ...

    def is_empty(self) -> bool:
        """Whether the file holds no table at all."""
        ...

    def backup(self, reason: str) -> Backup | None:
        """Copy what is committed to a verified file beside the store; None for a store in memory."""
        ...

    def rotate(self, backup: Backup) -> None:
        """Delete the oldest backups of the reason of *backup*, whose operation has succeeded."""
        ...

    def discard(self, backup: Backup) -> None:
        """Delete a backup that turned out not to be needed, unless it was there before."""
        ...

    def full_text(self, table: Table) -> FullText:
        """Return the full-text index of *table*, which declares one."""
        ...

    def waiting(self, seconds: float) -> AbstractContextManager[None]:
        """Inside the block this thread waits at most *seconds* for another writer, then StoreBusyError."""
        ...

    def schema_version(self) -> int:
        """The database's count of schema changes."""
        ...

    def ring(self) -> None:
        """Wake every listener of this store, in all processes; after a commit. Never raises, never waits."""
        ...

    def waiter(self) -> Waiter:
        """Return what a listener of this process waits with."""
        ...

    def is_replaced(self) -> bool:
        """Whether another file now stands where this process has opened one, or none."""
        ...

    def leave(self) -> None:
        """Run no statement any more, because `is_replaced()`: StoreClosedError then says so."""
        ...

    def reading(self) -> AbstractContextManager[set[str]]:
        """Inside the block the names of all tables this thread's statements read are put into the set it gives."""
        ...

    def close(self) -> None:
        """Close every connection of this process, whichever thread opened it."""
        ...


UnitOfWork = Callable[[], AbstractContextManager[object]]
"""Opens the transaction that a single write outside any transaction is wrapped in."""
