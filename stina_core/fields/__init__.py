"""The field types a model or a step may use: portable, exactly typed, and strict.

A value either comes back exactly as it was written or is refused with
`InvalidValueError`, before any SQL. Peewee's own fields turn 7 into '7', NaN
into NULL and a naive time into local time without a word, so they are not accepted.

A plain `default` (text, number, boolean, enum member) also becomes the
column's DEFAULT, and so does `default=now`; other callables are called in Python.
"""

from .converted import EnumField, JsonField, TimestampField
from .portable import NOW, FieldOptions, Portable
from .references import NO_BACKREF, ForeignKeyField
from .scalars import (
    AnyField,
    AutoIdField,
    BlobField,
    BooleanField,
    FloatField,
    IdField,
    IntegerField,
    TextField,
)

__all__ = [
    "NOW",
    "NO_BACKREF",
    "AnyField",
    "AutoIdField",
    "BlobField",
    "BooleanField",
    "EnumField",
    "FieldOptions",
    "FloatField",
    "ForeignKeyField",
    "IdField",
    "IntegerField",
    "JsonField",
    "Portable",
    "TextField",
    "TimestampField",
]
