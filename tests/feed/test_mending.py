"""Who mends a dropped trigger: every program whose models of that plugin are those the file fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stina_core import (
    IdField,
    Migrations,
    Model,
    Operations,
    Schema,
    Store,
    TextField,
    hookimpl,
    local_plugin,
    maintenance,
)
from stina_core.feed import tending
from stina_core.plugins import Candidate

from .desk import CONFIG, Desk, Heard, open_desk, short, until
from .test_tending import drop, other_program, triggers

INSERT = "stina_capture_desk_note_insert"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tending, "EVERY", 0.0)


def _shelf(version: int) -> Candidate:
    """Return another plugin; its second version has a column more."""
    columns = {"id": IdField(), "name": TextField()}
    if version == 2:
        columns["place"] = TextField(default="")
    book: type[Model] = type("Book", (Model,), {"__module__": __name__, **columns})

    class Shelf:
        @hookimpl
        def register_schema(self, schema: Schema) -> None:
            schema.add(book)

        @hookimpl
        def migrate(self, migrations: Migrations) -> None:
            @migrations.step("0001_initial")
            def initial(op: Operations) -> None:
                op.create_table("book", id=IdField(), name=TextField())

            if version == 2:

                @migrations.step("0002_place")
                def place(op: Operations) -> None:
                    op.add_column("book", place=TextField(default=""))

    return local_plugin("shelf", Shelf())


def is_mended(store: Store, path: Path) -> None:
    """Drop a trigger, and see that it comes back and its table is reset."""
    begin = store.cursor()
    drop(path, INSERT)
    until(lambda: INSERT in triggers(path))
    store[Desk].add("after")
    found = [one for changes in store.changes(begin) for one in short(changes)]
    assert ("desk_note", "reset", None) in found
    assert found[-1][:2] == ("desk_note", "insert")


def test_it_is_mended_after_a_restore(file_desk: Store, store_path: Path) -> None:
    config = replace(CONFIG, path=str(store_path))
    made = maintenance.back_up(config)
    heard = Heard()

    with file_desk.subscribe(heard):
        maintenance.restore(config, made.path)
        heard.wait_for(lambda told: told and told[-1].resync == "restored")

        is_mended(file_desk, store_path)


def _same(path: Path) -> Store:
    return open_desk(path)


def _same_and_mends(path: Path) -> Store:
    drop(path, INSERT)
    return open_desk(path)


def _with_another_plugin(path: Path) -> Store:
    return open_desk(path, _shelf(1))


def _migrates_another_plugin(path: Path) -> Store:
    open_desk(path, _shelf(1)).close()
    return open_desk(path, _shelf(2))


OTHERS: dict[str, Callable[[Path], Store]] = {
    "the same": _same,
    "the same, which mends": _same_and_mends,
    "with another plugin": _with_another_plugin,
    "which migrates another plugin": _migrates_another_plugin,
}


@pytest.mark.parametrize("listened", ["before", "after"])
@pytest.mark.parametrize("other", OTHERS)
def test_it_is_mended_after_another_program_opened_the_file(
    file_desk: Store, store_path: Path, other: str, listened: str
) -> None:
    if listened == "before":
        file_desk.subscribe(Heard())
    OTHERS[other](store_path).close()
    file_desk.subscribe(Heard())

    is_mended(file_desk, store_path)


def test_it_is_left_to_a_program_whose_models_of_the_plugin_differ(
    file_desk: Store, store_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    with file_desk.subscribe(heard), other_program(store_path):
        drop(store_path, INSERT)
        for number in range(5):
            file_desk[Desk].tag(str(number))
            heard.wait(number + 1)

        assert INSERT not in triggers(store_path)
    assert "capture.mended" not in logged.text
