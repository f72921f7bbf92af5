"""Rows of a table the original app wrote, as a step reads them to adopt them.

That app checked little, so anything may be in any column. A row gives each value
as what it should be, and notes in `stina_repair` what it was where it was not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from ..backends.base import BrokenText
from ..catalog import Value
from ..errors import InvalidValueError
from ..jsontext import dump, fits, load

if TYPE_CHECKING:
    from ..backends.base import Backend

Note: TypeAlias = Callable[[str, str, Value, str], object]
"""Told of a repair: the key of the row, the column, the value that was there, the reason."""

LEFT_OUT = "*"
"""Stands for the column where a whole row is noted."""

_TIMES = range(-62_135_596_800_000, 253_402_300_800_000)  # the years 1 to 9999, in milliseconds


class OldRow:
    """One row. Each method gives a column's value, and None where the column, or a usable value, is missing.

    Attributes:
        key: The value of the key column as text, or what stands for it where it is none;
            repairs of this row are noted under it.
    """

    def __init__(
        self, values: Mapping[str, Value], key: str, note: Note, new_id: Callable[[OldRow], str]
    ) -> None:
        self._values = values
        self._note = note
        self._key_column = key
        self.key = _key_of(values[key]) or new_id(self)

    def __contains__(self, column: str) -> bool:
        """Whether the table has *column*."""
        return column in self._values

    @property
    def columns(self) -> Sequence[str]:
        """The table's columns, in order."""
        return list(self._values)

    def raw(self, column: str) -> Value:
        """Return the value as it is stored; a text that is not UTF-8 as its bytes."""
        value = self._values.get(column)
        return bytes(value) if isinstance(value, BrokenText) else value

    def note(self, column: str, reason: str) -> None:
        """Note in `stina_repair` that the value of *column* was changed, with what it was."""
        self._note(self.key, column, self.raw(column), reason)

    def leave_out(self, reason: str) -> None:
        """Note that nothing is made of this row, with all that was in it as JSON text."""
        self._note(self.key, LEFT_OUT, self.as_json(), f"the row was left out: {reason}")

    def id(self) -> str:
        """Return the row's key, and note it where it is not the one the row had.

        A row that had none has one made of its contents: the same whenever the same file is adopted.
        """
        value = self._values[self._key_column]
        if isinstance(value, BrokenText):
            self.note(self._key_column, "the text was not UTF-8")
        elif not isinstance(value, int) and value != self.key:
            self.note(self._key_column, "the row had no usable id; it was given one")
        return self.key

    def text(self, column: str) -> str | None:
        """Return a text; halves of characters are joined, and what is no text is written out."""
        value = self._values.get(column)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, BrokenText):
            self.note(column, "the text was not UTF-8")
            return value.repaired()
        self.note(column, f"{type(value).__name__} became text")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def integer(self, column: str) -> int | None:
        """Return a whole number; a fraction is rounded off and a number in a text is read."""
        value = self._values.get(column)
        if value is None or isinstance(value, int):
            return value
        number = _number(value)
        if number is None:
            self.note(column, "it was no number")
            return None
        self.note(column, f"{type(value).__name__} became a whole number")
        return number

    def time(self, column: str, *, unit: int = 1) -> int | None:
        """Return a time in UTC milliseconds. 0 is a time.

        Args:
            unit: Milliseconds of one in the column: 1000 for seconds.
        """
        number = self.integer(column)
        if number is None or number * unit in _TIMES:
            return None if number is None else number * unit
        self.note(column, "it was no time between the years 1 and 9999")
        return None

    def flag(self, column: str) -> bool:
        """Return whether it is set; NULL is not."""
        value = self._values.get(column)
        if value is not None and value not in (0, 1):
            self.note(column, "it was neither 0 nor 1")
        return bool(self.integer(column)) if isinstance(value, str | bytes) else bool(value)

    def document(self, column: str) -> str | None:
        """Return JSON text, exactly as it is; None for what is no JSON that can be stored."""
        text = self.text(column)
        if text is None:
            return None
        try:
            dump(load(text, column), column)
        except InvalidValueError:
            self.note(column, "it was no JSON that can be read")
            return None
        return text

    def as_json(self) -> str:
        """Return all columns as JSON text.

        Bytes and texts that are not UTF-8 are `{"$hex": ...}`, what is not finite `{"$real": "inf"}`.
        """
        return json.dumps({name: _plain(value) for name, value in self._values.items()}, ensure_ascii=False)


class OldTable:
    """The rows of one table, in the order in which they were written.

    Args:
        key: The column that identifies a row.
        note: Told of every repair.
        report: Told how many rows of how many are done.
    """

    def __init__(
        self,
        backend: Backend,
        name: str,
        key: str,
        note: Note = lambda *repair: None,
        report: Callable[[int, int], object] = lambda done, total: None,
    ) -> None:
        self._backend = backend
        self._name = name
        self._key = key
        self._note = note
        self._report = report
        self._columns: Sequence[str] = backend.ddl.columns(name)
        self._given: set[str] = set()

    def __iter__(self) -> Iterator[OldRow]:
        ((total,),) = self._backend.execute(f'SELECT count(*) FROM "{self._name}"')
        for done, values in enumerate(self._backend.old_rows(self._name, self._columns)):
            if done % 1000 == 0:
                self._report(done, total)
            yield OldRow(dict(zip(self._columns, values, strict=True)), self._key, self._note, self._new_id)
        self._report(total, total)

    def _new_id(self, row: OldRow) -> str:
        """Return an id that follows from the contents of *row*, and from nothing else than equal rows before it."""
        found = ""
        number = 0
        while not found or found in self._given:
            text = f"{self._name} {number} {row.as_json()}"
            found = f"old_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
            number += 1
        self._given.add(found)
        return found


def _plain(value: Value) -> object:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, float) and not isfinite(value):
        return {"$real": repr(value)}
    return value


def _key_of(value: Value) -> str:
    if isinstance(value, BrokenText):
        return value.repaired()
    return str(value) if isinstance(value, str | int) else ""


def _number(value: float | str | bytes) -> int | None:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    try:
        number = round(float(text)) if not isinstance(text, str) or not _is_whole(text) else int(text)
    except (ValueError, OverflowError):
        return None
    return number if fits(number) else None


def _is_whole(text: str) -> bool:
    return text.strip().lstrip("+-").isdecimal()
