"""Whatever becomes of the models, the step between leaves no difference, and no row is lost."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from stina_core import ConstraintError, DefinitionError, Model, StepFailedError
from stina_core.authoring.draft import draft
from stina_core.authoring.questions import Answers, Converted, Gone
from stina_core.authoring.step_code import Draft
from stina_core.migrations.drift import Difference, Kind
from stina_core.testing import file_rows

from .drafting import loaded, opened
from .plans import TablePlan, models_of, rows, schemas

Row = dict[str, Any]


def answered(
    data: st.DataObject, schema: Mapping[str, TablePlan], models: list[type[Model]], first: Draft
) -> tuple[Draft | None, Answers]:
    """Draft the step from *first* to *models*, with an answer to each question; None if a person must write it."""
    answers = Answers()
    plugins = loaded(*models, made=[first])
    while True:
        try:
            made = draft(plugins, "notes", answers)
        except DefinitionError as error:
            if "is a new primary key" in str(error) or "cannot be kept: it points to" in str(error):
                return None, answers
            raise
        if not made.questions:
            assert draft(plugins, "notes", answers) == made
            return made, answers
        one = made.questions[0]
        if isinstance(one, Converted):
            answers.usings = {**answers.usings, one.name: f'"{one.name.partition(".")[2]}"'}
            continue
        if not isinstance(one, Gone):
            table, _, column = one.name.partition(".")
            answers.fills = {**answers.fills, one.name: schema[table].typed(column, schema)}
            continue
        candidates = [
            name for name in one.candidates if not name.endswith(".tag")
        ]  # rows are told apart by it
        choice = data.draw(st.sampled_from([*candidates, "drop", *["keep"] * one.may_stay]))
        if choice in ("drop", "keep"):
            (answers.drops if choice == "drop" else answers.keeps).add(one.name)
        else:
            answers.renames[one.name] = choice


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything of the plugin in the file."""
    made = file_rows(path, "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'notes%' ORDER BY name")
    tables = [name for name, sql in made if sql and sql.startswith("CREATE TABLE")]
    return {"": made, **{name: file_rows(path, f'SELECT * FROM "{name}"') for name in tables}}


def by_tag(path: Path, table: str) -> dict[str, Row]:
    """Return the rows of a table by what tells them apart."""
    columns = [
        name for (name,) in file_rows(path, "SELECT name FROM pragma_table_info(?)", (f"notes_{table}",))
    ]
    found = [dict(zip(columns, row, strict=True)) for row in file_rows(path, f"SELECT * FROM notes_{table}")]
    return {row["tag"]: row for row in found}


@settings(max_examples=25)
@given(st.data())
def test_any_change_of_the_models_is_mended_and_loses_no_row(data: st.DataObject) -> None:
    old = data.draw(schemas({}))
    new = data.draw(schemas(old))
    models = models_of(old)
    first = draft(loaded(*models), "notes", Answers())
    with TemporaryDirectory() as folder:
        path = Path(folder, "stina.db")
        with opened(path, *models, made=[first]) as store, store.use():
            assert store.outcome.drift == {}
            for model, values in zip(models, data.draw(rows(old)).values(), strict=True):
                for row in values:
                    with suppress(ConstraintError):
                        model.insert(row).execute()
        everything, tables = contents(path), {name: by_tag(path, name) for name in old}
        newer = models_of(new)
        second, answers = answered(data, new, newer, first)
        if second is None:
            event("another primary key")
            return

        with opened(path, *newer, made=[first, second] if second.step else [first]) as store:
            failed, drift = store.outcome.failed, store.outcome.drift.get("notes", [])

        if failed:
            assert_clear(failed["notes"])
            assert contents(path) == everything
        else:
            event("migrated" if second.step else "nothing to do")
            assert_only_what_is_kept(drift, answers)
            for name in tables.keys() - answers.drops:
                assert_rows_are_kept(
                    tables[name], by_tag(path, answers.renames.get(name, name)), name, answers
                )


def assert_clear(error: Exception) -> None:
    """The step failed because of what the rows are, and says so."""
    assert type(error) is StepFailedError
    cause = error.__cause__
    event(f"failed: {type(cause).__name__}")
    if isinstance(cause, DefinitionError):
        assert "would not survive as" in str(cause)
    elif cause is None:
        assert "that point to nothing" in str(error)
    else:
        assert isinstance(cause, ConstraintError)


def assert_only_what_is_kept(drift: list[Difference], answers: Answers) -> None:
    kept = {f"notes_{name.rpartition(':')[2]}" for name in answers.keeps}
    with_columns = {name.partition(".")[0] for name in kept if "." in name}
    for one in drift:
        assert one.kind is Kind.EXTRA
        assert kept & {one.name, one.table, one.name.removesuffix("_search")} or (
            "index" in one.what and one.table.removesuffix("_search") in with_columns
        )


def assert_rows_are_kept(
    before: Mapping[str, Row], after: Mapping[str, Row], name: str, answers: Answers
) -> None:
    """Every row is there with every value, but for what was dropped and NULLs that were filled."""
    assert after.keys() == before.keys()
    for tag, row in before.items():
        for column, value in row.items():
            full = {f"{name}.{column}", f"{answers.renames.get(name, name)}.{column}"}
            if value is not None and not full & answers.drops:
                now = next((answers.renames[one] for one in full if one in answers.renames), f".{column}")
                assert same(value, after[tag][now.partition(".")[2]])


def same(value: Any, found: Any) -> bool:
    """Whether a value is the same, whatever type it was converted to."""
    if isinstance(value, int | float) or isinstance(found, int | float):
        return number(value) == number(found)
    return as_bytes(value) == as_bytes(found)


def number(value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value)


def as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
