"""A table of the original app goes only once all that was in it is found in ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import apsw
import pytest

from stina_core import IdField, IntegerField, Operations, PluginState, Store, TextField
from stina_core.catalog import Value
from stina_core.migrations.retirement import SameColumns
from stina_core.testing import file_rows

from ..declarations import backups, opened, states, stepping, tables

OLD = [
    "CREATE TABLE old (id TEXT PRIMARY KEY, title TEXT, due REAL)",
    "CREATE INDEX old_by_title ON old (title)",
    "INSERT INTO old VALUES ('a', 'milk', 1), ('b', CAST(x'ff' AS TEXT), 2.5), (NULL, 'bread', 3)",
]


def old(path: Path, *more: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in (*OLD, *more):
        connection.execute(statement)
    connection.close()


class Adoption:
    """A step that adopts the table `old`; a subclass makes one mistake."""

    same: ClassVar[SameColumns] = {"title": "title", "due": "due"}

    def __call__(self, op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField(), due=IntegerField(null=True))
        op.insert(
            "note", [self.row(row.id(), row.text("title"), row.integer("due")) for row in self.rows(op)]
        )
        self.dropped = op.retire("old", into="note", same=self.same)

    def rows(self, op: Operations) -> list[Any]:
        return list(op.old_rows("old"))

    def row(self, id: str, title: str | None, due: int | None) -> dict[str, Value]:
        return {"id": id, "title": title, "due": due}


def adopt(path: Path, adoption: Adoption) -> Store:
    def step(op: Operations) -> None:
        adoption(op)

    return opened(path, stepping("notes", step))


def test_table_goes_when_every_row_and_value_is_found_or_noted(store_path: Path) -> None:
    old(store_path)
    adoption = Adoption()

    with adopt(store_path, adoption) as store:
        assert states(store) == {"notes": PluginState.ON}

    assert adoption.dropped
    assert "old" not in tables(store_path)
    assert file_rows(store_path, "SELECT count(*) FROM sqlite_schema WHERE name = 'old_by_title'") == [(0,)]
    assert [
        row[1:] for row in file_rows(store_path, "SELECT id, title, due FROM notes_note ORDER BY due")
    ] == [
        ("milk", 1),
        ("\ufffd", 2),
        ("bread", 3),
    ]
    (name,) = backups(store_path)
    assert "-adopt.db" in name


class Forgets(Adoption):
    def rows(self, op: Operations) -> list[Any]:
        return list(op.old_rows("old"))[1:]


class Changes(Adoption):
    def row(self, id: str, title: str | None, due: int | None) -> dict[str, Value]:
        return {"id": id, "title": (title or "").upper(), "due": due}


class Renumbers(Adoption):
    def row(self, id: str, title: str | None, due: int | None) -> dict[str, Value]:
        return {"id": f"{id}!", "title": title, "due": due}


class LosesTheUnnamed(Adoption):
    def rows(self, op: Operations) -> list[Any]:
        return [row for row in op.old_rows("old") if row.raw("id") is not None]


class Compares(Adoption):
    same: ClassVar[SameColumns] = {"nothing": "title"}


@pytest.mark.parametrize(
    ("mistake", "why"),
    [
        (Forgets(), "a row of old is not in notes_note, and nothing says why; old stays"),
        (
            Changes(),
            "notes_note has another value for a row's title than old, and nothing says why; old stays",
        ),
        (Renumbers(), "a row of old is not in notes_note"),
        (LosesTheUnnamed(), "a row of old is not in notes_note"),
        (Compares(), "old has no column 'nothing' that could be compared"),
    ],
)
def test_mistake_of_a_step_leaves_the_file_as_it_was(store_path: Path, mistake: Adoption, why: str) -> None:
    old(store_path)

    with adopt(store_path, mistake) as store:
        assert states(store) == {"notes": PluginState.QUARANTINED}
        assert why in store.plugins[0].reason

    assert "notes_note" not in tables(store_path)
    assert file_rows(store_path, "SELECT id, CAST(title AS BLOB), due FROM old ORDER BY due") == [
        ("a", b"milk", 1.0),
        ("b", b"\xff", 2.5),
        (None, b"bread", 3.0),
    ]


def test_change_that_python_gives_the_same_hash_is_seen(store_path: Path) -> None:
    old(store_path, "CREATE TABLE whole (id TEXT, n INTEGER)", "INSERT INTO whole VALUES ('a', -1)")

    def step(op: Operations) -> None:
        op.create_table("note", id=IdField(), n=IntegerField())
        op.insert("note", [{"id": row.id(), "n": -2} for row in op.old_rows("whole")])
        op.retire("whole", into="note", same={"n": "n"})

    with opened(store_path, stepping("notes", step)) as store:
        assert "another value for a row's n" in store.plugins[0].reason


@pytest.mark.parametrize("honest", [True, False])
def test_note_of_a_row_that_was_left_out_excuses_that_row_alone(store_path: Path, honest: bool) -> None:
    """1 and '1' come to one key: one of the rows is kept, the other noted whole."""
    old(
        store_path,
        "CREATE TABLE two (id, text TEXT)",
        "INSERT INTO two VALUES (1, 'kept'), ('1', 'left out')",
    )

    def step(op: Operations) -> None:
        op.create_table("note", id=IdField(), text=TextField())
        first, second = op.old_rows("two")
        second.leave_out("another row has its key")
        op.insert("note", [{"id": first.id(), "text": first.text("text") if honest else "forged"}])
        op.retire("two", into="note", same={"text": "text"})

    with opened(store_path, stepping("notes", step)) as store:
        assert states(store) == {"notes": PluginState.ON if honest else PluginState.QUARANTINED}

    assert ("two" in tables(store_path)) == (not honest)


def test_reason_of_a_refusal_has_no_contents(store_path: Path) -> None:
    old(store_path)

    with adopt(store_path, Changes()) as store:
        assert "milk" not in store.plugins[0].reason


def test_row_that_was_left_out_and_a_value_that_was_noted_need_not_be_found(store_path: Path) -> None:
    old(store_path)

    class Chooses(Adoption):
        def rows(self, op: Operations) -> list[Any]:
            kept = []
            for row in op.old_rows("old"):
                if row.raw("title") == "milk":
                    row.leave_out("nobody wants it")
                else:
                    row.note("title", "it is loud now")
                    kept.append(row)
            return kept

        def row(self, id: str, title: str | None, due: int | None) -> dict[str, Value]:
            return {"id": id, "title": (title or "").upper(), "due": due}

    with adopt(store_path, Chooses()) as store:
        assert states(store) == {"notes": PluginState.ON}

    assert "old" not in tables(store_path)
    assert file_rows(store_path, "SELECT count(*) FROM stina_repair WHERE \"column\" = '*'") == [(1,)]


def doubled(value: Value) -> Value:
    assert isinstance(value, float)
    return value * 2


def test_value_may_be_stored_in_another_form_if_that_form_is_told(store_path: Path) -> None:
    old(store_path)

    class Doubles(Adoption):
        same: ClassVar[SameColumns] = {"title": "title", "due": ("due", doubled)}

        def row(self, id: str, title: str | None, due: int | None) -> dict[str, Value]:
            return {"id": id, "title": title, "due": (due or 0) * 2}

    with adopt(store_path, Doubles()) as store:
        assert states(store) == {"notes": PluginState.ON}


@pytest.mark.parametrize(
    "user",
    [
        "CREATE VIEW recent AS SELECT * FROM old",
        "CREATE TABLE other (old_id TEXT REFERENCES old (id))",
        "CREATE TABLE log (n); CREATE TRIGGER count AFTER INSERT ON log BEGIN DELETE FROM old; END",
    ],
)
def test_table_that_something_else_names_stays(store_path: Path, user: str) -> None:
    old(store_path, user)
    adoption = Adoption()

    with adopt(store_path, adoption) as store:
        assert states(store) == {"notes": PluginState.ON}

    assert not adoption.dropped
    assert file_rows(store_path, "SELECT count(*) FROM old") == [(3,)]
    assert file_rows(store_path, "SELECT count(*) FROM notes_note") == [(3,)]


def test_tables_that_name_only_each_other_go_children_first(store_path: Path) -> None:
    old(
        store_path,
        "CREATE TABLE part (id TEXT, old_id TEXT REFERENCES old (id))",
        "INSERT INTO part VALUES ('p', 'a')",
    )

    def step(op: Operations) -> None:
        op.create_table("part", id=IdField(), note=TextField())
        op.insert("part", [{"id": row.id(), "note": row.text("old_id")} for row in op.old_rows("part")])
        assert op.retire("part", into="part", same={"old_id": "note"})
        adoption(op)

    adoption = Adoption()
    with opened(store_path, stepping("notes", step)) as store:
        assert states(store) == {"notes": PluginState.ON}

    assert not {"old", "part"} & tables(store_path)
