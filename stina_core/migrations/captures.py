"""Keeps the capture of changes right through a migration: no change of a tracked table goes unsaid.

While a plugin's steps run nothing of its tables is captured, row by row: a rewrite
of a million rows would fill the log with what nobody can use. At the end, in the
same transaction, each of its tables is said to be reset.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..backends.following import mark_data
from ..ids import now_ms

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..catalog import Table


class Captures:
    """The capture of changes during one run.

    Args:
        origin: Which program and process this is, for the log.
    """

    def __init__(self, backend: Backend, origin: str) -> None:
        self._backend = backend
        self._origin = origin
        self._ran: set[str] = set()  # tables that were captured, of plugins whose steps ran

    def pause(self, plugin: str) -> set[str]:
        """Before the steps of *plugin*: capture nothing of its tables. Returns those that were captured."""
        own = {name for name in self._backend.capture.captured() if name.startswith(f"{plugin}_")}
        self._backend.capture.remove(own)
        return own

    def ran(self, tables: Collection[str]) -> None:
        """After steps that were kept: *tables*, which `pause()` returned, may hold anything now, or be gone."""
        self._ran.update(tables)

    def resume(self, tables: Iterable[Table], *, may_be_new: bool = True) -> bool:
        """At the end: capture *tables* as they are declared, and say which of them were reset.

        Args:
            may_be_new: A table that was not captured was just made, and nobody knows it if it is empty.
                Otherwise somebody took its triggers away, and perhaps then its rows.

        Returns:
            Whether anything was mended.
        """
        wanted = list(tables)
        before = self._ran | self._backend.capture.captured()
        mended = self._backend.capture.reconcile(wanted)
        there = set(self._backend.ddl.tables())
        new = {table.name for table in wanted if table.tracked and table.name in there} - before
        self._reset(
            [
                name
                for name in sorted(self._ran | mended)
                if name in before or (name in new and not (may_be_new and self._is_empty(name)))
            ]
        )
        return bool(mended)

    def _reset(self, tables: Collection[str]) -> None:
        if tables:
            newest = self._backend.log.extent().newest
            self._backend.capture.reset(tables)
            self._backend.log.mark(newest, mark_data(self._origin, None, now_ms()))

    def _is_empty(self, table: str) -> bool:
        return not (self._backend.read(f'SELECT 1 FROM "{table}" LIMIT 1'))
