"""What `stina db status` and `stina doctor` say of the change feed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stina_core import open_store
from stina_core.testing import file_rows
from stina_kv import KvRepository

if TYPE_CHECKING:
    from tests.cli.conftest import Run

WRITES = 100


@pytest.fixture
def used(store_path: Path) -> Path:
    """A store with 100 transactions in the feed, and a consumer that has seen 80 of them."""
    with open_store(store_path) as store:
        kv = store[KvRepository]
        consumer = store.consumer("mirror")
        for number in range(WRITES):
            if number == 80:
                consumer.start(store.cursor())
            kv.set(f"key {number}", number)
    return store_path


def feed(path: Path, stina: Run) -> dict[str, Any]:
    document: dict[str, Any] = stina("--db", path, "db", "status", "--json").document["feed"]
    return document


def test_status_has_the_documented_shape_of_the_feed(used: Path, stina: Run) -> None:
    found = feed(used, stina)

    ((epoch, written),) = file_rows(
        used, "SELECT epoch, json_extract(data, '$.at') FROM stina_feed, stina_change WHERE seq = 2"
    )
    (consumer,) = found.pop("consumers")
    pages, rest = divmod(found.pop("bytes"), 4096)
    assert (pages in range(2, 6), rest) == (True, 0)
    at = found.pop("oldest_at")
    assert len(at) == 24
    assert at.endswith(f"{written % 1000:03}Z")
    assert found == {"epoch": epoch, "oldest": 0, "newest": 2 * WRITES, "rows": 2 * WRITES}
    assert len(consumer.pop("updated_at")) == 24
    assert consumer == {
        "name": "mirror",
        "plugin": None,
        "cursor": f"{epoch}:160",
        "lag": 40,
        "resumable": True,
    }


def test_people_are_told_how_far_the_feed_reaches_and_who_is_behind(used: Path, stina: Run) -> None:
    lines = stina("--db", used, "db", "status").out.splitlines()

    epoch = feed(used, stina)["epoch"]
    (reach,) = [line for line in lines if line.startswith("feed")]
    (consumer,) = [line for line in lines if line.startswith("consumer")]
    assert f" kept after {epoch}:0, up to {epoch}:200, 200 rows, " in reach
    assert " kB, since 20" in reach
    assert f" mirror: at {epoch}:160, 40 rows behind, moved 20" in consumer


def test_new_store_has_an_empty_feed(store_path: Path, stina: Run) -> None:
    open_store(store_path).close()

    found = feed(store_path, stina)

    assert (found["newest"], found["rows"], found["oldest_at"], found["consumers"]) == (None, 0, None, [])
    assert ", nothing yet, 0 rows, " in stina("--db", store_path, "db", "status").out


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE stina_cursor SET epoch = 'another'",
        "UPDATE stina_cursor SET seq = 2000",
        "UPDATE stina_feed SET oldest = 161",
    ],
    ids=["of another epoch", "from the future", "pruned"],
)
def test_consumer_that_cannot_go_on_is_too_late(sql: str, used: Path, stina: Run) -> None:
    file_rows(used, sql)

    status = stina("--db", used, "db", "status").out
    (finding,) = warnings(stina("--db", used, "doctor", "--json").document, "consumer mirror")

    assert feed(used, stina)["consumers"][0]["resumable"] is False
    assert "cannot go on from there, " in status
    assert finding["message"].startswith("cannot go on from its cursor ")


def warnings(findings: list[dict[str, Any]], subject: str) -> list[dict[str, Any]]:
    return [one for one in findings if one["subject"] == subject and one["severity"] == "warning"]


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("DROP TRIGGER stina_capture_kv_entry_delete", "kv_entry"),
        ("DROP TRIGGER stina_change_guard", "stina_change"),
    ],
)
def test_doctor_names_a_table_whose_changes_may_go_unnoticed_until_a_store_mends_it(
    sql: str, table: str, used: Path, stina: Run
) -> None:
    assert not warnings(stina("--db", used, "doctor", "--json").document, table)
    file_rows(used, sql)

    (finding,) = warnings(stina("--db", used, "doctor", "--json").document, table)
    open_store(used).close()

    assert finding["remedy"].startswith("the next use of the store mends them")
    assert not warnings(stina("--db", used, "doctor", "--json").document, table)


def test_marker_and_time_that_nobody_can_read_do_not_stop_a_report(used: Path, stina: Run) -> None:
    file_rows(used, "UPDATE stina_change SET data = 'no JSON' WHERE seq = 2")
    file_rows(used, "UPDATE stina_cursor SET updated_at = 1 << 62")

    found = feed(used, stina)

    assert (found["oldest_at"], found["consumers"][0]["updated_at"]) == (None, None)
