"""Questions about parts of a table's definition, and edits of them. Only texts: no database."""

from __future__ import annotations

from collections.abc import Sequence

from ...catalog import FIELD_RULES, Column
from .ddl_text import column_sql
from .definition import ColumnText, Definition, Part, parse, quoted
from .snapshot import table_shape
from .tokens import tokens


def fires_on(trigger: str, columns: set[str]) -> bool:
    """Whether an UPDATE of *columns* fires the trigger with this CREATE statement."""
    words = tokens(trigger)
    event = words[: next(place for place, token in enumerate(words) if token.word == "ON")]
    kinds = [token.word for token in event]
    if "UPDATE" not in kinds:
        return False
    named = event[kinds.index("UPDATE") + 1 :]
    return not named or bool({token.name.lower() for token in named[1:]} & columns)


def own_checks(column: ColumnText) -> list[Part]:
    """The CHECKs that came from the column's field. A renamed column still has those of its old name."""
    return [part for part in column.of("CHECK") if _is_of_field(part)]


def is_json(column: ColumnText) -> bool:
    """Whether its field is one of JSON."""
    return any((part.name or "").endswith("_json") for part in own_checks(column))


def _is_of_field(part: Part) -> bool:
    return part.kind == "CHECK" and (part.name or "").rpartition("_")[2] in FIELD_RULES


def with_own_checks(definition: Definition) -> Definition:
    """Put each field's CHECK to its column: one that was added natively stands with the table."""
    for part in list(definition.constraints):
        owners = [column for column in definition.columns if column.name.lower() in _quoted_names(part)]
        if _is_of_field(part) and len(owners) == 1:
            definition.constraints.remove(part)
            column = owners[0]
            definition.replace_column(
                column.name, ColumnText(column.name, column.type, (*column.parts, part))
            )
    return definition


def _quoted_names(part: Part) -> set[str]:
    """The columns of a field's CHECK, where each is in quotes; `length` without them is the function."""
    return {token.name.lower() for token in part.tokens if token.kind == "quoted"}


def check_names(definition: Definition, but: ColumnText | None = None) -> set[str]:
    """What the CHECKs are called, without those that stand with the column *but*."""
    parts = [part for column in definition.columns if column != but for part in column.parts]
    return {part.name for part in (*parts, *definition.constraints) if part.kind == "CHECK" and part.name}


def own_references(definition: Definition, column: ColumnText) -> list[Part]:
    """The foreign keys of *column* alone that stand with the table, as other programs write them."""
    foreign = (part for part in definition.constraints if part.kind == "FOREIGN")
    return [part for part in foreign if [one.name.lower() for one in part.inside()] == [column.name.lower()]]


def without_rules(column: ColumnText, references: Sequence[Part] = ()) -> object:
    """What of *column* and its *references* SQLite cannot alter natively, in comparable form."""
    shape = table_shape(Definition("one", [column], list(references)))
    (only,) = shape.columns.values()
    return (
        only.type,
        only.default,
        only.collation,
        only.generated,
        shape.references,
        shape.key,
        shape.uniques,
    )


def column_text(column: Column) -> ColumnText:
    """Return *column* as a new table has it."""
    return parse(f"CREATE TABLE one ({column_sql(column)})").columns[0]


def part_of(constraint: str) -> Part:
    """Return a constraint of a table, from its SQL."""
    return parse(f"CREATE TABLE one (a, {constraint})").constraints[0]


def set_key(definition: Definition, key: tuple[str, ...]) -> None:
    """Make *key* the primary key, whatever it was."""
    for column in list(definition.columns):
        parts = tuple(part for part in column.parts if part.kind != "PRIMARY")
        definition.replace_column(column.name, ColumnText(column.name, column.type, parts))
    definition.constraints = [part for part in definition.constraints if part.kind != "PRIMARY"]
    names = ", ".join(quoted(definition.column(name).name) for name in key)
    definition.constraints.append(part_of(f"PRIMARY KEY ({names})"))
