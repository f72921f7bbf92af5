"""`stina db plan`: the SQL of what is pending, found out on a copy."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from stina_core import planning
from stina_core.backends.sqlite import backup as copies
from stina_core.testing import file_rows, run_python
from tests.cli.tasks_plugin import MAKE, TITLE, files, install

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

SCHEMA = (
    "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'stina_capture_*' "
    "AND name <> 'stina_change_guard' ORDER BY type, name"
)
"""What steps make: the triggers that capture changes are made at each opening, from the models."""

NAMED = "title = TextField(default='none')"
REBUILD = 'op.alter_column("todo", "title", TextField(default="none"))'
RANK = 'op.add_column("todo", rank=IntegerField(default=0))'
FAILING = 'op.add_column("todo", rank=IntegerField(null=True))\nraise RuntimeError("a secret")'


@pytest.fixture
def used(site: Site, stina: Run, store_path: Path) -> Path:
    """A store with the first version of the plugin and one row."""
    install(site)
    assert stina("--db", store_path, "db", "migrate").code == 0
    file_rows(store_path, "INSERT INTO tasks_todo VALUES ('1', 'buy milk')")
    return store_path


def statements(document: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[str]:
    return [one["sql"] for step in document["steps"] for one in step["statements"]]


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("--")]


def schema(path: Path) -> list[tuple[str, str, list[str]]]:
    """The schema of a file without its layout."""
    return [(kind, name, planning._one_line(sql).split()) for kind, name, sql in file_rows(path, SCHEMA)]


def test_statements_of_a_plan_make_the_schema_that_migrating_makes(
    site: Site, stina: Run, store_path: Path, tmp_path: Path
) -> None:
    searched = f"{NAMED}\nclass Meta:\n    search = Search('title')"
    install(site, searched, MAKE, REBUILD, 'op.create_search("todo", "title")')
    by_hand = tmp_path / "by hand.db"

    planned = stina("--db", store_path, "db", "plan", "--json").document
    connection = apsw.Connection(str(by_hand))
    for sql in statements(planned):
        connection.execute(sql, (1, "x", 0) if sql.startswith('INSERT INTO "stina_feed"') else None)
    connection.close()
    stina("--db", store_path, "db", "migrate")

    assert planned["failed"] == {}
    assert schema(by_hand) == schema(store_path)


def test_plan_of_a_store_that_is_not_there_makes_nothing(site: Site, stina: Run, tmp_path: Path) -> None:
    install(site)
    place = tmp_path / "not" / "there" / "stina.db"

    result = stina("--db", place, "db", "plan")

    assert (result.code, result.err) == (0, "")
    headings = [line for line in comments(result.out) if "/" in line]
    assert headings[0] == "-- stina/0001_core"
    assert "-- tasks/0001_step" in headings[1:]
    assert not (tmp_path / "not").exists()


def test_every_statement_is_one_line_with_its_end(site: Site, stina: Run, used: Path) -> None:
    install(
        site,
        TITLE,
        MAKE,
        'op.unsafe_sql("CREATE VIEW tasks_short  -- a view\\nAS SELECT id\\nFROM tasks_todo;")',
    )

    lines = stina("--db", used, "db", "plan").out.splitlines()

    assert lines[0] == "-- tasks/0002_step"
    assert lines[-1] == "CREATE VIEW tasks_short AS SELECT id FROM tasks_todo;"
    assert all(line.startswith("--") or line.endswith(";") for line in lines)


def test_plan_has_no_reads_no_savepoints_and_no_bookkeeping(site: Site, stina: Run, used: Path) -> None:
    install(site, NAMED, MAKE, REBUILD)

    found = statements(stina("--db", used, "db", "plan", "--json").document)

    verbs = {sql.split()[0] for sql in found}
    assert verbs == {"ALTER", "CREATE", "DROP", "INSERT", "PRAGMA"}
    assert not [sql for sql in found if re.search("stina_|SAVEPOINT|legacy_alter_table$", sql)]


def test_values_are_never_printed_and_repeated_statements_are_counted(
    site: Site, stina: Run, used: Path
) -> None:
    body = (
        'op.insert("todo", [{"id": f"n{number}", "title": "hidden"} for number in range(30)])\n'
        'op.update_rows("todo", lambda row: {"title": row["title"] + "hidden"}, batch=7)'
    )
    install(site, TITLE, MAKE, body)

    result = stina("--db", used, "db", "plan")

    assert not re.search("hidden|milk|n7", result.out + result.err)
    assert 'INSERT INTO "tasks_todo" ("id", "title") VALUES (?, ?);  -- 30 times' in result.out
    assert 'UPDATE "tasks_todo" SET "title" = ? WHERE ("id") = (?);  -- 31 times' in result.out


def test_backup_is_named_at_the_first_step_that_loses_something_and_rebuilds_at_each(
    site: Site, stina: Run, used: Path
) -> None:
    fields = "title = TextField(default='some')\nrank = IntegerField(default=0)"
    install(site, fields, MAKE, RANK, REBUILD, REBUILD.replace("none", "some"))

    result = stina("--db", used, "db", "plan")
    document = stina("--db", used, "db", "plan", "--json").document

    rebuilt = "-- tasks_todo is made anew and its rows are copied"
    assert comments(result.out) == [
        "-- tasks/0002_step",
        "-- tasks/0003_step",
        "-- a verified backup is made first",
        rebuilt,
        "-- tasks/0004_step",
        rebuilt,
    ]
    steps = document["steps"]
    assert [(step["backup"], step["rebuilds"]) for step in steps] == [
        (False, []),
        (True, ["tasks_todo"]),
        (False, ["tasks_todo"]),
    ]


@pytest.mark.parametrize(
    ("fields", "body"), [(NAMED, REBUILD), (f"{TITLE}\nrank = IntegerField(default=0)", RANK)]
)
def test_plan_has_the_steps_and_the_backup_of_the_migration_that_follows(
    fields: str, body: str, site: Site, stina: Run, used: Path
) -> None:
    install(site, fields, MAKE, body)
    planned = stina("--db", used, "db", "plan", "--json").document

    migrated = stina("--db", used, "db", "migrate", "--json").document

    assert [f"{step['plugin']}/{step['step']}" for step in planned["steps"]] == migrated["applied"]
    assert any(step["backup"] for step in planned["steps"]) == (migrated["backup"] is not None)


LEFT_OPEN = """
import os, sys
import apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("INSERT INTO tasks_todo VALUES ('2', 'in the log only')")
os._exit(0)  # as when it was killed: the log stays
"""


@pytest.mark.parametrize("with_log", [False, True])
@pytest.mark.parametrize("body", [REBUILD, FAILING])
def test_store_keeps_every_byte_and_nothing_is_left_beside_it(
    with_log: bool, body: str, site: Site, stina: Run, used: Path
) -> None:
    if with_log:
        run_python(LEFT_OPEN, used)
        assert Path(f"{used}-wal").stat().st_size > 0
    install(site, TITLE, MAKE, body)
    before = files(used)

    result = stina("--db", used, "db", "plan", "--json")

    assert statements(result.document)
    assert files(used) == before


def test_log_that_is_left_over_is_part_of_the_copy(site: Site, stina: Run, used: Path) -> None:
    run_python(LEFT_OPEN, used)
    install(site, TITLE, MAKE, 'op.update_rows("todo", lambda row: {"title": "x"})')

    (step,) = stina("--db", used, "db", "plan", "--json").document["steps"]

    assert [one["times"] for one in step["statements"]] == [2]


def test_copy_is_beside_the_store_and_only_its_owner_can_read_it(site: Site, stina: Run, used: Path) -> None:
    listing = (
        "import json\n"
        f"there = {{one.name: one.stat().st_mode & 0o777 for one in Path({str(used.parent)!r}).iterdir()}}\n"
        '(HERE / "seen").write_text(json.dumps(there))\n'
    )
    install(site, TITLE, MAKE, listing)

    assert stina("--db", used, "db", "plan").code == 0

    seen = json.loads((site.folder / "stina_tasks" / "seen").read_text())
    modes = {mode for name, mode in seen.items() if name.startswith(".stina-")}
    assert modes == {0o600}
    assert not list(used.parent.glob(".stina-*"))


def test_copy_is_removed_when_something_breaks(
    site: Site, stina: Run, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, TITLE, MAKE, RANK)
    before = files(used)

    def interrupted(*arguments: object) -> None:
        assert list(used.parent.glob(".stina-*"))
        raise KeyboardInterrupt

    monkeypatch.setattr(planning, "migration_of", interrupted)

    assert stina("--db", used, "db", "plan").code == 130
    assert files(used) == before


def test_nothing_pending_is_said_without_a_copy(
    used: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_copy(folder: Path) -> None:
        raise AssertionError("a copy was made")

    monkeypatch.setattr(copies, "temporary", no_copy)

    text, document = stina("--db", used, "db", "plan"), stina("--db", used, "db", "plan", "--json")

    assert (text.code, text.out) == (0, "-- nothing is pending\n")
    assert document.document == {"path": str(used), "steps": [], "failed": {}, "reason": ""}


def test_step_that_fails_is_shown_with_what_it_did_and_the_reason(site: Site, stina: Run, used: Path) -> None:
    install(site, TITLE, MAKE, FAILING, RANK)
    site.add_notes()

    result = stina("--db", used, "db", "plan")
    document = stina("--db", used, "db", "plan", "--json").document

    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith(
        "stina: the plugin tasks would be off (quarantined): step 0002_step of tasks failed"
    )
    assert "secret" not in result.out + result.err
    failing, waiting, other = sorted(
        document["steps"], key=lambda step: (step["plugin"] == "notes", step["step"])
    )
    assert failing["statements"] == [
        {"sql": 'ALTER TABLE "tasks_todo" ADD COLUMN "rank" INTEGER', "times": 1}
    ]
    assert failing["reason"] == document["failed"]["tasks"]
    assert waiting["reason"] == "does not run: a step before it fails"
    assert (other["plugin"], other["reason"]) == ("notes", "")
    assert f"-- {failing['reason']}" in result.out.splitlines()


def test_failure_on_the_copy_is_not_remembered_in_the_store(site: Site, stina: Run, used: Path) -> None:
    install(site, TITLE, MAKE, FAILING)

    stina("--db", used, "db", "plan")

    assert file_rows(used, "SELECT * FROM stina_failure") == []


def test_what_a_step_prints_is_no_part_of_the_plan(site: Site, stina: Run, used: Path) -> None:
    install(site, TITLE, MAKE, f"print('noise')\n{RANK}")

    result = stina("--db", used, "db", "plan", "--json")

    assert len(result.document["steps"]) == 1
    assert "noise" in result.err


def test_old_file_is_backed_up_before_the_first_step(site: Site, stina: Run, store_path: Path) -> None:
    file_rows(store_path, "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    before = files(store_path)

    document = stina("--db", store_path, "db", "plan", "--json").document

    assert [step["backup"] for step in document["steps"]] == [True] + [False] * (len(document["steps"]) - 1)
    assert files(store_path) == before


def test_store_that_cannot_be_used_has_no_plan(used: Path, stina: Run) -> None:
    file_rows(
        used,
        "INSERT INTO stina_ledger (plugin, id, checksum, applied_at, ms, sqlite_version, version, breaking) "
        "VALUES ('stina', '9999_later', 'x', 0, 0, '', '', 1)",
    )

    result = stina("--db", used, "db", "plan", "--json")

    assert (result.code, result.document["steps"]) == (1, [])
    assert result.err == f"stina: {result.document['reason']}\n"


def test_plan_of_a_store_whose_directory_may_not_be_written_says_so(
    site: Site, script: Run, used: Path
) -> None:
    install(site, TITLE, MAKE, RANK)
    used.parent.chmod(0o500)
    try:
        result = script("--db", used, "db", "plan", preexec_fn=_without_roots_rights)
    finally:
        used.parent.chmod(0o700)

    assert (result.code, result.out) == (1, "")
    assert "Permission denied" in result.err


def _without_roots_rights() -> None:
    """In the child: give up root's right to pass over permissions, from the next program on."""
    import ctypes

    if os.getuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
