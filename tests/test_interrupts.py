from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from stina_core import Store, Transaction, open_store
from stina_core import transactions as module
from stina_core.backends import following
from stina_core.backends.sqlite import backend, database, gate, session
from stina_core.feed import cause, marker, retention

from .notes_and_labels import CONFIG, DEADLINE, PLUGINS, NoteRepository


def lines_of_an_open_block(owner: type[Transaction | module.Snapshot]) -> set[tuple[str, int]]:
    """The first lines of `__exit__`: an interrupt there cannot be told from one inside the block."""
    lines, first = inspect.getsourcelines(owner.__exit__)
    last = next(number for number, line in enumerate(lines) if "del stack" in line or "stack.remove" in line)
    return {(module.__file__, first + number) for number in range(last + 1)}


class Interrupter:
    """Raises KeyboardInterrupt at the *turn*-th line that runs in the modules of a transaction."""

    FILES = frozenset(
        one.__file__ for one in (module, session, database, gate, backend, following, cause, marker)
    )
    FREE = frozenset(lines_of_an_open_block(Transaction) | lines_of_an_open_block(module.Snapshot))

    def __init__(self, turn: int) -> None:
        self.left = turn
        self.fired = False

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in self.FILES or code.co_name == "open":
            return None
        if event == "line" and not self.fired and (code.co_filename, frame.f_lineno) not in self.FREE:
            self.left -= 1
            if self.left == 0:
                self.fired = True
                raise KeyboardInterrupt
        return self.trace


def interrupted(turn: int, work: Callable[[], object]) -> bool:
    """Run *work*; whether it was interrupted at all."""
    interrupter = Interrupter(turn)
    before = sys.gettrace()
    sys.settrace(interrupter.trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupter.fired


@pytest.fixture(params=["file", "memory"])
def quick_store(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    path = store_path if request.param == "file" else ":memory:"
    with open_store(path, replace(CONFIG, synchronous="NORMAL"), plugins=PLUGINS) as opened:
        yield opened


def test_interrupt_at_any_line_leaves_all_or_nothing_and_a_usable_store(quick_store: Store) -> None:
    with ThreadPoolExecutor(1) as thread:  # what a trace function raises stays behind in its thread's state
        turns = thread.submit(interrupt_everywhere, quick_store).result()

    assert turns > 100


def logged_after(store: Store, seq: int) -> str:
    """What the log of changes says happened after *seq*."""
    return "".join(row.op for row in store._backend.log.after(seq, 100)[1])


def interrupt_everywhere(store: Store) -> int:
    """Interrupt one block after the other, each a line later, until one comes through; return how many did not."""
    notes = store[NoteRepository]

    def block() -> None:
        with store.transaction():
            notes.add("one")
            with store.transaction():
                notes.add("two")
        with store.snapshot():
            notes.texts()

    turn = 0
    while True:
        turn += 1
        newest = store._backend.log.extent().newest
        fired = interrupted(turn, block)
        assert not store._transactions.open
        notes.add("after")
        texts = notes.texts()
        assert texts in (["after"], ["one", "two", "after"])
        assert logged_after(store, newest) == ("IT" if texts == ["after"] else "IITIT")
        with ThreadPoolExecutor(1) as other:
            assert other.submit(notes.texts).result(DEADLINE) == texts
        if not fired:
            assert texts == ["one", "two", "after"]
            return turn - 1
        notes.clear()


def test_interrupt_at_any_line_of_a_refused_begin_leaves_a_usable_store(
    quick_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        with suppress(ZeroDivisionError):
            quick_store.transaction().__enter__()

    def interrupt_everywhere() -> int:
        turn = 0
        fired = True
        while fired:
            turn += 1
            with monkeypatch.context() as patch:
                patch.setattr(quick_store._backend.session, "on_begin", lambda: 1 / 0)
                fired = interrupted(turn, refused)
            assert not quick_store._transactions.open
            quick_store[NoteRepository].add(str(turn))
            assert len(quick_store[NoteRepository].texts()) == turn
        return turn

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(interrupt_everywhere).result() > 20


def test_interrupt_at_any_line_of_pruning_after_a_commit_keeps_it_and_the_next_prunes_on(
    quick_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marker, "PRUNE_EVERY", 1)
    monkeypatch.setattr(retention, "KEPT_ROWS", 0)
    monkeypatch.setattr(retention, "KEPT_MS", -1_000)
    notes, log = quick_store[NoteRepository], quick_store._backend.log

    def block() -> None:
        with quick_store.transaction():
            notes.add("one")

    def interrupt_everywhere() -> int:
        turn = 0
        fired = True
        while fired:
            turn += 1
            newest = log.extent().newest
            fired = interrupted(turn, block)
            assert not quick_store._transactions.open
            notes.add("after")
            added = ["after"] if log.extent().newest == newest + 2 else ["one", "after"]
            assert notes.texts() == added
            assert [row.op for row in log.after(0, 100)[1]] == ["I", "T"]
            notes.clear()
        return turn

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(interrupt_everywhere).result() > 150
