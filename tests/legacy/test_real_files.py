"""Every file of the original app opens in place, twice, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stina_chat import ChatRepository, ConversationRepository
from stina_core import StoreConfig, installed_plugins, load_plugins, open_store
from stina_core.status import inspect
from stina_kv import KvRepository
from stina_memories import MemoryRepository
from stina_todos import TodoRepository

from .originals import TABLES, Becomes, File, Raw, manifest, names, unpack

CONFIG = StoreConfig(strict=True, plugins=frozenset({"chat", "kv", "memories", "todos"}))


@dataclass(frozen=True)
class Adopted:
    """One file, before and after it was opened for the first time.

    Attributes:
        repairs: By table, key and column, the value that was there before.
    """

    name: str
    path: Path
    before: File
    after: File
    backup: Path

    @property
    def repairs(self) -> dict[tuple[str, Raw, str], Raw]:
        return {
            (str(row["table"]), row["key"], str(row["column"])): row["before"]
            for row in self.after.tables["stina_repair"]
        }

    def old_tables(self) -> Iterator[tuple[Becomes, list[dict[str, Raw]]]]:
        """Yield each table that a plugin takes over, with its rows before."""
        for becomes in TABLES:
            rows = self.before.tables.get(becomes.old, [])
            if rows and becomes.key in rows[0] and becomes.family in rows[0]:
                yield becomes, rows

    def new_rows(self, table: str, key: str = "id") -> dict[Raw, dict[str, Raw]]:
        return {row[key]: row for row in self.after.tables[table]}


@pytest.fixture(scope="module", params=names())
def adopted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    folder = tmp_path_factory.mktemp("legacy")
    before = File(unpack(request.param, folder / "before"))
    path = unpack(request.param, folder / "after")
    with open_store(path, CONFIG) as store:
        backup = store.outcome.backup
    assert backup is not None
    return Adopted(request.param, path, before, File(path), backup.path)


def test_file_is_the_one_its_manifest_describes(adopted: Adopted) -> None:
    described = manifest(adopted.name)

    assert described.keys() == adopted.before.tables.keys()
    for table, wanted in described.items():
        assert len(adopted.before.tables[table]) == wanted["rows"]
        assert adopted.before.digest(table) == wanted["sha256"]


def test_backup_has_every_row_the_file_had(adopted: Adopted) -> None:
    backup = File(adopted.backup)

    assert backup.tables == adopted.before.tables
    assert backup.integrity == "ok"


def test_every_row_of_every_table_with_an_owner_is_there_under_its_id(adopted: Adopted) -> None:
    for becomes, rows in adopted.old_tables():
        new = adopted.new_rows(becomes.new, becomes.new_key)
        for row in rows:
            assert str(row[becomes.key]) in new, f"{becomes.old} {row[becomes.key]!r}"


def test_nothing_is_added_to_what_the_tables_had(adopted: Adopted) -> None:
    wanted: dict[str, set[str]] = {}
    for becomes, rows in adopted.old_tables():
        wanted.setdefault(becomes.new, set()).update(str(row[becomes.key]) for row in rows)
    made = {"chat_interaction", "chat_conversation"}  # messages and interactions without one get theirs

    assert wanted
    for table, keys in wanted.items():
        found = set(map(str, adopted.new_rows(table, "key" if table == "kv_entry" else "id")))
        assert found >= keys if table in made else found == keys, table
    used = {row["conversation_id"] for row in adopted.after.tables["chat_interaction"]}
    listed = wanted.get("chat_conversation", set())
    current = {row["value"] for row in adopted.before.tables.get("kv", []) if row["key"] == "conversation_id"}
    assert {row["id"] for row in adopted.after.tables["chat_conversation"]} <= used | listed | current
    said = {row["interaction_id"] for row in adopted.after.tables["chat_message"]}
    assert set(adopted.new_rows("chat_interaction")) <= said | wanted.get("chat_interaction", set())


def test_every_value_is_what_it_was_or_is_listed_with_what_it_was(adopted: Adopted) -> None:
    compared = 0
    seen: set[tuple[str, Raw]] = set()
    for becomes, rows in adopted.old_tables():
        new = adopted.new_rows(becomes.new, becomes.new_key)
        for row in rows:
            key = str(row[becomes.key])
            if becomes.new == "kv_entry" and (becomes.new, key) in seen:
                continue  # `state` comes first, and wins
            seen.add((becomes.new, key))
            for column, (new_column, convert) in becomes.columns.items():
                if column not in row:
                    continue
                value = row[column]
                wanted, found = convert(value), new[key][new_column]
                if becomes.new == "kv_entry" and key == "counter":
                    wanted = str(value)
                compared += 1
                if found != wanted or isinstance(value, bytes):
                    listed = adopted.repairs.get((becomes.old, key, column), "nothing is listed")
                    assert listed == value, f"{becomes.old} {key} {column}: {value!r} became {found!r}"
    assert compared > 0


def test_every_repair_has_the_value_that_was_there(adopted: Adopted) -> None:
    before = {
        (table, str(row[key])): row
        for table, rows in adopted.before.tables.items()
        for row in rows
        for key in (("key",) if "key" in row else ("id",) if "id" in row else ())
    }
    for (table, key, column), value in adopted.repairs.items():
        assert before[table, str(key)].get(column) == value, f"{table} {key!r} {column}"


def test_due_times_are_kept(adopted: Adopted) -> None:
    todos = adopted.new_rows("todos_todo")
    for row in adopted.before.tables.get("todos", []):
        due, todo = row["due_ts"], todos[row["id"]]
        if due is None:
            assert (todo["due_at"], todo["due_date"]) == (None, None)
        elif row.get("is_all_day"):
            assert isinstance(due, int)
            moment = datetime.fromtimestamp(due / 1000, UTC)
            assert todo["due_at"] is None
            assert todo["due_date"] in (moment.date().isoformat(), moment.astimezone().date().isoformat())
        else:
            assert isinstance(due, int | float)
            assert todo["due_at"] == round(due)
            assert isinstance(due, int) or adopted.repairs["todos", str(row["id"]), "due_ts"] == due


def test_messages_of_one_conversation_stay_together_in_their_order(adopted: Adopted) -> None:
    """Those of which the original does not say in which they are, are all in one."""
    said: dict[Raw, list[tuple[int, str]]] = {}
    interactions = {row["id"]: row for row in adopted.before.tables.get("interactions", [])}
    for table in ("chat_interaction_messages", "interaction_messages", "chat_messages"):
        for row in adopted.before.tables.get(table, []):
            at = row["ts"]
            assert isinstance(at, int)
            of = row.get("conversation_id", row.get("conversationId"))
            if table == "interaction_messages" and "interactionId" in row:  # 03d0b63, which wrote seconds
                of, at = str(interactions[row["interactionId"]]["conversationId"]), at * 1000
            said.setdefault(of, []).append((at, str(row["id"])))

    messages = adopted.new_rows("chat_message")
    with open_store(adopted.path, CONFIG) as store:
        for conversation, wanted in said.items():
            first = store[ChatRepository].get_message(wanted[0][1])
            of = store[ChatRepository].get_interaction(first.interaction_id).conversation_id
            assert of == conversation or conversation is None
            found = [message.id for message in store[ChatRepository].history(of)]
            assert [(messages[id]["created_at"], id) for id in found] == sorted(
                wanted, key=lambda one: one[0]
            )


def test_owned_tables_are_gone_and_the_others_as_they_were(adopted: Adopted) -> None:
    owned = {becomes.old for becomes in TABLES}
    left = adopted.after.tables.keys() & owned
    named = {"todo_projects"} if "recurring_templates" in adopted.before.tables else set()

    assert left == named & adopted.before.tables.keys()
    for table in adopted.before.tables.keys() - owned:
        assert adopted.after.digest(table) == adopted.before.digest(table), table


def test_structure_and_references_are_sound(adopted: Adopted) -> None:
    assert adopted.after.integrity == "ok"
    assert adopted.after.broken_references == []


def test_conversation_that_was_active_is(adopted: Adopted) -> None:
    flagged = [row["id"] for row in adopted.before.tables.get("chat_conversations", []) if row["active"]]
    stored = {
        row["key"]: row["value"]
        for table in ("kv", "state")
        for row in adopted.before.tables.get(table, [])
        if row["key"] == "conversation_id"
    }
    wanted = flagged or list(stored.values())
    active = [row["id"] for row in adopted.after.tables["chat_conversation"] if row["active"]]

    assert len(active) == 1
    assert active[0] in wanted or not wanted


def test_second_open_changes_nothing(adopted: Adopted) -> None:
    content = adopted.path.read_bytes()
    backups = sorted((adopted.path.parent / "backups").iterdir())

    with open_store(adopted.path, CONFIG) as store:
        assert store.outcome.applied == []
        assert store.outcome.backup is None

    assert File(adopted.path).tables == adopted.after.tables
    assert adopted.path.read_bytes() == content
    assert sorted((adopted.path.parent / "backups").iterdir()) == backups


def test_everything_can_be_read_through_the_repositories(adopted: Adopted) -> None:
    rows = {table: len(rows) for table, rows in adopted.after.tables.items()}
    with open_store(adopted.path, CONFIG) as store:
        conversations = store[ConversationRepository].export()
        interactions = [one for conversation in conversations for one in conversation.interactions]
        todos = store[TodoRepository].list(statuses=None)
        memories = store[MemoryRepository].list(include_expired=True)

        assert len(conversations) == rows["chat_conversation"]
        assert len(interactions) == rows["chat_interaction"]
        assert sum(len(one.messages) for one in interactions) == rows["chat_message"]
        assert len(todos) == rows["todos_todo"]
        assert len(memories) == rows["memories_memory"]
        assert len(store[KvRepository].list()) == rows["kv_entry"]


def test_adopting_the_same_file_again_gives_the_same_rows(adopted: Adopted, tmp_path: Path) -> None:
    again = unpack(adopted.name, tmp_path)
    open_store(again, CONFIG).close()

    other = File(again)
    for table in {becomes.new for becomes in TABLES} - {"kv_entry"}:
        assert other.tables[table] == adopted.after.tables[table], table
    # the original's kv has no times
    assert [(row["key"], row["value"]) for row in other.tables["kv_entry"]] == [
        (row["key"], row["value"]) for row in adopted.after.tables["kv_entry"]
    ]


def test_status_reports_what_was_repaired_and_what_nobody_owns(adopted: Adopted) -> None:
    report = inspect(CONFIG.located(adopted.path), load_plugins(installed_plugins(), CONFIG))

    assert sum(one.count for one in report.repairs) == len(adopted.after.tables["stina_repair"])
    unowned = {one.name: one.rows for one in report.old_tables if not one.plugin}
    known = {becomes.old for becomes in TABLES}
    assert unowned == {name: len(rows) for name, rows in adopted.before.tables.items() if name not in known}
