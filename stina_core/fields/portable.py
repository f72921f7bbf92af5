"""What every field is to the rest of the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypedDict

from ..catalog import Check, Type, sql_literal
from ..errors import InvalidValueError
from ..ids import now

NOW = "<now>"
"""Stands for the backend's own expression for the present time in UTC milliseconds."""


class FieldOptions(TypedDict, total=False):
    """What every field accepts."""

    primary_key: bool
    index: bool
    unique: bool
    default: Any
    column_name: str
    collation: str


class Portable:
    """What the catalog needs to know of a field. Every field of this package is one; no other is accepted."""

    portable_type: ClassVar[Type] = "text"

    def plain_default(self) -> object:
        """The default as it was declared: a value, a callable, or None for none."""
        return self.default  # type: ignore[attr-defined]

    def loads(self) -> Callable[[Any], object] | None:
        """What makes the value of what is stored; None where that is the value already."""
        load: Callable[[Any], object] = self.python_value  # type: ignore[attr-defined]
        return load

    def kept(self) -> str | None:
        """Python's expression for whether a `{value}` is stored as it is; `db_value()` is called for the others only.

        None where there is no quick way to tell, or a derived field has a `db_value()` of its own. Of Python's
        built-in functions it uses `type`, `len`, `str` and `int` only.
        """
        ways = ("_kept", "db_value")
        told, done = (next(kind for kind in type(self).__mro__ if way in vars(kind)) for way in ways)
        return self._kept() if told is done else None

    def _kept(self) -> str | None:
        return None

    def sql_default(self) -> str | None:
        """The column's DEFAULT as SQL, or None: then the default, if any, is made in Python."""
        default = self.plain_default()
        if default is now:
            return NOW
        if default is None or callable(default):
            return None
        return sql_literal(self.db_value(default))  # type: ignore[attr-defined]

    def rules(self, column: str) -> Sequence[Check]:
        """The CHECKs that hold the column to this field's values in every program."""
        return ()

    @property
    def place(self) -> str:
        """`table.column` for error messages."""
        field: Any = self
        try:
            return f"{field.model._meta.table_name}.{field.column_name}"
        except AttributeError:  # of no model
            return str(getattr(self, "column_name", None) or getattr(self, "name", None) or "value")

    def refuse(self, value: object, wanted: str) -> InvalidValueError:
        """The error for a value of the wrong kind; it names the kind, never the value."""
        return InvalidValueError(self.place, f"expected {wanted}, got {type(value).__name__}")


class StoredAsItIs(Portable):
    """A field whose values the database gives back as they are: no work for each value read."""

    def python_value(self, value: Any) -> Any:
        return value

    def loads(self) -> Callable[[Any], object] | None:
        inherited = type(self).python_value is StoredAsItIs.python_value
        return None if inherited else super().loads()
