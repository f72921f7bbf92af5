"""One program changes the schema of a file that another, with older or newer code, has open."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    AutoIdField,
    BooleanField,
    Check,
    EnumField,
    ForeignKeyField,
    IntegerField,
    Model,
    Operations,
    StoreBusyError,
    StoreConfig,
    TextField,
    load_plugins,
    maintenance,
    open_store,
)
from stina_core.backends.sqlite.lock import file_lock
from stina_core.testing import Running, file_rows, running_python
from tests.declarations import Run, old_file, opened, stepping

from .versions import WAYS, first, second

HERE = Path(__file__).parent
PROGRAM = "sys.path.insert(0, sys.argv[1]); from versions import serve; serve(sys.argv[2])"
WRITERS = 4
ROUNDS = 10
DEADLINE = 30.0
EVERYWHERE = [f"{way.__name__}{place}" for way in WAYS for place in ("", " in a thread", " in a new thread")]


@contextmanager
def program(path: Path, version: str = "old", code: Path = HERE) -> Iterator[Running]:
    with running_python(PROGRAM, code, version) as running:
        assert ask(running, f"open {path}") == "open"
        yield running
        running.finish()


@pytest.fixture(scope="module")
def elder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One older program for the many small tests; each has it open another file."""
    with program(tmp_path_factory.mktemp("elder") / "stina.db") as running:
        yield running


def ask(running: Running, order: str) -> Any:
    running.say(order)
    return answer(running)


def answer(running: Running) -> Any:
    return json.loads(running.hear("answer"))


def migrate(path: Path, *steps: Run) -> None:
    """Be the newer program, which has *steps* after the first one."""
    opened(path, stepping("notes", first, *steps), strict=True).close()


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    names = file_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {name: file_rows(path, f'SELECT * FROM "{name}"') for (name,) in names}


def titles(path: Path) -> list[str]:
    return [title for (title,) in file_rows(path, "SELECT title FROM notes_note ORDER BY id")]


# Changes that only add something


def nullable_column(op: Operations) -> None:
    op.add_column("note", due=IntegerField(null=True))


def column_with_default(op: Operations) -> None:
    op.add_column("note", starred=BooleanField(default=False))


