"""Following keys for `stina kv watch`: what is new since it was last asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from stina_core import InvalidValueError, Op, StoreIOError

if TYPE_CHECKING:
    from datetime import datetime

    from stina_core import Changes

    from .repository import KvRepository
    from .values import KvEntry


_Seen = tuple[str, "datetime"]
"""A value as JSON, because for Python 1 equals true, and when it was written."""


class Watch:
    """The entries of one key, or of all that begin with a prefix, each time they are other ones.

    However slowly it is read, it holds no more than the keys that changed meanwhile.

    Args:
        key: The only one that counts, or None for all.
        unreadable: Told of a row that another program wrote and the plugin cannot read.
    """

    def __init__(
        self,
        repository: KvRepository,
        key: str | None,
        prefix: str,
        unreadable: Callable[[InvalidValueError], object] = lambda error: None,
    ) -> None:
        self._repository = repository
        self._unreadable = unreadable
        self._key = key
        self._prefix = prefix
        self._news = threading.Condition()
        self._changed: dict[str, None] = {}
        self._anew = True
        self._closed = False
        self._replaced = False
        self._last: dict[str, _Seen | None] = {}

    def entries(self) -> Iterator[tuple[str, KvEntry | None]]:
        """Yield what is there now, then each key that changed with its entry, or None where it is gone.

        A single key comes first also where it is not there. Waits for news until `close()`.

        Raises:
            StoreIOError: another file was put in the place of the store.
        """
        prefix = self._prefix if self._key is None else self._key
        with self._repository.subscribe(self._note, prefix=prefix):
            while (changed := self._next()) is not None:
                for key in changed:
                    try:
                        entry = self._repository.find(key)
                    except InvalidValueError as error:
                        self._unreadable(error)
                    else:
                        if self._is_news(key, entry):
                            yield key, entry

    def close(self) -> None:
        """End it. From any thread."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _note(self, changes: Changes) -> None:
        with self._news:
            self._replaced |= changes.resync == "replaced"
            for change in changes:
                if change.op is Op.RESET:
                    self._anew = True
                elif isinstance(change.key, str) and self._key in (None, change.key):
                    self._changed[change.key] = None
            self._news.notify_all()

    def _next(self) -> list[str] | None:
        """Return the keys to look at, once there are some; None at the end."""
        with self._news:
            self._news.wait_for(lambda: self._closed or self._changed or self._anew)
            if self._closed:
                return None
            if self._replaced:
                raise StoreIOError("another file was put in the place of this store; start again")
            changed, anew = self._changed, self._anew
            self._changed, self._anew = {}, False
        return self._all() if anew else list(changed)

    def _all(self) -> list[str]:
        if self._key is not None:
            return [self._key]
        there = [entry.key for entry in self._repository.list(self._prefix)]
        return [*there, *sorted(self._last.keys() - set(there))]

    def _is_news(self, key: str, entry: KvEntry | None) -> bool:
        """Whether *entry* is another one than was yielded last; notes that it is now."""
        seen = None if entry is None else (json.dumps(entry.value), entry.updated_at)
        if key in self._last and self._last[key] == seen:
            return False
        if seen is None and key != self._key:
            self._last.pop(key, None)  # or every key that ever was would be remembered
        else:
            self._last[key] = seen
        return True
