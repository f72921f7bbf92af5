"""Real files that releases of the original app wrote, and what must become of each of their values.

`data/` holds one file per generation of its schema, compressed. With
`STINA_LEGACY=FOLDER` the files of a folder are tested instead: `*.db`, `*.db.gz`,
each with its `-wal` if it was left with one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

DATA = Path(os.environ.get("STINA_LEGACY") or Path(__file__).parent / "data")

Raw = int | float | str | bytes | None
"""A stored value; a text that is not UTF-8 as its bytes."""


def names() -> list[str]:
    """Return the names of all files, without what they are compressed by."""
    return sorted(
        {file.name.removesuffix(".gz") for file in DATA.iterdir() if file.name.endswith((".db", ".db.gz"))}
    )


def unpack(name: str, folder: Path) -> Path:
    """Put the file *name* and its write-ahead log into *folder*, as the store's file."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal"):
        plain, packed = DATA / f"{name}{suffix}", DATA / f"{name}{suffix}.gz"
        if packed.exists():
            with gzip.open(packed) as source, (folder / f"stina.db{suffix}").open("wb") as target:
                shutil.copyfileobj(source, target)
        elif plain.exists():
            shutil.copyfile(plain, folder / f"stina.db{suffix}")
    return folder / "stina.db"


def manifest(name: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what the folder's manifests say of each table of the file *name*; nothing without one."""
    together = DATA / "manifests.json"
    if together.exists():
        of_all: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads(together.read_text())
        return of_all[name]
    for path in (DATA / f"{name}.manifest.json", DATA / f"{name}.gz.manifest.json"):
        if path.exists():
            found: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text())["tables"]
            return found
    return {}


