"""Reads and writes of the shared key-value state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeVar, overload

from stina_core import InvalidValueError, JsonLike, JsonValue, NotFoundError, Repository, now

from .keys import check_key, check_prefix, end_of_prefix
from .models import Entry
from .queries import between, by_key, put, remove, since, stored, value_of
from .values import MISSING, KvEntry, Missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from stina_core import Change, Changes, Observation, Subscription, Via

D = TypeVar("D")

TABLE = "kv_entry"
VALUE = "kv_entry.value"

_REQUIRED: Final = object()
_INTEGERS = range(-(1 << 63), 1 << 63)


class KvRepository(Repository):
    """JSON values under text keys, shared by every program that has the store open.

    Semantics:
        - A key is 1 to 512 bytes of UTF-8 without control characters, compared
          exactly: `a` and `A` are two keys. Every method refuses another key
          with InvalidValueError.
        - A value is any JSON value of at most 1 MiB as JSON text, nested at
          most 100 deep, integers within 64 bits. It comes back exactly as it
          was written, or InvalidValueError is raised and nothing is written.
          JSON null (None) is a value; a key that holds it exists.
        - Each write is one transaction, or a part of the one around it.
        - Each is told to whoever follows, in whatever program, once it is committed:
          `set` of a new key as an insert, of one that exists as an update, also if
          the value is the same; `increment`, and `compare_and_set` where it writes,
          likewise; `delete` of a key that exists as a delete. Nothing else is told.
    """

    @overload
    def get(self, key: str) -> JsonValue: ...
    @overload
    def get(self, key: str, default: D) -> JsonValue | D: ...
    def get(self, key: str, default: object = _REQUIRED) -> object:
        """Return the value of *key*, or *default* where there is no such key.

        Raises:
            NotFoundError: there is no such key, and no *default* was given.
        """
        held = value_of.list(check_key(key))
        if held:
            return held[0]
        if default is _REQUIRED:
            raise NotFoundError("kv_entry", key)
        return default

    def entry(self, key: str) -> KvEntry:
        """Return *key* with its value and time; NotFoundError if there is no such key."""
        found = self.find(key)
        if found is None:
            raise NotFoundError("kv_entry", key)
        return found

    def find(self, key: str) -> KvEntry | None:
        """Return *key* with its value and time, or None if there is no such key."""
        return by_key.find(check_key(key))

    def contains(self, key: str) -> bool:
        """Return whether there is such a key; its value is not read."""
        return by_key.exists(check_key(key))

    def count(self, prefix: str = "") -> int:
        """Return how many keys begin with *prefix*; all keys without one."""
        first = check_prefix(prefix)
        end = end_of_prefix(first)
        return since.count(first) if end is None else between.count(first, end)

    def set(self, key: str, value: JsonLike) -> KvEntry:
        """Write *value* under *key*, whether or not it exists, and return what is stored now.

        Writing the value it has already still counts as a write: `updated_at` moves on.
        """
        (entry,) = stored(check_key(key), value, now())
        return entry

    def delete(self, key: str) -> bool:
        """Remove *key* and return whether it was there."""
        return bool(remove(check_key(key)))

    def increment(self, key: str, by: int = 1) -> int:
        """Add *by* to the whole number under *key* and return the sum; a missing key counts as 0.

        No other write can come between reading and writing: with any number of
        programs every increment counts.

        Raises:
            InvalidValueError: the value is no whole number, or the sum does not
                fit in 64 bits; the value is as it was. Or *by* is no whole
                number of 64 bits.
        """
        key = check_key(key)
        step = _integer(by)
        with self.transaction():
            held = value_of.list(key)
            total = _counter(held[0]) + step if held else step
            if total not in _INTEGERS:
                raise InvalidValueError(VALUE, "the sum does not fit in 64 bits; the value was not changed")
            put(key, total, now())
        return total

    def compare_and_set(self, key: str, expected: JsonLike | Missing, value: JsonLike) -> bool:
        """Write *value* only if *key* still holds *expected*; return whether it was written.

        Args:
            expected: `MISSING` for a key that must not exist yet. Otherwise the
                value as JSON has it: 1 is neither 1.0 nor true, and the order of
                an object's keys does not count.
        """
        key = check_key(key)
        wanted = MISSING if isinstance(expected, Missing) else _comparable(_as_stored(expected))
        with self.transaction():
            held = value_of.list(key)
            if (_comparable(held[0]) if held else MISSING) != wanted:
                return False
            put(key, value, now())
        return True

    def list(self, prefix: str = "") -> list[KvEntry]:
        """Return the entries whose keys begin with *prefix*, all without one, by key in code point order.

        No character of *prefix* is a wildcard. All values are held in memory at once.
        """
        first = check_prefix(prefix)
        end = end_of_prefix(first)
        return since.list(first) if end is None else between.list(first, end)

    def subscribe(
        self, callback: Callable[[Changes], object], *, prefix: str = "", via: Via | None = None
    ) -> Subscription:
        """Call *callback* with the changes of keys that begin with *prefix*, whichever program makes them.

        One call for each transaction that is committed from now on and changes such a
        key; `change.key` says which one, `find()` what it holds by now. A change that
        is a reset means that all keys are to be read anew. The promises and *via* are
        those of `Store.subscribe()`.

        Returns:
            What ends it: `close()`, or the end of a with-block.
        """
        first = check_prefix(prefix)

        def begins(change: Change) -> bool:
            return isinstance(change.key, str) and change.key.startswith(first)

        return self.store.subscribe(callback, {TABLE}, where=begins if first else None, via=via)

    def watch(
        self, key: str, on_value: Callable[[JsonValue | Missing], object], *, via: Via | None = None
    ) -> Observation[str | Missing]:
        """Call *on_value* with the value of *key*: at once, and again whenever it has become another one.

        `MISSING` stands for a key that is not there. Of values that follow one another
        faster than they are read only the last is certain to be told. Other is what is
        other as JSON: true is not 1. The promises and *via* are those of `Store.observe()`.

        Returns:
            What ends it: `close()`, or the end of a with-block.

        Raises:
            TransactionError: a transaction is open in this thread.
        """
        checked = check_key(key)

        def text() -> str | Missing:  # not the value, of which Python says that True equals 1
            found = self.find(checked)
            return MISSING if found is None else json.dumps(found.value)

        def tell(text: str | Missing) -> None:
            on_value(MISSING if isinstance(text, Missing) else json.loads(text))

        return self.store.observe(text, tell, via=via)


def _as_stored(value: object) -> JsonValue:
    """Return *value* as reading it back will give it; a copy, so later changes of it stay outside."""
    stored: JsonValue = Entry.value.python_value(Entry.value.db_value(value))
    return stored


def _comparable(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _integer(by: object) -> int:
    if not isinstance(by, int) or isinstance(by, bool):
        raise InvalidValueError("by", f"expected a whole number, got {type(by).__name__}")
    number = int(by)  # not an enum's member: range would count through to it
    if number not in _INTEGERS:
        raise InvalidValueError("by", "the number does not fit in 64 bits")
    return number


def _counter(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidValueError(
        VALUE, f"the value is {_kind(value)}, not a whole number; set it to one before you add to it"
    )


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, float):
        return "a number with a fraction"
    return "a list" if isinstance(value, list) else "an object"
