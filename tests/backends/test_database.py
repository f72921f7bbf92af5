from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import (
    ConstraintError,
    InvalidValueError,
    ReadOnlyError,
    Store,
    StoreBusyError,
    TransactionError,
    open_store,
)
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.backends.sqlite.statements import Result, writes
from stina_core.testing import file_rows

from .library import CONFIG, PLUGINS, Visit, database_of

# Reads and writes

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


# Transactions and connections


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
