"""What the step `0002_adopt` does. Frozen: files were made by it, so it is never edited.

What it knows of keys and numbers is written out here and not taken from the rest
of the plugin, which goes on changing.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from stina_core import OldRow, Operations, SameColumns

Value: TypeAlias = bool | int | float | str | bytes | None
"""What a column of an old table can hold."""

Stored: TypeAlias = dict[str, str | int]

_TABLES = {"state": ("key", "value", "updatedAt"), "kv": ("key", "value")}
"""The original's tables with their columns, the newer one first: where both have a key, it wins."""

_BATCH = 2_000
_MAX_KEY_BYTES = 512
_KEY = re.compile("[^\x00-\x1f\x7f-\x9f]+")
_COUNTER = "counter"
_INTEGERS = range(-(1 << 63), 1 << 63)


def adopt(op: Operations) -> None:
    """Make an entry of each key of the original's tables, which are dropped once all of them are found."""
    adoption = _Adoption(op)
    there = [table for table, columns in _TABLES.items() if op.has_table(table, *columns)]
    for table in there:  # one without these columns is another program's
        adoption.read(table)
    for table in there:
        expected = _Expected()
        same: SameColumns = {"key": ("key", expected.of_key), "value": ("value", expected.of_value)}
        times: SameColumns = {"updatedAt": "updated_at"} if "updatedAt" in _TABLES[table] else {}
        op.retire(table, into="entry", key="key", new_key="key", same={**same, **times})


class _Adoption:
    """The entries on their way.

    Those without a time wait for the end of their table: they get the newest time
    found until then, which is the same whenever the same file is adopted.
    """

    def __init__(self, op: Operations) -> None:
        self._op = op
        self._batch: list[Stored] = []
        self._newest: int | None = None
        self._taken: dict[str, tuple[str, Value]] = {}  # by key its table and what its value was there

    def read(self, table: str) -> None:
        undated: list[Stored] = []
        others: list[str] | None = None
        for row in self._op.old_rows(table, key="key"):
            if others is None:  # the same for every row
                others = sorted({*row.columns} - {*_TABLES[table]})
            key = _key(row)
            if key is None or not self._is_first(row, table, key, others):
                continue
            entry: Stored = {"key": key, "value": _document(row, key)}
            for column in others:
                if row.raw(column) is not None:
                    row.note(column, "an entry has no place for it")
            time = _time(row) if "updatedAt" in _TABLES[table] else None
            if time is None:
                undated.append(entry)
            else:
                self._newest = time if self._newest is None else max(time, self._newest)
                self._put(entry, time)
        for entry in undated:
            self._put(entry, self._op.now if self._newest is None else self._newest)
        self._flush()

    def _is_first(self, row: OldRow, table: str, key: str, others: list[str]) -> bool:
        """Whether no row had the key before; else what this one has besides is noted."""
        value = row.raw("value")
        if key not in self._taken:
            self._taken[key] = (table, value)
            return True
        first, taken = self._taken[key]
        if first == table or taken != value or any(row.raw(column) is not None for column in others):
            row.leave_out(f"the value of this key in {first} was taken")
        else:
            _document(row, key)  # for what it notes
        return False

    def _put(self, entry: Stored, time: int) -> None:
        self._batch.append({**entry, "updated_at": time})
        if len(self._batch) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._op.insert("entry", self._batch)
        self._batch.clear()


class _Expected:
    """What an entry has for a row of which nothing is noted: asked for its key first, then for its value."""

    def __init__(self) -> None:
        self._key: Value = None

    def of_key(self, key: Value) -> Value:
        self._key = key
        return key

    def of_value(self, value: Value) -> Value:
        if self._key == _COUNTER and not isinstance(value, bytes):
            number = _number(str(value))
            return str(int(number)) if number is not None and _is_whole(number) else value
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else value


def _key(row: OldRow) -> str | None:
    """Return the key of a row; None where there can be no such entry."""
    value = row.raw("key")
    # A text that was not UTF-8 comes as bytes, as a blob does; what stands for a blob is plain ASCII.
    if not isinstance(value, str) and (not isinstance(value, bytes) or row.key.isascii()):
        row.leave_out("its key is no text")
        return None
    key = value if isinstance(value, str) else row.key
    if not _KEY.fullmatch(key) or len(key.encode()) > _MAX_KEY_BYTES:
        row.leave_out("its key is empty, too long or has a control character")
        return None
    return row.id()


def _time(row: OldRow) -> int | None:
    if row.raw("updatedAt") is None:
        row.note("updatedAt", "there was no time; the newest one was taken")
    return row.time("updatedAt")


def _document(row: OldRow, key: str) -> str:
    """Return the JSON text of a value; what is not just the text it was is noted."""
    if key == _COUNTER:
        return str(_counter(row))
    text = row.text("value")
    if text is None:
        row.note("value", "NULL became JSON null")
    return json.dumps(text, ensure_ascii=False)


def _counter(row: OldRow) -> int:
    value = row.raw("value")
    number = _number((row.text("value") or "") if isinstance(value, bytes) else str(value))
    if number is None:
        row.note("value", "the counter was no number and starts at 0")
        return 0
    if not _INTEGERS.start <= number < _INTEGERS.stop:
        row.note("value", "the counter did not fit in 64 bits and starts at 0")
        return 0
    if not _is_whole(number):
        row.note("value", "the fraction of the counter was cut off")
    return int(number)


def _is_whole(number: float) -> bool:
    return _INTEGERS.start <= number < _INTEGERS.stop and number == int(number)


# JavaScript's Number(): the spaces it trims, and the texts it reads.
_BLANKS = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,100}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_RADIX = re.compile(r"0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")


def _number(text: str) -> int | float | None:
    text = text.strip(_BLANKS)
    if _WHOLE.fullmatch(text):
        return int(text)  # exact, where JavaScript rounds above 2**53
    if _DECIMAL.fullmatch(text):
        return float(text)
    return int(text, 0) if _RADIX.fullmatch(text) else None
