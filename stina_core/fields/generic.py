"""Peewee's own fields, generic at run time too: in Peewee they are so in its stubs only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

if TYPE_CHECKING:
    from peewee import (
        BigAutoField,
        BigIntegerField,
        BooleanField,
        DoubleField,
        Field,
        ForeignKeyField,
        TextField,
    )
else:

    def _subscriptable(base):
        return type(base.__name__, (base,), {"__class_getitem__": classmethod(lambda cls, item: cls)})

    BigAutoField = _subscriptable(peewee.BigAutoField)
    BigIntegerField = _subscriptable(peewee.BigIntegerField)
    BooleanField = _subscriptable(peewee.BooleanField)
    DoubleField = _subscriptable(peewee.DoubleField)
    Field = _subscriptable(peewee.Field)
    ForeignKeyField = _subscriptable(peewee.ForeignKeyField)
    TextField = _subscriptable(peewee.TextField)

__all__ = [
    "BigAutoField",
    "BigIntegerField",
    "BooleanField",
    "DoubleField",
    "Field",
    "ForeignKeyField",
    "TextField",
]
