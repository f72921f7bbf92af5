"""What stands for the arguments of a query while it is stated: their values come later."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import peewee

from ..errors import DefinitionError


class Argument:
    """Stands for one argument of a query. Peewee binds it as it would bind the value.

    Whatever would need the value itself is refused with DefinitionError: a branch,
    arithmetic, the text methods behind `contains()` and its like. With a field on the
    other side the database compares and computes.
    """

    __slots__ = ("_name", "_never_null")

    def __init__(self, name: str, never_null: bool = False) -> None:
        self._name = name
        self._never_null = never_null

    def _refuse(self, *others: object, **options: object) -> NoReturn:
        raise DefinitionError(
            f"{self._name} stands for a value that comes with each call, so a query cannot look at it: compare it "
            "with a field, compute with it before the call, or state a second query"
        )

    def _leave_to_field(self, other: object) -> Any:
        if not isinstance(other, peewee.Node):
            self._refuse()
        return NotImplemented

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # Python itself asks for those, to find out what it has
            raise AttributeError(name)
        self._refuse()

    __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __neg__ = __abs__ = __round__ = __str__ = __repr__ = __format__ = __hash__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _leave_to_field
    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _leave_to_field
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _leave_to_field


class Made:
    """Stands for a default that is made anew for each row, such as an id."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


class Slot:
    """A value that a statement is still without.

    Attributes:
        source: Where the value comes from.
        convert: Makes what is stored of it; None where nothing is to do.
        column: The column that it is written to and that takes no NULL, as `table.column`; otherwise empty.
    """

    __slots__ = ("column", "convert", "source")

    def __init__(
        self, source: Argument | Made, convert: Callable[[Any], object] | None, column: str = ""
    ) -> None:
        self.source = source
        self.convert = convert
        self.column = column


def name_of(argument: Argument) -> str:
    """Return the name of *argument*; no attribute of its own, for it has none that a query could use."""
    return argument._name


def never_null(argument: Argument) -> bool:
    """Whether NULL in its place would make the query answer nothing, whatever is stored."""
    return argument._never_null


def signature_of(state: Callable[..., object]) -> inspect.Signature:
    """Return the signature of the function that states a query; DefinitionError if no query can have it."""
    signature = inspect.signature(state)
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DefinitionError(f"{state.__qualname__}: a query takes single values, not *{parameter.name}")
    return signature


def stated(state: Callable[..., Any], signature: inspect.Signature) -> Any:
    """Call *state* with an Argument for each of its parameters and return the query."""
    positional, named = [], {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = Argument(name)
        else:
            positional.append(Argument(name))
    return state(*positional, **named)
