"""A plugin with tracked and untracked tables, and what the tests of the feed need around it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stina_core import (
    AutoIdField,
    Change,
    Changes,
    IntegerField,
    Migrations,
    Model,
    Op,
    Operations,
    Repository,
    Schema,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.config import MEMORY
from stina_core.plugins import Candidate

DEADLINE = 20.0


class Note(Model):
    id = AutoIdField()
    text = TextField()


class Tag(Model):
    name = TextField(primary_key=True)
    weight = IntegerField(default=0)


class Draft(Model):
    id = AutoIdField()
    text = TextField()

    class Meta:
        tracked = False


class Desk(Repository):
    def add(self, text: str) -> int:
        return int(Note.create(text=text).id)

    def add_many(self, texts: Iterable[str]) -> None:
        Note.insert_many([{"text": text} for text in texts]).execute()

    def edit(self, id: int, text: str) -> None:
        Note.update(text=text).where(Note.id == id).execute()

    def remove(self, id: int) -> None:
        Note.delete().where(Note.id == id).execute()

    def tag(self, name: str, weight: int = 0) -> None:
        Tag.insert(name=name, weight=weight).on_conflict_replace().execute()

    def rename_tag(self, name: str, new: str) -> None:
        Tag.update(name=new).where(Tag.name == name).execute()

    def untag(self, name: str) -> None:
        Tag.delete().where(Tag.name == name).execute()

    def draft(self, text: str) -> None:
        Draft.create(text=text)

    def notes(self) -> dict[int, str]:
        return {note.id: note.text for note in Note.select().order_by(Note.id)}

    def tags(self) -> dict[str, int]:
        return {tag.name: tag.weight for tag in Tag.select().order_by(Tag.name)}

    def drafts(self) -> list[str]:
        return [draft.text for draft in Draft.select()]

    def count(self) -> int:
        return int(Note.select().count())


class DeskPlugin:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Note, Tag, Draft, repository=Desk)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("note", id=AutoIdField(), text=TextField())
            op.create_table("tag", name=TextField(primary_key=True), weight=IntegerField(default=0))
            op.create_table("draft", id=AutoIdField(), text=TextField())


CONFIG = StoreConfig(strict=True, synchronous="NORMAL", busy_timeout=5.0)
DESK = local_plugin("desk", DeskPlugin())
PLUGINS = load_plugins([DESK], CONFIG)


def open_desk(path: str | Path = MEMORY, *others: Candidate, config: StoreConfig = CONFIG) -> Store:
    """Open the store at *path* with the plugin, and with *others*."""
    plugins = load_plugins([DESK, *others], config) if others else PLUGINS
    return open_store(path, config, plugins=plugins)


class UndoneError(Exception):
    """What a block fails with."""


def undo(store: Store, work: Callable[[], object]) -> None:
    """Do *work* in a transaction that fails at its end."""

    def fail() -> None:
        with store.transaction():
            work()
            raise UndoneError

    with suppress(UndoneError):
        fail()


class Heard:
    """A callback that keeps what it was told, for a test that waits for it."""

    def __init__(self, then: Callable[[Changes], object] = lambda changes: None) -> None:
        self.all: list[Changes] = []
        self.threads: list[threading.Thread] = []
        self._then = then
        self._more = threading.Condition()

    def __call__(self, changes: Changes) -> None:
        with self._more:
            self.all.append(changes)
            self.threads.append(threading.current_thread())
            self._more.notify_all()
        self._then(changes)

    def wait(self, count: int) -> list[Changes]:
        """Return what was told, once it is *count* transactions."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.all) >= count, DEADLINE), self.all
            return list(self.all)

    def wait_for(self, true: Callable[[list[Changes]], object]) -> list[Changes]:
        """Return what was told, once it is as it should be."""
        with self._more:
            assert self._more.wait_for(lambda: bool(true(self.all)), DEADLINE), self.all
            return list(self.all)


class Values:
    """The `on_value` of an observation, for a test that waits for an answer."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._more = threading.Condition()

    def __call__(self, value: object) -> None:
        with self._more:
            self.all.append(value)
            self._more.notify_all()

    def wait_for(self, value: object) -> list[Any]:
        """Return all answers, once the last one is *value*."""
        with self._more:
            assert self._more.wait_for(lambda: self.all[-1:] == [value], DEADLINE), self.all
            return list(self.all)


class Replica:
    """The keys of rows, kept from the changes alone; after a reset it reads the table anew."""

    def __init__(self, read: Callable[[str], Iterable[object]], tables: Sequence[str]) -> None:
        self._read = read
        self.keys: dict[str, set[object]] = {table: set(read(table)) for table in tables}

    def take(self, changes: Changes) -> None:
        for change in changes:
            if change.table not in self.keys:
                continue
            if change.op is Op.RESET:
                self.keys[change.table] = set(self._read(change.table))
            elif change.op is Op.DELETE:
                self.keys[change.table].discard(change.key)
            else:
                self.keys[change.table].add(change.key)


def short(changes: Iterable[Change]) -> list[tuple[str, str, object]]:
    """Return table, op and key of each change."""
    return [(change.table, change.op.value, change.key) for change in changes]


def until(true: Callable[[], object]) -> None:
    """Ask again until it is, or fail at the deadline."""
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.002)


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Run *work* in a thread beside the block; what it raised is in the list once the block has ended."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001, the test asks for all of them
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield raised
    finally:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def feed_threads() -> list[str]:
    """Return the names of this process's threads that belong to feeds."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("stina-")]


def descriptors() -> set[str]:
    """Return what this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(f"{link.name} {link.readlink()}")
    return found
