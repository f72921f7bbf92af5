"""The field types a model or a step may use: portable, exactly typed, and strict.

A value either comes back exactly as it was written or is refused with
`InvalidValueError`, before any SQL. Peewee's own fields turn 7 into '7', NaN
into NULL and a naive time into local time without a word, so they are not accepted.

A plain `default` (text, number, boolean, enum member) also becomes the
column's DEFAULT, and so does `default=now`; other callables are called in Python.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, TypeVar, overload

import peewee

from . import jsontext
from .catalog import Action, Check, Type, sql_literal
from .errors import InvalidValueError
from .ids import from_ms, new_id, now, to_ms

if TYPE_CHECKING:
    from peewee import BigAutoField as _BigAutoField
    from peewee import BigIntegerField as _BigIntegerField
    from peewee import BooleanField as _BooleanField
    from peewee import DoubleField as _DoubleField
    from peewee import Field as _Field
    from peewee import ForeignKeyField as _ForeignKeyField
    from peewee import TextField as _TextField
    from typing_extensions import Unpack
else:

    def _subscriptable(base):
        """Peewee's fields are generic in its stubs only; this makes `TextField[str]` run."""
        return type(base.__name__, (base,), {"__class_getitem__": classmethod(lambda cls, item: cls)})

    _BigAutoField = _subscriptable(peewee.BigAutoField)
    _BigIntegerField = _subscriptable(peewee.BigIntegerField)
    _BooleanField = _subscriptable(peewee.BooleanField)
    _DoubleField = _subscriptable(peewee.DoubleField)
    _Field = _subscriptable(peewee.Field)
    _ForeignKeyField = _subscriptable(peewee.ForeignKeyField)
    _TextField = _subscriptable(peewee.TextField)

_V = TypeVar("_V")
_E = TypeVar("_E", bound=Enum)
_M = TypeVar("_M", bound=peewee.Model)

NO_BACKREF = "+"  # Peewee's sign for it

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
    """What the catalog needs to know of a field. Every field below is one; no other field is accepted."""

    portable_type: ClassVar[Type] = "text"

    def plain_default(self) -> object:
        """The default as it was declared: a value, a callable, or None for none."""
        return self.default  # type: ignore[attr-defined]

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
        model = getattr(self, "model", None)
        column = getattr(self, "column_name", None) or getattr(self, "name", None) or "value"
        return f"{model._meta.table_name}.{column}" if model is not None else str(column)

    def refuse(self, value: object, wanted: str) -> InvalidValueError:
        """The error for a value of the wrong kind; it names the kind, never the value."""
        return InvalidValueError(self.place, f"expected {wanted}, got {type(value).__name__}")


def _whole_number(field: Portable, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise field.refuse(value, "a whole number")
    if not jsontext.fits(value):
        raise InvalidValueError(field.place, "the number does not fit in 64 bits")
    return int(value)


class TextField(Portable, _TextField[_V]):
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

    def db_value(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.refuse(value, "text")
        if self.max_length is not None and len(value) > self.max_length:
            raise InvalidValueError(
                self.place, f"the text has {len(value):,} characters; at most {self.max_length:,} fit"
            )
        return jsontext.check_text(str.__str__(value), self.place)  # str() of an enum member is its name

    def python_value(self, value: Any) -> Any:
        return value


class IdField(TextField[str]):
    """A primary key of sortable text, made by `new_id()` unless one is given."""

    if TYPE_CHECKING:

        def __new__(cls, *, column_name: str = ...) -> IdField: ...

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"primary_key": True, "default": new_id, **options})


class IntegerField(Portable, _BigIntegerField[_V]):
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

    def db_value(self, value: Any) -> int | None:
        return _whole_number(self, value)

    def python_value(self, value: Any) -> Any:
        return value


class AutoIdField(Portable, _BigAutoField[int]):
    """An integer primary key the database hands out; for tables of very many small rows."""

    portable_type = "integer"

    if TYPE_CHECKING:

        def __new__(cls, *, column_name: str = ...) -> AutoIdField: ...

    def db_value(self, value: Any) -> int | None:
        return _whole_number(self, value)

    def python_value(self, value: Any) -> Any:
        return value


class AnyField(Portable, _Field[Any]):
    """Text, number, bytes or NULL, each kept as it is. For the core's own tables only."""

    portable_type = "any"
    field_type = "ANY"


class FloatField(Portable, _DoubleField[_V]):
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

    def python_value(self, value: Any) -> Any:
        return value


