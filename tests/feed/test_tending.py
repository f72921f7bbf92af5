"""What the listener sees to: the capture of changes, whoever spoils it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stina_core import (
    AutoIdField,
    Migrations,
    Model,
    Operations,
    Schema,
    Store,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.feed import tending
from stina_core.testing import file_rows

from .desk import CONFIG, Desk, DeskPlugin, Draft, Heard, Tag, beside, open_desk, short, until

NOTE_TRIGGERS = (
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'stina_capture_desk_note_*'"
)


def triggers(path: Path) -> set[str]:
    return {name for (name,) in file_rows(path, NOTE_TRIGGERS)}


def drop(path: Path, *names: str) -> None:
    file_rows(path, "".join(f'DROP TRIGGER "{name}";' for name in names))


def _note(is_tracked: bool) -> type[Model]:
    class Note(Model):
        id = AutoIdField()
        text = TextField()
        kind = TextField(default="")

        class Meta:
            tracked = is_tracked

    return Note


def other_program(path: Path, *, tracked: bool = True, breaking: bool = False) -> Store:
    """Open the file with code in which the table of notes is another one."""

    note = _note(tracked)

    class Other:
        @hookimpl
        def register_schema(self, schema: Schema) -> None:
            schema.add(note, Tag, *(() if breaking else (Draft,)))

        @hookimpl
        def migrate(self, migrations: Migrations) -> None:
            DeskPlugin().migrate(migrations)

            @migrations.step("0002_kind")
            def kind(op: Operations) -> None:
                op.add_column("note", kind=TextField(default=""))
                if breaking:
                    op.drop_table("draft")

    return open_store(path, CONFIG, plugins=load_plugins([local_plugin("desk", Other())], CONFIG))


def test_dropped_trigger_is_mended_and_the_table_reset(
    file_desk: Store, store_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    whole = triggers(store_path)
    heard = Heard()

    with file_desk.subscribe(heard):
        file_desk[Desk].add("a")
        heard.wait(1)
        begin = time.monotonic()
        drop(store_path, "stina_capture_desk_note_insert")
        reset = heard.wait(2)[1]
        took = time.monotonic() - begin
        file_desk[Desk].add("b")
        again = heard.wait(3)[2]

    assert short(reset) == [("desk_note", "reset", None)]
    assert (reset.origin, reset.resync) == (file_desk.origin, "")
    assert short(again) == [("desk_note", "insert", 2)]
    assert triggers(store_path) == whole
    assert took < 3  # within a second, on a machine that has time
    assert "capture.mended" in logged.text


def test_table_that_lost_its_capture_with_rows_in_it_is_reset(file_desk: Store, store_path: Path) -> None:
    heard = Heard()

    with file_desk.subscribe(heard):
        file_desk[Desk].add("a")
        heard.wait(1)
        drop(store_path, *triggers(store_path))
        reset = heard.wait(2)[1]

    assert short(reset) == [("desk_note", "reset", None)]


def test_table_that_lost_its_capture_and_all_its_rows_is_reset(file_desk: Store, store_path: Path) -> None:
    heard = Heard()

    with file_desk.subscribe(heard):
        file_desk[Desk].add("a")
        heard.wait(1)
        names = "".join(f'DROP TRIGGER "{name}";' for name in sorted(triggers(store_path)))
        file_rows(store_path, f"BEGIN IMMEDIATE; {names} DELETE FROM desk_note; COMMIT")
        until(lambda: triggers(store_path))
        file_desk[Desk].tag("x")
        found = heard.wait_for(lambda told: told[-1].tables == {"desk_tag"})

    assert [("desk_note", "reset", None)] in [short(changes) for changes in found]


def test_mending_is_one_transaction(file_desk: Store, store_path: Path) -> None:
    with file_desk.changes(file_desk.cursor(), follow=True) as stream:
        file_desk[Desk].add("a")
        next(stream)
        drop(store_path, "stina_capture_desk_note_insert")
        reset = next(stream)
        file_desk[Desk].tag("x")

        assert short(reset) == [("desk_note", "reset", None)]
        assert short(next(stream)) == [("desk_tag", "insert", "x")]


def test_guard_of_the_log_is_mended_and_no_table_is_reset(file_desk: Store, store_path: Path) -> None:
    heard = Heard()

    with file_desk.subscribe(heard):
        drop(store_path, "stina_change_guard")
        until(lambda: file_rows(store_path, "SELECT 1 FROM sqlite_schema WHERE name = 'stina_change_guard'"))
        file_desk[Desk].add("a")
        heard.wait(1)

    assert [short(changes) for changes in heard.all] == [[("desk_note", "insert", 1)]]


def test_program_with_other_code_is_left_its_own_form(
    file_desk: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tending, "EVERY", 0.0)
    heard = Heard()

    with file_desk.subscribe(heard):
        file_desk[Desk].tag("x")
        heard.wait(1)
        with other_program(store_path, tracked=False):
            for number in range(5):
                file_desk[Desk].tag(str(number))
            heard.wait_for(lambda told: sum(changes.tables == {"desk_tag"} for changes in told) == 6)

            assert triggers(store_path) == set()
    assert "capture.mended" not in logged.text


def test_store_that_begins_to_listen_after_another_program_migrated_leaves_it_so(
    file_desk: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tending, "EVERY", 0.0)
    heard = Heard()

    with other_program(store_path, tracked=False):
        file_desk[Desk].tag("x")  # now it knows of the new schema, which it may write to
        with file_desk.subscribe(heard):
            for number in range(5):
                file_desk[Desk].tag(str(number))
            heard.wait(5)

        assert triggers(store_path) == set()
    assert "capture.mended" not in logged.text


def test_listener_survives_a_newer_program_whose_file_it_must_not_write_to(
    file_desk: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tending, "EVERY", 0.0)
    heard = Heard()

    with file_desk.subscribe(heard):
        with other_program(store_path, tracked=False, breaking=True):
            until(lambda: "capture.foreign" in logged.text)
            for number in range(3):
                file_rows(
                    store_path, f"INSERT INTO stina_change (\"table\", op, key) VALUES ('x', 'I', {number})"
                )
            heard.wait_for(lambda told: sum(len(changes.of("x")) for changes in told) == 3)

    assert logged.text.count("capture.foreign") == 1


def test_mending_does_not_wait_for_a_writer(file_desk: Store, store_path: Path) -> None:
    heard, longest = Heard(), Heard()

    with open_desk(store_path) as other, file_desk.subscribe(heard):
        other[Desk].tag("x")
        heard.wait(1)
        drop(store_path, "stina_capture_desk_note_insert")
        with other.transaction():
            other[Desk].tag("y")
            begin = time.monotonic()
            with beside(lambda: file_desk.subscribe(longest)):
                pass
            assert time.monotonic() - begin < 2
        heard.wait_for(lambda told: any(changes.tables == {"desk_note"} for changes in told))

    assert len(triggers(store_path)) == 4


def test_tending_a_store_in_memory_disturbs_no_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads share one connection there."""
    monkeypatch.setattr(tending, "EVERY", 0.0)
    heard = Heard()

    with open_desk() as store, store.subscribe(heard):
        for _ in range(300):
            store[Desk].add("a")
        heard.wait(300)


def test_listener_prunes_now_and_then(file_desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned: list[int] = []
    monkeypatch.setattr(tending, "EVERY", 0.0)
    monkeypatch.setattr(tending, "PRUNE_EVERY", 0.0)

    def prune(most: int) -> int:
        pruned.append(most)
        return 0

    monkeypatch.setattr(file_desk._feed._retention, "prune", prune)

    with file_desk.subscribe(Heard()):
        file_desk[Desk].add("a")
        until(lambda: pruned)

    assert set(pruned) == {2000}
