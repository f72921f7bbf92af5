"""Ctrl-C at any line of what replaces or migrates a store: what was there is in the store or in a backup."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from stina_core import IdField, Operations, Plugins, StoreConfig, TextField
from stina_core.backends.sqlite import backend, backup, database, session
from stina_core.maintenance import reset, restore
from stina_core.migrations import engine, loss, plugin_run
from stina_core.testing import file_rows

from ..declarations import opened, stepping

FILES = frozenset(one.__file__ for one in (backend, backup, database, session, engine, loss, plugin_run))


class Interrupter:
    """Raises KeyboardInterrupt at the *turn*-th line that runs in the modules of `FILES`."""

    def __init__(self, turn: int) -> None:
        self.left = turn
        self.fired = False

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line" and not self.fired:
            self.left -= 1
            if self.left == 0:
                self.fired = True
                raise KeyboardInterrupt
        return self.trace


def interrupted(turn: int, work: Callable[[], object]) -> bool:
    """Run *work*; whether it was interrupted at all."""
    interrupter = Interrupter(turn)
    sys.settrace(interrupter.trace)
    try:
        with suppress(KeyboardInterrupt):
            work()
    finally:
        sys.settrace(None)
    return interrupter.fired


def notes(op: Operations) -> None:
    op.create_table("note", id=IdField(), title=TextField(default=""))
    op.insert("note", [{"id": "a", "title": "kept"}])


def drop_title(op: Operations) -> None:
    op.drop_column("note", "title")


def somewhere(path: Path) -> Iterator[Path]:
    """Yield the store and its backups."""
    yield path
    yield from (path.parent / "backups").glob("*.db")


def has_title(path: Path) -> bool:
    columns = file_rows(path, "SELECT name FROM pragma_table_info('notes_note')")
    return ("title",) in columns and file_rows(path, "SELECT title FROM notes_note") == [("kept",)]


def each_turn(work: Callable[[int], bool], step: int) -> int:
    """Call *work* with 1, 1 + *step* and so on, in a thread of its own, until it was not interrupted any more."""

    def all_of_them() -> int:
        turn = 1
        while work(turn):  # what a trace function raises stays behind in its thread's state
            turn += step
        return turn

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(all_of_them).result()


def test_interrupt_at_any_line_of_a_migration_leaves_the_dropped_column_in_the_file_or_in_a_backup(
    tmp_path: Path,
) -> None:
    def once(turn: int) -> bool:
        path = tmp_path / str(turn) / "stina.db"
        opened(path, stepping("notes", notes)).close()

        fired = interrupted(turn, lambda: opened(path, stepping("notes", notes, drop_title)).close())

        assert any(map(has_title, somewhere(path))), turn
        opened(path, stepping("notes", notes, drop_title), strict=True).close()
        return fired

    assert each_turn(once, 7) > 200


def restored(path: Path, other: Path) -> None:
    restore(StoreConfig(path=str(path)), other)


def emptied(path: Path, other: Path) -> None:
    reset(StoreConfig(path=str(path)), Plugins([]))


@pytest.mark.parametrize("replaced", [restored, emptied])
def test_interrupt_at_any_line_of_a_replacement_leaves_what_was_there_in_the_file_or_in_a_backup(
    tmp_path: Path, replaced: Callable[[Path, Path], None]
) -> None:
    other = tmp_path / "other.db"
    opened(other, stepping("notes", notes, drop_title)).close()

    def once(turn: int) -> bool:
        path = tmp_path / str(turn) / "stina.db"
        opened(path, stepping("notes", notes)).close()

        fired = interrupted(turn, lambda: replaced(path, other))

        assert any(map(has_title, somewhere(path))), turn
        return fired

    assert each_turn(once, 1 if replaced is restored else 5) > 60


def test_backup_of_a_run_that_is_interrupted_before_its_commit_is_not_kept(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(store_path, stepping("notes", notes)).close()

    def interrupt(self: engine.MigrationRun, off: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine.MigrationRun, "_record_run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        opened(store_path, stepping("notes", notes, drop_title))

    assert list(somewhere(store_path)) == [store_path]
    assert has_title(store_path)