class BooleanField(Portable, _BooleanField[_V]):
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

    def db_value(self, value: Any) -> int | None:
        if value is None:
            return None
        if not isinstance(value, bool):
            raise self.refuse(value, "True or False")
        return int(value)

    def python_value(self, value: Any) -> Any:
        return None if value is None else bool(value)


class BlobField(Portable, _Field[_V]):
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


class TimestampField(Portable, _Field[_V]):
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
        if value.utcoffset() is None:
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


class JsonField(Portable, _Field[Any]):
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

    def db_value(self, value: Any) -> str | None:
        if value is None and self.null:
            return None
        return jsontext.dump(value, self.place, max_bytes=self.max_bytes)

    def python_value(self, value: Any) -> Any:
        return None if value is None else jsontext.load(value, self.place)


class EnumField(Portable, _Field[_V]):
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
            return str(value.value)
        if not isinstance(value, str) or (self.enum is not None and not issubclass(self.enum, str)):
            raise self.refuse(value, "text" if self.enum is None else f"a {self.enum.__name__}")
        if value not in self.texts:
            raise InvalidValueError(self.place, f"expected one of {', '.join(self.texts)}")
        return str.__str__(value)

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


class ForeignKeyField(Portable, _ForeignKeyField[_V]):
    """A reference to a row of another table; the column is `<name>_id` and has an index.

    Args:
        target: In a model the other model class (or "self"). In a step the table:
            "todo" for the plugin's own `<plugin>_todo`, "chat.message" for a
            table of the plugin `chat`, which the distribution must require.
        backref: Name of the reverse query on the other model; none by default. It is
            there from `schema.add()` on.
        on_delete, on_update: What happens to this row when the other is deleted
            or gets another key.
        deferrable: Check at commit instead of at once.
    """

    if TYPE_CHECKING:
        target: type[peewee.Model] | str
        wanted_backref: str | None

        @overload
        def __new__(
            cls,
            target: type[_M],
            *,
            null: Literal[True],
            backref: str = ...,
            on_delete: Action | None = ...,
            on_update: Action | None = ...,
            deferrable: bool = ...,
            **options: Unpack[FieldOptions],
        ) -> ForeignKeyField[_M | None]: ...
        @overload
        def __new__(
            cls,
            target: type[_M],
            *,
            null: Literal[False] = ...,
            backref: str = ...,
            on_delete: Action | None = ...,
            on_update: Action | None = ...,
            deferrable: bool = ...,
            **options: Unpack[FieldOptions],
        ) -> ForeignKeyField[_M]: ...
        @overload
        def __new__(
            cls,
            target: str,
            *,
            null: bool = ...,
            backref: str = ...,
            on_delete: Action | None = ...,
            on_update: Action | None = ...,
            deferrable: bool = ...,
            **options: Unpack[FieldOptions],
        ) -> ForeignKeyField[Any]: ...
        def __new__(cls, target: Any, **options: Any) -> Any: ...

    else:  # mypy prefers an __init__ of the same class to __new__

        def __init__(
            self,
            target: type[peewee.Model] | str,
            *,
            backref: str | None = None,
            on_delete: Action | None = None,
            on_update: Action | None = None,
            deferrable: bool = False,
            **options: Any,
        ) -> None:
            if "field" in options or "to_field" in options:
                raise TypeError("a foreign key points to the primary key; leave out which field")
            super().__init__(
                target,
                backref=NO_BACKREF,
                on_delete=on_delete,
                on_update=on_update,
                deferrable="INITIALLY DEFERRED" if deferrable else None,
                **options,
            )
            self.target = target
            self.wanted_backref = backref

    def bind(self, model: type[peewee.Model], name: str, set_attribute: bool = True) -> None:
        if isinstance(self.target, str) and self.target != "self":
            raise TypeError(
                f"{model.__module__}.{model.__name__}.{name} points to {self.target!r}; in a model a foreign key "
                "names the model class, or 'self'"
            )
        self.declared_backref = NO_BACKREF  # schema.add() attaches the wanted one, once the model is accepted
        self.rel_field = None  # found anew: a derived model's copy brings that of its parent along
        super().bind(model, name, set_attribute)

    def db_value(self, value: Any) -> Any:
        try:
            return super().db_value(value)  # type: ignore[no-untyped-call]
        except InvalidValueError as error:
            message = str(error).removeprefix(f"{error.field}: ")
            raise InvalidValueError(self.place, message) from None  # the column that was written, not the key
