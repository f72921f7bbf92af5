"""A table with a full-text index and a log of its changes, without plugins around it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from stina_core import Search
from stina_core.backends.base import Backend, Row
from stina_core.backends.sqlite.change_log import ChangeLog as StoredLog
from stina_core.backends.sqlite.connection import connect, set_journal, waiting
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.backends.sqlite.ddl_text import schema_sql
from stina_core.backends.sqlite.full_text import FullText
from stina_core.backends.sqlite.session import SqliteSession
from stina_core.catalog import TOKENIZER, Column, Table, Type
from stina_core.feed.log import ChangeLog
from stina_core.search.follower import Follower
from stina_core.search.index import FullTextIndex
from stina_core.transactions import Transactions

CORE = """
CREATE TABLE stina_change (seq INTEGER NOT NULL, "table" TEXT NOT NULL, op TEXT NOT NULL, key ANY, data TEXT,
    PRIMARY KEY (seq)) STRICT;
CREATE TABLE stina_feed (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, oldest INTEGER NOT NULL) STRICT;
INSERT INTO stina_feed VALUES (1, 'first', 0);
CREATE TABLE stina_cursor (name TEXT NOT NULL PRIMARY KEY, plugin TEXT, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    holder TEXT, lease_until INTEGER, updated_at INTEGER NOT NULL) STRICT;
CREATE TABLE stina_search (id INTEGER NOT NULL, "table" TEXT NOT NULL, key ANY NOT NULL, PRIMARY KEY (id)) STRICT;
CREATE UNIQUE INDEX stina_search__table_key ON stina_search ("table", key)
"""


def table_of(
    key: Type = "text", collation: str | None = None, search: Search | None = None, name: str = "notes_note"
) -> Table:
    """Return a table with two texts, the second of which may be NULL."""
    return Table(
        name,
        (
            Column("id", key, collation=collation),
            Column("title", "text"),
            Column("notes", "text", null=True, collation="NOCASE"),
            Column("done", "integer", default="0"),
        ),
        ("id",),
        search=search or Search("title", "notes"),
    )


NOTE = table_of()

TOKENIZERS = (
    TOKENIZER,
    "porter unicode61",
    "trigram",
    "ascii",
    "unicode61 remove_diacritics 0 tokenchars '-_'",
    "unicode61 tokenchars 'x''y'",
    "unicode61 separators '''d' tokenchars '-'",
)


def log_triggers(table: str) -> list[str]:
    """Return triggers that write changes of *table* into the log, as those of the store do."""

    def log(op: str, row: str) -> str:
        return f"INSERT INTO stina_change (\"table\", op, key) VALUES ('{table}', '{op}', {row}.id);"

    other = "OLD.id IS NOT NEW.id COLLATE BINARY"
    return [
        f"CREATE TRIGGER {table}_i AFTER INSERT ON {table} BEGIN {log('I', 'NEW')} END",
        f"CREATE TRIGGER {table}_d AFTER DELETE ON {table} BEGIN {log('D', 'OLD')} END",
        f"CREATE TRIGGER {table}_u AFTER UPDATE ON {table} WHEN NOT {other} BEGIN {log('U', 'NEW')} END",
        f"CREATE TRIGGER {table}_k AFTER UPDATE ON {table} WHEN {other} BEGIN {log('D', 'OLD')} {log('I', 'NEW')} END",
    ]


class Shelf:
    """One process's hands on the file: what a store gives to an index."""

    def __init__(
        self,
        path: Path,
        table: Table = NOTE,
        *,
        holder: str = "tests",
        busy_timeout: float = 5.0,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.path = path
        self.table = table
        self.database = StoreDatabase(
            str(path),
            lambda: connect(str(path), busy_timeout=busy_timeout, synchronous="NORMAL", create=True),
        )
        self.transactions = Transactions(self.database, SqliteSession(self.database))
        self.database.unit = self.transactions.begin
        self.database.in_unit = self.transactions.in_unit
        self.ran: list[str] = []
        self.changes = ChangeLog(cast(Backend, SimpleNamespace(log=StoredLog(self.database))))
        self.texts = FullText(table, self.run)
        counting = itertools.count(1)
        self.follower = Follower(
            table.name, self.texts, self.run, self.transactions, self.changes, holder,
            clock or (lambda: next(counting)),
        )  # fmt: skip
        self.index = FullTextIndex(self.texts, self.follower, self.transactions, lambda: waiting(0.05))

    def run(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        self.ran.append(sql)
        return self.database.execute_sql(sql, values).fetchall()

    def make(self) -> Shelf:
        """Make the tables."""
        set_journal(self.database.connection(), str(self.path))
        with self.transactions.begin():
            for sql in CORE.split(";"):
                self.run(sql)
            self.make_table()
        return self

    def make_table(self) -> None:
        for *_, sql in schema_sql(self.table):
            self.run(sql)
        for sql in log_triggers(self.table.name):
            self.run(sql)

    def add(self, key: object, title: str, notes: str | None = None) -> None:
        self.run(f"INSERT INTO {self.table.name} (id, title, notes) VALUES (?, ?, ?)", (key, title, notes))

    def change(self, key: object, title: str, notes: str | None = None) -> None:
        self.run(f"UPDATE {self.table.name} SET title = ?, notes = ? WHERE id = ?", (title, notes, key))

    def rename(self, key: object, new: object) -> None:
        self.run(f"UPDATE {self.table.name} SET id = ? WHERE id = ?", (new, key))

    def remove(self, key: object) -> None:
        self.run(f"DELETE FROM {self.table.name} WHERE id = ?", (key,))

    def tell(self, table: str, op: str = "I") -> None:
        """Write a row about another table into the log."""
        self.run('INSERT INTO stina_change ("table", op, key) VALUES (?, ?, 1)', (table, op))

    def reset(self) -> None:
        """Say in the log that anything may have happened to the table."""
        self.run("INSERT INTO stina_change (\"table\", op) VALUES (?, 'R')", (self.table.name,))

    def prune(self) -> None:
        """Forget all of the log but its last row."""
        self.run("UPDATE stina_feed SET oldest = (SELECT ifnull(max(seq), 0) FROM stina_change)")
        self.run("DELETE FROM stina_change WHERE seq < (SELECT max(seq) FROM stina_change)")

    def restore(self) -> None:
        """Begin a new epoch, as a restored file does."""
        self.run("UPDATE stina_feed SET epoch = epoch || 'x'")

    def found(self, text: str, limit: int = 1000) -> list[Any]:
        """Return the keys that are found, newest first."""
        return [hit.key for hit in self.index.newest(text, limit)]

    def indexed(self) -> list[Row]:
        """Return what the index in the file holds: key and texts, in the order of their places."""
        columns = ", ".join(f"CAST(s.{name} AS BLOB)" for name in ("title", "notes"))
        return self.run(
            f"SELECT m.key, {columns} FROM {self.table.search_name} AS s LEFT JOIN stina_search AS m "
            "ON m.id = s.rowid ORDER BY s.rowid"
        )

    def check(self) -> None:
        """Fail unless the index, caught up, is equal to the table, and FTS5 finds nothing wrong with it."""
        self.follower.catch_up()
        name = self.table.search_name
        rows = self.run(
            f"SELECT id, CAST(title AS BLOB), CAST(notes AS BLOB) FROM {self.table.name} ORDER BY id COLLATE BINARY"
        )
        assert sorted(self.indexed()) == sorted(rows)
        assert self.run('SELECT count(*) FROM stina_search WHERE "table" = ?', (self.table.name,)) == [
            (len(rows),)
        ]
        self.run(f"INSERT INTO {name} ({name}, rank) VALUES ('integrity-check', 1)")

    def names(self) -> list[str]:
        return [name for (name,) in self.run("SELECT name FROM stina_cursor ORDER BY name")]

    def close(self) -> None:
        self.database.end()


@contextmanager
def shelf_at(path: Path, table: Table = NOTE, **how: Any) -> Iterator[Shelf]:
    """Open the file at *path*, and make it if it is new."""
    is_new = not os.path.lexists(path)
    shelf = Shelf(path, table, **how)
    try:
        yield shelf.make() if is_new else shelf
    finally:
        shelf.close()
