"""The law of adoption, told from two looks at a file: each old row is a new row, or it is said why not."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stina_core.testing import file_rows

from .old_files import OLD_TABLES, cells, tables_in

Row = dict[str, Any]
"""Values by column; a text that is not UTF-8 as its bytes."""

INTO = {
    "chat_conversations": "conversation",
    "chat_interactions": "interaction",
    "interactions": "interaction",
    "chat_interaction_messages": "message",
    "interaction_messages": "message",
    "chat_messages": "message",
}


@dataclass(frozen=True)
class Old:
    """A file before it is adopted: its old tables."""

    tables: Mapping[str, list[Row]]


def look(path: Path) -> Old:
    return Old({name: rows_of(path, name) for name in tables_in(path)})


def rows_of(path: Path, table: str) -> list[Row]:
    columns, rows = cells(path, table)
    return [{name: _value(*cell) for name, cell in zip(columns, row, strict=True)} for row in rows]


def check(path: Path, old: Old) -> None:
    """Raise AssertionError where something is lost, changed without a note, or not as the plugin wants it."""
    assert file_rows(path, "PRAGMA foreign_key_check") == []
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert tables_in(path) == []
    new = {
        kind: {row["id"]: row for row in rows_of(path, f"chat_{kind}")}
        for kind in ("conversation", "interaction", "message")
    }
    notes = [note for note in rows_of(path, "stina_repair") if note["table"] in OLD_TABLES]
    accounted = set()
    for table, rows in old.tables.items():
        mine = [note for note in notes if note["table"] == table]
        for row in rows:
            keys = list(_keys(row, mine))
            assert any(_is_kept(table, row, key, new, mine) for key in keys), f"{table}: {row} under {keys}"
            accounted.update(keys)
    assert new["message"].keys() <= accounted, "a message came from nowhere"
    assert sum(row["active"] for row in new["conversation"].values()) == (1 if new["conversation"] else 0)
    _check_order(old, new["message"])


def _keys(row: Row, notes: Iterable[Row]) -> Iterator[str]:
    id = row["id"]
    if isinstance(id, int) or (isinstance(id, str) and id):
        yield str(id)
        return
    for note in notes:
        if note["column"] == "id" and _is(note["before"], id):
            yield note["key"]


def _is_kept(
    table: str, row: Row, key: str, new: Mapping[str, Mapping[str, Row]], notes: Iterable[Row]
) -> bool:
    mine = [note for note in notes if note["key"] == key]
    if any(note["column"] == "*" and json.loads(note["before"]) == _as_json(row) for note in mine):
        return True
    found = new[INTO[table]].get(key)
    if found is None:
        return False
    turn = (
        found if INTO[table] == "interaction" else new["interaction"].get(found.get("interaction_id", ""), {})
    )
    stored = _stored(table, row, found, turn)
    noted = [(note["column"], note["before"]) for note in mine]
    return all(
        stored[column] == _wanted(table, column, value, row)
        or any(name == column and _is(before, value) for name, before in noted)
        for column, value in row.items()
        if column in stored
    )


def _stored(table: str, row: Row, found: Row, turn: Row) -> Row:
    """Return what now is where each old column was; None for what has no place."""
    stored = {
        "title": found.get("title"),
        "createdAt": found["created_at"],
        "updatedAt": found.get("updated_at"),
        "modifiedAt": None,
        "active": found.get("active"),
        "interactionId": found.get("interaction_id"),
        "interaction_id": found.get("interaction_id"),
        "conversationId": turn.get("conversation_id"),
        "conversation_id": turn.get("conversation_id"),
        "role": found.get("role"),
        "content": found.get("content"),
        "ts": found["created_at"],
        "provider": found.get("provider"),
        "aiModel": found.get("model"),
        "metadata": found.get("metadata"),
        "aborted": found.get("state") if INTO[table] == "interaction" else found.get("aborted"),
    }
    return {column: stored[column] for column in row if column != "id"}


def _wanted(table: str, column: str, value: Any, row: Row) -> Any:
    """Return what may stand there without a note."""
    if column in ("title", "content"):
        return "" if value is None else value
    if column == "modifiedAt":
        return None if value == row["createdAt"] else value
    if column in ("createdAt", "ts", "updatedAt") and isinstance(value, int):
        seconds = (table == "interactions" and "conversationId" in row) or (
            table == "interaction_messages" and "interactionId" in row
        )
        return value * 1000 if seconds else value
    if column == "aborted" and INTO[table] == "interaction":
        return {0: "complete", None: "complete", 1: "aborted"}.get(value, value)
    if column in ("aborted", "active"):
        return 0 if value is None else value
    if column.lower().replace("_", "") in ("interactionid", "conversationid"):
        return str(value) if isinstance(value, int) else value
    return value


def _check_order(old: Old, messages: Mapping[str, Row]) -> None:
    """Equal times of one interaction and one old table are in the order in which they were written."""
    for table, rows in old.tables.items():
        if INTO[table] != "message":
            continue
        last: dict[tuple[str, int], int] = {}
        for row in rows:
            found = messages.get(str(row["id"])) if isinstance(row["id"], int | str) else None
            if found is None or found["content"] != row["content"] or not isinstance(row["ts"], int):
                continue
            if found["created_at"] in (row["ts"], row["ts"] * 1000):
                place = found["interaction_id"], found["created_at"]
                assert found["position"] >= last.get(place, 0), f"{table}: {row} stands before an earlier one"
                last[place] = found["position"]


def _value(kind: str, stored: Any) -> Any:
    if kind != "text":
        return stored
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored


def _is(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _as_json(row: Row) -> Row:
    return {name: _json_of(value) for name, value in row.items()}


def _json_of(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    return {"$real": repr(value)} if isinstance(value, float) and not math.isfinite(value) else value
