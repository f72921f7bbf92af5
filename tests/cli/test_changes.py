"""`stina changes`: what was committed, one line per change."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stina_core import Change, Op
from stina_core.backends.base import BrokenText
from stina_core.cli import changes_command
from stina_core.testing import file_rows
from tests.cli.test_imports import completing, imported, of_plugins

if TYPE_CHECKING:
    from tests.cli.conftest import Result, Run, Site

ADD = "INSERT INTO kv_entry (key, value, updated_at) VALUES (?, '1', 0)"

LISTENING = """
    from stina_core import hookimpl

    @hookimpl
    def on_change(store, changes):
        pass
"""


@pytest.fixture
def used(stina: Run, store_path: Path) -> Path:
    """A store in which a key was set twice and deleted."""
    for arguments in (("set", "a", "1"), ("set", "a", "2"), ("delete", "a")):
        assert stina("--db", store_path, "kv", *arguments).code == 0
    return store_path


def documents(result: Result) -> list[dict[str, Any]]:
    assert (result.code, result.err) == (0, "")
    return [json.loads(line) for line in result.out.splitlines()]


def test_everything_that_is_kept_is_printed_in_the_documented_shape(used: Path, stina: Run) -> None:
    found = documents(stina("--db", used, "changes", "--json"))

    assert [(one["op"], one["table"], one["key"]) for one in found] == [
        ("insert", "kv_entry", "a"),
        ("update", "kv_entry", "a"),
        ("delete", "kv_entry", "a"),
    ]
    assert [list(one) for one in found] == [
        ["cursor", "seq", "table", "op", "key", "origin", "actor", "at", "last"]
    ] * 3
    epoch = file_rows(used, "SELECT epoch FROM stina_feed")[0][0]
    assert [(one["seq"], one["cursor"]) for one in found] == [
        (1, f"{epoch}:2"),
        (3, f"{epoch}:4"),
        (5, f"{epoch}:6"),
    ]
    assert all(one["origin"].startswith("cli:") and one["actor"] is None for one in found)
    assert all(len(one["at"]) == 24 and datetime.fromisoformat(one["at"]) for one in found)


def test_since_goes_on_after_the_cursor_of_any_line(used: Path, stina: Run) -> None:
    found = documents(stina("--db", used, "changes", "--json"))

    for place, one in enumerate(found, 1):
        rest = documents(stina("--db", used, "changes", "--json", "--since", one["cursor"]))
        assert rest == found[place:]


def test_only_the_tables_that_are_named_are_printed(notes: Site, used: Path, stina: Run) -> None:
    stina("--db", used, "notes", "add", "milk")

    one = documents(stina("--db", used, "changes", "--json", "--table", "notes_note"))
    both = documents(stina("--db", used, "changes", "--json", "--table", "notes_note", "--table", "kv_entry"))

    assert [change["table"] for change in one] == ["notes_note"]
    assert len(both) == 4


def test_table_that_is_not_there_is_named_on_stderr(used: Path, stina: Run) -> None:
    result = stina("--db", used, "changes", "--table", "kv_entri")

    assert (result.code, result.out) == (0, "")
    assert result.err == "stina: there is no table 'kv_entri' in the store now\n"


def test_people_get_time_op_table_key_and_who(used: Path, stina: Run) -> None:
    file_rows(used, ADD, ("two\nlines\x1b[31m",))
    file_rows(used, "INSERT INTO stina_change (\"table\", op) VALUES ('kv_entry', 'R')")

    *ours, shell, reset = stina("--db", used, "changes").out.splitlines()

    assert [line.split()[1:4] for line in ours] == [
        ["insert", "kv_entry", "a"],
        ["update", "kv_entry", "a"],
        ["delete", "kv_entry", "a"],
    ]
    assert all(line.split()[4].startswith("cli:") for line in ours)
    assert shell.strip() == r"insert  kv_entry  two\nlines\x1b[31m  (outside Stina)"
    assert reset.strip() == "reset   kv_entry  (any row)  (outside Stina)"


def test_writer_outside_stina_has_no_origin_and_no_time(used: Path, stina: Run) -> None:
    file_rows(used, ADD, ("shell",))

    last = documents(stina("--db", used, "changes", "--json"))[-1]

    assert (last["key"], last["origin"], last["actor"], last["at"]) == ("shell", None, None, None)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("a", "a"),
        (7, 7),
        (None, None),
        (("a", 1, b"\x00\xff"), ["a", 1, {"hex": "00ff"}]),
        (b"\x01", {"hex": "01"}),
        (BrokenText(b"a\xff"), "a\ufffd"),
        (BrokenText(b"\xed\xa0\xbd\xed\xb8\x80"), "\U0001f600"),
        (math.inf, "inf"),
        (2.5, 2.5),
    ],
)
def test_every_kind_of_key_has_a_form_in_json(key: object, shown: object) -> None:
    document = changes_command._document(Change(1, "t", Op.UPDATE, key), "e:1")

    assert document["key"] == shown
    json.dumps(document, allow_nan=False)
    assert changes_command._text(Change(1, "t", Op.UPDATE, key))


def test_actor_is_told(stina: Run, store_path: Path) -> None:
    from stina_core import open_store
    from stina_kv import KvRepository

    with open_store(store_path) as store, store.transaction("assistant"):
        store[KvRepository].set("a", 1)

    assert documents(stina("--db", store_path, "changes", "--json"))[0]["actor"] == "assistant"
    assert stina("--db", store_path, "changes").out.endswith(" for assistant\n")


@pytest.mark.parametrize("cursor", ["", "x", "k3v9:", ":1", "k3v9:-1", "k3v9:1.5", f"k3v9:{1 << 63}"])
def test_what_is_no_cursor_is_wrong_usage(cursor: str, used: Path, stina: Run) -> None:
    result = stina("--db", used, "changes", "--since", cursor)

    assert (result.code, result.out) == (2, "")
    assert "is no cursor; one looks like 'k3v9:412'" in result.err


def test_cursor_that_comes_too_late_is_told_how_to_go_on(used: Path, stina: Run) -> None:
    first = documents(stina("--db", used, "changes", "--json"))[0]["cursor"]
    epoch = first.partition(":")[0]
    file_rows(used, "DELETE FROM stina_change WHERE seq <= 4")
    file_rows(used, "UPDATE stina_feed SET oldest = 4")

    result = stina("--db", used, "changes", "--since", first)

    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "stina: the changes after that cursor are not kept any more; read what you follow anew, "
        f"then go on with --since {epoch}:4\n"
    )
    assert len(documents(stina("--db", used, "changes", "--json", "--since", f"{epoch}:4"))) == 1


@pytest.mark.parametrize("cursor", ["another:3", "{epoch}:7"])
def test_cursor_of_another_state_of_the_file_is_refused(cursor: str, used: Path, stina: Run) -> None:
    epoch = file_rows(used, "SELECT epoch FROM stina_feed")[0][0]

    result = stina("--db", used, "changes", "--since", cursor.format(epoch=epoch))

    assert (result.code, result.out) == (1, "")
    assert "restored or reset since" in result.err
    assert result.err.endswith(f"--since {epoch}:0\n")


def test_without_follow_nothing_listens(
    site: Site, used: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("ears", plugin=LISTENING)

    def listen(*arguments: object, **options: object) -> None:
        raise AssertionError("a listener was made")

    monkeypatch.setattr("stina_core.feed.feed.Listener", listen)

    assert len(documents(stina("--db", used, "changes", "--json"))) == 3
    assert "a listener was made" in stina("--db", used, "changes", "--follow").err  # the control


def test_no_plugin_is_imported_and_nothing_heavy(notes: Site, used: Path) -> None:
    modules = imported("--db", str(used), "changes")

    assert "apsw" in modules
    assert not of_plugins(modules)
    assert not modules & {"asyncio", "rich", "structlog", "stina_core.cli.tables"}


def test_steps_that_are_pending_stay_so_and_capture_goes_on(site: Site, used: Path, stina: Run) -> None:
    site.add_notes()
    triggers = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
    before = file_rows(used, triggers)

    for options in ((), ("--no-plugins",)):
        assert len(documents(stina("--db", used, "changes", "--json", *options))) == 3

    assert stina("--db", used, "--json").document["pending"] == ["notes/0001_initial"]
    assert file_rows(used, triggers) == before
    assert before


def test_it_is_in_the_help_and_its_options_complete(script: Run) -> None:
    help = script("--help").out
    result = script(env=completing("stina changes --s", 2))

    assert any(line.split()[:2] == ["changes", "Print"] for line in help.splitlines())
    assert [line.partition(",")[2] for line in result.out.split()] == ["--since"]
