"""Times, JSON and enums: the fields whose value is stored in another form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from .. import jsontext
from ..catalog import Check, sql_literal
from ..errors import InvalidValueError
from ..ids import from_ms, to_ms
from . import generic
from .portable import FieldOptions, Portable

_V = TypeVar("_V")
_E = TypeVar("_E", bound=Enum)


class TimestampField(Portable, generic.Field[_V]):
    """A moment, stored as UTC milliseconds; a `datetime` with a time zone in Python.

    What is finer than a millisecond is cut off, and UTC comes back; `now()` gives
    moments that survive unchanged.
    """

    portable_type = "integer"
    field_type = "BIGINT"

    if TYPE_CHECKING:

        @overload
        def __new__(
            cls, *, null: Literal[True], **options: Unpack[FieldOptions]
        ) -> TimestampField[datetime | None]: ...
        @overload
        def __new__(
            cls, *, null: Literal[False] = ..., **options: Unpack[FieldOptions]
        ) -> TimestampField[datetime]: ...
        def __new__(cls, **options: Any) -> Any: ...

    def db_value(self, value: Any) -> int | None:
        if value is None:
            return None
        if not isinstance(value, datetime):
            raise self.refuse(value, "a datetime")
        if value.tzinfo is not UTC and value.utcoffset() is None:
            raise InvalidValueError(
                self.place, "the time has no time zone; use now() or datetime(..., tzinfo=UTC)"
            )
        try:
            return to_ms(value)
        except OverflowError as error:
            raise InvalidValueError(
                self.place, "in UTC the time is not between the years 1 and 9999"
            ) from error

    def python_value(self, value: Any) -> Any:
        if value is None or isinstance(value, datetime):
            return value
        try:
            return from_ms(value)
        except (OverflowError, ValueError, TypeError) as error:
            raise InvalidValueError(
                self.place, "the stored number is no time between the years 1 and 9999"
            ) from error


class JsonField(Portable, generic.Field[Any]):
    """Any JSON value, at most *max_bytes* of UTF-8. None is JSON null, or NULL where `null=True`.

    A list or object as `default` is copied for each row.
    """

    field_type = "TEXT"

    if TYPE_CHECKING:

        def __new__(
            cls, *, max_bytes: int = ..., null: bool = ..., **options: Unpack[FieldOptions]
        ) -> JsonField: ...

    def __init__(self, *, max_bytes: int = jsontext.MAX_BYTES, **options: Any) -> None:
        declared = options.get("default")
        if isinstance(declared, list | dict):
            options["default"] = lambda: deepcopy(declared)  # Peewee would share one object among all rows
        super().__init__(**options)
        self.declared_default = declared
        self.max_bytes = max_bytes

    def plain_default(self) -> object:
        return self.declared_default

    def rules(self, column: str) -> Sequence[Check]:
        return (Check(f'json_valid("{column}")', f"{column}_json"),)

    def _kept(self) -> str | None:
        return "{value} is None" if self.null else None

    def db_value(self, value: Any) -> str | None:
        if value is None and self.null:
            return None
        return jsontext.dump(value, self.place, max_bytes=self.max_bytes)

    def python_value(self, value: Any) -> Any:
        if value is None:
            return None
        try:
            found, end = jsontext.begin_of(value)
        except (ValueError, TypeError, RecursionError):
            end = -1  # load() tells what is wrong with it
        return found if end == len(value) else jsontext.load(value, self.place)


class EnumField(Portable, generic.Field[_V]):
    """One member of *values*, stored as its text; a CHECK holds every program to it.

    Args:
        values: In a model the enum class, whose values are text. In a step the
            texts themselves: a step must not change when the enum does.
        unknown: The member to read for a text this code does not know yet (a
            newer program may have added it). Without it, reading such a row
            raises InvalidValueError.
    """

    field_type = "TEXT"

    if TYPE_CHECKING:
        enum: type[Enum] | None
        texts: tuple[str, ...]
        unknown: Enum | None

        @overload
        def __new__(
            cls,
            values: type[_E],
            *,
            unknown: _E | None = ...,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> EnumField[_E | None]: ...
        @overload
        def __new__(
            cls,
            values: type[_E],
            *,
            unknown: _E | None = ...,
            null: Literal[False] = ...,
            **options: Unpack[FieldOptions],
        ) -> EnumField[_E]: ...
        @overload
        def __new__(
            cls, values: Sequence[str], *, null: bool = ..., **options: Unpack[FieldOptions]
        ) -> EnumField[str]: ...
        def __new__(cls, values: Any, **options: Any) -> Any: ...

    else:  # mypy prefers an __init__ of the same class to __new__

        def __init__(
            self, values: type[Enum] | Sequence[str], *, unknown: Enum | None = None, **options: Any
        ) -> None:
            super().__init__(**options)
            self.enum = values if isinstance(values, type) else None
            self.texts = (
                tuple(member.value for member in values) if isinstance(values, type) else tuple(values)
            )
            self.unknown = unknown
            if (
                isinstance(values, str)
                or not self.texts
                or not all(isinstance(text, str) and "\0" not in text for text in self.texts)
                or len(set(self.texts)) < len(self.texts)
            ):
                raise TypeError("EnumField needs an enum whose values are text, or a list of different texts")
            if unknown is not None and not (self.enum is not None and isinstance(unknown, self.enum)):
                raise TypeError(f"unknown={unknown!r} is no member of the enum of its EnumField")

    def rules(self, column: str) -> Sequence[Check]:
        texts = ", ".join(sql_literal(text) for text in self.texts)
        return (Check(f'"{column}" IN ({texts})', f"{column}_enum"),)

    def db_value(self, value: Any) -> str | None:
        if value is None:
            return None
        if self.enum is not None and isinstance(value, self.enum):
            return str(value._value_)  # `value` is a property, and asked for each row
        if not isinstance(value, str) or (self.enum is not None and not issubclass(self.enum, str)):
            raise self.refuse(value, "text" if self.enum is None else f"a {self.enum.__name__}")
        if value not in self.texts:
            raise InvalidValueError(self.place, f"expected one of {', '.join(self.texts)}")
        return str.__str__(value)

    def loads(self) -> Callable[[Any], object] | None:
        if self.enum is None:
            return super().loads()
        members: dict[Any, object] = {member.value: member for member in self.enum}

        def load(value: Any) -> object:
            member = members.get(value)  # a third of what asking the class takes
            return self.python_value(value) if member is None else member

        return load

    def python_value(self, value: Any) -> Any:
        if value is None or self.enum is None or isinstance(value, self.enum):
            return value
        try:
            return self.enum(value)
        except ValueError:
            if self.unknown is not None:
                return self.unknown
            raise InvalidValueError(
                self.place,
                f"the stored value is none of {', '.join(self.texts)}; a newer program may have written it",
            ) from None
