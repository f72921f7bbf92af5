"""Every change of a table ends where a new file begins, with all rows and all that hangs on the table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.survival.files import copied
from stina_core.testing import file_rows

from ..declarations import backups
from .alteration_cases import ADDITIVE, LOSING, NATIVE, REBUILT, ROWS, Case, filled, surroundings
from .changed import assert_sound, differences, root_page, run, values


@dataclass(frozen=True)
class Ended:
    """A file with rows after the change of a case, made by two openings. The tests only read it."""

    case: Case
    path: Path
    rebuilt: bool


@pytest.fixture(scope="module", params=[*NATIVE, *REBUILT], ids=lambda case: case.name)
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    case: Case = request.param
    path = tmp_path_factory.mktemp("case") / "stina.db"
    run(path, case.before, surroundings, filled)
    page = root_page(path)
    run(path, case.before, surroundings, filled, case.change)
    return Ended(case, path, root_page(path) != page)


def test_table_is_rebuilt_only_if_sqlite_cannot_change_it_in_place(ended: Ended) -> None:
    assert ended.rebuilt == (ended.case in REBUILT)


def test_schema_is_that_of_a_new_file(ended: Ended) -> None:
    assert differences(ended.path, ended.case.after, surroundings) == []


def test_every_value_is_there(ended: Ended) -> None:
    for column, wanted in {**ROWS, **ended.case.values}.items():
        if wanted is not None:
            found = values(ended.path, f'SELECT "{column}" FROM notes_note ORDER BY id')
            assert found == [repr((value,)) for value in wanted], column


def test_file_is_sound(ended: Ended) -> None:
    assert_sound(ended.path)


def test_rows_that_point_to_it_triggers_and_views_work(ended: Ended) -> None:
    with copied(ended.path) as connection:
        assert connection.execute("SELECT count(*) FROM notes_titles").get == 3
        connection.execute("UPDATE notes_note SET title = title")
        assert connection.execute("SELECT count(*) FROM notes_log").get == 3
        assert connection.execute("SELECT count(*) FROM notes_comment").get == 3
        connection.execute("DELETE FROM notes_note WHERE id = 'c'")
        assert connection.execute("SELECT count(*) FROM notes_comment").get == 2


def test_backup_is_made_exactly_when_something_is_removed_or_rewritten(ended: Ended) -> None:
    made = [name for name in backups(ended.path) if name.endswith("-migrate.db")]

    assert len(made) == (ended.case.name in LOSING)


def test_ledger_says_whether_older_programs_must_stop_writing(ended: Ended) -> None:
    ((breaking,),) = file_rows(ended.path, "SELECT breaking FROM stina_ledger WHERE id = '0004_step'")

    assert breaking == (ended.case.name not in ADDITIVE)


def test_names_of_cases_are_different_and_those_listed_are_there() -> None:
    names = [case.name for case in (*NATIVE, *REBUILT)]

    assert len(set(names)) == len(names)
    assert set(names) >= ADDITIVE | LOSING
