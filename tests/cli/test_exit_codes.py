from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import StoreConfig
from stina_core.cli.main import main

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

SCRIPT = str(Path(sys.executable).with_name("stina"))


def test_script_says_its_version_and_ends_with_zero(script: Run) -> None:
    from stina_core import __version__

    assert script("--version") == script("--version", "--json")
    assert script("--version").out == f"stina {__version__}\n"


def test_module_can_be_run_in_place_of_the_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stina_core", "db", "path", "--db", ":memory:"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, ":memory:\n", "")


@pytest.mark.parametrize(
    "line", ["nonsense", "--nonsense", "db restore", "db path --db", "db nonsense", "plugins list extra"]
)
def test_wrong_usage_ends_with_two_and_says_what_is_wrong(line: str, stina: Run) -> None:
    result = stina(*line.split())

    assert result.code == 2
    assert result.out == ""
    assert "Error: " in result.err


def test_unknown_command_suggests_a_plugins_command(notes: Site, stina: Run) -> None:
    assert "Did you mean 'notes'?" in stina("note").err


def test_error_of_the_store_is_one_line_and_ends_with_one(stina: Run, tmp_path: Path) -> None:
    result = stina("db", "backup", "--db", tmp_path / "none.db")

    assert (result.code, result.out) == (1, "")
    assert result.err == f"stina: {tmp_path / 'none.db'} does not exist\n"


def test_error_says_which_file_it_is_about(stina: Run, tmp_path: Path) -> None:
    file = tmp_path / "garbage.db"
    file.write_bytes(b"no database at all, but long enough to look at. " * 40)

    result = stina("kv", "list", "--db", file)

    assert result.code == 1
    assert result.err.startswith(f"stina: {file}: the file is no SQLite database")


def test_unexpected_error_is_one_line_that_names_its_type(notes: Site, stina: Run) -> None:
    result = stina("notes", "crash")

    assert (result.code, result.out) == (1, "")
    assert result.err == "stina: ZeroDivisionError: by nothing (this should not happen; -v shows where)\n"


def test_verbose_shows_where_an_unexpected_error_comes_from(notes: Site, stina: Run) -> None:
    result = stina("notes", "crash", "-v")

    assert result.code == 1
    assert "Traceback" in result.err
    assert result.err.endswith("stina: ZeroDivisionError: by nothing\n")


def test_setting_that_cannot_be_read_is_one_line(stina: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STINA_STRICT", "perhaps")

    result = stina()

    assert result.code == 1
    assert result.err == "stina: STINA_STRICT is 'perhaps'; set it to 1 or 0\n"


def _waiting(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [SCRIPT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_interrupt_ends_with_130_and_no_traceback(notes: Site) -> None:
    with _waiting("notes", "wait") as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert err == "stina: interrupted\n"


def test_reader_that_goes_away_is_no_error_to_talk_about(notes: Site) -> None:
    with _waiting("notes", "flood") as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=30)

    assert process.returncode == 141
    assert err == ""


def test_reader_that_goes_away_before_the_last_bytes_is_quiet_too(script: Run) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [SCRIPT, "db", "path", "--db", ":memory:"],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_output_that_finds_no_room_ends_with_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, "db", "path", "--db", ":memory:"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == "stina: the output could not be written: No space left on device\n"


def test_without_arguments_main_reads_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["stina", "db", "path"])

    assert main() == 0
    assert capsys.readouterr().out == f"{StoreConfig.from_env().path}\n"
