"""A replica of the shelf that is built from the feed alone, and what may be wrong with one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from stina_core import Change, Changes, Op, Store
from stina_core.testing import file_rows

KEYS = {"shelf_author": ("id",), "shelf_book": ("id",), "shelf_half": ("token", "side")}
"""The tracked tables, and the columns of their keys."""

NEVER = "never"
"""What the tokens of work that is rolled back begin with."""

TRACKED = set(KEYS)

Execute = Callable[[str, Sequence[object]], Iterable[tuple[Any, ...]]]


class Replica:
    """What one follower knows: keys told, rows read again because of them, and every change it was told of.

    It is kept in three tables, which may be in the store itself or in a file of the
    follower's own. Whoever applies a transaction commits that with the cursor.

    Args:
        keep: Runs a statement where the replica is kept.
        store: Where rows are read again.
    """

    def __init__(self, name: str, keep: Execute, store: Store) -> None:
        self._name = name
        self._keep = keep
        self._read = store._backend.execute

    def apply(self, changes: Changes, after: int) -> None:
        """Take in one transaction.

        Args:
            after: Where the one before ended.

        Raises:
            AssertionError: it does not follow that one without a gap, or is torn, or was rolled back.
        """
        check_numbers(changes, after)
        check_whole(changes)
        for change in changes:
            if change.op is Op.RESET:
                self.read_all(change.table)
            else:
                self._apply_one(change)
            self._keep("INSERT INTO shelf_seen (follower, seq) VALUES (?, ?)", (self._name, change.seq))

    def read_all(self, table: str) -> None:
        """Forget *table* and read all of it."""
        for kept in ("shelf_present", "shelf_copy"):
            self._keep(f"DELETE FROM {kept} WHERE follower = ? AND name = ?", (self._name, table))
        for key, row in rows_of(table, self._read).items():
            self._be_present(table, key)
            self._copy(table, key, row)

    def _apply_one(self, change: Change) -> None:
        table, parts = change.table, change.key if isinstance(change.key, tuple) else (change.key,)
        key = json.dumps(parts)
        if change.op is Op.DELETE:
            self._forget("shelf_present", table, key)
        else:
            self._be_present(table, key)
        self._forget("shelf_copy", table, key)
        where = " AND ".join(f"{column} = ?" for column in KEYS[table])
        for row in self._read(f"SELECT * FROM {table} WHERE {where}", parts):
            self._copy(table, key, json.dumps(row))

    def _be_present(self, table: str, key: str) -> None:
        self._keep("INSERT OR IGNORE INTO shelf_present VALUES (?, ?, ?)", (self._name, table, key))

    def _copy(self, table: str, key: str, row: str) -> None:
        self._keep("INSERT INTO shelf_copy VALUES (?, ?, ?, ?)", (self._name, table, key, row))

    def _forget(self, kept: str, table: str, key: str) -> None:
        self._keep(
            f"DELETE FROM {kept} WHERE follower = ? AND name = ? AND key = ?", (self._name, table, key)
        )


def catch_up(store: Store, name: str, inside: Callable[[], object] = lambda: None) -> None:
    """Bring the replica of the consumer *name*, kept in *store*, to the end of the feed.

    Args:
        inside: Called within each transaction.
    """
    replica = Replica(name, store._backend.execute, store)
    consumer = store.consumer(name)

    def take_in(changes: Changes) -> None:
        position = consumer.cursor
        assert position is not None
        inside()
        replica.apply(changes, position.seq)

    consumer.process(take_in)


def read_anew(store: Store, name: str) -> None:
    """Read all tables into that replica, and go on from there, in one transaction."""
    replica = Replica(name, store._backend.execute, store)
    with store.transaction():
        for table in TRACKED:
            replica.read_all(table)
        store.consumer(name).move_to(store.cursor())


def check_numbers(changes: Changes, after: int) -> None:
    """Raise AssertionError unless *changes* are what follows *after*, with at most a marker at their end."""
    assert changes.cursor is not None
    assert changes, f"a transaction without changes ends at {changes.cursor}"
    told = [change.seq for change in changes]
    resets = {change.op for change in changes} == {Op.RESET}
    assert resets or told == list(range(after + 1, after + 1 + len(told))), f"{told} after {after}"
    assert changes.cursor.seq - told[-1] == int(changes.origin is not None), f"{told} to {changes.cursor}"


def check_whole(changes: Changes) -> None:
    """Raise AssertionError if only one half of a pair is told of, or any that was rolled back."""
    sides: dict[str, set[str]] = {}
    for change in changes.of("shelf_half"):
        if isinstance(change.key, tuple):
            token, side = change.key
            sides.setdefault(token, set()).add(side)
    torn = {token for token, both in sides.items() if both != {"left", "right"}}
    assert not torn, f"{torn} came torn"
    assert not [token for token in sides if token.startswith(NEVER)], f"{sides} was rolled back"


def rows_of(table: str, execute: Execute) -> dict[str, str]:
    """Return what is in *table*, by key, both as JSON."""
    key = ", ".join(KEYS[table])
    keys = [json.dumps(row) for row in execute(f"SELECT {key} FROM {table} ORDER BY {key}", ())]
    rows = [json.dumps(row) for row in execute(f"SELECT * FROM {table} ORDER BY {key}", ())]
    return dict(zip(keys, rows, strict=True))


def differences(path: Path, follower: str, kept_in: Path | None = None) -> list[str]:
    """Return in what the replica of *follower* is not what the file at *path* is. Nobody may write meanwhile.

    Args:
        kept_in: Where the replica is, if not in the same file.
    """
    place = kept_in or path
    found = []
    for table in KEYS:
        truth = rows_of(table, lambda sql, _: file_rows(path, sql))
        present = _kept(place, "SELECT key, key", "shelf_present", follower, table)
        if present.keys() != truth.keys():
            found.append(f"keys of {table}: {sorted(present.keys() ^ truth.keys())}")
        copies = _kept(place, "SELECT key, row", "shelf_copy", follower, table)
        if copies != truth:
            found.append(f"rows of {table}: {sorted(copies.items() ^ truth.items())}")
    return found


def unseen(path: Path, follower: str, kept_in: Path | None = None) -> set[int]:
    """Return the numbers of the changes in the log of *path* that *follower* was not told of, or wrongly."""
    told = {seq for (seq,) in file_rows(kept_in or path, _of(follower, "SELECT seq FROM shelf_seen"))}
    return told ^ {seq for (seq,) in file_rows(path, "SELECT seq FROM stina_change WHERE op <> 'T'")}


def _kept(path: Path, select: str, kept: str, follower: str, table: str) -> dict[str, str]:
    rows = file_rows(path, f"{_of(follower, f'{select} FROM {kept}')} AND name = '{table}'")
    return dict(rows)


def _of(follower: str, select: str) -> str:
    return f"{select} WHERE follower = '{follower}'"
