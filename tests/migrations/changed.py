"""One file whose tables steps change, and what is asked of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import Model, Operations, StepFailedError, Store, StoreConfig, load_plugins, open_store
from stina_core.backends.sqlite.rebuild import Rebuild
from stina_core.backends.sqlite.snapshot import snapshot
from stina_core.config import MEMORY
from stina_core.migrations.drift import Difference, compare, of_plugin
from stina_core.shapes import Shapes
from stina_core.testing import file_rows

from ..declarations import Run, stepping

CONFIG = StoreConfig(strict=True, synchronous="NORMAL")  # waiting for the disk is not what is tested here


def opened(path: Path | str, *runs: Run, models: Sequence[type[Model]] = ()) -> Store:
    """Open a strict store whose only plugin is `notes`, with *runs* as all its steps so far."""
    candidate = stepping("notes", *map(_step, runs), models=models)
    return open_store(path, CONFIG, plugins=load_plugins([candidate], CONFIG))


def run(path: Path, *runs: Run, models: Sequence[type[Model]] = ()) -> None:
    """Bring the file to *runs*."""
    opened(path, *runs, models=models).close()


def _step(change: Run) -> Run:
    def step(op: Operations) -> None:  # a step is a def; a lambda has no source of its own
        change(op)

    return step


def refusal(path: Path, *runs: Run) -> str:
    """Return why the last of *runs* failed, after making sure that the file is as it was before."""
    run(path, *runs[:-1])
    before = contents(path)
    with pytest.raises(StepFailedError) as caught:
        run(path, *runs)
    assert contents(path) == before
    return str(caught.value).partition("failed and was undone: ")[2]


def made_by(statements: Sequence[str]) -> Run:
    """A step that makes tables as any other program may have made them."""

    def make(op: Operations) -> None:
        for sql in statements:
            op.unsafe_sql(sql)

    return make


def contents(path: Path) -> dict[str, Any]:
    """Return every schema text and every row of the plugin's tables."""
    schema = file_rows(
        path, "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name LIKE 'notes\\_%' ESCAPE '\\'"
    )
    rows = {name: values(path, f'SELECT * FROM "{name}"') for kind, name, _ in schema if kind == "table"}
    return {"": sorted(map(repr, schema)), **rows}


def values(path: Path, sql: str) -> list[str]:
    """Return rows, each as text that tells 1 from '1' and 1.0, in the order they come."""
    return list(map(repr, file_rows(path, sql)))


def shapes(path: Path) -> Shapes:
    """Return what the schema of the file says of the plugin."""
    with closing(apsw.Connection(str(path))) as connection:
        return of_plugin("notes", snapshot(connection))


def differences(path: Path, *wanted: Run) -> list[Difference]:
    """Return how the file differs from a new store that *wanted* made."""
    with opened(MEMORY, *wanted) as store:
        return compare(of_plugin("notes", store._backend.ddl.found()), shapes(path))


def root_page(path: Path, table: str = "notes_note") -> int:
    """Return where the table begins in the file; after a rebuild it is elsewhere."""
    page: int = file_rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))[0][0]
    return page


def assert_sound(path: Path) -> None:
    """Hold the file to SQLite's own checks."""
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert file_rows(path, "PRAGMA foreign_key_check") == []


def rebuilds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every rebuild from now on adds its table."""
    made: list[str] = []
    original = Rebuild.run

    def counted(self: Rebuild) -> None:
        made.append(self.old.name)
        original(self)

    monkeypatch.setattr(Rebuild, "run", counted)
    return made
