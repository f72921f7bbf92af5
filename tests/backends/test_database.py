from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import (
    AutoIdField,
    ConstraintError,
    ForeignKeyField,
    IdField,
    IntegerField,
    InvalidValueError,
    JsonField,
    Migrations,
    Model,
    Operations,
    ReadOnlyError,
    Schema,
    Store,
    StoreBusyError,
    StoreClosedError,
    StoreConfig,
    TextField,
    TransactionError,
    UnsafeOpenError,
    hookimpl,
    open_store,
)
from stina_core.backends.sqlite import open_connections
from stina_core.backends.sqlite.backend import SqliteBackend
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.backends.sqlite.statements import Result, writes
from stina_core.testing import file_rows, plugins_of


class Author(Model):
    id = IdField()
    name = TextField(unique=True)


class Book(Model):
    id = IdField()
    title = TextField()
    author = ForeignKeyField(Author, backref="books", on_delete="CASCADE")
    pages = IntegerField(default=0)
    tags = JsonField(default=list)


class Visit(Model):
    id = AutoIdField()
    door = TextField(unique=True)


class Library:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Author, Book, Visit)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("author", id=IdField(), name=TextField(unique=True))
            op.create_table(
                "book",
                id=IdField(),
                title=TextField(),
                author=ForeignKeyField("author", on_delete="CASCADE"),
                pages=IntegerField(default=0),
                tags=JsonField(default=list),
            )
            op.create_table("visit", id=AutoIdField(), door=TextField(unique=True))


PLUGINS = plugins_of(library=Library())
CONFIG = StoreConfig(strict=True, busy_timeout=0.1)
DEADLINE = 20.0


