"""From field definitions to catalog values, for models and for steps alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import peewee

from .catalog import FIELD_RULES, Check, Column, Index, IndexPart, Reference, Search, Table, Type
from .errors import DefinitionError
from .fields import AutoIdField, EnumField, ForeignKeyField, Portable

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""Tables and columns: lower case, digits, single underscores. A double one parts an index name."""

MAX_NAME = 50

_IGNORED_OPTIONS = ("constraints", "sequence", "index_type", "unindexed", "choices")
"""Options of Peewee's fields that would be accepted and then do nothing."""

Key = tuple[str, Type]
KeyOf = Callable[[ForeignKeyField[object]], tuple[str, Key]]
"""Finds the table a foreign key points to and that table's key column and type."""


def check_name(name: str, what: str) -> str:
    """Return *name*, or say why it cannot name *what*."""
    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise DefinitionError(
            f"{name!r} cannot name {what}: use lower case letters, digits and single underscores, "
            f"a letter first, at most {MAX_NAME} characters"
        )
    return name


def table_of(
    name: str,
    fields: Mapping[str, peewee.Field],
    *,
    key_of: KeyOf,
    checks: Sequence[Check] = (),
    indexes: Sequence[Index] = (),
    primary_key: Sequence[str] = (),
    without_rowid: bool = False,
    search: Search | None = None,
    tracked: bool = True,
) -> Table:
    """Return the table that *fields*, and what stands beside them, describe.

    Raises:
        DefinitionError: a name, a field type, a key or a column that an index
            names is not allowed or not there.
    """
    columns = tuple(column_of(field_name, field, key_of) for field_name, field in fields.items())
    names = [column.name for column in columns]
    by_field = dict(zip(fields, names, strict=True))
    keys = tuple(by_field.get(key, key) for key in primary_key) or tuple(
        by_field[field_name] for field_name, field in fields.items() if field.primary_key
    )
    if not keys:
        raise DefinitionError(f"{name} has no primary key; declare one, for example id = IdField()")
    if len(keys) > 1 and any(field.primary_key for field in fields.values()):
        raise DefinitionError(f"{name} has two primary keys: {', '.join(keys)} and a field's own")
    table = Table(
        name=name,
        columns=columns,
        primary_key=keys,
        checks=tuple(checks),
        indexes=(*indexes_of(fields), *(_with_columns(index, by_field) for index in indexes)),
        without_rowid=without_rowid,
        search=search
        and Search(
            *(by_field.get(one, one) for one in search.columns),
            tokenizer=search.tokenizer,
            prefix=search.prefix,
        ),
        tracked=tracked,
    )
    _check_parts(table, names)
    if without_rowid and any(isinstance(field, AutoIdField) for field in fields.values()):
        raise DefinitionError(f"{name} is without_rowid, so nothing hands out its ids; use IdField()")
    return table


def column_of(name: str, field: peewee.Field, key_of: KeyOf) -> Column:
    """Return the column that *field*, called *name*, describes."""
    _check_field(name, field)
    column = check_name(column_name(name, field), "a column")
    if isinstance(field, ForeignKeyField):
        table, (key, key_type) = key_of(field)
        reference = Reference(table, key, field.on_delete, field.on_update, field.deferrable is not None)
        return Column(column, key_type, bool(field.null), None, field.collation, reference)
    assert isinstance(field, Portable)
    return Column(
        column,
        field.portable_type,
        bool(field.null),
        field.sql_default(),
        field.collation,
        checks=tuple(field.rules(column)),
    )


def _check_field(name: str, field: object) -> None:
    if type(field) is peewee.AutoField:
        raise DefinitionError("there is no primary key; declare one, for example id = IdField()")
    if not isinstance(field, Portable):
        kind = field if isinstance(field, type) else type(field)
        raise DefinitionError(
            f"{name} is a {kind.__module__}.{kind.__name__}; only the fields of stina_core "
            "are the same in every backend"
        )
    for option in _IGNORED_OPTIONS:
        if getattr(field, option, None):
            raise DefinitionError(
                f"{name} has {option}=, which no field of stina_core takes; rules are a Check or an Index "
                "beside the fields"
            )


