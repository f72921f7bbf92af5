from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stina_core import ConstraintError, StoreConfig, Transaction, TransactionError, open_store

from .notes_and_labels import PLUGINS, BlockError, NoteRepository, stored


class Frame:
    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.texts: list[str] = []
        self.callbacks: list[int] = []


class TransactionMachine(RuleBasedStateMachine):
    """Random nesting, failures and callbacks against plain lists."""

    path = ":memory:"

    @initialize()
    def open(self) -> None:
        self.closing = ExitStack()
        path = self.make_path()
        self.store = self.closing.enter_context(
            open_store(path, StoreConfig(strict=True, synchronous="NORMAL"), plugins=PLUGINS)
        )
        self.notes = self.store[NoteRepository]
        self.committed: list[str] = []
        self.due: list[int] = []
        self.fired: list[int] = []
        self.frames: list[Frame] = []
        self.undone = False  # SQLite ended the transaction, and the blocks are still to be left
        self.count = 0

    def make_path(self) -> str | Path:
        return self.path

    def next(self) -> int:
        self.count += 1
        return self.count

    @rule()
    def write(self) -> None:
        text = f"note {self.next()}"
        if self.undone:
            with pytest.raises(TransactionError):
                self.notes.add(text)
            return
        self.notes.add(text)
        (self.frames[-1].texts if self.frames else self.committed).append(text)

    @rule()
    def write_both_in_a_method(self) -> None:
        first, second = f"note {self.next()}", f"note {self.next()}"
        if self.undone:
            with pytest.raises(TransactionError):
                self.notes.add_both(first, second)
            return
        self.notes.add_both(first, second)
        (self.frames[-1].texts if self.frames else self.committed).extend([first, second])

    @precondition(lambda self: self.visible() and not self.undone)
    @rule()
    def write_what_is_there(self) -> None:
        with pytest.raises(ConstraintError):
            self.notes.add_both(f"note {self.next()}", self.visible()[0])

    @precondition(lambda self: self.visible() and self.frames and not self.undone)
    @rule()
    def make_sqlite_undo_everything(self) -> None:
        with pytest.raises(ConstraintError):
            self.notes.add_or_undo_all(self.visible()[0])
        self.undone = True

    @rule()
    def begin(self) -> None:
        transaction = self.store.transaction()
        if self.undone:
            with pytest.raises(TransactionError):
                transaction.__enter__()
            return
        transaction.__enter__()
        self.frames.append(Frame(transaction))

    @precondition(lambda self: self.frames)
    @rule()
    def call_back(self) -> None:
        number = self.next()
        self.frames[-1].transaction.after_commit(lambda: self.fired.append(number))
        self.frames[-1].callbacks.append(number)

    @precondition(lambda self: self.frames)
    @rule()
    def keep(self) -> None:
        frame = self.frames.pop()
        if self.undone:
            with pytest.raises(TransactionError):
                frame.transaction.__exit__(None, None, None)
        else:
            frame.transaction.__exit__(None, None, None)
            if self.frames:
                self.frames[-1].texts += frame.texts
                self.frames[-1].callbacks += frame.callbacks
            else:
                self.committed += frame.texts
                self.due += frame.callbacks
        self.undone = self.undone and bool(self.frames)

    @precondition(lambda self: self.frames)
    @rule()
    def fail(self) -> None:
        frame = self.frames.pop()
        frame.transaction.__exit__(BlockError, BlockError(), None)
        self.undone = self.undone and bool(self.frames)

    @precondition(lambda self: len(self.frames) > 1)
    @rule()
    def end_the_outermost_first(self) -> None:
        outer, *inner = self.frames
        self.frames, self.undone = [], False
        with pytest.raises(TransactionError):
            outer.transaction.__exit__(None, None, None)
        for frame in reversed(inner):
            with pytest.raises(TransactionError):
                frame.transaction.__exit__(None, None, None)

    def visible(self) -> list[str]:
        return self.committed + [text for frame in self.frames for text in frame.texts]

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        if not self.undone:
            assert sorted(self.notes.texts()) == sorted(self.visible())

    @invariant()
    def callbacks_are_those_of_the_model(self) -> None:
        assert self.fired == self.due

    def teardown(self) -> None:
        while self.frames:
            self.fail()
        assert sorted(self.notes.texts()) == sorted(self.committed)
        self.closing.close()


class FileTransactionMachine(TransactionMachine):
    """The same on a file, where another program can look on."""

    def make_path(self) -> str | Path:
        import tempfile

        self.file = Path(self.closing.enter_context(tempfile.TemporaryDirectory())) / "stina.db"
        return self.file

    @invariant()
    def others_see_what_is_committed(self) -> None:
        assert sorted(stored(self.file)) == sorted(self.committed)


TestTransactionsInMemory = TransactionMachine.TestCase
TestTransactionsInMemory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestTransactionsInFile = FileTransactionMachine.TestCase
TestTransactionsInFile.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
