"""The plan of every query: rows are looked up by an index, in the order they are wanted in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stina_chat import ChatRepository, ConversationRepository
from stina_chat.models import Message
from stina_chat.queries import conversations, interactions, messages, raw
from stina_core import Query, Returning, Store, Write
from stina_core.testing import file_rows

CONVERSATION = "SEARCH chat_conversation USING INDEX sqlite_autoindex_chat_conversation_1 (id=?)"
INTERACTION = "SEARCH chat_interaction USING INDEX sqlite_autoindex_chat_interaction_1 (id=?)"
LIST = ["LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:"]
OF_CONVERSATION = (
    "SEARCH t2 USING COVERING INDEX chat_interaction__conversation_created_at_position_id (conversation_id=?)"
)
OF_INTERACTION = "SEARCH t1 USING INDEX chat_message__interaction_created_at_position_id (interaction_id=?)"

PLANS: dict[str, list[str]] = {
    "conversations.active": ["SEARCH t1 USING INDEX chat_conversation__active (active=?)"],
    "conversations.add": [],
    "conversations.after": ["SEARCH t1 USING INDEX chat_conversation__created_at_id ((created_at,id)>(?,?))"],
    "conversations.archive": [CONVERSATION],
    "conversations.by_id": ["SEARCH t1 USING INDEX sqlite_autoindex_chat_conversation_1 (id=?)"],
    "conversations.enter": [CONVERSATION],
    "conversations.leave": ["SEARCH chat_conversation USING INDEX chat_conversation__active (active=?)"],
    "conversations.newest": [
        (
            "SEARCH t1 USING INDEX chat_conversation__archived_pinned_updated_at_id "
            "(archived=? AND pinned=? AND (updated_at,id)<(?,?))"
        )
    ],
    "conversations.of_kind": [
        "SEARCH t1 USING COVERING INDEX chat_conversation__archived_pinned_updated_at_id (archived=?)"
    ],
    "conversations.pin": [CONVERSATION],
    "conversations.put": [],
    "conversations.remove": [CONVERSATION],
    "conversations.rename": [CONVERSATION],
    "conversations.touch": [CONVERSATION],
    "conversations.touch_around": [
        CONVERSATION,
        "SCALAR SUBQUERY 1",
        "SEARCH t1 USING INDEX sqlite_autoindex_chat_interaction_1 (id=?)",
    ],
    "interactions.abort": [INTERACTION],
    "interactions.add": [],
    "interactions.by_id": ["SEARCH t1 USING INDEX sqlite_autoindex_chat_interaction_1 (id=?)"],
    "interactions.end": [INTERACTION],
    "interactions.newest": [
        "SEARCH t1 USING INDEX chat_interaction__created_at_position_id ((created_at,position,id)<(?,?,?))"
    ],
    "interactions.newest_in": [
        (
            "SEARCH t1 USING INDEX chat_interaction__conversation_created_at_position_id "
            "(conversation_id=? AND (created_at,position,id)<(?,?,?))"
        )
    ],
    "interactions.of": [
        "SEARCH t1 USING INDEX chat_interaction__conversation_created_at_position_id (conversation_id=?)"
    ],
    "interactions.remove": [INTERACTION],
    "interactions.remove_of": [
        (
            "SEARCH chat_interaction USING COVERING INDEX "
            "chat_interaction__conversation_created_at_position_id (conversation_id=?)"
        )
    ],
    "interactions.set_state": [INTERACTION],
    "interactions.since": ["SEARCH t1 USING COVERING INDEX sqlite_autoindex_chat_interaction_1 (id>?)"],
    "messages.add": [],
    "messages.among": [
        "SEARCH t1 USING PRIMARY KEY (id=?)",
        *LIST,
        "SEARCH t2 USING INDEX sqlite_autoindex_chat_interaction_1 (id=?)",
        "SEARCH t3 USING INDEX sqlite_autoindex_chat_conversation_1 (id=?)",
    ],
    "messages.by_id": ["SEARCH t1 USING PRIMARY KEY (id=?)"],
    "messages.history": [OF_CONVERSATION, OF_INTERACTION],
    "messages.last": [OF_CONVERSATION, OF_INTERACTION],
    "messages.of_interactions": [OF_INTERACTION, *LIST],
    "messages.remove": ["SEARCH chat_message USING PRIMARY KEY (id=?)"],
    "messages.since": [
        "SEARCH t1 USING COVERING INDEX chat_message__interaction_created_at_position_id (interaction_id>?)"
    ],
    "raw.conversations": ["SEARCH t1 USING INDEX sqlite_autoindex_chat_conversation_1 (id>?)"],
    "raw.interactions": ["SEARCH t1 USING INDEX sqlite_autoindex_chat_interaction_1 (id>?)"],
    "raw.messages": ["SEARCH t1 USING PRIMARY KEY (id>?)"],
}

QUERIES: dict[str, Any] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in (conversations, interactions, messages, raw)
    for name, value in vars(module).items()
    if isinstance(value, Query | Write | Returning)
}


def plan_of(path: Path, sql: str) -> list[str]:
    return [row[3] for row in file_rows(path, f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?"))]


def bad_steps(plan: list[str]) -> list[str]:
    """Return the steps that look at all rows of a table of ours, or sort."""
    return [
        step
        for step in plan
        if re.match(r"SCAN (?!json_each)", step) or "TEMP B-TREE" in step or "AUTOMATIC" in step
    ]


def test_the_plan_of_every_query_is_pinned() -> None:
    assert PLANS.keys() == QUERIES.keys()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_looks_rows_up_and_sorts_nothing(store: Store, store_path: Path, name: str) -> None:
    with store.use():
        plan = plan_of(store_path, QUERIES[name].sql())

    assert plan == PLANS[name]
    assert bad_steps(plan) == []


def test_the_plans_are_the_same_once_sqlite_has_statistics(store: Store, store_path: Path) -> None:
    from stina_chat.testing import seed

    seed(store, 20, 1)
    file_rows(store_path, "ANALYZE")
    with store.use():
        for name, query in QUERIES.items():
            assert bad_steps(plan_of(store_path, query.sql())) == [], name


def test_what_the_methods_run_is_planned_so_too(store: Store, store_path: Path) -> None:
    """Counts and first answers are shapes of their own, of which `sql()` says nothing."""
    chat, them = store[ChatRepository], store[ConversationRepository]
    told: list[str] = []
    with store.use():
        Message._meta.database.query_hooks.append(lambda event: told.append(event.sql))
    one = them.start()
    with chat.interaction():
        chat.append_message("user", "needle", aborted=True)
    chat.append_message("user", "needle")
    them.archive(one.id)
    for read in (
        them.current, them.page, them.count, lambda: them.get(one.id), them.export, chat.page_all,
        lambda: chat.page(one.id), lambda: chat.history(one.id), lambda: chat.last_messages(one.id),
        lambda: chat.count_messages(one.id), chat.count_messages, chat.count_interactions,
        lambda: chat.count_interactions(one.id), chat.view, lambda: chat.search("needle"),
        lambda: chat.ranked("needle"), lambda: them.clear(one.id), them.clear_all,
    ):  # fmt: skip
        read()

    own = [
        sql for sql in told if "_search" not in sql and " AS t " not in sql
    ]  # the core's index has its own tests
    statements = [sql for sql in dict.fromkeys(own) if '"chat_' in sql]
    assert len(statements) > 20
    assert {sql: bad for sql in statements if (bad := bad_steps(plan_of(store_path, sql)))} == {}


def test_a_sort_and_a_scan_would_be_noticed(store: Store, store_path: Path) -> None:
    """A control: the same questions without the indexes."""
    assert bad_steps(plan_of(store_path, "SELECT * FROM chat_message WHERE content = ?"))
    assert bad_steps(
        plan_of(store_path, "SELECT * FROM chat_interaction WHERE conversation_id = ? ORDER BY model")
    )
    file_rows(store_path, "DROP INDEX chat_interaction__conversation_created_at_position_id")
    with store.use():
        assert bad_steps(plan_of(store_path, messages.last.sql()))
