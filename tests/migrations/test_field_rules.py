"""The CHECKs that fields bring go and change with their column; those of the table stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import (
    BooleanField,
    Check,
    EnumField,
    IdField,
    IntegerField,
    JsonField,
    Operations,
    TextField,
)
from stina_core.testing import file_rows

from ..declarations import Run
from .alteration_cases import KINDS
from .changed import contents, differences, rebuilds, refusal, root_page, run

OWN = Check("length(title) <> 3", name="not_three")


def ruled(**changed: Any) -> Run:
    def make(op: Operations) -> None:
        fields = {
            "id": IdField(),
            "title": TextField(max_length=9),
            "kind": EnumField(KINDS, default="open"),
            "done": BooleanField(default=False),
            "extra": JsonField(null=True),
            "length": IntegerField(default=0),  # called like the function in the rule of `title`
            **changed,
        }
        op.create_table("note", OWN, **{name: one for name, one in fields.items() if one is not None})

    return make


def rowed(op: Operations) -> None:
    op.insert("note", [{"id": "a", "title": "four", "kind": "done", "done": 1, "extra": "[1]", "length": 4}])


def checks(path: Path) -> list[str]:
    ((sql,),) = file_rows(path, "SELECT sql FROM sqlite_schema WHERE name = 'notes_note'")
    return sorted(word.split('"')[1] for word in sql.split("CONSTRAINT ")[1:])


def grow(op: Operations) -> None:
    op.alter_column("note", "kind", EnumField([*KINDS, "late"], default="open"))


def grow_again(op: Operations) -> None:
    op.alter_column("note", "kind", EnumField([*KINDS, "late", "never"], default="open"))


def lengthen(op: Operations) -> None:
    op.alter_column("note", "title", TextField(max_length=99))


def retype_title(op: Operations) -> None:
    op.alter_column("note", "title", TextField(default=""))


EVERY_RULE = ["done_boolean", "extra_json", "kind_enum", "not_three", "title_length"]


@pytest.mark.parametrize(("column", "rule"), [name.split("_") for name in EVERY_RULE if name != "not_three"])
def test_rule_goes_with_its_column(store_path: Path, column: str, rule: str) -> None:
    def drop(op: Operations) -> None:
        if column == "title":
            op.drop_check("note", "not_three")
        op.drop_column("note", column)

    run(store_path, ruled(), rowed, drop)

    gone = {f"{column}_{rule}", *(["not_three"] if column == "title" else [])}
    assert checks(store_path) == [name for name in EVERY_RULE if name not in gone]


@pytest.mark.parametrize("column", ["title", "kind", "done", "extra"])
@pytest.mark.parametrize("plain", [TextField(null=True), TextField(default="x", null=True)])
def test_rule_goes_when_its_column_changes_and_all_others_stay(
    store_path: Path, column: str, plain: TextField[Any]
) -> None:
    def alter(op: Operations) -> None:
        op.alter_column("note", column, plain, using="extra" if column == "extra" else None)

    run(store_path, ruled(), rowed, alter)

    assert checks(store_path) == [name for name in EVERY_RULE if not name.startswith(column)]
    assert differences(store_path, ruled(**{column: plain})) == []


def test_rule_that_was_added_later_goes_with_its_column(store_path: Path) -> None:
    def drop(op: Operations) -> None:
        op.drop_check("note", "not_three")
        op.drop_column("note", "kind")
        op.drop_column("note", "title")

    run(store_path, ruled(), rowed, grow, lengthen, drop)

    assert checks(store_path) == ["done_boolean", "extra_json"]


def test_enum_grows_twice_in_place(store_path: Path) -> None:
    run(store_path, ruled(), rowed)
    page = root_page(store_path)
    run(store_path, ruled(), rowed, grow, grow_again)

    assert root_page(store_path) == page
    assert differences(store_path, ruled(kind=EnumField([*KINDS, "late", "never"], default="open"))) == []
    assert checks(store_path) == EVERY_RULE


def test_rule_added_in_place_is_replaced_by_a_rebuild(store_path: Path) -> None:
    run(store_path, ruled(), rowed, grow, lengthen, retype_title)

    wanted = ruled(title=TextField(default=""), kind=EnumField([*KINDS, "late"], default="open"))
    assert differences(store_path, wanted) == []


def test_length_of_text_changes_beside_a_column_called_length(store_path: Path) -> None:
    def shorten(op: Operations) -> None:
        op.alter_column("note", "title", TextField(max_length=5))

    run(store_path, ruled(), rowed, lengthen, shorten)

    assert differences(store_path, ruled(title=TextField(max_length=5))) == []


def rename(op: Operations) -> None:
    op.rename_column("note", "kind", "state")


def grow_renamed(op: Operations) -> None:
    op.alter_column("note", "state", EnumField([*KINDS, "late"], default="open"))


@pytest.mark.parametrize("before", [(), (grow,)])
def test_renamed_column_is_altered_and_dropped_with_the_rule_of_its_old_name(
    store_path: Path, before: tuple[Run, ...]
) -> None:
    def drop(op: Operations) -> None:
        op.drop_column("note", "state")

    steps = (ruled(), rowed, *before, rename, grow_renamed)
    run(store_path, *steps)
    assert differences(store_path, ruled(kind=None, state=EnumField([*KINDS, "late"], default="open"))) == []

    run(store_path, *steps, drop)
    assert differences(store_path, ruled(kind=None)) == []


def add_under_the_old_name(op: Operations) -> None:
    op.add_column("note", kind=EnumField(["x"], default="x"))


def alter_the_old(op: Operations) -> None:
    op.alter_column("note", "state", EnumField(["open", "done", "late"], default="open"))


def alter_the_new(op: Operations) -> None:
    op.alter_column("note", "kind", EnumField(["x", "y"], default="x"))


def drop_the_old(op: Operations) -> None:
    op.drop_column("note", "state")


def drop_the_new(op: Operations) -> None:
    op.drop_column("note", "kind")


LATE = EnumField([*KINDS, "late"], default="open")
SAME_NAME = [
    (alter_the_old, {"state": LATE, "kind": EnumField(["x"], default="x")}),
    (alter_the_new, {"state": EnumField(KINDS, default="open"), "kind": EnumField(["x", "y"], default="x")}),
    (drop_the_old, {"kind": EnumField(["x"], default="x")}),
    (drop_the_new, {"kind": None, "state": EnumField(KINDS, default="open")}),
]


@pytest.mark.parametrize(("change", "wanted"), SAME_NAME, ids=[change.__name__ for change, _ in SAME_NAME])
@pytest.mark.parametrize("grown", [(), (grow, grow_again)], ids=["first", "grown"])
def test_rules_of_one_name_are_told_apart_by_their_columns(
    store_path: Path, change: Run, wanted: dict[str, Any], grown: tuple[Run, ...]
) -> None:
    if grown and "state" in wanted and change is not alter_the_old:
        wanted = {**wanted, "state": EnumField([*KINDS, "late", "never"], default="open")}

    run(store_path, ruled(), rowed, *grown, rename, add_under_the_old_name, change)

    assert differences(store_path, ruled(**wanted)) == []


@pytest.mark.parametrize("rule", ["enum", "json", "boolean", "length"])
def test_check_of_a_step_cannot_be_called_like_the_rule_of_a_field(store_path: Path, rule: str) -> None:
    def add(op: Operations) -> None:
        op.add_check("note", Check("title <> ''", name=f"title_{rule}"))

    reason = refusal(store_path, ruled(), rowed, add)

    assert f"a check cannot be called 'title_{rule}'" in reason


def retype(op: Operations) -> None:
    op.alter_column("note", "length", TextField(default=""))


def nothing_more(op: Operations) -> None:
    pass


@pytest.mark.parametrize("beside", [nothing_more, retype])
def test_check_is_dropped_in_place_and_beside_a_rebuild(
    store_path: Path, beside: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.drop_check("not_three")
            if beside is retype:
                note.alter_column("length", TextField(default=""))

    run(store_path, ruled(), rowed)
    made = rebuilds(monkeypatch)
    run(store_path, ruled(), rowed, drop)

    assert made == (["notes_note"] if beside is retype else [])
    assert checks(store_path) == [name for name in EVERY_RULE if name != "not_three"]
    file_rows(store_path, "UPDATE notes_note SET title = 'abc'")


@pytest.mark.parametrize("beside", [nothing_more, retype])
def test_dropping_a_check_that_is_not_there_names_the_table(store_path: Path, beside: Run) -> None:
    def drop(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.drop_check("nothing")
            if beside is retype:
                note.alter_column("length", TextField(default=""))

    assert refusal(store_path, ruled(), rowed, drop) == "notes_note has no CHECK called 'nothing'"


@pytest.mark.parametrize("beside", [nothing_more, retype])
def test_second_check_of_one_name_is_refused(store_path: Path, beside: Run) -> None:
    def add(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.add_check(Check("title <> 'x'", name="not_three"))
            if beside is retype:
                note.alter_column("length", TextField(default=""))

    assert refusal(store_path, ruled(), rowed, add) == "notes_note has a CHECK called 'not_three' already"


@pytest.mark.parametrize("name", ["own_key", "own_unique", "own_null"])
@pytest.mark.parametrize("beside", [nothing_more, retype])
def test_other_constraints_are_no_checks_that_could_be_dropped(
    store_path: Path, name: str, beside: Run
) -> None:
    def make(op: Operations) -> None:
        op.unsafe_sql(
            "CREATE TABLE notes_old (id INTEGER CONSTRAINT own_key PRIMARY KEY, "
            "a TEXT CONSTRAINT own_unique UNIQUE, b TEXT CONSTRAINT own_null NOT NULL)"
        )

    def drop(op: Operations) -> None:
        with op.alter_table("old") as old:
            old.drop_check(name)
            if beside is retype:
                old.alter_column("b", TextField(default="x"))

    assert refusal(store_path, make, drop) == f"notes_old has no CHECK called {name!r}"


def shrink(op: Operations) -> None:
    op.alter_column("note", "kind", EnumField(["open"], default="open"))


def shrink_and_rebuild(op: Operations) -> None:
    op.alter_column("note", "kind", EnumField(["open"]))


def forbid(op: Operations) -> None:
    op.add_check("note", Check("title <> 'four'", name="not_four"))


def forbid_null(op: Operations) -> None:
    op.alter_column("note", "color", TextField())


def forbid_null_and_rebuild(op: Operations) -> None:
    op.alter_column("note", "color", TextField(default=""))


BROKEN = [
    (shrink, "1 rows of notes_note break the check rule (kind_enum)"),
    (shrink_and_rebuild, "check rule (kind_enum)"),
    (forbid, "1 rows of notes_note break the check rule (not_four)"),
    (forbid_null, "1 rows of notes_note break the not null rule (color)"),
    (forbid_null_and_rebuild, "not null rule (notes_note: color)"),
]


@pytest.mark.parametrize(("change", "words"), BROKEN, ids=[change.__name__ for change, _ in BROKEN])
def test_rows_that_break_a_new_rule_are_refused_by_its_name(
    store_path: Path, change: Run, words: str
) -> None:
    assert words in refusal(store_path, ruled(color=TextField(null=True)), rowed, change)


NAMING: list[tuple[str, str]] = [
    ("CREATE VIEW notes_v AS SELECT length FROM notes_note", "view notes_v"),
    (
        "CREATE TRIGGER notes_t AFTER INSERT ON notes_note WHEN NEW.length > 1 BEGIN SELECT 1; END",
        "trigger notes_t",
    ),
    ("ALTER TABLE notes_note ADD CONSTRAINT rule_of_two CHECK (length <> title)", "table notes_note"),
]


@pytest.mark.parametrize(("sql", "culprit"), NAMING, ids=[culprit for _, culprit in NAMING])
def test_column_that_something_else_names_is_not_dropped(store_path: Path, sql: str, culprit: str) -> None:
    def use(op: Operations) -> None:
        op.unsafe_sql(sql)

    def drop(op: Operations) -> None:
        op.drop_column("note", "length")

    reason = refusal(store_path, ruled(), rowed, use, drop)

    assert f"error in {culprit} after drop column" in reason


def test_column_of_an_index_is_not_dropped_and_the_index_is_named(store_path: Path) -> None:
    def use(op: Operations) -> None:
        op.add_index("note", "length", "title", name="both")

    def drop(op: Operations) -> None:
        op.drop_column("note", "length")

    reason = refusal(store_path, ruled(), rowed, use, drop)

    assert "notes_note.length is in an index; first drop_index('both')" in reason


TEXT_AND_JSON: list[tuple[Any, Any]] = [(TextField(null=True), JsonField(null=True))]


@pytest.mark.parametrize(("old", "new"), [*TEXT_AND_JSON, *[(new, old) for old, new in TEXT_AND_JSON]])
def test_text_does_not_become_json_nor_json_text_without_a_word(store_path: Path, old: Any, new: Any) -> None:
    def fill(op: Operations) -> None:
        op.insert("note", [{"id": "j", "title": "x", "extra": "7"}])

    def alter(op: Operations) -> None:
        op.alter_column("note", "extra", new)

    assert "say with using= what its values become" in refusal(store_path, ruled(extra=old), fill, alter)


def test_key_column_is_not_dropped(store_path: Path) -> None:
    def drop(op: Operations) -> None:
        op.drop_column("note", "id")

    assert "PRIMARY KEY" in refusal(store_path, ruled(), rowed, drop)


def test_rules_hold_every_program_after_all_changes(store_path: Path) -> None:
    run(store_path, ruled(), rowed, grow, lengthen, rename)
    before = contents(store_path)

    for broken in ("state = 'never'", "title = 'abc'", "done = 2", "extra = '{'"):
        with pytest.raises(apsw.ConstraintError):
            file_rows(store_path, f"UPDATE notes_note SET {broken}")

    assert contents(store_path) == before
