"""Faults at the statements of a migration, one run for each: all or nothing, and the next start succeeds."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..migrations.plan import CORE
from ..migrations.steps import Step
from .explaining import explained
from .faults import failing_at, killing_at, planted, statements
from .forks import forked
from .script import Script
from .states import State, difference, read
from .versions import Versions, copied


class Sweep:
    """The migration of one file, and what a fault in it may leave.

    Args:
        start: The file before the migration; if it does not exist, a new one is made.
        folder: For the copies; each is removed when nothing was wrong with it.
        varying: Full names of columns that differ from run to run.

    Attributes:
        script: The statements of the migration; faults are planted at places in it.

    Raises:
        AssertionError: the migration has no transaction, or fails without a fault.
    """

    def __init__(self, versions: Versions, start: Path, folder: Path, varying: Collection[str] = ()) -> None:
        self.name = start.stem
        self._versions = versions
        self._start = start
        self._folder = folder
        self._varying = varying
        self._before = read(start, varying)
        path = copied(start, folder)
        applied: list[Step] = []
        found = statements(lambda: applied.extend(versions.migrate(path).applied))
        self._after = read(path, varying)
        self.script = Script(found, list(dict.fromkeys(step.plugin for step in applied)), versions.name)

    def raise_at(self, places: Iterable[int]) -> Counter[str]:
        """Plant an exception at each of the statements *places* in turn.

        Returns:
            How often the start was `refused`, a plugin was `off`, and nobody noticed (`done`).

        Raises:
            AssertionError: a fault left something else than all or nothing.
        """
        found: Counter[str] = Counter()
        for place in places:
            with self._noted("an error", place):
                path = copied(self._start, self._folder)
                failed = self._disturbed(path, place)
                seen = read(path, self._varying)
                if failed is None:
                    self._check_whole(place, seen)
                else:
                    self._check_parts(failed, seen)
                left = sorted(file.name for file in path.parent.glob("backups/.*"))
                assert not left, f"unfinished copies stay: {', '.join(left)}"
                self._check_next_start(path)
            found["refused" if failed is None else "off" if failed else "done"] += 1
        return found

    def kill_at(self, places: Iterable[int]) -> None:
        """Kill a process with SIGKILL before each of the statements *places* in turn.

        Raises:
            AssertionError: a kill left something else than all or nothing.
        """
        for place in places:
            with self._noted("SIGKILL", place):
                path = copied(self._start, self._folder)
                self._kill(path, place)
                self._check_whole(place, read(_remains(path), self._varying))
                self._check_next_start(path)

    def _disturbed(self, path: Path, place: int) -> frozenset[str] | None:
        """Migrate with an exception; return the plugins that failed, or None if the start was refused."""
        with failing_at(place) as fault:
            try:
                database = self._versions.open(path)
            except Exception as error:
                if not planted(error):
                    raise
                return None
            database.backend.close()
        assert fault.reached, "the statement did not come again; the steps do not do the same in every run"
        return frozenset(database.outcome.failed)

    def _kill(self, path: Path, place: int) -> None:
        def die() -> str:
            with killing_at(place):
                self._versions.migrate(path)
            return "the statement did not come again; the steps do not do the same in every run"

        (ended,) = forked(die)
        assert ended.code == -signal.SIGKILL, f"the process ended with {ended.code}: {ended.said}"

    def _check_whole(self, place: int, seen: State) -> None:
        wanted = self._before if place <= self.script.commit else self._after
        self._check_equal(wanted, seen)
        assert not seen.failed, f"a failure of {', '.join(seen.failed)} is noted"

    def _check_parts(self, failed: frozenset[str], seen: State) -> None:
        """Check that the plugins in *failed*, and who requires one, have what they had, and the others all."""
        assert len(failed) <= 1, f"one error switched {' and '.join(sorted(failed))} off; one needs the other"
        off = set(failed)
        for plugin in self._versions.plugins:
            if plugin.requires & off:
                off.add(plugin.name)
        known = {CORE, *(plugin.name for plugin in self._versions.plugins)}
        everybody = self._before.owners | self._after.owners | seen.owners
        self._check_equal(self._before, seen, off)
        self._check_equal(self._after, seen, known - off)
        for owner in everybody - known:  # whoever's step changes what the original app left
            assert "" in (difference(state, seen, {owner}) for state in (self._before, self._after)), (
                f"what belongs to no plugin is half changed: {difference(self._before, seen, {owner})}"
            )
        assert seen.failed == failed, f"noted is a failure of {sorted(seen.failed)}, not {sorted(failed)}"

    def _check_equal(self, wanted: State, seen: State, owners: Collection[str] | None = None) -> None:
        found = explained(wanted, seen, self._versions.name, owners)
        assert not found, found

    def _check_next_start(self, path: Path) -> None:
        try:
            self._versions.migrate(path)
            seen = read(path, self._varying)
            self._check_equal(self._after, seen)
            assert not seen.failed, f"a failure of {', '.join(seen.failed)} is still noted"
        except Exception as error:
            error.add_note("in the next start")
            raise
        shutil.rmtree(path.parent)

    @contextmanager
    def _noted(self, fault: str, place: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            error.add_note(
                f"after {fault} at statement {place} of {len(self.script)}, "
                f"{self.script[place]}, from {self.name}"
            )
            raise


def _remains(path: Path) -> Path:
    """Return a copy of what a dead process left at *path*: looking into it would mend it."""
    folder = path.parent / "remains"
    folder.mkdir()
    for suffix in ("", "-wal", "-journal"):
        file = Path(f"{path}{suffix}")
        if file.exists():
            shutil.copyfile(file, folder / file.name)
    return folder / path.name
