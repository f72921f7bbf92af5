"""Which differences between models and a file a tool reports, and which it makes up.

Run: `.venv/bin/python -m bench.drift [--why]`. Each case of `bench/drift_cases.py`
is a new file. Ours must report exactly the differences that the case names;
playhouse's `diff_models` is held to less: anything it reports of a file that
differs is right. `--why` prints what was reported where that is not right.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import apsw
import peewee

from stina_core import new_id
from stina_core.backends.sqlite.ddl_text import schema_sql
from stina_core.backends.sqlite.snapshot import shapes, snapshot
from stina_core.migrations.drift import compare
from stina_core.shapes import Shapes

from .drift_cases import CASES, Case, Found, TagWithPythonDefault


class Verdict(StrEnum):
    """How a tool did in one case."""

    RIGHT = "right"
    MISSED = "MISSED"  # a difference it says nothing of
    FALSE_ALARM = "FALSE ALARM"  # it reports one that is none


@dataclass(frozen=True)
class Outcome:
    """A verdict, and what the tool reported."""

    verdict: Verdict
    reported: tuple[str, ...]


@dataclass(frozen=True)
class Tool:
    """A way to compare the models of a case with its file."""

    name: str
    distribution: str
    judge: Callable[[Case, Path], Outcome]


def ours(case: Case, path: Path, compared: Callable[[Shapes, Shapes], Any] = compare) -> Outcome:
    """Compare what the models want with what the file says, and want every difference, and no other."""
    wanted = shapes([made for table in case.tables() for made in schema_sql(table)])
    with closing(apsw.Connection(str(path))) as connection:
        differences = compared(wanted, snapshot(connection))
    found = Counter[Found]((one.kind, one.what, one.name) for one in differences)
    right = Counter(case.differences)
    verdict = Verdict.MISSED if right - found else Verdict.FALSE_ALARM if found - right else Verdict.RIGHT
    return Outcome(verdict, tuple(map(str, differences)))


def playhouse(case: Case, path: Path) -> Outcome:
    """Compare the same models, as they are written with Peewee alone, by playhouse's `diff_models`."""
    from playhouse.apsw_ext import APSWDatabase
    from playhouse.schema_diff import diff_models

    database = APSWDatabase(str(path))
    with closing(database):
        models = _plain_models(new_id if case.tag is TagWithPythonDefault else None)
        with database.bind_ctx(models):
            reported = tuple(str(diff_models(database, models)).splitlines())
    if bool(reported) == bool(case.differences):
        return Outcome(Verdict.RIGHT, reported)
    return Outcome(Verdict.FALSE_ALARM if reported else Verdict.MISSED, reported)


def _plain_models(default: Callable[[], str] | None) -> list[type[peewee.Model]]:
    """Return `Folder`, `Note` with its search table, and `Tag` of the cases, written with Peewee alone."""
    from playhouse.sqlite_ext import FTS5Model, SearchField

    class Folder(peewee.Model):
        id = peewee.TextField(primary_key=True)
        name = peewee.TextField(unique=True, collation="NOCASE")

        class Meta:
            table_name = "notes_folder"
            strict_tables = True

    class Note(peewee.Model):
        id = peewee.TextField(primary_key=True)
        title = peewee.TextField(constraints=[peewee.Check("length(title) <= 200")])
        body = peewee.TextField(null=True)
        status = peewee.TextField(
            constraints=[peewee.SQL("DEFAULT 'open'"), peewee.Check("status IN ('open', 'done')")]
        )
        rank = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])
        folder = peewee.ForeignKeyField(Folder, on_delete="CASCADE")

        class Meta:
            table_name = "notes_note"
            strict_tables = True
            constraints = (peewee.Check("rank >= 0 AND (rank < 9 OR title <> '')"),)
            indexes = ((("title", "rank"), False),)

    Note.add_index(Note.rank, where=(Note.status == "open"), name="notes_note__open")
    Note.add_index(peewee.fn.lower(Note.title), name="notes_note__lower_title")

    class NoteSearch(FTS5Model):  # type: ignore[misc]  # playhouse has no stubs
        title = SearchField()
        body = SearchField()

        class Meta:
            table_name = "notes_note_search"
            options = {"tokenize": "unicode61 remove_diacritics 2"}  # noqa: RUF012

    class Tag(peewee.Model):
        note = peewee.ForeignKeyField(Note, on_delete="CASCADE")
        label = peewee.TextField(default=default)

        class Meta:
            table_name = "notes_tag"
            primary_key = peewee.CompositeKey("note", "label")
            without_rowid = True
            strict_tables = True

    return [Folder, Note, NoteSearch, Tag]


OURS = Tool("stina", "stina-core", ours)
PLAYHOUSE = Tool("playhouse", "peewee", playhouse)
TOOLS = (OURS, PLAYHOUSE)


def outcome(case: Case, tool: Tool) -> Outcome:
    """Make the file of *case* and let *tool* judge it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.db"
        case.make(path)
        return tool.judge(case, path)


def main() -> int:
    """Try everything and print; 1 if ours is wrong somewhere."""
    first = max(len(case.name) for case in CASES) + 2
    print(f"SQLite {apsw.sqlite_lib_version()}")
    print(f"{'case':<{first}}" + "".join(f"{tool.name:<13}" for tool in TOOLS).rstrip())
    results: dict[str, list[Outcome]] = {tool.name: [] for tool in TOOLS}
    for case in CASES:
        for tool in TOOLS:
            results[tool.name].append(outcome(case, tool))
        line = "".join(f"{results[tool.name][-1].verdict:<13}" for tool in TOOLS)
        print(f"{case.name:<{first}}{line}".rstrip())
    print()
    for tool in TOOLS:
        print(_total(tool, results[tool.name]))
    if "--why" in sys.argv[1:]:
        _print_reports(results)
    return 0 if all(one.verdict is Verdict.RIGHT for one in results[OURS.name]) else 1


def _total(tool: Tool, outcomes: list[Outcome]) -> str:
    counted = Counter(one.verdict for one in outcomes)
    wrong = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if verdict is not Verdict.RIGHT)
    total = f"{counted[Verdict.RIGHT]} of {len(outcomes)}"
    return f"{tool.name:<13}{total}  ({wrong}; {tool.distribution} {version(tool.distribution)})"


def _print_reports(results: dict[str, list[Outcome]]) -> None:
    for name, outcomes in results.items():
        for case, one in zip(CASES, outcomes, strict=True):
            if one.verdict is not Verdict.RIGHT:
                print(f"{name}, {case.name}: {one.verdict}: {'; '.join(one.reported) or 'nothing reported'}")


if __name__ == "__main__":
    sys.exit(main())
