"""Text, numbers, bytes: the fields of one plain value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from .. import jsontext
from ..catalog import Check
from ..errors import InvalidValueError
from ..ids import new_id
from . import generic
from .portable import FieldOptions, Portable, StoredAsItIs

if TYPE_CHECKING:
    from collections.abc import Sequence

_V = TypeVar("_V")


def _whole_number(field: Portable, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise field.refuse(value, "a whole number")
    if not jsontext.fits(value):
        raise InvalidValueError(field.place, "the number does not fit in 64 bits")
    return int(value)


class TextField(StoredAsItIs, generic.TextField[_V]):
    """Text of any length, kept exactly, NUL and emoji included.

    Args:
        max_length: Characters at most; enforced here and by a CHECK.
    """

    if TYPE_CHECKING:
        max_length: int | None

        @overload
        def __new__(
            cls, *, max_length: int | None = ..., null: Literal[True], **options: Unpack[FieldOptions]
        ) -> TextField[str | None]: ...
        @overload
        def __new__(
            cls, *, max_length: int | None = ..., null: Literal[False] = ..., **options: Unpack[FieldOptions]
        ) -> TextField[str]: ...
        def __new__(cls, **options: Any) -> Any: ...

    else:  # mypy prefers an __init__ of the same class to __new__

        def __init__(self, *, max_length: int | None = None, **options: Any) -> None:
            super().__init__(**options)
            self.max_length = max_length

    def rules(self, column: str) -> Sequence[Check]:
        if self.max_length is None:
            return ()
        return (Check(f'length("{column}") <= {self.max_length}', f"{column}_length"),)

    def _kept(self) -> str | None:
        short = "" if self.max_length is None else f" and len({{value}}) <= {self.max_length}"
        return f"{{value}} is None or type({{value}}) is str and {{value}}.isascii(){short}"

    def db_value(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.refuse(value, "text")
        if self.max_length is not None and len(value) > self.max_length:
            raise InvalidValueError(
                self.place, f"the text has {len(value):,} characters; at most {self.max_length:,} fit"
            )
        text = str.__str__(value)  # str() of an enum member is its name
        return text if text.isascii() else jsontext.check_text(text, self.place)


class IdField(TextField[str]):
    """A primary key of sortable text, made by `new_id()` unless one is given."""

    if TYPE_CHECKING:

        def __new__(cls, *, column_name: str = ...) -> IdField: ...

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"primary_key": True, "default": new_id, **options})


class IntegerField(StoredAsItIs, generic.BigIntegerField[_V]):
    """A whole number of 64 bits."""

    portable_type = "integer"

    if TYPE_CHECKING:

        @overload
        def __new__(
            cls, *, null: Literal[True], **options: Unpack[FieldOptions]
        ) -> IntegerField[int | None]: ...
        @overload
        def __new__(
            cls, *, null: Literal[False] = ..., **options: Unpack[FieldOptions]
        ) -> IntegerField[int]: ...
        def __new__(cls, **options: Any) -> Any: ...

    def _kept(self) -> str | None:
        return f"type({{value}}) is int and {-(1 << 63)} <= {{value}} < {1 << 63}"

    def db_value(self, value: Any) -> int | None:
        return _whole_number(self, value)


class AutoIdField(StoredAsItIs, generic.BigAutoField[int]):
    """An integer primary key the database hands out; for tables of very many small rows.

    The number of the newest row may come again once that row is deleted. Where a
    key must never mean another row later, use IdField.
    """

    portable_type = "integer"

    if TYPE_CHECKING:

        def __new__(cls, *, column_name: str = ...) -> AutoIdField: ...

    def db_value(self, value: Any) -> int | None:
        return _whole_number(self, value)


class AnyField(StoredAsItIs, generic.Field[Any]):
    """Text, number, bytes or NULL, each kept as it is. For the core's own tables only."""

    portable_type = "any"
    field_type = "ANY"


class FloatField(StoredAsItIs, generic.DoubleField[_V]):
    """A finite number of 64 bits. A whole number is taken where a float is exactly it; -0.0 becomes 0.0."""

    portable_type = "real"

    if TYPE_CHECKING:

        @overload
        def __new__(
            cls, *, null: Literal[True], **options: Unpack[FieldOptions]
        ) -> FloatField[float | None]: ...
        @overload
        def __new__(
            cls, *, null: Literal[False] = ..., **options: Unpack[FieldOptions]
        ) -> FloatField[float]: ...
        def __new__(cls, **options: Any) -> Any: ...

    def db_value(self, value: Any) -> float | None:
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.refuse(value, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise InvalidValueError(self.place, "the number is not finite, or too large for a float")
        if number != value:
            raise InvalidValueError(
                self.place, "the whole number is not exactly a float; use an IntegerField"
            )
        return number


class BooleanField(Portable, generic.BooleanField[_V]):
    """True or False."""

    portable_type = "integer"

    if TYPE_CHECKING:

        @overload
        def __new__(
            cls, *, null: Literal[True], **options: Unpack[FieldOptions]
        ) -> BooleanField[bool | None]: ...
        @overload
        def __new__(
            cls, *, null: Literal[False] = ..., **options: Unpack[FieldOptions]
        ) -> BooleanField[bool]: ...
        def __new__(cls, **options: Any) -> Any: ...

    def rules(self, column: str) -> Sequence[Check]:
        return (Check(f'"{column}" IN (0, 1)', f"{column}_boolean"),)

    def _kept(self) -> str | None:
        return "{value} is True or {value} is False"

    def db_value(self, value: Any) -> int | None:
        if value is None:
            return None
        if not isinstance(value, bool):
            raise self.refuse(value, "True or False")
        return int(value)

    def python_value(self, value: Any) -> Any:
        return None if value is None else bool(value)


class BlobField(StoredAsItIs, generic.Field[_V]):
    """Bytes."""

    portable_type = "blob"
    field_type = "BLOB"

    if TYPE_CHECKING:

        @overload
        def __new__(
            cls, *, null: Literal[True], **options: Unpack[FieldOptions]
        ) -> BlobField[bytes | None]: ...
        @overload
        def __new__(
            cls, *, null: Literal[False] = ..., **options: Unpack[FieldOptions]
        ) -> BlobField[bytes]: ...
        def __new__(cls, **options: Any) -> Any: ...

    def db_value(self, value: Any) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, bytes | bytearray | memoryview):
            raise self.refuse(value, "bytes")
        return bytes(value)
