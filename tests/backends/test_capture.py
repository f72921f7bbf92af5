"""The triggers of a file: what is wrong with them, and how they are mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stina_core.backends.sqlite.capture import Capture
from stina_core.backends.sqlite.capture_sql import GUARD, triggers_of
from stina_core.backends.sqlite.connection import connect
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.backends.sqlite.ddl_text import schema_sql
from stina_core.catalog import Column, Index, Table
from stina_core.errors import ConstraintError

from .replica import LOG, log

NOTE = Table("note_note", (Column("id", "text"), Column("title", "text", collation="NOCASE")), ("id",))
TAG = Table(
    "note_tag",
    (Column("name", "text", collation="NOCASE"), Column("number", "integer"), Column("share", "real")),
    ("name", "share"),
    indexes=(
        Index("number DESC", unique=True, where="number > 0"),
        Index("lower(name)", unique=True, name="low"),
    ),
    without_rowid=True,
)
BOTH = (NOTE, TAG)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StoreDatabase]:
    path = str(tmp_path / "store.db")
    opened = StoreDatabase(path, lambda: connect(path, busy_timeout=1, synchronous="NORMAL", create=True))
    for sql in LOG:
        opened.run(sql)
    yield opened
    opened.end()


@pytest.fixture
def capture(database: StoreDatabase) -> Capture:
    make(database, BOTH)
    capture = Capture(database)
    capture.reconcile(BOTH)
    return capture


def make(database: StoreDatabase, tables: Iterable[Table]) -> None:
    for table in tables:
        for _, _, _, sql in schema_sql(table):
            database.run(sql)


def triggers(database: StoreDatabase) -> dict[str, str]:
    return dict(database.run("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall())


def changes(database: StoreDatabase) -> list[tuple[str, str, object]]:
    return log(database.connection())


def statements(database: StoreDatabase, work: Callable[[], object]) -> list[str]:
    """The statements that *work* runs."""
    ran: list[str] = []

    def note(cursor: object, sql: str, values: object) -> bool:
        ran.append(sql)
        return True

    database.connection().exec_trace = note
    work()
    database.connection().exec_trace = None
    return ran


# What is wrong


def test_new_tables_and_the_guard_are_wrong_until_they_are_mended(database: StoreDatabase) -> None:
    make(database, BOTH)
    capture = Capture(database)

    assert capture.wrong(BOTH) == {"note_note", "note_tag", "stina_change"}
    assert capture.reconcile(BOTH) == {"note_note", "note_tag", "stina_change"}

    assert capture.wrong(BOTH) == set()
    assert capture.captured() == {"note_note", "note_tag"}
    assert triggers(database) == triggers_of(NOTE) | triggers_of(TAG) | {"stina_change_guard": GUARD}


def test_asking_costs_one_select(database: StoreDatabase, capture: Capture) -> None:
    assert len(statements(database, lambda: capture.wrong(BOTH))) == 1
    assert len(statements(database, lambda: capture.reconcile(BOTH))) == 1


def test_a_table_that_is_not_in_the_file_is_not_wrong(capture: Capture) -> None:
    assert capture.wrong([replace(NOTE, name="note_gone")]) == set()


def test_a_file_without_a_log_lacks_no_guard(database: StoreDatabase) -> None:
    for name in ("stina_change", "stina_conflict"):
        database.run(f"DROP TABLE {name}")

    assert Capture(database).reconcile([NOTE]) == set()


@pytest.mark.parametrize(
    "damage",
    [
        'DROP TRIGGER "stina_capture_note_note_update"',
        'CREATE TRIGGER "stina_capture_note_note_more" AFTER INSERT ON note_note BEGIN SELECT 1; END',
        'DROP TABLE note_note; CREATE TABLE "note_note" ("id" TEXT NOT NULL, "title" TEXT, PRIMARY KEY ("id")) STRICT',
    ],
    ids=["dropped", "added", "rebuilt"],
)
def test_what_another_program_did_to_the_triggers_is_mended(
    database: StoreDatabase, capture: Capture, damage: str
) -> None:
    database.connection().execute(damage)

    assert capture.reconcile(BOTH) == {"note_note"}

    assert capture.wrong(BOTH) == set()


def test_a_trigger_with_another_text_is_mended(database: StoreDatabase, capture: Capture) -> None:
    name = "stina_capture_note_note_delete"
    database.run(f'DROP TRIGGER "{name}"')
    database.run(f'CREATE TRIGGER "{name}" AFTER DELETE ON note_note BEGIN SELECT 1; END')

    assert capture.reconcile(BOTH) == {"note_note"}

    assert triggers(database)[name] == triggers_of(NOTE)[name]


def test_a_new_unique_rule_makes_the_triggers_wrong(database: StoreDatabase, capture: Capture) -> None:
    ruled = replace(NOTE, indexes=(Index("title", unique=True),))

    assert capture.wrong([ruled, TAG]) == {"note_note"}


def test_only_the_triggers_of_wrong_tables_are_made_anew(database: StoreDatabase, capture: Capture) -> None:
    database.run('CREATE TRIGGER "mine" AFTER INSERT ON note_note BEGIN SELECT 1; END')
    database.run('DROP TRIGGER "stina_capture_note_note_update"')

    ran = statements(database, lambda: capture.reconcile(BOTH))

    assert {sql.split()[2] for sql in ran[1:]} == {f'"{name}"' for name in triggers_of(NOTE)}
    assert "mine" in triggers(database)


# Tables that change


def test_a_renamed_table_logs_its_new_name(database: StoreDatabase, capture: Capture) -> None:
    database.run('ALTER TABLE "note_note" RENAME TO "note_page"')
    page = replace(NOTE, name="note_page")

    assert capture.reconcile([page, TAG]) == {"note_page"}

    database.run("INSERT INTO note_page VALUES ('a', 'A')")
    assert changes(database) == [("note_page", "I", "a")]
    assert capture.wrong([page, TAG]) == set()


def test_a_new_table_gets_its_triggers_though_a_renamed_one_has_their_names(
    database: StoreDatabase, capture: Capture
) -> None:
    database.run('ALTER TABLE "note_note" RENAME TO "note_page"')
    make(database, [NOTE])

    capture.reconcile([NOTE])

    assert capture.wrong([NOTE]) == set()
    assert capture.wrong([replace(NOTE, name="note_page")]) == {"note_page"}


def test_a_renamed_column_needs_no_mending(database: StoreDatabase, capture: Capture) -> None:
    database.run('ALTER TABLE "note_tag" RENAME COLUMN "share" TO "part"')
    columns = tuple(replace(one, name="part") if one.name == "share" else one for one in TAG.columns)
    renamed = replace(TAG, columns=columns, primary_key=("name", "part"))

    capture.reconcile([NOTE, renamed])

    assert capture.wrong([NOTE, renamed]) == set()
    database.run("INSERT INTO note_tag VALUES ('a', 1, 0.5)")
    assert changes(database) == [("note_tag", "I", ("a", 0.5))]


def test_a_column_can_be_dropped_under_the_triggers(database: StoreDatabase, capture: Capture) -> None:
    database.run('ALTER TABLE "note_note" DROP COLUMN "title"')

    assert capture.wrong([replace(NOTE, columns=NOTE.columns[:1]), TAG]) == set()


def test_an_untracked_table_loses_its_triggers(database: StoreDatabase, capture: Capture) -> None:
    untracked = replace(NOTE, tracked=False)

    assert capture.reconcile([untracked, TAG]) == {"note_note"}

    assert capture.captured() == {"note_tag"}
    assert capture.wrong([untracked, TAG]) == set()


def test_removed_triggers_are_those_of_the_named_tables(database: StoreDatabase, capture: Capture) -> None:
    database.run('CREATE TRIGGER "mine" AFTER INSERT ON note_note BEGIN SELECT 1; END')

    capture.remove(["note_note", "note_gone", "stina_change"])

    assert triggers(database).keys() == {"mine", "stina_change_guard", *triggers_of(TAG)}


def test_a_reset_is_logged_once_for_each_table(database: StoreDatabase, capture: Capture) -> None:
    capture.reset(["note_note", "note_tag"])

    assert changes(database) == [("note_note", "R", None), ("note_tag", "R", None)]


# The guard of the log


def fill(database: StoreDatabase, ids: Sequence[str]) -> None:
    for one in ids:
        database.run("INSERT INTO note_note VALUES (?, '')", (one,))


@pytest.mark.parametrize("which", ["seq = 3", "true", "seq > 1"])
def test_the_newest_change_cannot_be_deleted(database: StoreDatabase, capture: Capture, which: str) -> None:
    fill(database, "abc")

    with pytest.raises(ConstraintError):
        database.run(f"DELETE FROM stina_change WHERE {which}")

    assert len(changes(database)) == 3


def test_numbers_go_on_after_all_but_the_newest_are_deleted(
    database: StoreDatabase, capture: Capture
) -> None:
    fill(database, "abc")
    database.run("DELETE FROM stina_change WHERE seq < 3")

    fill(database, "d")

    assert database.run("SELECT seq FROM stina_change").fetchall() == [(3,), (4,)]


def test_without_the_guard_a_number_is_given_out_again(database: StoreDatabase, capture: Capture) -> None:
    fill(database, "abc")
    database.run("DROP TRIGGER stina_change_guard")
    database.run("DELETE FROM stina_change")

    fill(database, "d")

    assert database.run("SELECT seq FROM stina_change").fetchall() == [(1,)]
    assert capture.wrong(BOTH) == {"stina_change"}
