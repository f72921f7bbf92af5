"""The plugin's steps. Append only: a step that was released, and what it calls here, is never edited.

What the steps know of keys, numbers and times is written out here and not taken
from the rest of the plugin, which goes on changing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from stina_core import JsonField, Operations, TextField, TimestampField

Value: TypeAlias = bool | int | float | str | bytes | None
"""What a column of an old table can hold."""


def initial(op: Operations) -> None:
    op.create_table(
        "entry",
        without_rowid=True,
        key=TextField(primary_key=True),
        value=JsonField(),
        updated_at=TimestampField(),
    )


def adopt(op: Operations) -> None:
    """Copy the original app's `state` table and its older `kv` table; both stay as they are.

    Values become JSON text, the key `counter` an integer. Where both tables have
    a key, `state` wins. Whatever is not copied as it was is noted in `stina_repair`.
    """
    adoption = _Adoption(op)
    for table in ("state", "kv"):
        if op.has_table(table, "key", "value"):  # else it is another program's
            adoption.read(table)
    op.insert("entry", adoption.rows)


@dataclass
class _Adoption:
    op: Operations
    rows: list[dict[str, str | int]] = field(default_factory=list)
    _taken: dict[str, tuple[str, Value]] = field(default_factory=dict)  # key -> its table and old value

    def read(self, table: str) -> None:
        for row in self.op.old_rows(table, "key", "value", "updatedAt", key="key"):
            key, value = row["key"], row["value"]
            if not isinstance(key, str):
                self._leave_out(table, row, "its key is no text")
            elif not _KEY.fullmatch(key) or len(key.encode()) > _MAX_KEY_BYTES:
                self._leave_out(table, row, "its key is empty, too long or has a control character")
            elif key not in self._taken:
                self._taken[key] = (table, value)
                self.rows.append(
                    {
                        "key": key,
                        "value": json.dumps(self._document(table, key, value), ensure_ascii=False),
                        "updated_at": self._time(table, row),
                    }
                )
            elif self._taken[key][1] != value:
                self._leave_out(table, row, f"the value of this key in {self._taken[key][0]} was taken")

    def _leave_out(self, table: str, row: Mapping[str, Value], why: str) -> None:
        self.op.repair(table, row["key"], "value", row["value"], f"the row was left out: {why}")

    def _document(self, table: str, key: str, value: Value) -> str | int | None:
        if key == "counter":
            return self._counter(table, key, value)
        if isinstance(value, str):
            return value
        if value is None:
            self.op.repair(table, key, "value", value, "NULL became JSON null")
            return None
        self.op.repair(table, key, "value", value, f"{type(value).__name__} became text")
        return _text(value)

    def _counter(self, table: str, key: str, value: Value) -> int:
        number = _number(_text(value))
        why = None
        if number is None:
            why = "the counter was no number and starts at 0"
        elif not _INTEGERS.start <= number < _INTEGERS.stop:
            why = "the counter did not fit in 64 bits and starts at 0"
            number = None
        elif number != int(number):
            why = "the fraction of the counter was cut off"
        if why:
            self.op.repair(table, key, "value", value, why)
        return int(number or 0)

    def _time(self, table: str, row: Mapping[str, Value]) -> int:
        if "updatedAt" not in row:
            return self.op.now
        time = row["updatedAt"]
        if isinstance(time, int) and time in _TIMES:
            return time
        self.op.repair(table, row["key"], "updatedAt", time, "no valid time; the time of adoption was taken")
        return self.op.now


_KEY = re.compile("[^\x00-\x1f\x7f-\x9f]+")
_MAX_KEY_BYTES = 512
_INTEGERS = range(-(1 << 63), 1 << 63)
_TIMES = range(-62_135_596_800_000, 253_402_300_800_000)  # the years 1 to 9999, in milliseconds

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


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
