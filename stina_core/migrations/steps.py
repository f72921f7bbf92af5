"""What a plugin declares in `migrate`: ordered steps, each with an id and a checksum."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SchemaError

if TYPE_CHECKING:
    from .operations import Operations

Stamp = tuple[int, int]
"""When a source file was last changed, in nanoseconds, and its bytes."""

Run = Callable[["Operations"], None]

_ID = re.compile(r"\d{4}_[a-z0-9]+(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Step:
    """One forward change of a plugin's tables: it runs once in the life of a file."""

    plugin: str
    id: str
    run: Run
    after: tuple[str, ...] = ()
    stamp: Stamp | None = None

    @cached_property
    def checksum(self) -> str:
        """Digest of what the step does, so that a later edit of it is noticed.

        Raises:
            SchemaError: its source cannot be read, or is not the one that was loaded.
        """
        from .checksum import checksum  # most starts need none

        if self.stamp is not None and self.stamp != stamp_of(self.run):
            raise SchemaError(
                self.plugin,
                f"the source of step {self} was replaced while this program runs; start the program again",
            )
        try:
            return checksum(self.run)
        except (OSError, SyntaxError) as error:
            raise SchemaError(self.plugin, f"the source of step {self} cannot be read: {error}") from error

    def __str__(self) -> str:
        return f"{self.plugin}/{self.id}"


class PluginSteps(NamedTuple):
    """All steps of one plugin, in order, and the version of its distribution for the ledger."""

    plugin: str
    version: str
    requires: frozenset[str]
    steps: Sequence[Step]


def stamp_of(function: Callable[..., object]) -> Stamp | None:
    """Return the stamp of the file *function* was compiled from; None where it came from no file."""
    try:
        file = Path(inspect.unwrap(function).__code__.co_filename).stat()
    except OSError:
        return None
    return file.st_mtime_ns, file.st_size


class Migrations:
    """The context of `migrate`: takes the steps of one plugin.

    Steps are append-only. A step that was released is never edited, renamed or
    removed; what it did is changed by the next one. Its table definitions are
    frozen texts, not the live models, which go on changing.
    """

    def __init__(self, plugin: str, requires: Iterable[str] = ()) -> None:
        self.plugin = plugin
        self.requires = frozenset(requires)
        self.steps: list[Step] = []

    def step(self, id: str, *, after: Sequence[str] = ()) -> Callable[[Run], Run]:
        """Declare the decorated function as the step *id*, such as `0002_due_date`.

        Args:
            after: Steps of required plugins (`chat/0003_titles`) that must have
                run before. Plugins run as whole blocks, the required ones first,
                so this is checked and never changes the order.

        Raises:
            SchemaError: the id has the wrong form, is not above the one before
                it, or *after* names a plugin that is not required.
        """
        if not _ID.fullmatch(id):
            raise SchemaError(
                self.plugin, f"{id!r} is no step id; use four digits and a name, such as '0002_due_date'"
            )
        if self.steps and id[:4] <= self.steps[-1].id[:4]:
            raise SchemaError(
                self.plugin, f"step {id} comes after {self.steps[-1].id}; give it the next higher number"
            )
        for other in after:
            plugin, slash, _ = other.partition("/")
            if not slash or plugin not in self.requires:
                raise SchemaError(
                    self.plugin,
                    f"step {id} must run after {other!r}, which is no step of a plugin that "
                    f"{self.plugin!r} requires; add that plugin to the distribution's dependencies",
                )

        def declare(run: Run) -> Run:
            if not inspect.isfunction(run) or run.__name__ == "<lambda>" or _is_lazy(run):
                raise SchemaError(
                    self.plugin,
                    f"step {id} is {run!r}; a step is a plain 'def' of its own, without yield or async",
                )
            if not _takes_one_argument(run):
                raise SchemaError(
                    self.plugin, f"step {id} must take one argument, the operations: 'def {run.__name__}(op)'"
                )
            self.steps.append(Step(self.plugin, id, run, tuple(after), stamp_of(run)))
            return run

        return declare


def _is_lazy(run: Callable[..., object]) -> bool:
    """Whether calling it does nothing yet."""
    checks = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(check(run) for check in checks)


def _takes_one_argument(run: Callable[..., object]) -> bool:
    try:
        inspect.signature(run).bind(None)
    except TypeError:
        return False
    return True
