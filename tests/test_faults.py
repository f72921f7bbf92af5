from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import apsw
import pytest

from stina_core.testing import PlantedError, failing_at, file_rows, forked, killing_at, statements
from stina_core.testing.faults import planted


def work(path: Path) -> None:
    """Write one row with one connection and two with another."""
    first = apsw.Connection(str(path))
    first.execute("CREATE TABLE IF NOT EXISTS note (id)")
    first.execute("INSERT INTO note VALUES (1)")
    second = apsw.Connection(str(path))
    second.executemany("INSERT INTO note VALUES (?)", [(2,), (3,)])
    second.pragma("user_version")
    second.close()
    first.close()


def ids(path: Path) -> list[int]:
    return [number for (number,) in file_rows(path, "SELECT id FROM note ORDER BY id")]


# Statements


def test_every_statement_of_every_connection_is_counted_and_each_row_of_many(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    found = statements(lambda: work(path))

    assert [one.connection for one in found] == [1, 1, 2, 2, 2]
    assert {one.path for one in found} == {str(path)}
    assert [one.sql.split()[0] for one in found] == ["CREATE", "INSERT", "INSERT", "INSERT", "pragma"]


def test_only_connections_opened_inside_are_watched_and_only_there(tmp_path: Path) -> None:
    before = apsw.Connection(str(tmp_path / "a.db"))
    inside: list[apsw.Connection] = []

    def run() -> None:
        before.execute("SELECT 1")
        inside.append(apsw.Connection(str(tmp_path / "b.db")))
        inside[0].execute("SELECT 2")

    found = statements(run)
    inside[0].execute("SELECT 3")

    assert [one.sql for one in found] == ["SELECT 2"]
    assert apsw.connection_hooks == []


@pytest.mark.parametrize(("number", "left"), [(2, []), (3, [1]), (4, [1, 2]), (5, [1, 2, 3])])
def test_chosen_statement_fails_and_does_not_run(tmp_path: Path, number: int, left: list[int]) -> None:
    path = tmp_path / "a.db"

    with failing_at(number) as fault, pytest.raises(PlantedError, match=f"statement {number}"):
        work(path)

    assert fault.reached
    assert ids(path) in (left, [])  # of the two rows in one call all or none


def test_fault_behind_the_last_statement_is_not_reached(tmp_path: Path) -> None:
    with failing_at(6) as fault:
        work(tmp_path / "a.db")

    assert not fault.reached
    assert ids(tmp_path / "a.db") == [1, 2, 3]


def test_error_because_of_a_planted_one_is_told_from_others() -> None:
    def caused(error: Exception) -> Exception:
        try:
            try:
                raise error
            except Exception as cause:
                raise ValueError("wrapped") from cause
        except ValueError as wrapped:
            return wrapped

    assert planted(caused(PlantedError()))
    assert not planted(caused(KeyError()))
    assert not planted(None)


def test_killed_child_ran_what_was_before_its_statement(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    def die() -> str:
        with killing_at(3):
            work(path)
        return "survived"

    (ended,) = forked(die)

    assert (ended.code, ended.said) == (-signal.SIGKILL, "")
    assert ids(path) == [1]


# Children


def test_child_says_what_its_work_returned_and_is_another_process() -> None:
    first, second = forked(lambda: f"å {os.getpid()}", lambda: f"å {os.getpid()}")

    assert (first.code, second.code) == (0, 0)
    assert len({first.said, second.said, f"å {os.getpid()}"}) == 3


def test_child_that_raises_says_where() -> None:
    def fail() -> str:
        raise SystemExit("out of milk")

    (ended,) = forked(fail)

    assert ended.code == 1
    assert "in fail" in ended.said
    assert "out of milk" in ended.said


def test_child_never_comes_back_into_the_test(tmp_path: Path) -> None:
    try:
        forked(lambda: "done", lambda: str(1 / 0))
    finally:
        with (tmp_path / "came").open("a") as file:
            file.write(f"{os.getpid()}\n")

    assert (tmp_path / "came").read_text().split() == [str(os.getpid())]


def test_children_begin_when_all_are_there(tmp_path: Path) -> None:
    started, release = os.pipe()

    def meet() -> str:
        """Tell the other one, and wait for it; alone it would wait for ever."""
        os.write(release, b"x")
        return os.read(started, 1).decode()

    ended = forked(meet, meet)
    os.close(started)
    os.close(release)

    assert [one.said for one in ended] == ["x", "x"]


def test_child_that_does_not_end_is_killed_at_the_deadline(tmp_path: Path) -> None:
    def wait() -> str:
        (tmp_path / "pid").write_text(str(os.getpid()))
        threading.Event().wait()
        return "never"

    with pytest.raises(AssertionError, match="did not end in time"):
        forked(wait, deadline=0.5)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