class File:
    """All rows of all tables of one file, read without its being changed.

    Attributes:
        tables: By table, the rows by column, in the order they were written.
    """

    def __init__(self, path: Path) -> None:
        connection = apsw.Connection(str(path))
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self.tables: dict[str, list[dict[str, Raw]]] = {}
        self._keys: dict[str, list[str]] = {}
        for (table,) in list(connection.execute(_TABLES)):
            columns = list(connection.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)))
            self.tables[table] = list(_rows(connection, table, [name for name, _ in columns]))
            self._keys[table] = [name for name, place in sorted(columns, key=lambda one: one[1]) if place]
        self.integrity = connection.pragma("integrity_check")
        self.broken_references = list(connection.execute("PRAGMA foreign_key_check"))
        connection.close()

    def digest(self, table: str) -> str:
        """Return the digest of a table as the manifests have it."""
        rows = sorted(
            self.tables[table], key=lambda row: [_binary(row[column]) for column in self._keys[table]]
        )
        lines = (
            json.dumps([_plain(value) for value in row.values()], ensure_ascii=False, separators=(",", ":"))
            + "\n"
            for row in rows
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()


_TABLES = (
    "SELECT name FROM pragma_table_list "
    "WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)


def _rows(connection: apsw.Connection, table: str, columns: list[str]) -> Iterator[dict[str, Raw]]:
    parts = ", ".join(
        f"typeof(\"{name}\") = 'text', "
        f'CASE typeof("{name}") WHEN \'text\' THEN CAST("{name}" AS BLOB) ELSE "{name}" END'
        for name in columns
    )
    for row in connection.execute(f'SELECT {parts} FROM "{table}"'):
        pairs = zip(row[::2], row[1::2], strict=True)
        yield dict(
            zip(columns, (_text(value) if is_text else value for is_text, value in pairs), strict=True)
        )


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _plain(value: Raw) -> object:
    if isinstance(value, float):
        return {"$real": repr(value)}
    return {"$badutf8": value.hex()} if isinstance(value, bytes) else value


def _binary(value: Raw) -> tuple[bool, bool, object]:
    is_text = isinstance(value, str | bytes)
    return (value is not None, is_text, value.encode() if isinstance(value, str) else value or 0)


Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Becomes:
    """A table of the original, and the one its rows are in afterwards.

    Attributes:
        columns: By old column, the new one and what the value becomes.
        family: A column that only this generation of the table has.
    """

    old: str
    new: str
    columns: Mapping[str, tuple[str, Convert]]
    family: str = "id"
    key: str = "id"
    new_key: str = "id"


def same(value: Any) -> Any:
    return value


def or_empty(value: Any) -> Any:
    return "" if value is None else value


def text(value: Any) -> str:
    return str(value)


def state(aborted: Any) -> str:
    return "aborted" if aborted else "complete"


def flag(value: Any) -> Any:
    return 0 if value is None else value


def seconds(value: Any) -> Any:
    return value * 1000


TIMES = {"created_at": ("created_at", same), "updated_at": ("updated_at", same)}

TABLES = [
    Becomes(
        "chat_messages",
        "chat_message",
        {
            "role": ("role", same),
            "content": ("content", same),
            "ts": ("created_at", same),
            "aborted": ("aborted", flag),
        },
    ),
    Becomes(
        "interactions",
        "chat_interaction",
        {
            "conversation_id": ("conversation_id", same),
            "ts": ("created_at", same),
            "aborted": ("state", state),
        },
        family="conversation_id",
    ),
    Becomes(
        "interactions",
        "chat_interaction",
        {
            "conversationId": ("conversation_id", text),
            "createdAt": ("created_at", seconds),
            "aborted": ("state", state),
            "provider": ("provider", same),
            "aiModel": ("model", same),
        },
        family="conversationId",
    ),
    Becomes(
        "interaction_messages",
        "chat_message",
        {
            "interaction_id": ("interaction_id", same),
            "role": ("role", same),
            "content": ("content", same),
            "ts": ("created_at", same),
            "aborted": ("aborted", flag),
        },
        family="interaction_id",
    ),
    Becomes(
        "interaction_messages",
        "chat_message",
        {
            "interactionId": ("interaction_id", text),
            "role": ("role", same),
            "content": ("content", same),
            "ts": ("created_at", seconds),
        },
        family="interactionId",
    ),
    Becomes(
        "chat_conversations",
        "chat_conversation",
        {"title": ("title", or_empty), "createdAt": ("created_at", same), "updatedAt": ("updated_at", same)},
    ),
    Becomes(
        "chat_interactions",
        "chat_interaction",
        {
            "conversationId": ("conversation_id", same),
            "createdAt": ("created_at", same),
            "aborted": ("state", state),
            "provider": ("provider", same),
            "aiModel": ("model", same),
        },
    ),
    Becomes(
        "chat_interaction_messages",
        "chat_message",
        {
            "interactionId": ("interaction_id", same),
            "role": ("role", same),
            "content": ("content", same),
            "ts": ("created_at", same),
            "provider": ("provider", same),
            "aborted": ("aborted", flag),
            "metadata": ("metadata", same),
        },
    ),
    Becomes(
        "todos",
        "todos_todo",
        {
            "title": ("title", same),
            "description": ("description", or_empty),
            "status": ("status", same),
            "metadata": ("metadata", same),
            "source": ("source", same),
            "icon": ("icon", same),
            "project_id": ("project_id", same),
            "recurring_template_id": ("series", same),
            **TIMES,
        },
    ),
    Becomes(
        "todo_comments",
        "todos_comment",
        {
            "todo_id": ("todo_id", same),
            "content": ("content", same),
            "created_at": ("created_at", same),
            "createdAt": ("created_at", same),
        },
    ),
    Becomes(
        "todo_projects",
        "todos_project",
        {"name": ("name", same), "description": ("description", or_empty), **TIMES},
    ),
    Becomes(
        "todo_steps",
        "todos_step",
        {
            "todo_id": ("todo_id", same),
            "title": ("title", same),
            "is_done": ("done", same),
            "order_index": ("position", same),
            "completed_at": ("completed_at", same),
            **TIMES,
        },
    ),
    Becomes(
        "memories",
        "memories_memory",
        {
            "title": ("title", same),
            "content": ("content", same),
            "metadata": ("metadata", same),
            "source": ("source", same),
            "tags": ("tags", lambda value: "[]" if value is None else value),
            "valid_until": ("expires_at", same),
            **TIMES,
        },
    ),
    *(
        Becomes(
            table,
            "kv_entry",
            {"value": ("value", lambda value: json.dumps(value, ensure_ascii=False))},
            family="key",
            key="key",
            new_key="key",
        )
        for table in ("state", "kv")
    ),
]
"""What becomes of every table that a plugin takes over, generation by generation."""
