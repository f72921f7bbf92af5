from __future__ import annotations

import asyncio
import functools
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, assert_type

import peewee
import pytest

from stina_core import (
    IdField,
    IntegerField,
    Model,
    NotFoundError,
    Operations,
    PluginUnavailableError,
    Repository,
    Store,
    StoreClosedError,
    StoreConfig,
    TextField,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.plugins import Plugins
from stina_core.testing import file_rows, memory_store, plugins_of

from .declarations import declaring, opened, plugin, stepping


class Note(Model):
    id = IdField()
    place = TextField()
    number = IntegerField()


class NoteRepository(Repository):
    def add(self, place: str, number: int) -> str:
        return Note.create(place=place, number=number).id

    def places(self) -> list[str]:
        return [note.place for note in Note.select()]

    def place_of(self, number: int) -> str:
        return Note.get(Note.number == number).place

    def place_of_itself(self, number: int) -> str:
        return self.place_of(number)

    def find(self, number: int) -> str | None:
        try:
            return self.place_of(number)
        except NotFoundError:
            return None

    def both(self, other: Store) -> tuple[list[str], list[str]]:
        theirs = other[NoteRepository].places()
        return self.places(), theirs


class NoRepository(Repository):
    pass


def initial(op: Operations) -> None:
    op.create_table("note", id=IdField(), place=TextField(), number=IntegerField())


NOTES = plugin(Note, repository=NoteRepository, migrate=declaring(initial))


@pytest.fixture(scope="module")
def notes() -> Plugins:
    return plugins_of(notes=NOTES)


@pytest.fixture
def store(notes: Plugins) -> Iterator[Store]:
    with memory_store(notes) as opened_store:
        yield opened_store


# Access


def test_repository_has_its_exact_type_and_is_made_once(store: Store) -> None:
    repository = store[NoteRepository]

    assert_type(repository, NoteRepository)
    assert_type(store.find(NoteRepository), NoteRepository | None)
    assert type(repository) is NoteRepository
    assert store[NoteRepository] is repository is store.find(NoteRepository)
    assert repository.store is store


def test_repository_nobody_declared_names_the_plugins_that_are_on(store: Store) -> None:
    with pytest.raises(
        PluginUnavailableError, match="no plugin that is on declares NoRepository; on are: notes"
    ) as caught:
        _ = store[NoRepository]

    assert isinstance(caught.value, LookupError)
    assert store.find(NoRepository) is None


def test_repository_of_a_plugin_that_failed_names_it_and_its_reason(store_path: Path) -> None:
    broken = local_plugin("notes", plugin(Note, repository=NoteRepository, migrate=lambda migrations: 1 / 0))  # type: ignore[arg-type]

    with opened(store_path, broken, stepping("other")) as store:
        with pytest.raises(PluginUnavailableError) as caught:
            _ = store[NoteRepository]

    assert "on are: other" in str(caught.value)
    assert "notes is failed: migrate of the plugin 'notes' raised ZeroDivisionError" in str(caught.value)


def test_repository_of_a_plugin_that_failed_to_start_is_not_to_be_had(store_path: Path) -> None:
    def startup(store: Store) -> None:
        store[NoteRepository].add("startup", 1)
        raise RuntimeError("planted")

    found = plugin(Note, repository=NoteRepository, migrate=declaring(initial), startup=startup)

    with opened(store_path, local_plugin("notes", found)) as store:
        with pytest.raises(PluginUnavailableError, match="'notes', which is failed: startup") as caught:
            _ = store[NoteRepository]

    assert caught.value.plugin == "notes"
    assert "on are: none" in str(caught.value)


def test_repository_of_a_plugin_that_is_switched_off_says_so() -> None:
    config = StoreConfig(plugins=frozenset())
    plugins = load_plugins([local_plugin("notes", NOTES)], config)

    with open_store(":memory:", config, plugins=plugins) as store:
        with pytest.raises(PluginUnavailableError, match="notes is off: switched off by --no-plugins"):
            _ = store[NoteRepository]


def test_closed_store_gives_no_repository(store: Store) -> None:
    repository = store[NoteRepository]
    store.close()

    with pytest.raises(StoreClosedError):
        _ = store[NoteRepository]
    with pytest.raises(StoreClosedError):
        repository.places()


# Methods


def test_methods_that_run_after_their_call_are_refused_when_the_class_is_made() -> None:
    def generator(self: Repository) -> Iterator[int]:
        yield 1

    async def coroutine(self: Repository) -> None: ...

    async def asynchronous(self: Repository) -> AsyncIterator[int]:
        yield 1

    for method in (generator, coroutine, asynchronous):
        with pytest.raises(TypeError, match="runs after its call has ended"):
            type("LaterRepository", (Repository,), {"read": method})


def test_private_methods_and_inherited_ones_are_the_authors_business(store: Store) -> None:
    class Special(NoteRepository):
        def add_twice(self) -> list[str]:
            return [self.add("one", number) for number in self._numbers()]

        def _numbers(self) -> Iterator[int]:
            yield from (1, 2)

    repository = Special(store)

    assert len(repository.add_twice()) == 2
    assert repository.places() == ["one", "one"]
    assert Special.add_twice.__name__ == "add_twice"


def test_row_that_is_missing_is_a_not_found_error_without_sql_or_values(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    secret = 7_345_234_982

    with caplog.at_level(logging.DEBUG), pytest.raises(NotFoundError) as caught:
        store[NoteRepository].place_of_itself(secret)

    assert caught.value.table == "notes_note"
    assert str(caught.value) == "notes_note has no such row"
    text = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert str(secret) not in text
    assert "SELECT" not in text


def test_find_may_be_built_on_get(store: Store) -> None:
    store[NoteRepository].add("here", 1)

    assert store[NoteRepository].find(1) == "here"
    assert store[NoteRepository].find(2) is None


def test_other_errors_of_a_method_pass_unchanged(store: Store) -> None:
    class Failing(Repository):
        def fail(self) -> None:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Failing(store).fail()


# Two stores


def fill(store: Store, place: str, start: threading.Barrier, count: int) -> None:
    start.wait(10)
    for number in range(count):
        store[NoteRepository].add(place, number)


def in_threads(
    work: Callable[[Store, str, threading.Barrier, int], None], stores: list[Store], count: int
) -> None:
    start = threading.Barrier(len(stores))
    errors: list[BaseException] = []

    def run(store: Store, place: str) -> None:
        try:
            work(store, place, start, count)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run, args=(store, store.path)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors


@pytest.fixture
def two(tmp_path: Path, notes: Plugins) -> Iterator[list[Store]]:
    config = StoreConfig(strict=True, synchronous="NORMAL")
    with ExitStack() as stack:
        yield [
            stack.enter_context(open_store(tmp_path / name, config, plugins=notes))
            for name in ("a.db", "b.db")
        ]


def places(store: Store) -> list[str]:
    return [place for (place,) in file_rows(store.path, "SELECT place FROM notes_note")]


def test_two_stores_in_threads_never_mix(two: list[Store]) -> None:
    in_threads(fill, two, 300)

    for store in two:
        assert places(store) == [store.path] * 300


def test_models_bound_to_a_database_would_mix_in_such_a_run(two: list[Store]) -> None:
    proxy = Note._meta.database
    bind = functools.partial(peewee.Model.bind.__func__, Note)  # type: ignore[attr-defined]  # ours refuses it

    def fill_bound(store: Store, place: str, start: threading.Barrier, count: int) -> None:
        for number in range(count):
            bind(store._backend.database)
            start.wait(10)  # both are bound, and the last one wins in both threads
            Note.create(place=place, number=number)
            start.wait(10)

    try:
        in_threads(fill_bound, two, 50)
    finally:
        with two[0].use():  # Peewee asks at once what it is bound to
            bind(proxy)

    wrong = sum(place != store.path for store in two for place in places(store))
    assert wrong == 50


def test_two_stores_in_asyncio_threads_never_mix(two: list[Store]) -> None:
    async def add(store: Store, number: int) -> None:
        await asyncio.to_thread(store[NoteRepository].add, store.path, number)

    async def run() -> None:
        await asyncio.gather(*(add(store, number) for number in range(100) for store in two))

    asyncio.run(run())

    for store in two:
        assert places(store) == [store.path] * 100


def test_asyncio_thread_inherits_the_store_that_is_current_where_it_starts(two: list[Store]) -> None:
    def write(place: str) -> None:
        Note.create(place=place, number=0)

    async def run(store: Store) -> None:
        with store.use():
            await asyncio.to_thread(write, store.path)

    async def both() -> None:
        await asyncio.gather(*(run(store) for _ in range(50) for store in two))

    asyncio.run(both())

    for store in two:
        assert places(store) == [store.path] * 50


def test_nested_use_of_another_store_gives_the_first_one_back(two: list[Store]) -> None:
    first, second = two
    first[NoteRepository].add("first", 1)
    second[NoteRepository].add("second", 1)

    assert first[NoteRepository].both(second) == (["first"], ["second"])
    with first.use():
        with second.use():
            assert [note.place for note in Note.select()] == ["second"]
        assert [note.place for note in Note.select()] == ["first"]


def test_model_outside_any_store_fails_loudly_also_in_a_new_thread(store: Store) -> None:
    errors: list[Any] = []

    def read() -> None:
        try:
            Note.select().count()
        except StoreClosedError as error:
            errors.append(error)

    read()
    with store.use():
        thread = threading.Thread(target=read)
        thread.start()
        thread.join(10)

    assert len(errors) == 2
    assert "store.use()" in str(errors[1])


def test_missing_row_outside_a_repository_is_the_same_error(store: Store) -> None:
    secret = 7_345_234_982

    with store.use(), pytest.raises(NotFoundError) as caught:
        Note.get(Note.number == secret)

    assert isinstance(caught.value, peewee.DoesNotExist)
    assert str(secret) not in "".join(traceback.format_exception(caught.value))


def test_property_and_mixin_method_speak_to_their_own_store(notes: Plugins) -> None:
    class Counting:
        def count_all(self) -> int:
            return Note.select().count()

    class Wide(NoteRepository, Counting):
        @property
        def first(self) -> str:
            return Note.select().order_by(Note.number).get().place

    with memory_store(notes) as store, memory_store(notes) as other:
        store[NoteRepository].add("here", 1)
        wide = Wide(store)
        with other.use():
            assert (wide.count_all(), wide.first) == (1, "here")


def test_method_that_gives_out_something_live_is_refused(store: Store) -> None:
    class Leaking(NoteRepository):
        def query(self) -> Any:
            return Note.select()

        def model(self) -> Any:
            return Note(place="", number=1)

        def models(self) -> Any:
            return list(Note.select())

        def generator(self) -> Any:
            return (note.place for note in Note.select())

    store[NoteRepository].add("here", 1)
    leaking = Leaking(store)
    for method in (leaking.query, leaking.model, leaking.models, leaking.generator):
        with pytest.raises(TypeError, match="return finished values"):
            method()


def test_context_manager_method_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="borrow runs after its call has ended"):

        class Borrowing(Repository):
            @contextmanager
            def borrow(self) -> Iterator[None]:
                yield
