"""A fault anywhere leaves the store as it was, or with everything; also the sudden end of the program."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stina_core.testing import failing_at, file_rows, forked, killing_at, statements
from stina_core.testing.faults import planted
from stina_core.testing.versions import quick_folder
from stina_core.transactions import Transactions
from stina_core.transfer import import_file, import_old_tables, importing

from .conftest import run
from .shelf import PLUGINS, config, rows
from .test_merge import ALL

SAMPLE, KILLS = 17, 37
"""Every how many statements there is a fault; primes, so that it is at other ones in each phase."""

OURS = "INSERT INTO shelf_author (id, name) VALUES ('ours', 'Astrid'), ('b', 'Other')"
OLD = (
    "CREATE TABLE authors (id TEXT PRIMARY KEY, name TEXT)",
    "INSERT INTO authors VALUES ('o', 'Old'), ('b', 'Different'), ('p', CAST(x'41ff' AS TEXT))",
)


class Ground:
    """A folder with a store and a source, put back before each fault."""

    def __init__(self, folder: Path, blank: Path, store: tuple[str, ...], source: tuple[str, ...]) -> None:
        self.folder = folder / "work"
        self._start = folder / "start"
        self._start.mkdir()
        for name, those in (("store", store), ("source", source)):
            shutil.copyfile(blank, self._start / f"{name}.db")
            run(self._start / f"{name}.db", *those)
        self.reset()

    @property
    def store(self) -> Path:
        return self.folder / "store.db"

    @property
    def source(self) -> Path:
        return self.folder / "source.db"

    def reset(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._start, self.folder)

    def seen(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that an import may change in the store, but for times."""
        found = rows(self.store)
        found["repairs"] = file_rows(
            self.store, 'SELECT plugin, "table", key, "column", before, reason FROM stina_repair ORDER BY id'
        )
        found["tables"] = file_rows(
            self.store, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1"
        )
        found["changes"] = file_rows(self.store, 'SELECT op, "table", key FROM stina_change ORDER BY seq')
        return found

    def litter(self) -> list[str]:
        """What is in the folder that was not there, but for the backups and the lock."""
        return [file.name for file in self.folder.glob(".stina*")]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with quick_folder(tmp_path) as quick:
        yield quick


def file_import(ground: Ground) -> object:
    return import_file(config(ground.store), PLUGINS, ground.source)


def old_tables_import(ground: Ground) -> object:
    return import_old_tables(config(ground.store), PLUGINS)


CASES: list[tuple[Callable[[Ground], object], tuple[str, ...], tuple[str, ...]]] = [
    (file_import, (OURS,), ALL),
    (old_tables_import, (OURS, *OLD), ()),
]


@pytest.fixture(params=CASES, ids=["file", "old tables"])
def case(
    request: pytest.FixtureRequest, folder: Path, blank: Path
) -> tuple[Ground, Callable[[Ground], object]]:
    work, store, source = request.param
    return Ground(folder, blank, store, source), work


def test_an_exception_at_any_statement_leaves_the_store_as_it_was(
    case: tuple[Ground, Callable[[Ground], object]],
) -> None:
    ground, work = case
    before = ground.seen()
    number = len(statements(lambda: work(ground)))
    after = ground.seen()
    assert before != after
    outcomes = set()

    for place in range(1, number + 1, SAMPLE):
        ground.reset()
        error: BaseException | None = None
        try:
            with failing_at(place) as fault:
                work(ground)
        except Exception as raised:  # noqa: BLE001  # which one it becomes on the way is not the point here
            error = raised
        assert fault.reached
        assert error is None or planted(error), f"at {place}: {error!r}"
        found = ground.seen()
        assert found in ([after] if error is None else [before, after])
        assert ground.litter() == []
        outcomes.add(found == after)
        work(ground)
        assert ground.seen() == after, f"after a fault at {place} the import is not the same any more"

    assert False in outcomes


def test_a_kill_at_any_statement_leaves_all_or_nothing(
    case: tuple[Ground, Callable[[Ground], object]],
) -> None:
    ground, work = case
    before = ground.seen()
    number = len(statements(lambda: work(ground)))
    after = ground.seen()

    for place in range(2, number + 1, KILLS):
        ground.reset()

        def child(place: int = place) -> str:
            with killing_at(place):
                work(ground)
            return "it was not killed"

        (ended,) = forked(child)
        assert ended.code == -signal.SIGKILL, ended.said
        assert ground.seen() in (before, after)
        assert file_rows(ground.store, "PRAGMA integrity_check") == [("ok",)]
        work(ground)
        assert ground.seen() == after, f"after a kill at {place} the import is not the same any more"


def test_an_import_in_many_transactions_would_leave_a_part(
    folder: Path, blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the tests above: without the one transaction each write is kept."""

    class Nothing:
        def __enter__(self) -> None: ...
        def __exit__(self, *error: object) -> None: ...

    begin = Transactions.begin

    def without(self: Transactions, actor: Any = None) -> Any:
        return Nothing() if actor == importing.ACTOR else begin(self, actor)

    ground = Ground(folder, blank, (OURS,), ALL)
    before = ground.seen()
    monkeypatch.setattr(Transactions, "begin", without)
    said = statements(lambda: file_import(ground))
    after = ground.seen()
    places = [
        place
        for place, one in enumerate(said, 1)
        if "INSERT OR ABORT" in one.sql and str(ground.store) in one.path
    ]
    ground.reset()

    with pytest.raises(Exception, match="planted"), failing_at(places[-1]):
        file_import(ground)

    assert ground.seen() not in (before, after)