def several_columns(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.add_column("due", IntegerField(null=True), fill=7)
        note.add_column("starred", BooleanField(default=False))


def column_that_points_to_another_table(op: Operations) -> None:
    op.create_table("folder", id=AutoIdField())
    op.add_column("note", folder=ForeignKeyField("folder", null=True))


def table_that_points_to_notes(op: Operations) -> None:
    op.create_table("label", id=AutoIdField(), note=ForeignKeyField("note", on_delete="CASCADE"))
    op.insert("label", [{"id": 1, "note_id": 1}])


def index(op: Operations) -> None:
    op.add_index("note", "title")


def search(op: Operations) -> None:
    op.create_search("note", "title")


def rows(op: Operations) -> None:
    op.insert("note", [{"title": "by the step"}])


ADDITIVE = [
    nullable_column,
    column_with_default,
    several_columns,
    column_that_points_to_another_table,
    table_that_points_to_notes,
    index,
    search,
    rows,
]


@pytest.mark.parametrize("change", ADDITIVE)
def test_open_program_goes_on_after_a_change_that_only_adds(
    elder: Running, store_path: Path, change: Run
) -> None:
    ask(elder, f"open {store_path}")
    ask(elder, "add early")
    migrate(store_path, change)

    outcomes = ask(elder, "every_way late")["value"]

    assert outcomes == dict.fromkeys(EVERYWHERE, "written")
    assert ask(elder, "titles early")["value"] == ["early"]
    assert titles(store_path).count("late") > len(WAYS)
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


def test_open_program_goes_on_after_another_plugin_was_added(store_path: Path) -> None:
    def marks(op: Operations) -> None:
        op.create_table("mark", id=AutoIdField(), note=ForeignKeyField("notes.note"))

    with program(store_path) as old:
        opened(
            store_path, stepping("notes", first), stepping("marks", marks, requires=["notes"]), strict=True
        ).close()

        assert ask(old, "every_way late")["value"] == dict.fromkeys(EVERYWHERE, "written")


def test_open_program_goes_on_when_its_code_was_replaced_on_disk(store_path: Path, tmp_path: Path) -> None:
    code = tmp_path / "versions.py"
    code.write_text((HERE / "versions.py").read_text())
    with program(store_path, code=tmp_path) as before:
        ask(before, "add early")
    with program(store_path, code=tmp_path) as old:  # has no step to run, and so no need to read one
        code.write_text("\n" * 50 + "def first(op):\n    pass\n")
        migrate(store_path, column_with_default)

        assert ask(old, "add late") == {"value": None}
        code.unlink()
        migrate(store_path, column_with_default, index)
        assert ask(old, "add later") == {"value": None}


class Note(Model):
    id = AutoIdField()
    title = TextField()
    size = IntegerField(default=0)
    status = EnumField(["open", "done"], default="open")
    remark = TextField(null=True)
    due = IntegerField(null=True)
    starred = BooleanField(default=False)


def test_rows_of_the_older_program_are_whole_for_the_newer_one_beside_it(store_path: Path) -> None:
    with program(store_path) as old:
        ask(old, "add early")
        with opened(store_path, stepping("notes", first, several_columns, models=[Note]), strict=True) as new:
            for round in range(3):
                ask(old, f"add late-{round}")
                with new.use():
                    Note.create(title=f"new-{round}", due=round, starred=True)

            with new.use():
                found = [(note.title, note.due, note.starred) for note in Note.select().order_by(Note.id)]

        assert ask(old, "titles new")["value"] == ["new-0", "new-1", "new-2"]

    late = [
        row
        for number in range(3)
        for row in ((f"late-{number}", None, False), (f"new-{number}", number, True))
    ]
    assert found == [("early", 7, False), *late]


# Changes that older code does not fit


def rename_column(op: Operations) -> None:
    op.rename_column("note", "remark", "comment")


def rename_table(op: Operations) -> None:
    op.rename_table("note", "paper")


def drop_column(op: Operations) -> None:
    op.drop_column("note", "remark")


def drop_table(op: Operations) -> None:
    op.drop_table("note")


def retype(op: Operations) -> None:
    op.alter_column("note", "size", TextField(default="0"))


def forbid_null(op: Operations) -> None:
    op.alter_column("note", "remark", TextField(), fill="")


def column_without_default(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.add_column("author", TextField(), fill="nobody")


def unique_index(op: Operations) -> None:
    op.add_index("note", "title", unique=True)


def enum_growth(op: Operations) -> None:
    op.alter_column("note", "status", EnumField(["open", "done", "lost"], default="open"))


def check(op: Operations) -> None:
    op.add_check("note", Check("length(title) > 0", name="title_not_empty"))


def update_rows(op: Operations) -> None:
    op.update_rows("note", lambda row: {"remark": "seen"}, "remark")


def unsafe_sql(op: Operations) -> None:
    op.unsafe_sql("UPDATE notes_note SET size = 1")


def breaking_between_additive_ones(op: Operations) -> None:
    op.add_column("note", due=IntegerField(null=True))
    op.rename_column("note", "remark", "comment")
    op.add_index("note", "title")


BREAKING = [
    rename_column,
    rename_table,
    drop_column,
    drop_table,
    retype,
    forbid_null,
    column_without_default,
    unique_index,
    enum_growth,
    check,
    update_rows,
    unsafe_sql,
    breaking_between_additive_ones,
]


@pytest.mark.parametrize("change", BREAKING)
def test_open_program_writes_nothing_more_after_a_change_its_code_does_not_fit(
    elder: Running, store_path: Path, change: Run
) -> None:
    ask(elder, f"open {store_path}")
    ask(elder, "add early")
    migrate(store_path, change)
    before = contents(store_path)

    refusal = ask(elder, "add late")
    outcomes = ask(elder, "every_way late")["value"]

    assert [refusal[name] for name in ("error", "plugin", "step")] == [
        "SchemaTooNewError",
        "notes",
        "0002_step",
    ]
    for words in ("tables of notes", "step 0002_step", "close it, update it and start it again"):
        assert words in refusal["message"]
    assert outcomes == dict.fromkeys(EVERYWHERE, "SchemaTooNewError")
    assert contents(store_path) == before
    assert ask(elder, "reopen late")["value"] == {"notes": "quarantined"}


def test_open_program_goes_on_reading_what_is_there(store_path: Path) -> None:
    with program(store_path) as old:
        ask(old, "add early")

        migrate(store_path, update_rows)
        refused, seen = ask(old, "add late"), ask(old, "titles e")
        migrate(store_path, update_rows, drop_column)
        lacking = ask(old, "titles e")

    assert refused["error"] == "SchemaTooNewError"
    assert seen == {"value": ["early"]}
    assert lacking["error"] == "QueryError"
    assert "no such column" in lacking["message"]


def test_child_of_an_open_program_is_refused_too(store_path: Path) -> None:
    with program(store_path) as old:
        assert ask(old, "child early") == {"value": None}
        assert answer(old) == {"value": None}  # the parent's own
        migrate(store_path, rename_column)

        in_child = ask(old, "child late")
        answer(old)

    assert in_child["error"] == "SchemaTooNewError"
    assert titles(store_path) == ["early"]


# At the same moment


def rebuild(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.alter_column("size", TextField(default="0"))
        note.add_column("author", TextField(), fill="nobody")


def test_newer_program_waits_for_a_transaction_and_migrates_what_was_written_in_it(store_path: Path) -> None:
    plugins = load_plugins([stepping("notes", first, rebuild)], StoreConfig())
    with program(store_path) as old, ThreadPoolExecutor(1) as thread:
        assert ask(old, "hold early") == "inside"
        before = contents(store_path)
        with pytest.raises(StoreBusyError):
            open_store(store_path, StoreConfig(busy_timeout=0.05), plugins=plugins)
        assert contents(store_path) == before

        migrating = thread.submit(open_store, store_path, StoreConfig(busy_timeout=DEADLINE), plugins=plugins)
        wait_until_opening(store_path)
        assert not migrating.done()
        assert ask(old, "go on") == {"value": None}
        migrating.result(DEADLINE).close()

        assert ask(old, "add late")["error"] == "SchemaTooNewError"
    assert (
        file_rows(store_path, "SELECT title, size, author FROM notes_note") == [("early", "0", "nobody")] * 2
    )


def wait_until_opening(path: Path) -> None:
    """Wait until somebody holds the lock for opening."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            with file_lock(str(path), 0.0):
                os.sched_yield()
        except StoreBusyError:
            return
    raise AssertionError("nobody opens the store")


def wait_until_written(path: Path, rows: int) -> None:
    """Wait until *rows* more rows are there."""
    deadline = time.monotonic() + DEADLINE
    wanted = len(titles(path)) + rows
    while len(titles(path)) < wanted:
        assert time.monotonic() < deadline
        os.sched_yield()


def test_nothing_is_lost_when_changes_come_among_busy_writers(tmp_path: Path) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(program(tmp_path / "start.db")) for _ in range(WRITERS)]
        for round in range(ROUNDS):
            path = tmp_path / f"{round}.db"
            for writer in writers:
                assert ask(writer, f"open {path}") == "open"
            for number, writer in enumerate(writers):
                writer.say(f"hammer {number}")
            for writer in writers:
                assert answer(writer) == "writing"

            migrate(path, second)  # they do not even notice
            wait_until_written(path, 2 * WRITERS)
            migrate(path, second, rebuild)
            ends = [answer(writer)["value"] for writer in writers]

            assert [(end["error"], end["step"]) for end in ends] == [
                ("SchemaTooNewError", "0003_step")
            ] * WRITERS
            acknowledged = [
                (f"{number}-{written}", "0", 1, "nobody")
                for number, end in enumerate(ends)
                for written in range(end["written"])
            ]
            found = file_rows(path, "SELECT title, size, pages, author FROM notes_note")
            assert sorted(found) == sorted(acknowledged)
            assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]


# The file is replaced


@pytest.mark.parametrize("older", ["by a step", "original"])
def test_open_program_refuses_to_write_to_an_older_file_and_brings_it_up_to_date(
    store_path: Path, tmp_path: Path, older: str
) -> None:
    backup = tmp_path / "backup.db"
    if older == "original":
        old_file(backup)
    else:
        migrate(backup)
    with program(store_path, "new") as new:
        ask(new, "add lost")
        maintenance.restore(StoreConfig(path=str(store_path)), backup)
        before = contents(store_path)

        refusal = ask(new, "add late")

        assert refusal["error"] == "DriftError"
        assert "close the store and open it again" in refusal["message"]
        assert set(ask(new, "every_way late")["value"].values()) == {"DriftError"}
        assert contents(store_path) == before
        assert ask(new, "reopen after")["value"] == {"notes": "on"}
        assert ask(new, "add more") == {"value": None}
    assert file_rows(store_path, "SELECT title, pages FROM notes_note") == [("after", 1), ("more", 1)]


@pytest.mark.parametrize("how", ["restore", "reset", "newer"])
def test_open_program_goes_on_with_a_file_that_its_code_fits(
    store_path: Path, tmp_path: Path, how: str
) -> None:
    config = StoreConfig(path=str(store_path))
    with program(store_path) as old:
        ask(old, "add kept")
        backup = tmp_path / "backup.db"
        maintenance.back_up(config).path.rename(backup)
        ask(old, "add lost")

        if how == "reset":
            maintenance.reset(config, load_plugins([stepping("notes", first)], StoreConfig()))
        else:
            if how == "newer":
                migrate(backup, second)
            maintenance.restore(config, backup)

        assert ask(old, "add late") == {"value": None}
    assert titles(store_path) == (["late"] if how == "reset" else ["kept", "late"])


def test_open_program_refuses_to_write_to_a_file_that_was_reset_by_newer_code(store_path: Path) -> None:
    newer = load_plugins([stepping("notes", first, rename_column)], StoreConfig())
    with program(store_path) as old:
        maintenance.reset(StoreConfig(path=str(store_path)), newer)

        assert ask(old, "add late")["error"] == "SchemaTooNewError"
    assert titles(store_path) == []