def database_of(store: Store) -> StoreDatabase:
    backend = store._backend
    assert isinstance(backend, SqliteBackend)
    return backend.database


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_store(store_path, CONFIG, plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def memory() -> Iterator[Store]:
    with open_store(":memory:", CONFIG, plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture(params=["file", "memory"])
def either(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    path = store_path if request.param == "file" else ":memory:"
    with open_store(path, CONFIG, plugins=PLUGINS) as opened:
        yield opened


@contextmanager
def in_thread(work: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Run *work* beside the block; what it raised is in the list once the block has ended."""
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


# Statements

READS = (
    "SELECT 1",
    "VALUES (1)",
    "PRAGMA data_version",
    "EXPLAIN SELECT 1",
    "(SELECT 1)",
    "WITH x AS (SELECT 1) SELECT 1",
)
WRITES = (
    "INSERT INTO t VALUES (1)",
    "UPDATE t SET a = 2",
    "DELETE FROM t",
    "REPLACE INTO t VALUES (1)",
    "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
    "WITH x AS (SELECT 1) DELETE FROM t",
    "CREATE TABLE u (a)",
    "DROP TABLE t",
    "ALTER TABLE t ADD COLUMN b",
    "INSERT INTO t VALUES (1) RETURNING a",
    "SELECT 1; DELETE FROM t",
    "EXPLAIN SELECT 1; DELETE FROM t",
    "/* SELECT */ DELETE FROM t",
    "-- SELECT\nDELETE FROM t",
    "SELECTED",
)
SPACE = st.text(alphabet=" \n\t", max_size=3)


@given(sql=st.sampled_from(READS), before=SPACE, after=st.sampled_from(["", ";", " ; "]), low=st.booleans())
def test_read_is_told_from_a_write(sql: str, before: str, after: str, low: bool) -> None:
    assert not writes(before + (sql.lower() if low else sql) + after)


@given(sql=st.sampled_from(WRITES), before=SPACE, after=st.sampled_from(["", ";", " ; "]), low=st.booleans())
def test_write_is_told_from_a_read(sql: str, before: str, after: str, low: bool) -> None:
    assert writes(before + (sql.lower() if low else sql) + after)


BEFORE = (
    "EXPLAIN ",
    "WITH x AS (SELECT 1) ",
    "SELECT 1; ",
    "VALUES (1);",
    "/* SELECT */",
    "-- SELECT\n",
    "SELECT ';' ; ",
)


@given(before=st.lists(st.sampled_from(BEFORE), max_size=3), body=st.sampled_from((*READS, *WRITES)))
def test_statement_taken_for_a_read_changes_nothing(before: list[str], body: str) -> None:
    sql = "".join([*before, body])
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    found = (connection.total_changes(), connection.execute("SELECT * FROM sqlite_schema").fetchall())

    with suppress(apsw.Error):
        connection.execute(sql).fetchall()

    left = (connection.total_changes(), connection.execute("SELECT * FROM sqlite_schema").fetchall())
    connection.close()
    assert writes(sql) or left == found


def test_result_gives_its_rows_once_and_in_order() -> None:
    result = Result([("a", None)], [(1,), (2,), (3,)], None, 0)

    assert result.fetchone() == (1,)
    assert result.fetchall() == [(2,), (3,)]
    assert result.fetchone() is None
    assert result.fetchall() == []
    result.close()


NUMBERS = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"


def test_half_read_result_keeps_no_log_from_being_reset(store: Store, store_path: Path) -> None:
    with store.use():
        Visit.create(door="front")
        result = database_of(store).execute_sql("SELECT a.id FROM library_visit AS a, sqlite_schema")

        assert result.fetchone() == (1,)

    file_rows(store_path, "UPDATE library_visit SET door = 'back'")
    assert file_rows(store_path, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    assert result.fetchall()


def test_half_read_cursor_of_the_driver_would_keep_it(store: Store, store_path: Path) -> None:
    with store.use():
        Visit.create(door="front")
    cursor = database_of(store).connection().execute("SELECT a.id FROM library_visit AS a, sqlite_schema")
    cursor.fetchone()

    file_rows(store_path, "UPDATE library_visit SET door = 'back'")
    connection = apsw.Connection(str(store_path))

    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0] == 1
    connection.close()
    cursor.close()


def test_single_write_outside_is_one_transaction(either: Store) -> None:
    database = database_of(either)
    twice = (
        "INSERT INTO library_visit (door) VALUES ('front'); INSERT INTO library_visit (door) VALUES ('front')"
    )

    with pytest.raises(ConstraintError):
        database.execute_sql(twice)
    with pytest.raises(ConstraintError):
        database.execute_many("INSERT INTO library_visit (door) VALUES (?)", [["back"], ["side"], ["back"]])

    assert database.execute_sql("SELECT count(*) FROM library_visit").fetchall() == [(0,)]


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), InvalidValueError("door", "too wide")])
def test_rows_for_many_writes_may_come_from_a_generator_that_fails(either: Store, error: Exception) -> None:
    def rows() -> Iterator[list[str]]:
        yield ["front"]
        raise error

    with pytest.raises(type(error), match=str(error)):
        database_of(either).execute_many("INSERT INTO library_visit (door) VALUES (?)", rows())

    with either.use():
        assert Visit.select().count() == 0


@pytest.mark.parametrize("inside", [True, False])
def test_returning_gives_rows_and_keeps_them(either: Store, inside: bool) -> None:
    with either.transaction() if inside else either.use():
        rows = (
            Visit.insert_many([{"door": "front"}, {"door": "back"}])
            .returning(Visit.id, Visit.door)
            .tuples()
            .execute()
        )

        assert list(rows) == [(1, "front"), (2, "back")]
    with either.use():
        assert Visit.select().count() == 2


def test_insert_tells_the_row_id_and_an_ignored_one_tells_none(either: Store) -> None:
    with either.use():
        assert Visit.insert(door="front").execute() == 1
        assert Visit.insert(door="back").execute() == 2
        assert Visit.insert(door="back").on_conflict_ignore().execute() is None


def test_update_and_delete_tell_how_many_rows_they_changed(either: Store) -> None:
    with either.use():
        Visit.insert_many([{"door": door} for door in ("front", "back", "side")]).execute()

        assert Visit.update(door=Visit.door + "!").where(Visit.id > 1).execute() == 2
        assert Visit.update(door="none").where(Visit.id > 9).execute() == 0
        assert Visit.delete().where(Visit.id < 9).execute() == 3


# Peewee on it


def test_models_are_created_changed_and_deleted(either: Store) -> None:
    with either.use():
        karin = Author.create(name="Karin")
        book = Book(title="Kallocain", author=karin, tags=["novel", {"year": 1940}])
        assert book.save(force_insert=True) == 1
        book.pages = 200
        assert book.save() == 1

        found = Book.get_by_id(book.id)
        assert (found.title, found.pages, found.tags) == ("Kallocain", 200, ["novel", {"year": 1940}])
        assert found.author.name == "Karin"
        assert [one.title for one in karin.books] == ["Kallocain"]  # type: ignore[attr-defined]
        assert found.delete_instance() == 1
        assert Book.get_or_none(Book.id == book.id) is None
        assert karin.delete_instance(recursive=True) == 1


def test_get_or_create_makes_a_row_once(either: Store) -> None:
    with either.use():
        first, made = Author.get_or_create(name="Karin")
        again, made_again = Author.get_or_create(name="Karin")

    assert (made, made_again) == (True, False)
    assert first.id == again.id


def test_get_or_create_lets_nobody_in_between(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Author.create
    refused: list[bool] = []

    def create_second(**values: Any) -> Author:
        with pytest.raises(apsw.BusyError):
            apsw.Connection(str(store_path)).execute("INSERT INTO library_author VALUES ('1', 'Karin')")
        refused.append(True)
        return create(**values)

    monkeypatch.setattr(Author, "create", create_second)
    with store.use():
        author, made = Author.get_or_create(name="Karin", defaults={"id": "2"})

    assert (author.id, made, refused) == ("2", True, [True])


def test_conflicts_are_ignored_replaced_or_merged(either: Store) -> None:
    with either.use():
        Visit.insert(id=1, door="front").execute()
        Visit.insert(id=2, door="front").on_conflict_ignore().execute()
        assert [(one.id, one.door) for one in Visit.select()] == [(1, "front")]
        Visit.insert(id=3, door="front").on_conflict_replace().execute()
        assert [(one.id, one.door) for one in Visit.select()] == [(3, "front")]
        Visit.insert(id=3, door="back").on_conflict(
            conflict_target=[Visit.id], update={Visit.door: Visit.door + "+" + peewee.EXCLUDED.door}
        ).execute()
        assert [(one.id, one.door) for one in Visit.select()] == [(3, "front+back")]


def test_update_returns_the_new_rows(either: Store) -> None:
    with either.use():
        Visit.insert_many([{"door": "front"}, {"door": "back"}]).execute()

        changed = Visit.update(door=Visit.door + "!").where(Visit.id == 2).returning(Visit).execute()

        assert [(one.id, one.door) for one in changed] == [(2, "back!")]


@pytest.fixture
def shelves(either: Store) -> Store:
    with either.transaction():
        for name, titles in {"Karin": ["Kallocain", "Kris"], "Selma": ["Jerusalem"], "Unread": []}.items():
            author = Author.create(name=name)
            Book.bulk_create(
                [Book(title=title, author=author, pages=len(title)) for title in titles], batch_size=1
            )
    return either


def test_joins_groups_and_scalars(shelves: Store) -> None:
    with shelves.use():
        joined = Book.select(Book.title, Author.name).join(Author).order_by(Book.title)
        counted = (
            Author.select(Author.name, peewee.fn.count(Book.id).alias("books"))
            .join(Book, peewee.JOIN.LEFT_OUTER)
            .group_by(Author)
            .order_by(Author.name)
        )

        assert [(book.title, book.author.name) for book in joined] == [
            ("Jerusalem", "Selma"),
            ("Kallocain", "Karin"),
            ("Kris", "Karin"),
        ]
        assert list(counted.tuples()) == [("Karin", 2), ("Selma", 1), ("Unread", 0)]
        assert next(iter(counted.dicts())) == {"name": "Karin", "books": 2}
        assert [row.books for row in counted.namedtuples()] == [2, 1, 0]  # type: ignore[attr-defined]
        assert Book.select(peewee.fn.sum(Book.pages)).scalar() == 22
        assert Book.select().count() == 3
        assert Book.select().where(Book.title.contains("kall")).exists()
        assert not Book.select().where(Book.title == "none").exists()
        assert Book.select().where(Book.title == "none").first() is None
        assert [book.title for book in Book.select().order_by(Book.title).paginate(2, 1)] == ["Kallocain"]
        assert sorted(book.title for book in Book.select().iterator()) == ["Jerusalem", "Kallocain", "Kris"]


@pytest.mark.parametrize("shape", ["objects", "dicts", "tuples", "namedtuples"])
def test_empty_answers_have_every_shape(either: Store, shape: str) -> None:
    with either.use():
        query: Any = Book.select(Book, Author).join(Author)

        assert list(getattr(query, shape)()) == []


def test_prefetch_and_bulk_update(shelves: Store) -> None:
    with shelves.use():
        authors = peewee.prefetch(Author.select().order_by(Author.name), Book.select().order_by(Book.title))
        assert [[book.title for book in author.books] for author in authors] == [
            ["Kallocain", "Kris"],
            ["Jerusalem"],
            [],
        ]
        books = list(Book.select())
        for book in books:
            book.pages += 100

        model: Any = Book
        assert model.bulk_update(books, fields=[Book.pages], batch_size=2) == 3

        assert Book.select(peewee.fn.min(Book.pages)).scalar() == 104


def test_compound_and_recursive_queries(either: Store) -> None:
    with either.use():
        Visit.insert_many([{"door": door} for door in "abc"]).execute()
        low = Visit.select(Visit.door).where(Visit.id < 2)
        high = Visit.select(Visit.door).where(Visit.id > 2)
        chain = Visit.select(Visit.id).where(Visit.id == 1).cte("chain", recursive=True, columns=["id"])
        links = chain.union_all(Visit.select(Visit.id).join(chain, on=(Visit.id == chain.c.id + 1)))

        assert sorted(row[0] for row in (low | high).tuples()) == ["a", "c"]
        assert [row[0] for row in links.select_from(links.c.id).tuples()] == [1, 2, 3]
        assert list(Visit.select().where(Visit.id.in_([1, 3])).order_by(Visit.id).tuples()) == [
            (1, "a"),
            (3, "c"),
        ]


def test_atomic_is_the_stores_own_transaction(either: Store) -> None:
    fired: list[str] = []
    with either.use():
        database = Visit._meta.database
        with database.atomic() as outer:
            outer.after_commit(lambda: fired.append("committed"))
            Visit.create(door="front")
            with suppress(ZeroDivisionError), database.savepoint():
                Visit.create(door="back")
                raise ZeroDivisionError
            assert database.in_transaction()
            assert fired == []

        assert fired == ["committed"]
        assert not database.in_transaction()
        assert [visit.door for visit in Visit.select()] == ["front"]


@pytest.mark.parametrize(
    "act",
    [
        lambda database: database.begin(),
        lambda database: database.commit(),
        lambda database: database.rollback(),
        lambda database: database.manual_commit(),
        lambda database: database.session_start(),
        lambda database: database.session_commit(),
        lambda database: database.session_rollback(),
        lambda database: database.after_commit(lambda: None),
        lambda database: database.__enter__(),
        lambda database: database.close(),
    ],
)
def test_nothing_can_end_or_go_round_the_stores_transaction(
    either: Store, act: Callable[[Any], object]
) -> None:
    database = database_of(either)
    with either.transaction():
        Visit.create(door="front")

        with pytest.raises(TransactionError):
            act(database)

        Visit.create(door="back")
    assert database.execute_sql("SELECT count(*) FROM library_visit").fetchall() == [(2,)]


def test_commit_in_sql_is_noticed_at_the_next_statement(either: Store) -> None:
    def broken() -> None:
        with either.transaction():
            Visit.create(door="front")
            database_of(either).execute_sql("ROLLBACK")
            Visit.create(door="back")

    with pytest.raises(TransactionError):
        broken()

    with either.use():
        assert Visit.select().count() == 0


def test_closing_one_threads_connection_keeps_the_store_open(either: Store) -> None:
    with either.use():
        Visit.create(door="front")
        database_of(either).close()

        assert Visit.select().count() == 1


def test_opening_a_connection_by_hand_is_harmless(either: Store) -> None:
    database = database_of(either)

    assert database.connect(reuse_if_open=True) is False
    assert database.connect() is False
    assert database.open_connections == 1


def test_error_while_connecting_keeps_its_class(tmp_path: Path) -> None:
    """Peewee renames errors by the name of their class, and has a ReadOnlyError of its own driver."""

    def refuse() -> apsw.Connection:
        raise ReadOnlyError("the disk is read-only")

    database = StoreDatabase(str(tmp_path / "x.db"), refuse)

    for act in (database.connection, database.connect, lambda: database.execute_sql("SELECT 1")):
        with pytest.raises(ReadOnlyError):
            act()


# Threads


def files_open(path: Path) -> int:
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(link.readlink()).startswith(str(path))
    return count


def test_each_thread_has_its_own_connection_and_leaves_none(store: Store, store_path: Path) -> None:
    database = database_of(store)
    with store.use():
        Visit.create(door="main")
    seen: set[int] = {id(database.connection())}
    before = files_open(store_path)

    for number in range(5):

        def work(door: str = f"{number}") -> None:
            with store.use():
                Visit.create(door=door)
            seen.add(id(database.connection()))
            assert database.open_connections == 2

        with in_thread(work) as raised:
            pass
        assert raised == []

    assert id(database.connection()) in seen
    assert len(seen) > 1
    assert database.open_connections == 1
    assert files_open(store_path) <= before + 1  # SQLite keeps one handle for the next connection


def test_threads_write_and_read_at_the_same_time(either: Store) -> None:
    """Each transaction writes two rows, so whoever counts an odd number has seen half of one."""
    odd: list[int] = []
    start = threading.Barrier(5)

    def write(name: str) -> None:
        start.wait(DEADLINE)
        for number in range(15):
            while True:
                with suppress(StoreBusyError), either.transaction():
                    Visit.create(door=f"{name} {number} in")
                    Visit.create(door=f"{name} {number} out")
                    break

    def read() -> None:
        start.wait(DEADLINE)
        with either.use():
            while (count := Visit.select().count()) < 60:
                if count % 2:
                    odd.append(count)

    with (
        in_thread(read) as a,
        in_thread(read) as b,
        in_thread(lambda: write("x")) as c,
        in_thread(lambda: write("y")) as d,
    ):
        start.wait(DEADLINE)

    assert (a, b, c, d) == ([], [], [], [])
    assert odd == []


def test_reader_of_a_memory_store_waits_for_the_writer(memory: Store) -> None:
    asking, answered = threading.Event(), threading.Event()
    counts: list[int] = []

    def read() -> None:
        with memory.use():
            asking.set()
            counts.append(Visit.select().count())
            answered.set()

    reader = threading.Thread(target=read)
    with memory.transaction():
        Visit.create(door="front")
        reader.start()
        assert asking.wait(DEADLINE)
        assert not answered.wait(0.03)
        Visit.create(door="back")
    reader.join(DEADLINE)

    assert counts == [2]


def test_memory_store_kept_too_long_is_busy_like_a_file(memory: Store) -> None:
    def read() -> None:
        with memory.use():
            Visit.select().count()

    def write() -> None:
        with memory.transaction():
            Visit.create(door="back")

    with memory.transaction():
        Visit.create(door="front")
        with in_thread(read) as reading, in_thread(write) as writing:
            pass

    assert [type(error) for error in reading + writing] == [StoreBusyError, StoreBusyError]
    with memory.use():
        assert [visit.door for visit in Visit.select()] == ["front"]


def test_turn_that_an_interrupt_kept_is_given_back_later(memory: Store) -> None:
    database_of(memory).gate.__enter__()  # and never left

    with memory.use():
        Visit.create(door="front")

    def read() -> None:
        with memory.use():
            assert Visit.select().count() == 1

    with in_thread(read) as raised:
        pass
    assert raised == []


# Closing


def test_closed_store_refuses_everything(either: Store) -> None:
    database = database_of(either)
    either.close()

    for act in (database.connection, database.connect, lambda: database.execute_sql("SELECT 1")):
        with pytest.raises(StoreClosedError, match="open it again"):
            act()
    with pytest.raises(StoreClosedError):
        either.transaction()
    assert database.open_connections == 0


def test_close_closes_the_connections_of_other_threads(store: Store, store_path: Path) -> None:
    used, closed = threading.Event(), threading.Event()

    def work() -> None:
        with store.use():
            Visit.create(door="front")
            used.set()
            closed.wait(DEADLINE)
            Visit.create(door="back")

    with in_thread(work) as raised:
        assert used.wait(DEADLINE)
        store.close()
        assert files_open(store_path) == 0
        closed.set()

    assert [type(error) for error in raised] == [StoreClosedError]


def test_close_stops_a_statement_of_another_thread(either: Store) -> None:
    running = threading.Event()

    def work() -> None:
        connection = database_of(either).connection()
        connection.set_progress_handler(lambda: bool(running.set()), 1000)  # type: ignore[func-returns-value]
        database_of(either).execute_sql(
            NUMBERS.format(10**9).replace("SELECT i FROM n", "SELECT sum(i) FROM n")
        )

    with in_thread(work) as raised:
        assert running.wait(DEADLINE)
        either.close()

    assert [type(error) for error in raised] == [StoreClosedError]


def test_close_stops_a_thread_that_waits_for_the_lock(store_path: Path) -> None:
    holder = apsw.Connection(str(store_path))
    with open_store(store_path, StoreConfig(busy_timeout=3600), plugins=PLUGINS) as store:
        holder.execute("BEGIN IMMEDIATE")
        waiting = threading.Event()
        database = database_of(store)

        def work() -> None:
            database.connection()
            waiting.set()
            with store.use():
                Visit.create(door="front")

        with in_thread(work) as raised:
            assert waiting.wait(DEADLINE)
            store.close()
    holder.close()

    assert [type(error) for error in raised] == [StoreClosedError]


def test_close_undoes_the_transaction_of_another_thread(store: Store, store_path: Path) -> None:
    inside, closed = threading.Event(), threading.Event()
    fired: list[str] = []

    def work() -> None:
        with store.transaction() as transaction:
            transaction.after_commit(lambda: fired.append("committed"))
            Visit.create(door="front")
            inside.set()
            closed.wait(DEADLINE)

    with in_thread(work) as raised:
        assert inside.wait(DEADLINE)
        store.close()
        closed.set()

    assert [type(error) for error in raised] == [StoreClosedError]
    assert fired == []
    assert file_rows(store_path, "SELECT count(*) FROM library_visit") == [(0,)]


def test_close_says_so_when_a_thread_does_not_stop(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_connections, "_PATIENCE", 0.05)
    running, release = threading.Event(), threading.Event()
    used = threading.Event()

    def block(*nothing: object) -> int:
        running.set()
        release.wait(DEADLINE)
        return 1

    def work() -> None:
        database_of(store).connection().create_scalar_function("block", block)
        database_of(store).execute_sql("SELECT block()")

    def idle() -> None:
        database_of(store).connection()
        used.set()
        release.wait(DEADLINE)

    with in_thread(work), in_thread(idle):
        assert running.wait(DEADLINE)
        assert used.wait(DEADLINE)
        before = files_open(store_path)
        with pytest.raises(StoreBusyError, match="does not stop"):
            store.close()

        assert store.closed
        assert 0 < files_open(store_path) < before
        with pytest.raises(UnsafeOpenError):  # its locks are still needed
            store_path.read_bytes()
        release.set()

    gc.collect()  # the error that ended the thread knows its frames, and they the connection
    assert files_open(store_path) == 0


def test_connection_opened_while_the_store_closes_is_closed_again(store_path: Path) -> None:
    made: list[apsw.Connection] = []

    def opener() -> apsw.Connection:
        made.append(apsw.Connection(str(store_path)))
        if len(made) == 2:
            database.end()
        return made[-1]

    database = StoreDatabase(str(store_path), opener)
    database.execute_sql("SELECT 1")

    with in_thread(database.connection) as raised:
        pass

    assert [type(error) for error in raised] == [StoreClosedError]
    assert files_open(store_path) == 0


def test_error_of_a_block_survives_the_close_of_its_store(store: Store) -> None:
    def work() -> None:
        with store.transaction():
            Visit.create(door="front")
            database_of(store).end()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


# Two stores on one file


def test_two_stores_on_one_file_see_each_others_commits(store: Store, store_path: Path) -> None:
    with open_store(store_path, CONFIG, plugins=PLUGINS) as other:
        with store.use():
            Visit.create(door="front")
        with other.use():
            assert Visit.select().count() == 1
            Visit.create(door="back")
        with store.use():
            assert Visit.select().count() == 2


def test_two_stores_on_one_file_keep_each_other_out(store: Store, store_path: Path) -> None:
    with open_store(store_path, CONFIG, plugins=PLUGINS) as other:
        with store.transaction():
            Visit.create(door="front")
            with other.use():
                assert Visit.select().count() == 0
                with pytest.raises(StoreBusyError):
                    Visit.create(door="back")
        with other.use():
            assert Visit.select().count() == 1
