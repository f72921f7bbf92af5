from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import open_store
from stina_core.testing import run_python
from stina_kv import KvRepository

if TYPE_CHECKING:
    from stina_core.testing import StinaCommand


def moment(text: str) -> datetime:
    assert len(text) == len("2026-03-01T12:00:00.000Z")
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_set_get_list_and_delete_with_json(stina: StinaCommand, store_path: Path) -> None:
    written = stina("set", "ui/theme", '{"dark": true, "name": "mörk"}', "--json").document
    stina("set", "count", "3")

    assert moment(written["updated_at"])
    assert written == {
        "key": "ui/theme",
        "value": {"dark": True, "name": "mörk"},
        "updated_at": written["updated_at"],
    }
    assert stina("get", "ui/theme", "--json").document == written
    assert stina("list", "--prefix", "ui/", "--json").document == [written]
    assert [row["key"] for row in stina("list", "--json").document] == ["count", "ui/theme"]
    assert stina("delete", "ui/theme", "--json").document == {"key": "ui/theme", "deleted": True}
    assert stina("list", "--prefix", "ui/", "--json").document == []
    with open_store(store_path) as store:
        assert store[KvRepository].get("count") == 3


def test_get_prints_a_text_as_it_is_and_anything_else_as_json(stina: StinaCommand, store_path: Path) -> None:
    with open_store(store_path) as store:
        kv = store[KvRepository]
        kv.set("text", 'two\nlines "quoted"')
        kv.set("list", ["å", None])

    assert stina("get", "text").out == 'two\nlines "quoted"\n'
    assert stina("get", "list").out == '["å",null]\n'


def test_list_prints_values_as_get_does(stina: StinaCommand) -> None:
    values = {"a": "null", "b": '{"x": [1, "å"]}', "c": '"two\\nlines"', "d": "true"}
    for key, value in values.items():
        stina("set", key, value)

    head, *rows = stina("list").out.splitlines()

    assert head.split() == ["key", "value", "updated_at"]
    assert [row.split()[1] for row in rows] == ["null", '{"x":[1,"å"]}', "two\\nlines", "true"]


def test_set_says_what_was_written_and_shortens_it(stina: StinaCommand) -> None:
    assert stina("set", "limits", '{"daily": 20}').out == 'limits = {"daily":20}\n'
    assert stina("set", "long", "x" * 1000).out == f"long = {'x' * 200}… (1,000 characters)\n"
    assert stina("get", "long").out == "x" * 1000 + "\n"


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["-7"], -7),
        (["1e3"], 1000.0),
        (["null"], None),
        (['"5"'], "5"),
        (["NaN"], "NaN"),
        (["-Infinity"], "-Infinity"),
        (["[1, NaN]"], "[1, NaN]"),
        (["{open"], "{open"),
        ([""], ""),
    ],
)
def test_a_value_is_json_if_it_parses_and_text_otherwise(
    stina: StinaCommand, store_path: Path, arguments: list[str], value: object
) -> None:
    assert stina("set", "--", "key", *arguments).code == 0

    with open_store(store_path) as store:
        assert repr(store[KvRepository].get("key")) == repr(value)


def test_text_forces_text(stina: StinaCommand) -> None:
    stina("set", "--text", "key", "5")

    assert stina("get", "key", "--json").document["value"] == "5"


def test_a_dash_reads_the_value_from_standard_input(stina: StinaCommand) -> None:
    stina("set", "document", "-", stdin='{"a": "å"}\n'.encode())
    stina("set", "--text", "text", "-", stdin=b"line\n")

    assert stina("get", "document", "--json").document["value"] == {"a": "å"}
    assert stina("get", "text", "--json").document["value"] == "line\n"


def test_increment_prints_the_sum(stina: StinaCommand) -> None:
    assert stina("increment", "n").out == "1\n"
    assert stina("increment", "n", "--by", "-3").out == "-2\n"
    assert stina("increment", "n", "--by=44", "--json").document["value"] == 42


def test_get_with_a_default_prints_it_only_for_a_missing_key(stina: StinaCommand) -> None:
    stina("set", "there", "1")

    assert stina("get", "there", "--default", "2").out == "1\n"
    assert stina("get", "absent", "--default", "[2]").out == "[2]\n"
    assert stina("get", "absent", "--default", "two", "--json").document == {
        "key": "absent",
        "value": "two",
        "updated_at": None,
    }


@pytest.mark.parametrize("command", ["get", "delete"])
def test_a_missing_key_is_one_line_on_stderr_and_exit_code_1(stina: StinaCommand, command: str) -> None:
    result = stina(command, "absent", "--json")

    assert (result.code, result.out) == (1, "")
    assert result.err == "stina: kv_entry has no row 'absent'\n"


def test_the_command_is_imported_without_the_database() -> None:
    output = run_python(
        "import sys, stina_kv.commands\n"
        "heavy = {'peewee', 'apsw', 'stina_core.store', 'stina_kv.repository', 'importlib.metadata'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )

    assert output.strip() == "[]"
