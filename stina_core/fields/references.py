"""Foreign keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

import peewee

from ..catalog import Action
from ..errors import InvalidValueError
from . import generic
from .portable import FieldOptions, Portable

_V = TypeVar("_V")
_M = TypeVar("_M", bound=peewee.Model)

NO_BACKREF = "+"  # Peewee's sign for it


class ForeignKeyField(Portable, generic.ForeignKeyField[_V]):
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

    def loads(self) -> Callable[[Any], object] | None:
        key = self.rel_field
        return key.loads() if isinstance(key, Portable) else super().loads()

    def _kept(self) -> str | None:
        key = self.rel_field
        return key.kept() if isinstance(key, Portable) else None

    def db_value(self, value: Any) -> Any:
        try:
            return super().db_value(value)  # type: ignore[no-untyped-call]
        except InvalidValueError as error:
            message = str(error).removeprefix(f"{error.field}: ")
            raise InvalidValueError(self.place, message) from None  # the column that was written, not the key
