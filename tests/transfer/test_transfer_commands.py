"""`stina db import` and `stina db export`, as people and scripts use them."""

from __future__ import annotations

import importlib
import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stina_core import open_store
from stina_core.cli.main import main
from stina_core.testing import file_rows
from stina_core.testing.commands import CommandResult, StinaCommand
from stina_kv import KvRepository

OLD_KV = "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)"


Run = Callable[..., CommandResult]


@pytest.fixture
def store(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the plugin `kv` alone, with two values."""
    monkeypatch.setenv("STINA_PLUGINS", "kv")
    with open_store(store_path) as opened:
        opened[KvRepository].set("name", "Åsa 🍓")
        opened[KvRepository].set("visits", 3)
    return store_path


@pytest.fixture
def kv(store: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on that store, in this process."""

    def run(*arguments: str | Path) -> CommandResult:
        capsys.readouterr()
        code = main(["--db", str(store), *map(str, arguments)])
        return CommandResult(code, *capsys.readouterr())

    return run


def values(kv: Run, *options: str | Path) -> dict[str, object]:
    return {row["key"]: row["value"] for row in kv("kv", "list", "--json", *options).document}


def test_export_of_one_command_is_imported_by_the_next_one_in_a_pipe(
    kv: Run, store: Path, tmp_path: Path
) -> None:
    exported = kv("db", "export").out.encode()

    imported = StinaCommand(tmp_path / "other.db")("db", "import", "-", "--json", stdin=exported)

    assert (imported.code, imported.document["source"]) == (0, "-")
    assert values(kv, "--db", tmp_path / "other.db") == {"name": "Åsa 🍓", "visits": 3}


def test_what_is_exported_to_standard_output_is_imported_from_a_file(kv: Run, tmp_path: Path) -> None:
    exported = kv("db", "export")
    assert (exported.code, exported.err) == (0, "")
    assert json.loads(exported.out.splitlines()[-1]) == {"end": {"rows": 2}}
    (tmp_path / "all.jsonl").write_text(exported.out)
    other = tmp_path / "other.db"

    done = kv("db", "import", tmp_path / "all.jsonl", "--db", other, "--json")

    assert (done.code, done.err) == (0, "")
    assert done.document == {
        "path": str(other),
        "kind": "export",
        "source": str(tmp_path / "all.jsonl"),
        "tables": [
            {
                "plugin": "kv",
                "table": "kv_entry",
                "added": 2,
                "same": 0,
                "merged": 0,
                "different": 0,
                "left_out": 0,
                "different_keys": [],
                "left_out_keys": [],
                "reasons": {},
            }
        ],
        "repairs": {},
        "unowned": {},
        "missing": {},
        "dropped": [],
        "kept": {},
        "backup": None,
    }
    assert values(kv, "--db", other) == {"name": "Åsa 🍓", "visits": 3}
    assert kv("db", "export", "--db", other).out.splitlines()[1:] == exported.out.splitlines()[1:]


def test_an_import_says_in_words_what_it_did(kv: Run, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    file_rows(old, OLD_KV)
    file_rows(old, "INSERT INTO kv VALUES ('name', 'Bo'), ('theme', 'dark'), ('cut', CAST(x'41ff' AS TEXT))")
    file_rows(old, "CREATE TABLE people (name TEXT)")
    file_rows(old, "INSERT INTO people VALUES ('x')")

    done = kv("db", "import", old)

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"merged {old}: 2 rows added",
        "  kv_entry: 2 added, 1 different",
        "    different here, and kept: name",
        "repaired 1 value: the text was not UTF-8",
        "not imported: people, 1 row of nobody",
    ]
    assert values(kv)["name"] == "Åsa 🍓"


def test_old_tables_are_merged_and_dropped(kv: Run, store: Path) -> None:
    nothing = kv("db", "import", "--from-old-tables")
    assert (nothing.code, nothing.out) == (0, "the store has no tables of the original app\n")
    file_rows(store, OLD_KV)
    file_rows(store, "INSERT INTO kv VALUES ('theme', 'dark')")

    done = kv("db", "import", "--from-old-tables")

    assert (done.code, done.err) == (0, "")
    first, table, dropped, backup = done.out.splitlines()
    assert (first, table, dropped) == ("merged kv: 1 row added", "  kv_entry: 1 added", "dropped kv")
    assert Path(backup.rpartition(" ")[2]).exists()
    assert values(kv)["theme"] == "dark"
    assert file_rows(store, "SELECT name FROM sqlite_schema WHERE name = 'kv'") == []


@pytest.mark.parametrize("arguments", [(), ("some.db", "--from-old-tables")])
def test_one_source_must_be_named(stina: StinaCommand, arguments: tuple[str, ...]) -> None:
    done = stina("db", "import", *arguments)

    assert done.code == 2
    assert "FILE" in done.err
    assert not stina.path.exists()


def test_a_file_that_cannot_be_imported_is_one_line_and_code_1(kv: Run, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("hello")

    for file in ("letter.txt", "none.db", "."):
        done = kv("db", "import", tmp_path / file)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("stina: ")
        assert len(done.err.splitlines()) == 1
        assert "hello" not in done.err


def test_the_store_itself_is_refused(kv: Run, store: Path) -> None:
    done = kv("db", "import", store)

    assert done.code == 1
    assert "is the store itself" in done.err


def test_an_export_to_a_file_is_private_and_replaces_another_one_only_if_told(
    kv: Run, store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "all.jsonl"

    done = kv("db", "export", file)
    assert (done.code, done.out) == (0, f"exported 2 rows to {file}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = kv("db", "export", file)
    assert refused.code == 2
    assert "--yes" in refused.err
    file.write_text("mine")
    assert kv("db", "export", file).code == 2
    assert file.read_text() == "mine"

    done = kv("db", "export", file, "--yes", "--json")

    assert done.document == {"path": str(store), "exported": str(file), "rows": 2}
    assert len(file.read_text().splitlines()) == 4


def test_an_export_over_the_store_is_refused_whatever_was_said(kv: Run, store: Path) -> None:
    done = kv("db", "export", store, "--yes")

    assert done.code == 1
    assert "is the store itself" in done.err
    assert values(kv) == {"name": "Åsa 🍓", "visits": 3}


def test_an_export_is_utf8_whatever_the_locale_says(store: Path, stina: StinaCommand) -> None:
    ascii_only = replace(stina, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})

    assert "Åsa 🍓" in ascii_only("db", "export").out


def test_what_is_not_exported_is_said_on_standard_error(kv: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STINA_PLUGINS")
    assert kv("memories", "add", "Wifi", "on the fridge").code == 0
    monkeypatch.setenv("STINA_PLUGINS", "kv")

    done = kv("db", "export")

    assert done.code == 0
    assert "the plugin memories is not on: memories_memory 1 row" in done.err
    assert "fridge" not in done.out


@pytest.mark.parametrize("module", ["exporting", "importing"])
def test_what_a_plugin_prints_does_not_get_into_the_result(
    kv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """Its steps run while the store is opened, and its functions while rows are merged."""
    opening = importlib.import_module(f"stina_core.transfer.{module}")
    open_database = opening.open_database

    def printing(*arguments: object) -> object:
        sys.stdout.write("a plugin may print\n")
        return open_database(*arguments)

    (tmp_path / "all.jsonl").write_text(kv("db", "export").out)
    monkeypatch.setattr(opening, "open_database", printing)

    command = ("export",) if module == "exporting" else ("import", str(tmp_path / "all.jsonl"))
    done = kv("db", *command, "--json")

    assert done.code == 0
    assert done.err == "a plugin may print\n"
    assert all(json.loads(line) for line in done.out.splitlines())


def test_a_reader_that_goes_early_ends_the_export_quietly(store: Path) -> None:
    many = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
    file_rows(
        store, f"{many}INSERT INTO kv_entry SELECT 'key ' || i, '\"' || hex(zeroblob(20)) || '\"', 0 FROM n"
    )
    command = f"{sys.executable} -m stina_core --db {store} db export; echo code $? >&2"

    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.startswith('{"stina":1')
    assert done.stderr == "code 141\n"
    assert not list(store.parent.glob(".stina*"))


def test_an_interrupt_leaves_nothing_behind(store: Path) -> None:
    """Control-C while the export waits for whoever reads it."""
    many = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
    file_rows(
        store, f"{many}INSERT INTO kv_entry SELECT 'key ' || i, '\"' || hex(zeroblob(20)) || '\"', 0 FROM n"
    )

    with subprocess.Popen(
        [sys.executable, "-m", "stina_core", "--db", store, "db", "export"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"stina"')
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (130, b"stina: interrupted\n")
    assert not list(store.parent.glob(".stina*"))


def test_a_person_is_asked_before_a_file_is_replaced(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    for answer, code, replaced in ((b"n\n", 1, False), (b"y\n", 0, True)):
        file.write_text("mine")
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "stina_core", "--db", store, "db", "export", file],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            os.write(ours, answer)
            _, errors = process.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        assert b"Replace" in errors
        assert process.returncode == code
        assert (file.read_text() != "mine") is replaced


def test_help_names_what_can_be_imported(stina: StinaCommand) -> None:
    done = stina("db", "import", "--help")

    assert done.code == 0
    assert "state.json" in " ".join(done.out.split())
    assert "--from-old-tables" in done.out
