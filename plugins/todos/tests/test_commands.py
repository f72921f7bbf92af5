from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from stina_core import open_store
from stina_core.testing import file_rows, run_python, running_python

if TYPE_CHECKING:
    from .conftest import Stina

STOCKHOLM = ZoneInfo("Europe/Stockholm")

KEYS = {
    "id",
    "title",
    "description",
    "status",
    "due_at",
    "due_date",
    "priority",
    "tags",
    "project",
    "steps",
    "comments",
    "metadata",
    "source",
    "icon",
    "created_at",
    "updated_at",
}

FOLLOWER = """
import os
os.environ["PYTHONUNBUFFERED"] = "1"
from stina_core import open_store

with open_store(sys.argv[1]) as store:
    say("open")
    for changes in store.changes(since=store.cursor(), follow=True):
        for change in changes:
            say("change", change.table, change.op.value)
        break
"""


def test_a_todo_for_tomorrow_is_listed_and_was_told_of(processes: Stina, store_path: Path) -> None:
    with open_store(store_path):
        pass
    with running_python(FOLLOWER, store_path) as follower:
        follower.hear("open")
        processes("add", "Köp mjölk", "--due", "imorgon kl 17:00")
        assert follower.hear("change") == "todos_todo insert"

    tomorrow = datetime.now(STOCKHOLM).date() + timedelta(days=1)
    head, row = processes("list").out.splitlines()

    assert head.split() == ["id", "status", "due", "priority", "title", "project", "tags"]
    assert row.split()[1:] == ["not_started", str(tomorrow), "17:00", "Köp", "mjölk"]
    (document,) = processes("list", "--json").document
    assert datetime.fromisoformat(document["due_at"]) == datetime(
        tomorrow.year, tomorrow.month, tomorrow.day, 17, tzinfo=STOCKHOLM
    )
    assert (document["due_date"], document["time_zone"]) == (None, "Europe/Stockholm")


def test_the_documents_have_the_promised_keys_and_comments_in_full(stina: Stina) -> None:
    added = stina(
        *("add", "a", "--description", "text", "--due", "2026-05-01", "--remind", "2026-05-01 kl 8"),
        *("--repeat", "weekly", "--priority", "high", "--tag", "x", "--tag", "y", "--project", "Hem"),
        *(
            "--metadata",
            '{"n": 1}',
            "--source",
            "test",
            "--icon",
            "🛒",
            "--step",
            "one",
            "--step",
            "two",
            "--json",
        ),
    ).document
    comment = stina("comment", "A", " first\n", "--json").document
    (listed,) = stina("list", "--all", "--json").document

    assert added.keys() >= KEYS
    assert (added["due_at"], added["due_date"], added["priority"]) == (None, "2026-05-01", 3)
    assert (added["tags"], added["project"], added["metadata"]) == (["x", "y"], "Hem", {"n": 1})
    assert (added["source"], added["recurrence"], added["comments"]) == ("test", "FREQ=WEEKLY", [])
    assert added["remind_at"] == "2026-05-01T06:00:00.000Z"
    assert added["icon"] == "🛒"
    assert [(step["title"], step["done"]) for step in added["steps"]] == [("one", False), ("two", False)]
    assert listed == {**added, "comments": [{key: comment[key] for key in ("id", "content", "created_at")}]}
    assert comment["content"] == "first"
    assert stina("show", added["id"], "--json").document == listed
    assert len(listed["created_at"]) == len("2026-03-01T12:00:00.000Z")


def test_list_shows_what_matters_now_and_all_shows_everything(stina: Stina) -> None:
    for title in ("a", "b", "c"):
        stina("add", title, "--tag", title, "--project", "P" if title == "a" else "Q", "--due", "1 maj")
    stina("start", "b")
    stina("done", "c")

    def listed(*options: str) -> str:
        return "".join(one["title"] for one in stina("list", *options, "--json").document)

    assert listed() == "ab"
    assert listed("--all") == "abc"
    assert listed("--status", "done") == "c"
    assert listed("--status", "ongoing", "--status", "pending") == "ab"
    assert listed("--project", "p") == "a"
    assert listed("--tag", "b") == "b"
    assert listed("--search", "C") == ""
    assert listed("--search", "C", "--all") == "c"
    assert listed("--priority", "low") == ""
    assert listed("--limit", "1", "--all") == "a"
    assert listed("--manual", "--all") == "abc"
    assert listed("--due-before", "2020-01-01") == ""
    assert stina("list", "--tag", "none").out == ""


