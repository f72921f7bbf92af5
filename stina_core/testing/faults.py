"""Faults planted at one SQL statement: an exception, or the sudden end of the process.

Statements are counted on every connection this process opens inside the block,
whoever opens it, so that those of a backup's second connection count as well.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import apsw


class PlantedError(Exception):
    """What `failing_at()` raises; no error of Stina or of the driver, so nobody can expect it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement that was about to run.

    Attributes:
        connection: Which of the connections of the run, in the order they were opened, from 1.
        path: The file it is open on; empty for one in memory.
    """

    connection: int
    path: str
    sql: str

    def __str__(self) -> str:
        return f"{' '.join(self.sql.split())[:120]!r} on connection {self.connection}"


@dataclass(slots=True)
class Fault:
    """A planted fault. `reached` says whether its statement came."""

    number: int
    reached: bool = False


def statements(run: Callable[[], object]) -> list[Statement]:
    """Call *run* and return every statement it began, in order; a statement for many rows counts for each."""
    found: list[Statement] = []
    with _traced(found.append):
        run()
    return found


@contextmanager
def failing_at(number: int) -> Iterator[Fault]:
    """Inside the block the statement *number*, counted from 1, raises PlantedError and does not run."""
    fault = Fault(number)
    numbers = count(1)

    def fail(statement: Statement) -> None:
        if next(numbers) == number:
            fault.reached = True
            raise PlantedError(f"planted at statement {number}")

    with _traced(fail):
        yield fault


@contextmanager
def killing_at(number: int) -> Iterator[None]:
    """Inside the block this process dies of SIGKILL before its statement *number*, counted from 1, runs.

    For a child of `forked()`; in any other process it ends the tests.
    """
    numbers = count(1)

    def die(statement: Statement) -> None:
        if next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    with _traced(die):
        yield


def planted(error: BaseException | None) -> bool:
    """Whether *error* is a planted one, or was raised because of one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, PlantedError):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _traced(before: Callable[[Statement], object]) -> Iterator[None]:
    connections = count(1)
    tracing = True

    def install(connection: apsw.Connection) -> None:
        number = next(connections)

        def trace(cursor: apsw.Cursor, sql: str, values: apsw.Bindings | None) -> bool:
            if tracing:
                before(Statement(number, cursor.connection.filename, sql))
            return True

        connection.exec_trace = trace

    apsw.connection_hooks.append(install)
    try:
        yield
    finally:
        tracing = False
        apsw.connection_hooks.remove(install)
