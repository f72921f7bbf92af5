"""Random programs on one file: what is kept from the feed alone is equal to the tables whenever it has caught up."""

from __future__ import annotations

import itertools
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stina_core import (
    AutoIdField,
    Cursor,
    IntegerField,
    Migrations,
    Operations,
    ResyncRequiredError,
    Schema,
    Store,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    maintenance,
    open_store,
)
from stina_core.config import StoreConfig
from stina_core.feed import grouping, log, retention
from stina_core.feed.retention import Retention
from stina_core.model import Model
from stina_core.plugins import Candidate
from stina_core.testing import file_rows

from .desk import CONFIG, Desk, DeskPlugin, Draft, Note, Replica, Tag, open_desk, undo

if TYPE_CHECKING:
    from collections.abc import Sequence

TABLES = ("desk_note", "desk_tag")
NAMES = st.sampled_from("abcde")


class Follower:
    """One store, and the replica that is kept from its feed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.begin()

    def begin(self) -> None:
        with self.store.snapshot():
            self.cursor = self.store.cursor()
            self.replica = Replica(self.read, TABLES)

    def read(self, table: str) -> Sequence[object]:
        return [key for (key,) in self.store._backend.execute(f"SELECT {KEYS[table]} FROM {table}")]

    def follow(self) -> None:
        try:
            for changes in self.store.changes(self.cursor):
                assert changes.cursor is not None
                assert changes.cursor > self.cursor
                self.replica.take(changes)
                self.cursor = changes.cursor
        except ResyncRequiredError:
            self.begin()

    def check(self) -> None:
        assert self.cursor == self.store.cursor()
        assert self.replica.keys == {table: set(self.read(table)) for table in TABLES}


KEYS = {"desk_note": "id", "desk_tag": "name"}


class FeedMachine(RuleBasedStateMachine):
    """Two stores on one file, writers outside of Stina, pruning, migrations and restores."""

    @initialize()
    def open(self) -> None:
        self.closing = ExitStack()
        self.patch = self.closing.enter_context(pytest.MonkeyPatch.context())
        self.patch.setattr(retention, "KEPT_MS", -1000)
        self.patch.setattr(retention, "KEPT_ROWS", 5)
        self.patch.setattr(retention, "CHUNK", 3)
        self.patch.setattr(log, "CHUNK", 4)
        self.patch.setattr(grouping, "LONGEST", 6)
        folder = self.closing.enter_context(tempfile.TemporaryDirectory(prefix="stina-feed-"))
        self.path = Path(folder) / "stina.db"
        self.config = StoreConfig(path=str(self.path), synchronous="NORMAL")
        self.stores = [self.closing.enter_context(open_desk(self.path)) for _ in range(2)]
        self.followers = [Follower(store) for store in self.stores]
        self.backup: Path | None = None
        self.versions = itertools.count(2)

    @rule(which=st.integers(0, 1), name=NAMES)
    def write(self, which: int, name: str) -> None:
        self.stores[which][Desk].add(name)
        self.stores[which][Desk].tag(name)

    @rule(which=st.integers(0, 1), names=st.lists(NAMES, min_size=1, max_size=8), keep=st.booleans())
    def write_in_a_transaction(self, which: int, names: list[str], keep: bool) -> None:
        store = self.stores[which]

        def work() -> None:
            for name in names:
                store[Desk].add(name)
                undo(store, lambda name=name: store[Desk].tag(f"undone {name}"))  # type: ignore[misc]
                store[Desk].tag(name)
                store[Desk].remove(len(names))

        if keep:
            with store.transaction("tool"):
                work()
        else:
            undo(store, work)

    @rule(which=st.integers(0, 1), name=NAMES, new=st.sampled_from("vwxyz"))
    def change_a_key(self, which: int, name: str, new: str) -> None:
        self.stores[which][Desk].untag(new)
        self.stores[which][Desk].rename_tag(name, new)

    @rule(which=st.integers(0, 1), name=NAMES)
    def delete(self, which: int, name: str) -> None:
        self.stores[which][Desk].untag(name)

    @rule(name=NAMES, which=st.integers(0, 5))
    def write_outside(self, name: str, which: int) -> None:
        file_rows(
            self.path,
            (
                "INSERT INTO desk_note (text) VALUES ('x'), ('y')",
                "DELETE FROM desk_note WHERE id % 2",
                "INSERT OR REPLACE INTO desk_tag (name, weight) VALUES (?1, 7)",
                "UPDATE OR REPLACE desk_tag SET name = name || 'o' WHERE length(name) < 4",
                "DELETE FROM desk_tag WHERE name = ?1",
                "BEGIN; INSERT INTO desk_note (text) VALUES ('undone'); ROLLBACK",
            )[which],
            (name,) if which in (2, 4) else (),
        )

    @rule(most=st.sampled_from((1, 10**6)))
    def prune(self, most: int) -> None:
        Retention(self.stores[0]._backend, self.stores[0]._transactions).prune(most)

    @rule()
    def add_a_column(self) -> None:
        """Another program brings the file to a newer form."""
        number = self.number_of_columns() + 1
        with open_store(self.path, CONFIG, plugins=load_plugins([version(number)], CONFIG)):
            pass

    @rule()
    def back_up(self) -> None:
        self.backup = maintenance.back_up(self.config).path

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        assert self.backup is not None
        if self.columns_of(self.backup) == self.columns_of(self.path):  # else the stores must be opened again
            maintenance.restore(self.config, self.backup)

    @rule(which=st.integers(0, 1))
    def follow(self, which: int) -> None:
        self.followers[which].follow()
        self.followers[which].check()

    @invariant()
    def a_store_that_reads_all_agrees(self) -> None:
        if not hasattr(self, "stores"):
            return
        first, second = (list(store.changes()) for store in self.stores)
        assert first == second
        places = [Cursor("", changes.cursor.seq) for changes in first if changes.cursor is not None]
        assert places == sorted(set(places))

    def number_of_columns(self) -> int:
        return self.columns_of(self.path)

    def columns_of(self, path: Path) -> int:
        return int(file_rows(path, "SELECT count(*) FROM pragma_table_info('desk_note')")[0][0]) - 2

    def teardown(self) -> None:
        if hasattr(self, "followers"):
            for follower in self.followers:
                follower.follow()
                follower.check()
            self.closing.close()


def version(number: int) -> Candidate:
    """Return the plugin with *number* more columns of notes than it has in `desk.py`."""
    note = type(Note.__name__, (Model,), {"__module__": __name__, "id": AutoIdField(), "text": TextField()})
    for column in range(1, number + 1):
        note._meta.add_field(f"extra{column}", IntegerField(default=column))  # type: ignore[attr-defined]

    class Newer:
        @hookimpl
        def register_schema(self, schema: Schema) -> None:
            schema.add(note, Tag, Draft)

        @hookimpl
        def migrate(self, migrations: Migrations) -> None:
            DeskPlugin().migrate(migrations)
            for column in range(1, number + 1):

                @migrations.step(f"{column + 1:04}_extra")
                def extra(op: Operations, column: int = column) -> None:
                    op.add_column("note", **{f"extra{column}": IntegerField(default=column)})

    return local_plugin("desk", Newer())


FeedMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestFeed = FeedMachine.TestCase
