"""Fields and tables as the Python that declares them in a step: frozen, with literal arguments only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from keyword import iskeyword
from typing import Any

import peewee

from .. import fields as stina_fields
from ..catalog import TOKENIZER, Check, Index, Search, Table
from ..definitions import column_name, indexes_of
from ..errors import DefinitionError
from ..fields import (
    AnyField,
    AutoIdField,
    EnumField,
    ForeignKeyField,
    IdField,
    JsonField,
    Portable,
    TextField,
)
from ..ids import now
from ..jsontext import MAX_BYTES
from .layout import Code, Group, call, literal, prefixed

Fields = Mapping[str, peewee.Field]
"""The fields of a model by their columns."""

_TAKEN = frozenset({"without_rowid"})
"""Keywords of the operations that are no columns."""


@dataclass
class Source:
    """Writes declarations of one plugin, and notes what they need.

    Attributes:
        names: Names of `stina_core`.
        modules: Other import lines.
    """

    plugin: str
    names: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)

    def own(self, table: str) -> str:
        """Return the name of a table without that of the plugin."""
        return table.removeprefix(f"{self.plugin}_")

    def field(self, name: str, one: peewee.Field, *, default: bool = True) -> Group:
        """Return the call that declares the field *one*, of a model, under *name*.

        Args:
            default: Whether with its default.
        """
        kind = _kind(one)
        self.names.add(kind)
        arguments = self._special(one)
        if column_name(name, _unnamed(one)) != one.column_name:
            arguments.append(f"column_name={literal(one.column_name)}")
        if bool(one.primary_key) is not isinstance(one, IdField | AutoIdField):
            arguments.append(f"primary_key={bool(one.primary_key)}")
        if one.null:
            arguments.append("null=True")
        if default:
            arguments += self._default(one)
        if one.unique and not one.primary_key:
            arguments.append("unique=True")
        elif bool(one.index) is not isinstance(one, ForeignKeyField) and not one.primary_key:
            arguments.append(f"index={bool(one.index)}")
        if one.collation:
            arguments.append(f"collation={literal(one.collation)}")
        return call(kind, *arguments)

    def keyword(self, one: peewee.Field, fields: Fields, *, default: bool = True) -> Code:
        """Return the field *one* as a keyword argument of an operation, beside all other *fields* of its model."""
        column = str(one.column_name)
        name = column
        if column_name(one.name, _unnamed(one)) == column and one.name not in fields:
            name = one.name
        if iskeyword(name) or name in _TAKEN:
            name = f"{name}_"
        return prefixed(f"{name}=", self.field(name, one, default=default))

    def create_table(self, table: Table, fields: Fields) -> list[Group]:
        """Return the calls that make *table*, whose model has *fields*, with everything that belongs to it."""
        parts = [self.check(check) for check in table.checks]
        for index in table.indexes[len(indexes_of(fields)) :]:
            self.names.add("Index")
            parts.append(call("Index", *index_arguments(index)))
        if len(table.primary_key) > 1:
            self.names.add("CompositeKey")
            parts.append(call("CompositeKey", *map(literal, table.primary_key)))
        options = ["without_rowid=True"] * table.without_rowid
        keywords = [self.keyword(one, fields) for one in fields.values()]
        calls = [call("op.create_table", literal(self.own(table.name)), *parts, *options, *keywords)]
        if table.search is not None:
            calls.append(call("op.create_search", *search_arguments(self.own(table.name), table.search)))
        return calls

    def check(self, check: Check) -> Group:
        """Return the call that declares *check*."""
        self.names.add("Check")
        return call("Check", literal(check.condition), prefixed("name=", literal(check.name)))

    def _special(self, one: peewee.Field) -> list[Code]:
        """What only fields of this class have."""
        if isinstance(one, EnumField):
            return [literal(list(one.texts))]
        if isinstance(one, ForeignKeyField):
            owner, _, table = one.rel_model._meta.table_name.partition("_")
            actions = [(name, getattr(one, name)) for name in ("on_delete", "on_update")]
            return [
                literal(table if owner == self.plugin else f"{owner}.{table}"),
                *(f"{name}={literal(action)}" for name, action in actions if action),
                *(["deferrable=True"] if one.deferrable is not None else []),
            ]
        if isinstance(one, TextField) and one.max_length is not None:
            return [f"max_length={one.max_length}"]
        if isinstance(one, JsonField) and one.max_bytes != MAX_BYTES:
            return [f"max_bytes={one.max_bytes}"]
        return []

    def _default(self, one: Any) -> list[Code]:
        """The default, if it is one that the table has too."""
        default = one.plain_default()
        if default is now:
            self.names.add("now")
            return ["default=now"]
        if default is None or callable(default) or isinstance(one, ForeignKeyField):
            return []
        stored = one.db_value(default)
        value = stored if isinstance(one, EnumField) else one.python_value(stored)
        if isinstance(value, datetime):
            self.modules.add("from datetime import datetime")
            return [f"default=datetime.fromisoformat({literal(value.isoformat())})"]
        return [prefixed("default=", literal(value))]


def index_arguments(index: Index) -> list[Code]:
    """Return what stands between the parentheses where *index* is declared."""
    arguments = [literal(column) for column in index.columns]
    if index.unique:
        arguments.append("unique=True")
    if index.where:
        arguments.append(prefixed("where=", literal(index.where)))
    if index.name != Index(*index.columns).name:
        arguments.append(f"name={literal(index.name)}")
    return arguments


def search_arguments(table: str, search: Search) -> list[Code]:
    """Return what stands between the parentheses where the full-text index of *table* is declared."""
    arguments = [literal(table), *map(literal, search.columns)]
    if search.tokenizer != TOKENIZER:
        arguments.append(f"tokenizer={literal(search.tokenizer)}")
    if search.prefix:
        arguments.append(f"prefix={search.prefix!r}")
    return arguments


def _kind(one: peewee.Field) -> str:
    """The name of its class in `stina_core`, where a plugin's own class is derived from it."""
    for kind in type(one).__mro__:
        if getattr(stina_fields, kind.__name__, None) is kind and kind not in (AnyField, Portable):
            return str(kind.__name__)
    raise DefinitionError(f"no step can declare a {type(one).__name__}; write it by hand")


def _unnamed(one: peewee.Field) -> peewee.Field:
    """A field of the same kind without a column name of its own, to see what that would be by default."""
    return ForeignKeyField("self") if isinstance(one, ForeignKeyField) else TextField()
