"""What status and doctor say of the original app's tables and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stina_core.leftovers import old_files
from stina_core.testing import file_rows

from .conftest import Run, Site

SETTINGS = json.dumps({"v": 1, "alg": "AES-256-GCM", "iv": "AAAA", "data": "AAAA", "tag": "AAAA"})
STATE = json.dumps({"count": 2, "messages": [{"id": "a", "role": "user", "content": "Hej", "ts": 1}]})
OLD_KV = "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)"


@pytest.fixture
def old(store_path: Path) -> Path:
    """A file of the original app with a table of nobody."""
    file_rows(store_path, OLD_KV)
    file_rows(store_path, "INSERT INTO kv VALUES ('counter', 'NaN')")
    file_rows(store_path, "CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT)")
    file_rows(store_path, "INSERT INTO people VALUES ('p1', 'Åsa')")
    return store_path


def old_tables(stina: Run, path: Path) -> dict[str, Any]:
    document = stina("--db", path, "db", "status", "--json").document
    return {one["name"]: (one["rows"], one["plugin"], one["waiting"]) for one in document["old_tables"]}


def doctor(stina: Run, path: Path, subject: str) -> list[dict[str, Any]]:
    return [one for one in stina("--db", path, "doctor", "--json").document if one["subject"] == subject]


def test_status_says_who_will_adopt_what_and_what_nobody_owns(old: Path, stina: Run) -> None:
    assert old_tables(stina, old) == {"kv": (1, "kv", True), "people": (1, "", False)}

    text = stina("--db", old, "db", "status").out
    assert "kv 1 row: the plugin kv adopts it at the next use of the store" in text
    assert "people 1 row: no plugin here owns it; it stays as it is" in text


def test_adopted_table_is_gone_and_the_one_of_nobody_is_untouched_and_reported(old: Path, stina: Run) -> None:
    assert stina("--db", old, "kv", "get", "counter").out == "0\n"

    assert old_tables(stina, old) == {"people": (1, "", False)}
    assert file_rows(old, "SELECT id, name FROM people") == [("p1", "Åsa")]
    (finding,) = doctor(stina, old, "people")
    assert (finding["severity"], finding["message"]) == (
        "info",
        "no plugin here owns this table (1 row); it stays as it is",
    )


def test_rows_the_original_app_writes_later_are_reported_with_the_command_that_merges_them(
    old: Path, stina: Run
) -> None:
    stina("--db", old, "kv", "list")
    file_rows(old, OLD_KV)

    # it makes the table at every start, and nothing is in it
    assert [one for one in doctor(stina, old, "kv") if one["severity"] == "warning"] == []
    file_rows(old, "INSERT INTO kv VALUES ('later', 'x')")

    assert old_tables(stina, old)["kv"] == (1, "kv", False)
    assert (
        "`stina db import --from-old-tables` merges what is new in it"
        in stina("--db", old, "db", "status").out
    )
    (finding,) = [one for one in doctor(stina, old, "kv") if one["severity"] == "warning"]
    assert finding["remedy"].startswith("stina db import --from-old-tables")


def test_overview_says_that_the_original_app_wrote_again(old: Path, stina: Run) -> None:
    stina("--db", old, "kv", "list")
    file_rows(old, OLD_KV)
    assert "Old app" not in stina("--db", old).out

    file_rows(old, "INSERT INTO kv VALUES ('later', 'x')")

    assert "has written to kv again" in stina("--db", old).out


def test_first_command_says_where_the_file_is_kept_as_it_was(old: Path, stina: Run) -> None:
    first, second = stina("--db", old, "kv", "list", "--json"), stina("--db", old, "kv", "list", "--json")

    (backup,) = (old.parent / "backups").iterdir()
    assert f"as it was before it is kept in {backup}" in first.err
    assert len(first.err.splitlines()) == 1
    assert (first.document, second.err) == (second.document, "")


def test_adopted_table_that_another_one_names_is_no_cause_for_a_warning(store_path: Path, stina: Run) -> None:
    file_rows(store_path, OLD_KV)
    file_rows(store_path, "INSERT INTO kv VALUES ('a', '1')")
    file_rows(store_path, "CREATE TABLE notes (kv_key TEXT REFERENCES kv (key))")
    stina("--db", store_path, "kv", "list")

    assert old_tables(stina, store_path)["kv"] == (1, "kv", False)
    assert (
        "kv 1 row: was adopted by kv, and kept because notes names it"
        in stina("--db", store_path, "db", "status").out
    )
    assert [one["severity"] for one in doctor(stina, store_path, "kv")] == ["info"]
    assert "Old app" not in stina("--db", store_path).out


def test_table_of_another_program_with_the_name_of_an_original_one_is_of_nobody(
    store_path: Path, stina: Run
) -> None:
    file_rows(store_path, "CREATE TABLE todos (a, b)")
    file_rows(store_path, "INSERT INTO todos VALUES (1, 'x')")

    assert old_tables(stina, store_path) == {"todos": (1, "", False)}
    stina("--db", store_path, "todos", "list")
    assert old_tables(stina, store_path) == {"todos": (1, "", False)}
    assert file_rows(store_path, "SELECT a, b FROM todos") == [(1, "x")]
    assert "the store has no tables of the original app" in (
        stina("--db", store_path, "db", "import", "--from-old-tables").out
    )


def test_every_repaired_value_is_listed_as_it_was(old: Path, stina: Run) -> None:
    stina("--db", old, "kv", "list")

    (repair,) = stina("--db", old, "db", "status", "--repairs", "--json").document
    assert {key: repair[key] for key in ("plugin", "table", "key", "column", "before")} == {
        "plugin": "kv",
        "table": "kv",
        "key": "counter",
        "column": "value",
        "before": "NaN",
    }
    assert repair["reason"]
    assert repair["at"].endswith("Z")
    assert "NaN" in stina("--db", old, "db", "status", "--repairs").out
    summary = stina("--db", old, "db", "status").out
    assert "1 value of kv.value (kv)" in summary
    assert "NaN" not in summary


def test_repairs_of_a_file_that_is_not_there_or_not_adopted_are_none(
    old: Path, tmp_path: Path, stina: Run
) -> None:
    assert stina("--db", tmp_path / "none.db", "db", "status", "--repairs", "--json").document == []
    assert stina("--db", old, "db", "status", "--repairs", "--json").document == []


def test_repaired_text_that_was_not_utf8_is_printed_as_its_bytes(store_path: Path, stina: Run) -> None:
    file_rows(store_path, OLD_KV)
    file_rows(store_path, "INSERT INTO kv VALUES ('theme', CAST(x'61ff' AS TEXT))")
    stina("--db", store_path, "kv", "list")

    (repair,) = stina("--db", store_path, "db", "status", "--repairs", "--json").document
    assert (repair["key"], repair["before"]) == ("theme", {"$hex": "61ff"})


def test_files_of_the_original_app_are_reported_and_stay_as_they_are(old: Path, stina: Run) -> None:
    folder = old.parent
    files = {
        "settings.enc": SETTINGS,
        ".k": "k" * 32,
        "state.json": STATE,
        "settings.json": '{"providers": {}}',
    }
    for name, text in files.items():
        (folder / name).write_text(text)

    found = stina("--db", old, "db", "status", "--json").document["old_files"]
    stina("--db", old, "kv", "set", "a", "1")

    assert [(Path(one["path"]).name, one["kind"]) for one in found] == [
        ("settings.enc", "settings"),
        ("settings.json", "settings"),
        ("state.json", "state"),
        (".k", "key"),
    ]
    assert {name: (folder / name).read_text() for name in files} == files
    text = stina("--db", old, "db", "status").out
    assert f"{folder / 'settings.enc'}: of the original app (settings); it stays as it is" in text
    assert "`stina db import` merges it" in text
    (finding,) = doctor(stina, old, str(folder / "state.json"))
    assert finding["remedy"] == "stina db import takes what is in it"


def test_settings_are_reported_before_there_is_a_store(store_path: Path, stina: Run) -> None:
    (store_path.parent / "settings.enc").write_text(SETTINGS)

    assert len(stina("--db", store_path, "db", "status", "--json").document["old_files"]) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"providers": 1}', '{"alg": "x"}', "\0", "[" * 10_000])
def test_files_of_other_programs_with_these_names_are_not_taken_for_it(tmp_path: Path, text: str) -> None:
    for name in ("settings.enc", "state.json", ".k"):
        (tmp_path / name).write_text(text)
    (tmp_path / "settings.json").mkdir()

    assert old_files(str(tmp_path / "stina.db")) == ()


def test_store_in_memory_has_no_old_files(stina: Run) -> None:
    assert stina("--db", ":memory:", "db", "status", "--json").document["old_files"] == []


def test_table_that_another_plugin_owns_by_its_name_is_not_an_old_one(notes: Site, stina: Run) -> None:
    stina("notes", "add", "milk")

    assert stina("db", "status", "--json").document["old_tables"] == []
