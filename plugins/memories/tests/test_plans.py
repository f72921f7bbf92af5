"""How SQLite finds the rows of each query: by an index, and in its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Query, Returning, Store, Write
from stina_core.testing import file_rows
from stina_memories import MemoryRepository, queries

KEY = "SEARCH t1 USING INDEX sqlite_autoindex_memories_memory_1 (id=?)"
KEYS = [KEY, "LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:"]
PAGE = ["SEARCH t1 USING INDEX memories_memory__created_at_id_expires_at ((created_at,id)<(?,?))"]
DIGEST = ["SEARCH t1 USING INDEX memories_memory__digest_created_at_id (digest=?)"]
ROW = ["SEARCH memories_memory USING INDEX sqlite_autoindex_memories_memory_1 (id=?)"]
ENDED = "memories_memory__expires_at_id (expires_at<?)"

PLANS: dict[str, list[str]] = {
    "by_id": [KEY],
    "by_ids": KEYS,
    "digest_of": [KEY],
    "words_of": KEYS,
    "page": PAGE,
    "words_page": PAGE,
    "with_content": DIGEST,
    "with_digest": DIGEST,
    "ended": [f"SEARCH t1 USING INDEX {ENDED}"],
    "ends": ["SEARCH t1 USING COVERING INDEX memories_memory__expires_at_id (expires_at>?)"],
    "new": [],
    "rewrite": ROW,
    "remove": ROW,
    "remove_ended": [f"SEARCH memories_memory USING COVERING INDEX {ENDED}"],
}

STATED = {
    name: one for name, one in vars(queries).items() if isinstance(one, Query | Write | Returning)
}  # fmt: skip


def plan(path: Path, sql: str) -> list[str]:
    return [row[3] for row in file_rows(path, f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?"))]


def bad(steps: list[str]) -> list[str]:
    """Return the steps that look through a table, or sort what they found."""
    return [
        step
        for step in steps
        if (step.startswith("SCAN") and "json_each" not in step) or "TEMP B-TREE" in step
    ]


def test_every_query_is_pinned() -> None:
    assert PLANS.keys() == STATED.keys()


@pytest.mark.parametrize("name", STATED)
def test_a_query_looks_up_what_it_wants_in_the_order_it_wants(
    name: str, store: Store, store_path: Path
) -> None:
    with store.use():
        steps = plan(store_path, STATED[name].sql())

    assert steps == PLANS[name]
    assert bad(steps) == []


def test_the_plans_are_the_same_once_sqlite_knows_how_full_the_table_is(
    store: Store, store_path: Path
) -> None:
    file_rows(
        store_path,
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO memories_memory (id, title, content, digest, created_at, updated_at, expires_at) "
        "SELECT 'id' || i, 't', 'c' || i, 'd' || i, i, i, iif(i % 10, NULL, i) FROM n",
    )
    file_rows(store_path, "ANALYZE")
    with store.use():
        sql = {name: one.sql() for name, one in STATED.items()}

    # for a list of ids SQLite may make a bloom filter now
    plans = {
        name: [step for step in plan(store_path, one) if step != "CREATE BLOOM FILTER"]
        for name, one in sql.items()
    }

    assert plans == PLANS


def test_counting_reads_no_rows(store: Store, memories: MemoryRepository, store_path: Path) -> None:
    ran: list[str] = []
    with store.use():
        from stina_memories.models import Memory

        hooks = Memory._meta.database.query_hooks
        hooks.append(lambda event: ran.append(event.sql))
        memories.count()
        hooks.pop()

    (sql,) = ran
    assert plan(store_path, sql) == [
        "CO-ROUTINE counted",
        PAGE[0].replace("INDEX", "COVERING INDEX"),
        "SCAN counted",
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM memories_memory WHERE content LIKE ?",
        "SELECT * FROM memories_memory ORDER BY updated_at",
        "SELECT * FROM memories_memory WHERE expires_at IS NULL OR expires_at > ? ORDER BY created_at DESC",
    ],
)
def test_a_query_without_an_index_would_be_noticed(store: Store, store_path: Path, sql: str) -> None:
    """A control. The last is how the list would be stated first, and sorts all of it."""
    assert bad(plan(store_path, sql))