def test_statuses_are_changed_by_title_or_id(processes: Stina) -> None:
    id = processes("add", "Köp mjölk", "--json").document["id"]

    for command, status in (
        ("start", "in_progress"),
        ("done", "completed"),
        ("reopen", "not_started"),
        ("cancel", "cancelled"),
    ):
        assert processes(command, "KÖP MJÖLK", "--json").document["status"] == status
        assert processes("show", id, "--json").document["status"] == status


def test_done_says_what_comes_next(stina: Stina) -> None:
    id = stina("add", "a", "--due", "2026-05-01", "--repeat", "every month", "--json").document["id"]

    said = stina("done", id).out.splitlines()
    again = stina("done", "a", "--json").document

    assert said[0] == f"done: a, due 2026-05-01 ({id})"
    assert said[1].startswith("next: a, due 2026-06-01 (")
    assert again["due_date"] == "2026-06-01"
    assert stina("show", again["next_id"], "--json").document["due_date"] == "2026-07-01"


def test_edit_changes_what_is_given_and_an_empty_text_clears(stina: Stina) -> None:
    id = stina(
        *(
            "add",
            "a",
            "--due",
            "2026-05-01",
            "--tag",
            "x",
            "--project",
            "P",
            "--source",
            "s",
            "--icon",
            "x",
            "--metadata",
            "1",
        ),
        *("--repeat", "daily", "--remind", "2026-05-01", "--description", "d", "--json"),
    ).document["id"]

    changed = stina(
        "edit", "a", "--title", "b", "--due", "2026-05-02 17:00", "--priority", "4", "--json"
    ).document
    cleared = stina(
        *(
            "edit",
            id,
            "--due",
            "",
            "--tag",
            "",
            "--project",
            "",
            "--source",
            "",
            "--icon",
            "",
            "--metadata",
            "",
            "--repeat",
            "",
        ),
        *("--remind", "", "--description", "", "--status", "started", "--json"),
    ).document

    assert (changed["title"], changed["due_at"], changed["due_date"]) == (
        "b",
        "2026-05-02T15:00:00.000Z",
        None,
    )
    assert (changed["priority"], changed["tags"], changed["project"], changed["recurrence"]) == (
        4,
        ["x"],
        "P",
        "FREQ=DAILY",
    )
    assert changed["remind_at"] == "2026-05-01T07:00:00.000Z"
    assert (cleared["title"], cleared["status"], cleared["tags"], cleared["description"]) == (
        "b",
        "in_progress",
        [],
        "",
    )
    assert {
        cleared[key]
        for key in ("due_at", "due_date", "project", "source", "icon", "metadata", "recurrence", "remind_at")
    } == {None}


def test_show_prints_everything_for_a_person(stina: Stina) -> None:
    stina(
        "add", "a", "--description", "two\nlines", "--due", "2026-05-01", "--priority", "low", "--step", "one"
    )
    stina("comment", "a", "-", stdin="först\n".encode())

    shown = stina("show", "a").out

    for part in (
        "a\n  id: ",
        "due:      2026-05-01",
        "priority: low",
        "\ntwo\nlines\n",
        "  [ ] one",
        "    först",
    ):
        assert part in shown


def test_delete_deletes(stina: Stina, store_path: Path) -> None:
    id = stina("add", "a", "--step", "x", "--json").document["id"]

    assert stina("delete", "A", "--yes", "--json").document == {"id": id, "deleted": True}
    assert stina("delete", "A", "--yes").code == 1
    assert file_rows(store_path, "SELECT * FROM todos_step") == []


def test_the_command_is_imported_without_the_database_or_any_parser() -> None:
    output = run_python(
        "import sys, stina_todos.commands\n"
        "heavy = {'peewee', 'apsw', 'stina_core.store', 'stina_todos.repository', 'importlib.metadata', 'dateparser',\n"
        "         'dateutil', 'tzlocal', 'zoneinfo'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )

    assert output.strip() == "[]"


def test_a_title_that_several_have_is_not_enough_and_nothing_is_done(stina: Stina) -> None:
    ids = [stina("add", title, "--json").document["id"] for title in ("Same", "same", "SAME")]
    before = stina("list", "--all", "--json").document

    for command in ("show", "done", "delete", "start"):
        refused = stina(command, "same")
        assert refused.code == 1
        assert "3 are called that; say which one by its id" in refused.err
        assert all(id in refused.err for id in ids)

    assert stina("list", "--all", "--json").document == before
    assert stina("done", ids[0]).code == 0
