"""What holds for all rows: nothing is lost on the way, nothing that was here is touched, and once is enough."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stina_core.testing import file_rows
from stina_core.testing.rows import Drawn, Taken, edge_rows, put_in, rows_for
from stina_core.testing.tables import Table, tables_of
from stina_core.testing.versions import quick_folder
from stina_core.transfer import ImportReport, merging

from .conftest import merged
from .shelf import TABLES, rows
from .test_export import lines

LAW = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


class Bench:
    """A folder with a store without rows, and others made from it."""

    def __init__(self, folder: Path, blank: Path) -> None:
        self.folder = folder
        self._blank = blank
        connection = apsw.Connection(str(blank))
        self.tables: list[Table] = tables_of(connection, "shelf")
        connection.close()

    def store(self, name: str, *drawn: Drawn) -> Path:
        """Make a store with the rows of *drawn* that it takes."""
        path = self.folder / f"{name}.db"
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._blank, path)
        connection = apsw.Connection(str(path))
        connection.execute("PRAGMA foreign_keys = 1")
        with connection:
            for one in drawn:
                put_in(connection, self.tables, one, Taken())
        connection.close()
        return path

    def drawn(self) -> st.SearchStrategy[Drawn]:
        return rows_for(self.tables)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, blank: Path) -> Iterator[Bench]:
    with quick_folder(tmp_path_factory.mktemp("laws")) as folder:
        yield Bench(folder, blank)


def numbers(report: ImportReport) -> dict[str, int]:
    """How many rows of each table the report accounts for."""
    return {
        one.table: one.added + one.same + one.merged + one.different + one.left_out for one in report.tables
    }


def counts(path: Path) -> dict[str, int]:
    return {table: len(found) for table, found in rows(path).items()}


def check_export(bench: Bench, source: Path) -> None:
    """An export, read into an empty store, makes it equal; and so do its lines."""
    written = lines(source)
    (bench.folder / "all.jsonl").write_text("".join(written), encoding="utf-8")
    store = bench.store("from_lines")

    report = merged(store, bench.folder / "all.jsonl")

    assert rows(store) == rows(source)
    assert lines(store)[1:] == written[1:]
    assert (report.different, report.left_out) == (0, 0)


def check_merge(bench: Bench, store: Path, source: Path) -> None:
    """All that was here is here, all of the source is accounted for, and a second time changes nothing."""
    before = rows(store)

    report = merged(store, source)

    after = rows(store)
    for table in TABLES:
        missing = Counter(map(repr, before[table])) - Counter(map(repr, after[table]))
        assert not missing, f"{table} has lost or changed rows"
    assert numbers(report) == counts(source)
    assert report.added == sum(counts(store).values()) - sum(map(len, before.values()))
    assert file_rows(store, "PRAGMA foreign_key_check") == []
    again = merged(store, source)
    assert rows(store) == after
    assert (again.added, again.left_out) == (0, report.left_out)
    assert numbers(again) == numbers(report)


@LAW
@given(data=st.data())
def test_an_export_reads_back_as_the_rows_were_stored(bench: Bench, data: st.DataObject) -> None:
    check_export(bench, bench.store("source", data.draw(bench.drawn())))


def test_an_export_of_telling_values_reads_back_as_they_were_stored(bench: Bench) -> None:
    source = bench.store("source", edge_rows(bench.tables))

    assert all(counts(source).values())
    check_export(bench, source)


@LAW
@given(data=st.data())
def test_a_merge_touches_nothing_that_was_here_and_is_done_once(bench: Bench, data: st.DataObject) -> None:
    both, ours, theirs = (data.draw(bench.drawn()) for _ in range(3))

    check_merge(bench, bench.store("store", both, ours), bench.store("source", both, theirs))


def test_a_merge_of_telling_values_touches_nothing_that_was_here(bench: Bench) -> None:
    edges = edge_rows(bench.tables)
    source = bench.store("source", edges)
    changed = bench.store("store", edges)
    file_rows(changed, "UPDATE shelf_book SET title = title || '!' WHERE rowid % 2")
    file_rows(changed, "DELETE FROM shelf_author WHERE rowid % 3 = 0")

    check_merge(bench, changed, source)


@LAW
@given(data=st.data())
def test_an_equal_store_has_nothing_new(bench: Bench, data: st.DataObject) -> None:
    drawn = data.draw(bench.drawn())
    store, source = bench.store("store", drawn), bench.store("source", drawn)
    before = file_rows(store, "SELECT max(seq) FROM stina_change")

    report = merged(store, source)

    assert (report.added, report.different, report.left_out) == (0, 0, 0)
    assert sum(one.same for one in report.tables) == sum(counts(source).values())
    assert file_rows(store, "SELECT max(seq) FROM stina_change") == before


def replacing(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """Let every merge add rows by another statement."""
    make = merging.TableMerge.__init__

    def changed(self: merging.TableMerge, *arguments: Any) -> None:
        make(self, *arguments)
        self._insert = self._insert.replace(old, new)

    monkeypatch.setattr(merging.TableMerge, "__init__", changed)


def test_a_merge_that_replaces_rows_breaks_the_law(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: a row with another key and the same unique value takes the place of ours."""
    replacing(monkeypatch, "OR ABORT", "OR REPLACE")
    store, source = bench.store("store"), bench.store("source")
    for path, key in ((store, "ours"), (source, "theirs")):
        file_rows(path, "INSERT INTO shelf_book (id, title, isbn) VALUES (?, 'One', '1')", (key,))

    with pytest.raises(AssertionError, match="has lost or changed rows"):
        check_merge(bench, store, source)


def test_a_merge_that_passes_rows_over_breaks_the_law(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: what is not added is not accounted for."""
    replacing(monkeypatch, "OR ABORT", "OR IGNORE")
    store, source = bench.store("store"), bench.store("source")
    for path, key in ((store, "ours"), (source, "theirs")):
        file_rows(path, "INSERT INTO shelf_book (id, title, isbn) VALUES (?, 'One', '1')", (key,))

    with pytest.raises(AssertionError):
        check_merge(bench, store, source)


def test_an_export_that_rounds_breaks_the_law(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control."""
    from stina_core.transfer import exporting

    monkeypatch.setattr(
        exporting, "encoded", lambda value: round(value, 3) if isinstance(value, float) else value
    )
    source = bench.store("source")
    file_rows(source, "INSERT INTO shelf_book (id, title, rating) VALUES ('a', 'A', 0.12345)")

    with pytest.raises(AssertionError):
        check_export(bench, source)
