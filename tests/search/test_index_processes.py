"""Several processes at one index, and processes that die at any statement."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from stina_core.search import follower
from stina_core.testing import forked, killing_at, statements

from .shelf import shelf_at

ROWS = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shelf.db"


def not_indexed(path: Path) -> None:
    """Make a file with rows that no index knows."""
    with shelf_at(path) as shelf, shelf.transactions.begin():
        for number in range(ROWS):
            shelf.add(f"{number:02}", f"word w{number}")


def behind(path: Path) -> None:
    """Make a file whose index lacks some changes."""
    not_indexed(path)
    with shelf_at(path) as shelf:
        shelf.follower.catch_up()
        with shelf.transactions.begin():
            for number in range(0, ROWS, 4):
                shelf.remove(f"{number:02}")
                shelf.change(f"{number + 1:02}", f"word changed{number}")
                shelf.add(f"new{number:02}", "word")


def reset(path: Path) -> None:
    """Make a file whose table was reset, with an index that has most of its rows wrong."""
    behind(path)
    with shelf_at(path) as shelf:
        shelf.run("UPDATE notes_note SET title = 'word again'")
        shelf.reset()


def catching_up(path: Path) -> None:
    with shelf_at(path) as shelf:
        shelf.run("PRAGMA synchronous = OFF")
        shelf.follower.catch_up()


@pytest.mark.parametrize("remade", [10, 1000])
@pytest.mark.parametrize("state", [not_indexed, behind, reset])
def test_index_is_right_after_a_process_that_was_at_it_died_at_any_statement(
    path: Path, state: Callable[[Path], None], remade: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BATCH", 16), ("REWRITTEN", 8), ("REMADE", remade), ("PACE", 60.0)):
        monkeypatch.setattr(follower, name, value)
    state(path)
    whole = path.with_name("whole.db")
    shutil.copy(path, whole)
    last = len(statements(lambda: catching_up(whole)))
    step = max(last // 12, 1)
    unfinished = 0
    for number in range(20, last, step):
        at = path.with_name(f"{number}.db")
        shutil.copy(path, at)

        def work(at: Path = at, number: int = number) -> str:
            with killing_at(number):
                catching_up(at)
            return "survived"

        (ended,) = forked(work)

        assert ended.code == -signal.SIGKILL, ended.said
        with shelf_at(at) as shelf:
            wanted = sorted(key for (key,) in shelf.run("SELECT id FROM notes_note"))
            whole_now = shelf.names() == ["search:notes_note"] and shelf.follower.missing() == []
            unfinished += not whole_now
            if whole_now:
                shelf.check()
            with shelf.transactions.snapshot(5):
                assert sorted(shelf.found("word")) == wanted
            assert sorted(shelf.found("word")) == wanted
            shelf.check()
    assert unfinished > 3  # or nothing was tested


def batches_of(path: Path, name: str, count: int) -> str:
    """Add rows and index them by turns; return the cursor at which each batch with rows began."""
    taken: list[int] = []
    with shelf_at(path, holder=name, busy_timeout=30.0) as shelf:
        shelf.run("PRAGMA synchronous = OFF")
        index = shelf.texts.index

        def noting(keys: list[object]) -> None:
            ((seq,),) = shelf.run("SELECT seq FROM stina_cursor")
            taken.extend([seq] if keys else [])
            index(keys)

        shelf.texts.index = noting  # type: ignore[method-assign, assignment]
        for number in range(count):
            shelf.add(f"{name}{number}", "word")
            shelf.follower.catch_up()
    return " ".join(map(str, taken))


def test_two_processes_never_index_the_same_batch_twice(path: Path) -> None:
    with shelf_at(path) as shelf:
        shelf.follower.catch_up()

    ended = forked(lambda: batches_of(path, "a", 40), lambda: batches_of(path, "b", 40))

    assert [one.code for one in ended] == [0, 0], ended
    taken = [seq for one in ended for seq in one.said.split()]
    assert len(set(taken)) == len(taken)
    assert all(one.said for one in ended)
    with shelf_at(path) as shelf:
        assert len(shelf.found("word")) == 80
        shelf.check()


def filling(path: Path) -> str:
    """Fill the index; return how many rows this process wrote into it."""
    with shelf_at(path, busy_timeout=30.0) as shelf:
        written = 0
        run = shelf.database.execute_sql

        def counting(sql: str, values: object = None) -> object:
            nonlocal written
            result = run(sql, values)  # type: ignore[arg-type]
            if sql.startswith("INSERT OR REPLACE"):
                written += result.rowcount
            return result

        shelf.database.execute_sql = counting  # type: ignore[method-assign, assignment]
        shelf.follower.catch_up()
        assert len(shelf.found("word")) == ROWS
    return str(written)


def test_processes_that_rebuild_at_once_write_each_row_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BATCH", 4)
    monkeypatch.setattr(follower, "REWRITTEN", 2)
    not_indexed(path)

    ended = forked(*[lambda: filling(path)] * 3)

    assert [one.code for one in ended] == [0, 0, 0], ended
    assert sum(int(one.said) for one in ended) == ROWS
    with shelf_at(path) as shelf:
        shelf.check()


def searching(path: Path, rounds: int) -> str:
    """Search while others write; return how often a row was missed that was there before the question."""
    missed = 0
    with shelf_at(path, busy_timeout=30.0) as shelf:
        for _ in range(rounds):
            before = {key for (key,) in shelf.run("SELECT id FROM notes_note WHERE id LIKE 'w%'")}
            missed += len(before - set(shelf.found("word")))
    return str(missed)


def writing(path: Path, rounds: int) -> str:
    with shelf_at(path, busy_timeout=30.0) as shelf:
        shelf.run("PRAGMA synchronous = OFF")
        for number in range(rounds):
            with shelf.transactions.begin():
                shelf.add(f"w{number:03}", "word")
                shelf.add(f"x{number:03}", "word")
                shelf.remove(f"x{number - 1:03}")
    return ""


def test_search_beside_writers_never_misses_what_was_committed_before_it(path: Path) -> None:
    with shelf_at(path):
        pass

    ended = forked(lambda: writing(path, 150), lambda: searching(path, 60), lambda: searching(path, 60))

    assert [one.code for one in ended] == [0, 0, 0], ended
    assert [one.said for one in ended[1:]] == ["0", "0"]
    with shelf_at(path) as shelf:
        assert len(shelf.found("word")) == 151
        shelf.check()
