"""A rebuilt table keeps what it had: 35 features, each made, rebuilt and used.

`python -m bench.rebuilds` tries the same list on other tools too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.contenders import OURS, PLAYHOUSE, Contender, ours
from bench.outcomes import Verdict, outcome
from bench.survival import FEATURES, Feature
from bench.survival.files import copied, make, note, rows, survived
from stina_core.testing import file_rows

CONTEXT = {
    "trigger on the table",
    "trigger elsewhere that names it",
    "view on it",
    "sync triggers of an external FTS table",
    "table CHECK written without a space",
    "CHECK with nested call and comma",
    "DEFAULT 'a,b'",
    "DEFAULT with two spaces",
    "generated VIRTUAL",
    "generated STORED",
    "comment in the old DDL (does not fail)",
    "[bracketed] table name",
    "column name with a dash",
    "WITHOUT ROWID",
    "STRICT",
    "AUTOINCREMENT high-water mark",
    "rowids kept with a text key",
}
DEFAULT = CONTEXT | {"child rows of a rebuilt parent (CASCADE)", "self reference"}
TYPE = DEFAULT | {"CHECK on the altered column mentioning IS NOT NULL"}

NOT_KEPT = {"playhouse type": TYPE, "playhouse default": DEFAULT, "playhouse context": CONTEXT}
"""What playhouse's rebuild loses or refuses, by the way it is called."""

each_feature = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "case.db"


def objects(path: Path) -> set[tuple[object, ...]]:
    """Return what is in the schema beside the store's own tables."""
    found = file_rows(path, "SELECT type, name, tbl_name FROM sqlite_schema")
    return {row for row in found if not row[2].startswith("stina_")}


def root_page(path: Path) -> int:
    """Return where the table begins in the file."""
    page: int = file_rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'case_t'")[0][0]
    return page


def test_list_has_35_features_of_different_names() -> None:
    assert len(FEATURES) == len({feature.name for feature in FEATURES}) == 35


@each_feature
def test_feature_is_there_before_any_rebuild(feature: Feature, path: Path) -> None:
    make(feature, path)

    assert survived(feature, path)


@each_feature
def test_feature_that_was_taken_away_is_missed(feature: Feature, path: Path) -> None:
    make(feature, path)

    with copied(path) as connection:
        for statement in feature.breaking:
            connection.execute(statement).fetchall()

        assert not feature.survived(connection)


@each_feature
def test_feature_survives_our_rebuild(feature: Feature, path: Path) -> None:
    make(feature, path)
    rows_before, objects_before, page_before = rows(path), objects(path), root_page(path)

    ours(path)

    assert survived(feature, path)
    assert rows(path) == rows_before
    assert objects(path) == objects_before
    assert note(path) == ("TEXT", 0, "'none'")
    assert root_page(path) != page_before, "the table was not rebuilt, so this proves nothing"
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert file_rows(path, "PRAGMA foreign_key_check") == []


def test_careless_contender_is_found_out_and_ours_is_not() -> None:
    def careless(path: Path) -> None:
        for statement in feature.breaking:
            file_rows(path, statement)

    feature = next(feature for feature in FEATURES if feature.name == "trigger on the table")

    assert outcome(feature, Contender("careless", careless, "none")).verdict is Verdict.LOST
    assert outcome(feature, OURS).verdict is Verdict.KEPT


@pytest.mark.parametrize("contender", PLAYHOUSE, ids=lambda contender: contender.name)
def test_playhouse_keeps_neither_more_nor_less_than_it_is_known_to(contender: Contender) -> None:
    kept = {feature.name for feature in FEATURES if outcome(feature, contender).verdict is Verdict.KEPT}

    assert {feature.name for feature in FEATURES} - kept == NOT_KEPT[contender.name]
