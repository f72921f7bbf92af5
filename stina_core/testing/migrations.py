"""A ready test suite for the migrations of one plugin, by one import."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..config import StoreConfig
from ..migrations.plan import CORE
from ..plugins import Plugins
from ..store import open_store
from .explaining import explained
from .forks import forked
from .keeping import losses
from .renames import renames
from .rows import Drawn, Taken, edge_rows, put_in, put_in_by_hand, rows_for
from .stated import Stated, stated
from .states import Row, State, difference, opened, owner, read
from .sweeps import Sweep
from .tables import Table, tables_of
from .values import Value
from .versions import Versions, copied, installed_with_required, quick_folder

if TYPE_CHECKING:
    import apsw

SWEEP = "STINA_SWEEP"
"""Set it to 1 for the long sweep: faults everywhere, and twenty times the examples and rounds."""

_LONGER = 20

_RARER = 3
"""A process costs more than an exception, and leaves less to be seen."""

_ENGINES = {"stina_ledger", "stina_failure", "stina_catalog"}
"""Tables whose rows the engine reads before it runs steps: only its own make sense there."""


class MigrationSuite:
    """Tests that the steps of one plugin bring every file people may have to the newest version.

    Derive a class from it whose name begins with `Test`, in a test module, and name the plugin:

        class TestMigrations(MigrationSuite):
            plugin = "notes"

    pytest then checks, for this plugin with those it requires, that

    - a file at each earlier version becomes what a new file is;
    - rows that Hypothesis makes at each version are all there afterwards, unchanged;
    - an exception, and a killed process, at its SQL statements leaves all or nothing, and the next start succeeds;
    - of processes that start at once exactly one runs the steps.

    Version 3 is what the first three steps make. Tables and columns are named as in
    steps, without the plugin's prefix: `todo`, `todo.due_at`. A name that is there at
    no version fails the tests.

    Attributes:
        plugin: Its name; `stina` for the core itself.
        thorough: Whether faults are planted at every statement of the migration, and
            exceptions after every version. Otherwise at the statements of this plugin's
            steps and of the end, killed processes at every third of these, after the
            version before the newest; always also for a new file, and for one of the
            original app if the steps care for it.
        sampled: Whether exceptions are planted at every third of them only, and killed processes
            at every ninth: for steps of many statements, beside another plugin that has them all.
        start_versions: The versions that faults are planted after, instead.
        examples: Sets of rows per version.
        rounds: How often the processes start at once, for each of two kinds of file.
        processes: How many start at once.
        renamed_tables, renamed_columns: The new name of what a step renames with SQL;
            what `op` renames is seen by itself.
        rewritten: Tables whose rows, and columns whose values, steps change, merge or drop on purpose.
        varying: Columns that a step fills with something new in every run, such as an id or the time.
    """

    plugin: ClassVar[str]
    thorough: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    start_versions: ClassVar[Sequence[int] | None] = None
    examples: ClassVar[int] = 10
    rounds: ClassVar[int] = 5
    processes: ClassVar[int] = 6
    renamed_tables: ClassVar[Mapping[str, str]] = {}
    renamed_columns: ClassVar[Mapping[str, str]] = {}
    rewritten: ClassVar[Collection[str]] = frozenset()
    varying: ClassVar[Collection[str]] = frozenset()

    # For authors

    def plugins(self) -> Plugins:
        """Return the plugin, loaded, with those it requires; by default as they are installed."""
        return installed_with_required(self.plugin)

    def rows(self, version: int, table: str) -> Sequence[Mapping[str, Value]] | None:
        """Return rows, as they are stored, for *table* at *version*; None to have them made."""
        return None

    def old_file(self, connection: apsw.Connection) -> None:
        """Fill an empty database as the original app left it."""
        connection.execute(
            "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL, updatedAt INTEGER NOT NULL)"
        )
        connection.execute("INSERT INTO state VALUES ('counter', '7', 0), ('theme', 'dark', 1762532514806)")

    # The tests

    def test_every_version_becomes_what_a_new_file_is(self, tmp_path: Path) -> None:
        versions = self._versions()
        varying = self._stated(versions).varying
        fresh = self._fresh(versions, tmp_path, varying)
        for version in range(versions.newest + 1):
            path = tmp_path / f"version {version}.db"
            versions.make(path, version)

            applied = [step for step in versions.migrate(path).applied if step.plugin == self.plugin]

            assert len(applied) == versions.newest - version, f"{path.stem} ran {len(applied)} steps"
            different = explained(fresh, read(path, varying), self.plugin)
            assert not different, f"{path.stem} did not become what a new file is: {different}"
            with open_store(path, StoreConfig(strict=True), plugins=versions.plugins) as store:
                assert not store.outcome.applied, f"{path.stem} still had pending steps"

    def test_file_of_the_original_app_gets_the_schema_of_a_new_file(self, tmp_path: Path) -> None:
        versions = self._versions()
        path = self._old(tmp_path)

        versions.migrate(path)

        self._check_schema(versions, self._fresh(versions, tmp_path), read(path))

    def test_rows_of_every_version_survive(self, tmp_path: Path) -> None:
        versions = self._versions()
        stated = self._stated(versions)
        with quick_folder(tmp_path) as folder:
            fresh = self._fresh(versions, folder)
            for version in range(1, versions.newest + 1):
                self._check_rows(versions, version, stated, fresh, folder)

    def test_exception_at_any_statement_leaves_all_or_nothing(self, tmp_path: Path) -> None:
        with quick_folder(tmp_path) as folder:
            for sweep in self._sweeps(range if self._everywhere else _last, folder):
                sweep.raise_at(sweep.script.every if self._everywhere else sweep.script.sample(self._stride))

    def test_kill_at_any_statement_leaves_all_or_nothing(self, tmp_path: Path) -> None:
        with quick_folder(tmp_path) as folder:
            for sweep in self._sweeps(_last, folder):
                sweep.kill_at(
                    sweep.script.every if self._everywhere else sweep.script.sample(_RARER * self._stride)
                )

    def test_of_processes_that_start_at_once_one_runs_the_steps(self, tmp_path: Path) -> None:
        versions = self._versions()
        last = tmp_path / f"version {versions.newest - 1}.db"
        versions.make(last, versions.newest - 1)
        for start in (tmp_path / "new file.db", last):
            for _ in range(self.rounds * _times()):
                self._check_race(versions, start, tmp_path)

    # What they are made of

    def _versions(self) -> Versions:
        return Versions(self.plugins(), self.plugin)

    def _stated(self, versions: Versions) -> Stated:
        return stated(
            versions,
            renamed_tables=self.renamed_tables,
            renamed_columns=self.renamed_columns,
            rewritten=self.rewritten,
            varying=self.varying,
        )

    @property
    def _everywhere(self) -> bool:
        return self.thorough or _times() > 1

    @property
    def _stride(self) -> int:
        return _RARER if self.sampled else 1

    def _fresh(self, versions: Versions, folder: Path, varying: Collection[str] = ()) -> State:
        path = folder / "fresh.db"
        versions.migrate(path)
        return read(path, varying)

    def _old(self, folder: Path) -> Path:
        path = folder / "old file.db"
        with opened(path) as connection:
            self.old_file(connection)
        return path

    def _sweeps(self, usual: Callable[[int], Sequence[int]], folder: Path) -> Iterator[Sweep]:
        """Yield the faults of a new file, of an old one, and of versions with rows in them."""
        versions = self._versions()
        varying = self._stated(versions).varying

        def faults(start: Path) -> Sweep:
            return Sweep(versions, start, folder / "fault", varying)

        new, old = faults(folder / "new file.db"), faults(self._old(folder))
        yield new
        if (
            self.plugin == CORE or old.script.sql != new.script.sql
        ):  # else the steps do not care for old files
            yield old
        chosen = self.start_versions if self.start_versions is not None else usual(versions.newest)
        for version in range(versions.newest) if _times() > 1 else chosen:
            if self.plugin != CORE or version > 0:  # version 0 of the core is no file
                yield faults(self._filled(versions, version, folder / f"version {version}.db"))

    def _filled(self, versions: Versions, version: int, path: Path) -> Path:
        tables = self._file_at(versions, version, path)
        with opened(path) as connection:
            put_in(connection, tables, edge_rows(tables), Taken())
        return path

    def _file_at(self, versions: Versions, version: int, path: Path) -> list[Table]:
        """Make a file at *version* with the author's rows; return the tables that are to be filled."""
        versions.make(path, version)
        left = []
        with opened(path) as connection:
            for table in tables_of(connection, self.plugin):
                rows = self.rows(version, table.name.removeprefix(f"{self.plugin}_"))
                if rows is not None:
                    put_in_by_hand(connection, table, rows)
                elif table.name not in _ENGINES:
                    left.append(table)
        return left

    def _check_rows(
        self, versions: Versions, version: int, stated: Stated, fresh: State, folder: Path
    ) -> None:
        start = folder / f"version {version}.db"
        tables = self._file_at(versions, version, start)
        taken = Taken()

        def survive(drawn: Drawn) -> None:
            path = copied(start, folder / "example")
            with opened(path) as connection:
                put_in(connection, tables, drawn, taken)
            before = read(path)
            with renames() as through:
                versions.migrate(path)
            after = read(path)
            kept = [name for name in before.rows if (owner(name) == CORE) == (self.plugin == CORE)]
            lost = losses(before, after, set(kept) - _ENGINES, stated, through)
            assert not lost, f"from version {version}: {'; '.join(lost)}"
            self._check_schema(versions, fresh, after)

        _for_examples(tables, survive, self.examples * _times())
        self._check_taken(version, read(start), taken)

    def _check_taken(self, version: int, start: State, taken: Taken) -> None:
        for table, why in taken.refusals.items():
            name = table.removeprefix(f"{self.plugin}_")
            assert taken.rows[table] or start.rows[table], (
                f"no row that was made for {table} at version {version} was taken ({why}). Give rows by hand: "
                f"def rows(self, version, table): return [{{...}}] if table == {name!r} else None"
            )

    def _check_schema(self, versions: Versions, fresh: State, found: State) -> None:
        plugins = {CORE, *(plugin.name for plugin in versions.plugins)}
        different = difference(State(fresh.objects), State(found.objects), plugins)
        assert not different, f"the schema is not that of a new file: {different}"

    def _check_race(self, versions: Versions, start: Path, folder: Path) -> None:
        alone = copied(start, folder / "alone")
        pending = len(versions.migrate(alone).applied)
        path = copied(start, folder / "together")

        def begin() -> str:
            with open_store(path, StoreConfig(strict=True), plugins=versions.plugins) as store:
                return str(len(store.outcome.applied))

        ended = forked(*[begin] * self.processes)

        failures = [one.said for one in ended if one.code != 0]
        assert not failures, f"{len(failures)} processes failed; the first said {failures[0]}"
        applied = sorted(int(one.said) for one in ended)
        assert applied == [0] * (self.processes - 1) + [pending], f"{start.stem}: they ran {applied} steps"
        assert _ledger(path) == _ledger(alone), f"{start.stem}: the ledger is not that of a process alone"


def _for_examples(tables: Sequence[Table], use: Callable[[Drawn], None], examples: int) -> None:
    """Call *use* with telling rows and with *examples* sets that Hypothesis makes, the same ones every time."""
    from hypothesis import HealthCheck, Phase, example, given, settings

    chosen = settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    chosen(example(edge_rows(tables))(given(rows_for(tables))(use)))()


def _ledger(path: Path) -> Counter[Row]:
    return read(path).rows["stina_ledger"]


def _last(newest: int) -> Sequence[int]:
    return [newest - 1]


def _times() -> int:
    return _LONGER if os.environ.get(SWEEP) == "1" else 1