def column_name(name: str, field: peewee.Field) -> str:
    """Return the column of the field called *name*; a foreign key's ends in `_id`, as in Peewee."""
    if field.column_name:
        return str(field.column_name)
    if isinstance(field, ForeignKeyField) and not name.endswith("_id"):
        return f"{name}_id"
    return name


def indexes_of(fields: Mapping[str, peewee.Field]) -> tuple[Index, ...]:
    """Return the indexes that the fields themselves ask for."""
    return tuple(
        Index(column_name(name, field), unique=bool(field.unique))
        for name, field in fields.items()
        if (field.index or field.unique) and not field.primary_key
    )


def check_frozen(fields: Mapping[str, peewee.Field]) -> None:
    """Refuse what would let a step change after it was written: live models and enum classes."""
    for name, field in fields.items():
        if isinstance(field, EnumField) and field.enum is not None:
            raise DefinitionError(
                f"{name} names the enum class {field.enum.__name__}, which may change; a step lists the texts: "
                f"EnumField({list(field.texts)!r})"
            )
        if isinstance(field, ForeignKeyField) and not isinstance(field.target, str):
            raise DefinitionError(
                f"{name} points to the model class {field.target.__name__}, which may change; a step names "
                'the table: ForeignKeyField("todo"), or "chat.message" for another plugin\'s'
            )


def _with_columns(index: Index, by_field: Mapping[str, str]) -> Index:
    columns = []
    for text, part in zip(index.columns, index.parts, strict=True):
        column = by_field.get(part.column, part.column)
        columns.append(column + text.strip()[len(part.column) :] if part.column else text)
    return Index(*columns, unique=index.unique, where=index.where, name=index.name)


def check_own(check: Check) -> None:
    """Refuse a CHECK that is called as those of the fields are; altering a column replaces these."""
    if check.name.rpartition("_")[2] in FIELD_RULES:
        raise DefinitionError(
            f"a check cannot be called {check.name!r}: names that end in {', '.join(FIELD_RULES)} are those "
            "of the fields' own rules"
        )


def check_search(table: str, search: Search, texts: Collection[str]) -> None:
    """Refuse a full-text index over a column that is not among *texts*."""
    for column in search.columns:
        if column not in texts:
            raise DefinitionError(f"{table} has no text column {column!r} for its full-text index")
    if not search.columns:
        raise DefinitionError(f"the full-text index of {table} names no column")


def _is_expression(part: IndexPart) -> bool:
    return "(" in part.expression


def _check_parts(table: Table, names: Sequence[str]) -> None:
    checks = [check.name for column in table.columns for check in column.checks]
    checks += [check.name for check in table.checks]
    for kind, values in (
        ("column", names),
        ("check", checks),
        ("index", [index.name for index in table.indexes]),
    ):
        for value in values:
            if values.count(value) > 1:
                raise DefinitionError(f"{table.name} has two of the {kind} {value!r}; give one another name")
            if kind != "column":
                check_name(value, f"{'an' if kind == 'index' else 'a'} {kind}")
    for check in table.checks:
        check_own(check)
    for index in table.indexes:
        for text, part in zip(index.columns, index.parts, strict=True):
            if not (part.column in names or _is_expression(part)):
                raise DefinitionError(f"{table.name} has no column {text!r} for the index {index.name!r}")
    if table.search is not None and (len(table.primary_key) > 1 or not table.tracked):
        raise DefinitionError(
            f"the full-text index of {table.name} follows the change feed by the key of each row; that needs a "
            "key of one column, and a table that is tracked"
        )
    if table.search is not None:
        check_search(
            table.name, table.search, {column.name for column in table.columns if column.type == "text"}
        )
    nullable = {column.name for column in table.columns if column.null}
    for key in table.primary_key:
        if key not in names:
            raise DefinitionError(f"{table.name} has no column {key!r} for its primary key")
        if key in nullable:
            raise DefinitionError(f"{key} is part of the primary key of {table.name} and cannot be NULL")
