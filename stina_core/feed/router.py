"""Finds the receivers of a transaction by the tables it changed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from ..changes import Changes


class Receiver(Protocol):
    """Whoever is told of changes."""

    def post(self, changes: Changes) -> None:
        """Take in the changes of one transaction. Never waits."""


class Router:
    """The receivers of one store. What a transaction costs grows with those it concerns, not with all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[Receiver, frozenset[str] | None] = {}
        self._by_table: dict[str, dict[Receiver, None]] = {}
        self._of_all: dict[Receiver, None] = {}

    def add(self, receiver: Receiver, tables: Iterable[str] | None) -> None:
        """Tell *receiver* of the changes of *tables*, or of all. Called again it changes which."""
        with self._lock:
            self._forget(receiver)
            wanted = self._tables[receiver] = None if tables is None else frozenset(tables)
            if wanted is None:
                self._of_all[receiver] = None
            for table in wanted or ():
                self._by_table.setdefault(table, {})[receiver] = None

    def remove(self, receiver: Receiver) -> None:
        """Tell *receiver* of nothing any more."""
        with self._lock:
            self._forget(receiver)

    def __len__(self) -> int:
        return len(self._tables)

    def route(self, changes: Changes) -> None:
        """Post *changes* to everyone they concern."""
        changed = changes.tables
        parts: dict[frozenset[str], Changes] = {changed: changes}
        with self._lock:
            concerned = dict.fromkeys(self._of_all, changed)
            for table in changed:
                for receiver in self._by_table.get(table, ()):
                    concerned[receiver] = changed & (self._tables[receiver] or changed)
        for receiver, tables in concerned.items():
            if tables not in parts:
                parts[tables] = changes.of(*tables)
            receiver.post(parts[tables])

    def _forget(self, receiver: Receiver) -> None:
        tables = self._tables.pop(receiver, None)
        self._of_all.pop(receiver, None)
        for table in tables or ():
            receivers = self._by_table[table]
            del receivers[receiver]
            if not receivers:
                del self._by_table[table]
