"""The JSON file that the original app had before it used SQLite."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    IdField,
    IntegerField,
    InvalidValueError,
    Migrations,
    Model,
    Operations,
    Schema,
    TextField,
    hookimpl,
)
from stina_core.testing import file_rows
from stina_core.transfer import ImportReport, import_file, state_file

from .shelf import config, loaded

REAL_FILE = Path(__file__).parents[1] / "legacy" / "data" / "e238762-small.state.json.gz"
MESSAGE: Mapping[str, Any] = {"id": "m1", "role": "user", "content": "Hej", "ts": 1762502400000}


class Message(Model):
    id = IdField()
    role = TextField()
    content = TextField()
    ts = IntegerField()
    aborted = IntegerField()


class Value(Model):
    id = IdField()
    content = TextField()


def adopt(op: Operations) -> None:
    op.create_table(
        "message",
        id=IdField(),
        role=TextField(),
        content=TextField(),
        ts=IntegerField(),
        aborted=IntegerField(),
    )
    op.create_table("value", id=IdField(), content=TextField())
    if not op.has_table("chat_messages"):
        return
    for row in op.old_rows("chat_messages"):
        values = {"role": row.text("role"), "content": row.text("content"), "ts": row.integer("ts")}
        op.insert("message", [{"id": row.id(), **values, "aborted": row.integer("aborted")}])
    rows = op.old_rows("kv", key="key")
    op.insert("value", [{"id": row.id(), "content": row.text("value")} for row in rows])


class TalkPlugin:
    """Does what `chat` and `kv` do with these tables, as far as it shows here."""

    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Message, Value)
        schema.adopts("chat_messages", "id", "content")
        schema.adopts("kv", "key", "value")

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        migrations.step("0001_adopt")(adopt)


PLUGINS = loaded(talk=TalkPlugin())


def imported(folder: Path, text: str | bytes) -> tuple[ImportReport, Path]:
    """Import a file with this text, and see that it is as before."""
    file = folder / "state.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = file.read_bytes(), file.stat().st_mtime_ns
    try:
        return import_file(config(folder / "store.db"), PLUGINS, file), folder / "store.db"
    finally:
        assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def document(*messages: object, **others: object) -> str:
    return json.dumps({"count": 2, "messages": messages, **others})


def messages(path: Path) -> list[tuple[Any, ...]]:
    return file_rows(path, "SELECT id, role, content, ts, aborted FROM talk_message ORDER BY id")


def test_messages_and_the_counter_are_imported(tmp_path: Path) -> None:
    stopped = {**MESSAGE, "id": "m2", "role": "assistant", "aborted": True}

    report, store = imported(tmp_path, document(MESSAGE, stopped))

    assert (report.kind, report.added) == ("state", 3)
    assert messages(store) == [
        ("m1", "user", "Hej", 1762502400000, 0),
        ("m2", "assistant", "Hej", 1762502400000, 1),
    ]
    assert file_rows(store, "SELECT id, content FROM talk_value") == [("counter", "2")]
    assert (report.unowned, report.missing) == ({}, {})


def test_every_message_of_a_real_file_is_there_as_it_was(tmp_path: Path) -> None:
    content = gzip.decompress(REAL_FILE.read_bytes())

    report, store = imported(tmp_path, content)

    found = json.loads(content)
    assert {row[0]: row[1:4] for row in messages(store)} == {
        one["id"]: (one["role"], one["content"], one["ts"]) for one in found["messages"]
    }
    assert len(found["messages"]) == 8
    again, _ = imported(tmp_path, content)
    assert (report.added, again.added, again.different) == (9, 0, 0)


def test_half_of_a_character_is_repaired_and_noted(tmp_path: Path) -> None:
    report, store = imported(tmp_path, document({**MESSAGE, "content": "cut \ud83c"}))

    assert messages(store)[0][2] == "cut \ufffd"
    assert report.repairs == {"the text was not UTF-8": 1}
    assert file_rows(store, "SELECT before FROM stina_repair") == [(b"cut \xed\xa0\xbc",)]


def test_a_file_of_many_lines_is_read_as_well(tmp_path: Path) -> None:
    text = json.dumps({"count": None, "messages": [MESSAGE]}, indent=2)

    report, store = imported(tmp_path, text)

    assert report.added == 2
    assert file_rows(store, "SELECT content FROM talk_value") == [("null",)]


def test_a_file_without_messages_or_counter_is_fine(tmp_path: Path) -> None:
    report, _ = imported(tmp_path, '{"messages": []}')

    assert report.added == 0


WRONG = {
    "no object": ("hello", "it is no JSON object"),
    "no id": ({**MESSAGE, "id": None}, "id is no text"),
    "no role": ({key: value for key, value in MESSAGE.items() if key != "role"}, "role is no text"),
    "a number as content": ({**MESSAGE, "content": 7}, "content is no text"),
    "no time": ({**MESSAGE, "ts": "now"}, "ts is no number"),
    "true as time": ({**MESSAGE, "ts": True}, "ts is no number"),
    "a time beyond all": ({**MESSAGE, "ts": 1 << 63}, "ts is no number"),
    "not a number": ({**MESSAGE, "ts": float("nan")}, "it cannot be imported"),
    "an id twice": (dict(MESSAGE), "it cannot be imported"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_message_that_is_none_is_named_and_nothing_is_imported(tmp_path: Path, case: str) -> None:
    message, why = WRONG[case]

    with pytest.raises(InvalidValueError) as caught:
        imported(tmp_path, document(MESSAGE, message))

    assert str(caught.value).startswith(f"{tmp_path / 'state.json'}, message 2: {why}")
    assert not (tmp_path / "store.db").exists()


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stina_core.transfer.sources.LARGEST", 1000)

    with pytest.raises(InvalidValueError, match="what can be imported"):
        imported(tmp_path, document({**MESSAGE, "content": "x" * 1000}))

    assert state_file.LARGEST > 1 << 20
