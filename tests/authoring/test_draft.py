"""The step between two versions of a plugin's models: it leaves no difference, and rows as they were."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    Check,
    DefinitionError,
    ForeignKeyField,
    IdField,
    Model,
    Operations,
    SchemaError,
    StepFailedError,
    TextField,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.authoring.draft import draft
from stina_core.authoring.questions import Answers
from stina_core.authoring.step_code import Draft
from stina_core.authoring.table_code import TableCode
from stina_core.config import StoreConfig
from stina_core.migrations.drift import Kind
from stina_core.testing import file_rows

from ..declarations import declaring, plugin
from . import altered_columns, column_changes, object_changes, table_changes
from .changes import Changed, model, note
from .drafting import STRICT, drafted, loaded, opened, step_of

CHANGES = {
    **column_changes.CHANGES,
    **altered_columns.CHANGES,
    **table_changes.CHANGES,
    **object_changes.CHANGES,
}
BIN = Path(sys.executable).parent


def write(changed: Changed) -> None:
    """Write the rows of the old models."""
    models: dict[str, type[Model]] = {model.__name__: model for model in changed.old}
    for name, rows in changed.rows.items():
        for row in rows:
            models[name].insert(row).execute()


@cache
def steps(name: str) -> tuple[Changed, Draft, Draft]:
    """Return a change, the step that makes its old tables, and the one that changes them."""
    changed = CHANGES[name]()
    first = drafted(*changed.old)
    return changed, first, drafted(*changed.new, made=[first], **changed.answers)


@pytest.mark.parametrize("name", CHANGES)
def test_step_makes_of_an_old_file_what_the_models_want(name: str, store_path: Path) -> None:
    changed, first, made = steps(name)
    with opened(store_path, *changed.old, made=[first]) as store, store.transaction():
        write(changed)

    with opened(store_path, *changed.new, made=[first, made]) as store:
        assert store.outcome.failed == {}
        drift = store.outcome.drift.get("notes", [])

    assert [line for line in changed.code if line not in made.lines] == []
    assert {query: file_rows(store_path, query) for query in changed.after} == changed.after
    keeps = changed.answers.get("keeps", set())
    assert {one.kind for one in drift} == ({Kind.EXTRA} if keeps else set())
    assert drafted(*changed.new, made=[first, made], keeps=keeps) == Draft("notes")


def test_code_is_laid_out_typed_and_clean_as_projects_want_it(tmp_path: Path) -> None:
    lines = ["from stina_core import Migrations, Operations, hookimpl\n"]
    for number, name in enumerate(CHANGES):
        first, second = (made.code("        ") for made in steps(name)[1:])
        head = "    @hookimpl\n    def migrate(self, migrations: Migrations) -> None:\n"
        lines.append(f"\nclass Plugin{number}:\n{head}{first}\n{second}")
    file = tmp_path / "plugins.py"
    file.write_text("\n".join(lines))

    def checked(*command: str) -> str:
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:], str(file)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr if done.returncode else ""

    rules = ("--isolated", "--select", "E4,E7,E9,F,I,UP,B,C4,SIM,RUF")
    assert checked("ruff", "format", "--isolated", "--diff", "--line-length", "110") == ""
    assert checked("ruff", "format", "--isolated", "--diff", "--line-length", "88") == ""
    assert checked("ruff", "check", *rules) == ""
    assert checked("mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}") == ""


def test_same_change_gives_the_same_step() -> None:
    changed, first, made = steps("rules of fields")

    assert drafted(*CHANGES["rules of fields"]().new, made=[first], **changed.answers) == made


def test_step_is_tried_before_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    first = drafted(note())
    checked = note({"constraints": [Check("length(id) > 0", name="there")]}, title=TextField(null=True))
    monkeypatch.setattr(TableCode, "_checks", lambda self: iter(()))

    with pytest.raises(SchemaError, match=r"write the step by hand: check notes_note .* wanted, not found"):
        drafted(checked, made=[first])


# Names


@pytest.mark.parametrize(
    ("title", "step", "function"),
    [
        (None, "0002_add_column_note_title", "add_column_note_title"),
        ("Give every note a title", "0002_give_every_note_a_title", "give_every_note_a_title"),
        ("class", "0002_class", "class_2"),
        ("migrations", "0002_migrations", "migrations_2"),
        ("nothing", "0002_nothing", "nothing_2"),
    ],
)
def test_step_and_function_have_names_that_are_free(title: str | None, step: str, function: str) -> None:
    made = drafted(note(title=TextField(null=True)), first=nothing_but_a_note(), title=title)

    assert (made.step, made.function) == (step, function)
    assert f'@migrations.step("{step}")\ndef {function}(op: Operations) -> None:\n' in made.code()


def nothing_but_a_note() -> Callable[[Operations], None]:
    def nothing(op: Operations) -> None:
        op.create_table("note", id=IdField())

    return nothing


def test_name_of_at_most_forty_characters_is_taken() -> None:
    first = nothing_but_a_note()
    new = note(title=TextField(null=True))

    assert drafted(new, first=first, title="a" * 40).step == f"0002_{'a' * 40}"
    with pytest.raises(DefinitionError, match="too long for the name of a step; use at most 40 characters"):
        drafted(note(title=TextField(null=True)), first=first, title="a" * 41)


@pytest.mark.parametrize("title", ["2nd try", "!", "ä"])
def test_title_that_cannot_name_a_step_is_refused(title: str) -> None:
    with pytest.raises(DefinitionError, match="cannot name a step"):
        drafted(note(), title=title)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("tables added", "create_table_owner"),
        ("table and columns renamed", "rename_table_note"),
        ("renamed", "rename_column_note_title"),
        ("indexes", "alter_table_note"),
        ("search dropped", "drop_search_note"),
        ("table dropped", "create_table_other"),
    ],
)
def test_step_is_called_by_what_it_does_first(change: str, name: str) -> None:
    assert steps(change)[2].step == f"0003_{name}"


def test_code_follows_the_indentation_of_the_file() -> None:
    made = drafted(note(title=TextField(null=True), more=TextField(null=True)), first=nothing_but_a_note())

    code = made.code("\t", "\t")

    assert '\n\t\twith op.alter_table("note") as table:\n\t\t\ttable.add_column(' in code
    assert " " * 2 not in code


# What no operation mends


def test_new_primary_key_is_left_to_a_person() -> None:
    first = drafted(note(title=TextField(primary_key=True)))

    with pytest.raises(DefinitionError, match=r"note\.id is a new primary key, .* write that step by hand"):
        drafted(note(title=TextField(), id=IdField()), made=[first])


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE TABLE notes_note (id TEXT NOT NULL PRIMARY KEY, UNIQUE (id)) STRICT", "unique notes_note"),
        (
            "CREATE TABLE notes_note (id TEXT NOT NULL PRIMARY KEY, CHECK (id <> '')) STRICT",
            "check notes_note",
        ),
        (
            "CREATE TABLE notes_note (id TEXT NOT NULL PRIMARY KEY, more VARCHAR(9) NOT NULL)",
            "cannot be kept",
        ),
    ],
)
def test_difference_that_no_operation_mends_is_named(sql: str, words: str) -> None:
    def first(op: Operations) -> None:
        op.unsafe_sql(sql)

    answers: dict[str, Any] = {"keeps": {"note.more"}} if "more" in sql else {}
    with pytest.raises((SchemaError, DefinitionError), match=f"{words}.*|by hand.*{words}") as caught:
        drafted(note(), first=first, **answers)
    assert "by hand" in str(caught.value)


def test_objects_that_no_model_can_declare_are_in_nobodys_way() -> None:
    def first(op: Operations) -> None:
        op.create_table("note", id=IdField())
        op.unsafe_sql("CREATE INDEX notes_own ON notes_note (id DESC)")
        op.unsafe_sql("CREATE VIEW notes_view AS SELECT id FROM notes_note")
        op.unsafe_sql("CREATE TRIGGER notes_trigger AFTER INSERT ON notes_note BEGIN SELECT 1; END")
        op.unsafe_sql("CREATE VIRTUAL TABLE notes_words USING fts5 (word)")

    assert drafted(note(), first=first) == Draft("notes")


def test_table_that_is_loose_becomes_strict() -> None:
    def first(op: Operations) -> None:
        op.unsafe_sql("CREATE TABLE notes_note (id TEXT NOT NULL PRIMARY KEY)")

    made = drafted(note(), first=first)

    assert made.lines == ('with op.alter_table("note") as table:', "    table.set_storage(strict=True)")


def test_tables_that_point_to_each_other_are_left_to_a_person() -> None:
    owner, own = model("Owner"), note()
    own._meta.add_field("owner", ForeignKeyField(owner, null=True))
    owner._meta.add_field("note", ForeignKeyField(own, null=True))

    with pytest.raises(SchemaError, match="write the step by hand: a foreign key points to"):
        drafted(own, owner)


def test_plugin_that_is_not_there_or_off_is_named() -> None:
    off = load_plugins([], StoreConfig(plugins=frozenset({"notes"})))

    with pytest.raises(SchemaError, match="no plugin 'other'; installed are: notes"):
        draft(loaded(note()), "other", Answers())
    with pytest.raises(SchemaError, match=r"the plugin notes is off \(missing\)"):
        draft(off, "notes", Answers())


def test_step_that_fails_on_an_empty_file_is_named() -> None:
    def first(op: Operations) -> None:
        op.drop_table("nothing")

    with pytest.raises(StepFailedError, match="step 0001_first of notes failed"):
        drafted(note(), first=first)


def test_first_step_of_a_new_plugin_is_written_too(store_path: Path) -> None:
    class Memo(Model):
        id = IdField()
        title = TextField(max_length=20)

    without = load_plugins([local_plugin("notes", plugin(Memo, migrate=lambda migrations: None))], STRICT)

    made = draft(without, "notes", Answers())

    assert made.step == "0001_initial"
    stepped = local_plugin("notes", plugin(Memo, migrate=declaring(step_of(made))))
    with open_store(store_path, STRICT, plugins=load_plugins([stepped], STRICT)) as store:
        assert store.outcome.drift == {}
