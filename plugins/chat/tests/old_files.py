"""Files as the original app left them: its tables by hand, and what a store makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from stina_chat import ConversationRepository, ExportedConversation
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import file_rows

from .conftest import PLUGINS

LOOSE = (
    "CREATE TABLE chat_messages (id TEXT PRIMARY KEY, role TEXT NOT NULL, content TEXT NOT NULL, "
    "ts INTEGER NOT NULL, aborted INTEGER DEFAULT 0)"
)
LOOSE_TALKS = "ALTER TABLE chat_messages ADD COLUMN conversation_id TEXT"

TURNS = (
    "CREATE TABLE interactions (id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, ts INTEGER NOT NULL, "
    "aborted INTEGER DEFAULT 0)"
)
TURNS_WITHOUT_ABORTED = (
    "CREATE TABLE interactions (id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, ts INTEGER NOT NULL)"
)
SAID = (
    "CREATE TABLE interaction_messages (id TEXT PRIMARY KEY, interaction_id TEXT NOT NULL, "
    "conversation_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL, ts INTEGER NOT NULL, "
    "aborted INTEGER DEFAULT 0, FOREIGN KEY (interaction_id) REFERENCES interactions(id) ON DELETE CASCADE)"
)
KV = "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
STATE = 'CREATE TABLE "state" ("key" TEXT PRIMARY KEY, "value" TEXT NOT NULL, "updatedAt" INTEGER NOT NULL)'

NUMBERED_TURNS = (
    'CREATE TABLE "interactions" ("id" INTEGER PRIMARY KEY, "conversationId" INTEGER NOT NULL UNIQUE, '
    '"createdAt" INTEGER NOT NULL, "modifiedAt" INTEGER NOT NULL, "aborted" INTEGER NOT NULL, '
    '"provider" TEXT, "aiModel" TEXT)'
)
NUMBERED_SAID = (
    'CREATE TABLE "interaction_messages" ("id" INTEGER PRIMARY KEY, "interactionId" INTEGER NOT NULL, '
    '"role" TEXT NOT NULL, "content" TEXT NOT NULL, "ts" INTEGER NOT NULL, CONSTRAINT '
    '"interaction_messages_interactionId_interactions_id_fk" FOREIGN KEY ("interactionId") '
    'REFERENCES "interactions" ("id"))'
)

CHAT_TALKS = (
    'CREATE TABLE "chat_conversations" ("id" TEXT PRIMARY KEY, "title" TEXT, "createdAt" INTEGER NOT NULL, '
    '"updatedAt" INTEGER NOT NULL, "active" INTEGER NOT NULL DEFAULT 0, "provider" TEXT, "aiModel" TEXT)'
)
CHAT_TURNS = (
    'CREATE TABLE "chat_interactions" ("id" TEXT PRIMARY KEY, "conversationId" TEXT NOT NULL, '
    '"createdAt" INTEGER NOT NULL, "aborted" INTEGER NOT NULL DEFAULT 0, "provider" TEXT, "aiModel" TEXT, '
    'CONSTRAINT "c" FOREIGN KEY ("conversationId") REFERENCES "chat_conversations" ("id") ON DELETE cascade)'
)
CHAT_SAID = (
    'CREATE TABLE "chat_interaction_messages" ("id" TEXT PRIMARY KEY, "interactionId" TEXT NOT NULL, '
    '"conversationId" TEXT NOT NULL, "role" TEXT NOT NULL, "content" TEXT NOT NULL, "ts" INTEGER NOT NULL, '
    '"provider" TEXT, "aborted" INTEGER NOT NULL DEFAULT 0, CONSTRAINT "i" FOREIGN KEY ("interactionId") '
    'REFERENCES "chat_interactions" ("id") ON DELETE cascade)'
)
CHAT_SAID_METADATA = 'ALTER TABLE "chat_interaction_messages" ADD COLUMN "metadata" TEXT'

OLD_TABLES = (
    "chat_interaction_messages", "chat_interactions", "chat_conversations",
    "interaction_messages", "interactions", "chat_messages",
)  # fmt: skip

REPAIRS = 'SELECT "table", "key", "column", "before", "reason" FROM stina_repair ORDER BY id'

Row = tuple[Any, ...]


def old_file(path: Path, *statements: str) -> None:
    """Make a file as the original app did: WAL, no checks of what is in it."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def adopted(path: Path) -> Store:
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def talks_of(path: Path) -> list[ExportedConversation]:
    """Open a file, and return all that the store has then."""
    with adopted(path) as store:
        return store[ConversationRepository].export()


def repairs(path: Path) -> list[Row]:
    """Return table, key, column and value before of every repair."""
    return [row[:4] for row in file_rows(path, REPAIRS)]


def tables_in(path: Path) -> list[str]:
    """Return which old tables a file has."""
    there = {name for (name,) in file_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return [name for name in OLD_TABLES if name in there]


def cells(path: Path, table: str) -> tuple[list[str], list[Row]]:
    """Return the columns of a table, and its rows in the order in which they were written; texts as their bytes."""
    columns = [name for (name,) in file_rows(path, "SELECT name FROM pragma_table_info(?)", (table,))]
    parts = ", ".join(
        f'typeof("{name}"), CASE typeof("{name}") WHEN \'text\' THEN CAST("{name}" AS BLOB) ELSE "{name}" END'
        for name in columns
    )
    return columns, [_paired(row) for row in file_rows(path, f'SELECT {parts} FROM "{table}"')]


def everything(path: Path, but: Sequence[str] = ()) -> dict[str, list[Row]]:
    """Return every row of every table of a file."""
    names = file_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return {name: cells(path, name)[1] for (name,) in names if name not in but}


def _paired(row: Row) -> Row:
    return tuple(zip(row[::2], row[1::2], strict=True))
