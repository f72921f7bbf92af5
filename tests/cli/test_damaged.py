"""A store that is damaged can be looked at, and replaced by a backup without losing what is left of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import StoreConfig
from stina_core.backends.sqlite import backup as copies
from stina_core.maintenance import restore
from stina_core.testing import file_rows, run_python

if TYPE_CHECKING:
    from tests.cli.conftest import Result, Run, Site

KILLED = """
import os
import apsw
connection = apsw.Connection(sys.argv[1])
connection.pragma("wal_autocheckpoint", 0)
connection.execute("UPDATE notes_note SET title = 'from the log'")
os._exit(0)
"""


def titles(path: Path) -> list[str]:
    return [title for (title,) in file_rows(path, "SELECT title FROM notes_note ORDER BY id")]


@pytest.fixture
def made(notes: Site, stina: Run, store_path: Path) -> Path:
    """A backup of a store with one note; the store itself is used, too."""
    stina("--db", store_path, "notes", "add", "saved")
    return Path(stina("--db", store_path, "db", "backup", "--json").document["path"])


def overwrite_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"x" * 100)


def test_store_whose_header_is_gone_is_replaced_and_kept(made: Path, store_path: Path, stina: Run) -> None:
    overwrite_header(store_path)
    damaged = store_path.read_bytes()

    result = stina("--db", store_path, "db", "restore", made, "--yes", "--json")

    assert result.code == 0
    assert titles(store_path) == ["saved"]
    kept = result.document["backup"]
    assert kept["reason"] == "corrupt"
    assert Path(kept["path"]).read_bytes() == damaged
    assert store_path.stat().st_mode & 0o777 == 0o600
    assert stina("--db", store_path, "--json").document["schema"]["state"] == "current"


def test_log_of_a_damaged_store_is_kept_beside_it_and_not_played_into_the_new_one(
    made: Path, store_path: Path, stina: Run
) -> None:
    run_python(KILLED, store_path)
    log = Path(f"{store_path}-wal").read_bytes()
    assert log
    overwrite_header(store_path)

    result = stina("--db", store_path, "db", "restore", made, "--yes", "--json")

    assert titles(store_path) == ["saved"]
    assert Path(f"{result.document['backup']['path']}-wal").read_bytes() == log


def test_log_left_in_its_place_would_have_undone_the_restore(made: Path, store_path: Path) -> None:
    """What `replace()` guards against: SQLite plays the old log into the new file and reports nothing."""
    run_python(KILLED, store_path)

    made.replace(store_path)

    assert titles(store_path) == ["from the log"]
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


def test_damage_further_inside_is_copied_as_it_is_and_overwritten(
    made: Path, store_path: Path, stina: Run
) -> None:
    for number in range(200):
        file_rows(store_path, "INSERT INTO notes_note VALUES (?, ?)", (f"n{number}", "x" * 500))
    content = bytearray(store_path.read_bytes())
    start = 40_000 // 4096 * 4096
    content[start : start + 4096] = b"\xff" * 4096
    inode = store_path.stat().st_ino
    store_path.write_bytes(content)

    result = stina("--db", store_path, "db", "restore", made, "--yes", "--json")

    assert result.code == 0
    assert titles(store_path) == ["saved"]
    assert result.document["backup"]["reason"] == "corrupt"
    assert store_path.stat().st_ino == inode  # in place: programs that have it open go on


def test_damaged_store_and_damaged_backup_leave_both_as_they_are(
    made: Path, store_path: Path, stina: Run
) -> None:
    for file in (made, store_path):
        overwrite_header(file)
    before = store_path.read_bytes()

    result = stina("--db", store_path, "db", "restore", made, "--yes")

    assert result.code == 1
    assert result.err.startswith(f"stina: {made}")
    assert store_path.read_bytes() == before
    assert sorted(made.parent.iterdir()) == [made]


def test_file_that_cannot_have_two_names_is_moved(
    made: Path, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overwrite_header(store_path)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)

    done = restore(StoreConfig.from_env(store_path), made)

    assert done.before is not None
    assert done.before.reason == copies.CORRUPT
    assert titles(store_path) == ["saved"]


def test_reset_replaces_a_damaged_store_too(made: Path, store_path: Path, stina: Run) -> None:
    store_path.write_bytes(b"garbage" * 500)

    result = stina("--db", store_path, "db", "reset", "--yes", "--json")

    assert result.document["backup"]["reason"] == "corrupt"
    assert titles(store_path) == []


def test_backup_of_a_damaged_store_is_refused_and_leaves_nothing(
    made: Path, store_path: Path, stina: Run
) -> None:
    store_path.write_bytes(store_path.read_bytes()[:20_000])

    result = stina("--db", store_path, "db", "backup")

    assert result.code == 1
    assert "is damaged" in result.err
    assert sorted(made.parent.iterdir()) == [made]


def test_doctor_names_the_newest_usable_backup_of_a_damaged_store(
    made: Path, store_path: Path, stina: Run
) -> None:
    overwrite_header(store_path)
    copies._vacant(str(store_path), copies.CORRUPT).path.touch()

    result = stina("--db", store_path, "doctor", "--json")

    assert result.code == 1
    (error,) = [finding for finding in result.document if finding["severity"] == "error"]
    assert error["subject"] == str(store_path)
    assert error["remedy"] == f"stina db restore {made}"


BAD_FILES = {
    "zero": b"",
    "garbage": bytes(range(256)) * 20,
    "text": b"dear diary\n",
    "header only": b"SQLite format 3\0",
    "half a header": b"SQLite format 3\0" + bytes(40),
}

COMMANDS = [
    (),
    ("--json",),
    ("db", "status"),
    ("plugins",),
    ("doctor",),
    ("db", "backup"),
    ("db", "path"),
    ("kv", "list"),
]


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=list(BAD_FILES))
def test_no_file_whatever_is_in_it_gives_a_traceback(content: bytes, store_path: Path, stina: Run) -> None:
    for command in COMMANDS:
        store_path.write_bytes(content)

        check_clear(stina("--db", store_path, *command))


def test_no_truncation_of_a_store_gives_a_traceback(made: Path, store_path: Path, stina: Run) -> None:
    whole = made.read_bytes()
    for length in (0, 1, 99, 100, 512, 4095, 4096, 4097, 12_288, len(whole) // 2, len(whole) - 1):
        store_path.write_bytes(whole[:length])

        check_clear(stina("--db", store_path))
        check_clear(stina("--db", store_path, "doctor"))
        check_clear(stina("--db", store_path, "notes", "list"))


def bad_paths(folder: Path) -> list[str]:
    (folder / "file").touch()
    (folder / "dangling").symlink_to("nowhere/at/all")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    return [
        "",
        " ",
        str(folder),
        str(folder / "file" / "below.db"),
        str(folder / "dangling"),
        str(folder / "loop"),
        str(folder / "pipe"),
        str(folder / f"{'x' * 300}.db"),
        f"{folder}/not-utf8-\udcff.db",
        "/dev/null",
        "/proc/self/mem",
        "/proc/nowhere/x.db",
        "~nobody-of-this-name/x.db",
    ]


def test_no_path_however_odd_gives_a_traceback(tmp_path: Path, stina: Run) -> None:
    modes = Path("/dev/null").stat().st_mode

    for path in bad_paths(tmp_path):
        for command in (*COMMANDS, ("db", "reset", "--yes"), ("db", "restore", path, "--yes")):
            check_clear(stina(f"--db={path}", *command))

    assert Path("/dev/null").stat().st_mode == modes


def test_paths_that_only_look_odd_work(tmp_path: Path, stina: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("-dash.db", "file:x.db?mode=memory", "a\nb.db", "ö%20#?.db", "'quoted'.db", "deep/er/x.db"):
        assert stina(f"--db={path}", "kv", "list").code == 0
        assert stina(f"--db={path}", "db", "backup").code == 0
        assert (tmp_path / path).is_file()


def check_clear(result: Result) -> None:
    assert result.code in (0, 1, 2), result
    assert "Traceback" not in result.err
    assert "this should not happen" not in result.err
    assert len(result.err.splitlines()) <= (4 if result.code == 2 else 1), result


@pytest.mark.parametrize("command", ["reset", "restore"])
def test_file_that_never_was_a_store_is_not_replaced(
    command: str, made: Path, tmp_path: Path, stina: Run
) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("my diary")
    source = [made] if command == "restore" else []

    for _ in range(2):  # the first refusal must not be what lets the second attempt through
        result = stina("--db", diary, "db", command, *source, "--yes")

        assert result.code == 1
        assert "is no database, and nothing says that it ever was a store" in result.err
        assert diary.read_text() == "my diary"
    assert stina("--db", diary, "kv", "list").code == 1
    assert stina("--db", diary, "db", command, *source, "--yes").code == 1
    assert diary.read_text() == "my diary"


def test_backup_that_is_restored_is_not_rotated_away(made: Path, store_path: Path, stina: Run) -> None:
    for _ in range(5):
        assert stina("--db", store_path, "db", "restore", made, "--yes").code == 0
    oldest = sorted(made.parent.glob("*-restore.db"))[0]

    assert stina("--db", store_path, "db", "restore", oldest, "--yes").code == 0

    assert oldest.exists()
