"""A program that knows one version of the plugin `notes`, and does what it is told line by line.

The scripts of these tests put this directory on their path and call `serve()`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from typing import Any

from stina_core import (
    AutoIdField,
    EnumField,
    IntegerField,
    Migrations,
    Model,
    Operations,
    PluginState,
    Repository,
    Schema,
    StinaError,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"


class Note(Model):
    id = AutoIdField()
    title = TextField()
    size = IntegerField(default=0)
    status = EnumField(Status, default=Status.OPEN)
    remark = TextField(null=True)


class NoteRepository(Repository):
    def add(self, title: str) -> None:
        Note.create(title=title)

    def add_both(self, title: str) -> None:
        with self.transaction():
            self.add(title)
            self.add(title)

    def add_all(self, *titles: str) -> None:
        Note.insert_many([{"title": title} for title in titles]).execute()

    def find_or_add(self, title: str) -> None:
        Note.get_or_create(title=title)

    def mark(self, remark: str) -> None:
        Note.update(remark=remark).execute()

    def titles(self) -> list[str]:
        return [note.title for note in Note.select().order_by(Note.id)]


def first(op: Operations) -> None:
    op.create_table(
        "note",
        id=AutoIdField(),
        title=TextField(),
        size=IntegerField(default=0),
        status=EnumField(["open", "done"], default="open"),
        remark=TextField(null=True),
    )


def second(op: Operations) -> None:
    op.add_column("note", pages=IntegerField(default=1))


STEPS = {"old": [first], "new": [first, second]}


class Notes:
    def __init__(self, version: str) -> None:
        self.version = version

    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Note, repository=NoteRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        for number, step in enumerate(STEPS[self.version], 1):
            migrations.step(f"{number:04}_step")(step)


# Every way in which a program can write


def in_transaction(store: Store, title: str) -> None:
    with store.transaction():
        store[NoteRepository].add(title)


def nested(store: Store, title: str) -> None:
    with store.transaction():
        store[NoteRepository].add(title)
        with store.transaction():
            store[NoteRepository].add(title)


def by_method(store: Store, title: str) -> None:
    store[NoteRepository].add(title)


def by_method_with_transaction(store: Store, title: str) -> None:
    store[NoteRepository].add_both(title)


def many_rows(store: Store, title: str) -> None:
    store[NoteRepository].add_all(title, title)


def get_or_create(store: Store, title: str) -> None:
    store[NoteRepository].find_or_add(title)


def update(store: Store, title: str) -> None:
    store[NoteRepository].mark(title)


def by_peewee(store: Store, title: str) -> None:
    with store.use():
        Note.create(title=title)


def by_peewee_atomic(store: Store, title: str) -> None:
    with store.use(), Note._meta.database.atomic():
        Note.create(title=title)


def save(store: Store, title: str) -> None:
    with store.use():
        Note(title=title).save()


def sql_with_many_values(store: Store, title: str) -> None:
    store._backend.execute_many("INSERT INTO notes_note (title) VALUES (?)", [(title,), (title,)])


WAYS: list[Callable[[Store, str], None]] = [
    in_transaction,
    nested,
    by_method,
    by_method_with_transaction,
    many_rows,
    get_or_create,
    update,
    by_peewee,
    by_peewee_atomic,
    save,
    sql_with_many_values,
]

ROW_BY_ROW = [in_transaction, by_method, by_peewee, save]


def outcome(work: Callable[[], object]) -> dict[str, Any]:
    try:
        return {"value": work()}
    except StinaError as error:
        facts = {name: getattr(error, name, None) for name in ("plugin", "step")}
        return {"error": type(error).__name__, "message": str(error), **facts}


def tell(answer: object) -> None:
    print("answer", json.dumps(answer), flush=True)  # noqa: T201


class Program:
    """An open store; the public methods are the orders that can be given, each with one word."""

    def __init__(self, path: str, version: str) -> None:
        self._plugins = load_plugins([local_plugin("notes", Notes(version))], StoreConfig(strict=True))
        self._path = path
        self._open()
        self._thread = ThreadPoolExecutor(1)  # with a connection of its own, from before any change
        self._thread.submit(self._notes.titles).result()

    def _open(self) -> None:
        self._store = open_store(self._path, StoreConfig(synchronous="NORMAL"), plugins=self._plugins)

    @property
    def _notes(self) -> NoteRepository:
        return self._store[NoteRepository]

    def close(self) -> None:
        self._thread.shutdown()
        self._store.close()

    def reopen(self, title: str) -> object:
        """Close and open the store, write *title*, and return how the plugins are."""
        self._store.close()
        self._open()
        states = {plugin.name: plugin.state for plugin in self._store.plugins}
        if states["notes"] is PluginState.ON:
            self._notes.add(title)
        return states

    def titles(self, prefix: str) -> object:
        return [title for title in self._notes.titles() if title.startswith(prefix)]

    def add(self, title: str) -> None:
        self._notes.add(title)

    def every_way(self, title: str) -> object:
        """Write in every way, here, in a thread that read before, and in a new one; return the outcomes."""
        found = {}
        with ThreadPoolExecutor(1) as fresh:
            for way in WAYS:
                write = partial(outcome, partial(way, self._store, title))
                found[way.__name__] = write()
                found[f"{way.__name__} in a thread"] = self._thread.submit(write).result()
                found[f"{way.__name__} in a new thread"] = fresh.submit(write).result()
        return {name: one.get("error", "written") for name, one in found.items()}

    def child(self, title: str) -> None:
        """Write in a child made by fork(), which answers before its parent does."""
        pid = os.fork()
        if pid == 0:
            try:
                tell(outcome(lambda: self._notes.add(title)))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)

    def hold(self, title: str) -> None:
        """Stay inside a transaction until the next line comes."""
        with self._store.transaction():
            self._notes.add(title)
            tell("inside")
            sys.stdin.readline()
            with self._store.transaction():
                self._notes.add(title)

    def hammer(self, name: str) -> object:
        """Write row after row until that is refused; return the refusal and how many were acknowledged before."""
        way = ROW_BY_ROW[int(name) % len(ROW_BY_ROW)]
        written = 0
        while True:
            refusal = outcome(partial(way, self._store, f"{name}-{written}"))
            if "error" in refusal:
                return {**refusal, "written": written}
            written += 1
            if written == 5:
                tell("writing")


def serve(version: str) -> None:
    """Be a program of this *version* as long as orders come: `open PATH` first, then any other."""
    program: Program | None = None
    for line in sys.stdin:
        verb, word = line.split()
        if verb == "open":
            if program is not None:
                program.close()
            program = Program(word, version)
            tell("open")
        else:
            tell(outcome(partial(getattr(program, verb), word)))
    if program is not None:
        program.close()
