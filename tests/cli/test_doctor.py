from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import Finding, PluginState, PluginStatus, Severity
from stina_core.backends.base import Backup
from stina_core.backends.sqlite.connection import WAL_LIMIT
from stina_core.backends.sqlite.inspection import Repairs
from stina_core.cli import checks
from stina_core.cli.checks import Facts
from stina_core.status import SchemaReport, SchemaState, StoreReport
from stina_core.testing import file_rows

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

SOUND = StoreReport("/s.db", True, 1, SchemaReport(SchemaState.CURRENT, journal_mode="wal"))
BACKUP = Backup(Path("/backups/s.db"), 1, "manual", "2026-01-01T00:00:00.000Z")


def severities(findings: list[Finding]) -> list[Severity]:
    return [finding.severity for finding in findings]


def in_state(state: SchemaState, reason: str = "", **changes: object) -> Facts:
    return Facts(replace(SOUND, schema=SchemaReport(state, reason), **changes))  # type: ignore[arg-type]


def test_sound_store_has_no_warning() -> None:
    facts = Facts(replace(SOUND, backups=(BACKUP,)), file_mode=0o600, directory_mode=0o700)

    assert set(severities(checks.examine(facts))) == {Severity.INFO}


@pytest.mark.parametrize(
    "state", [SchemaState.TOO_NEW, SchemaState.CONFLICT, SchemaState.FOREIGN, SchemaState.UNREADABLE]
)
def test_store_that_is_refused_is_an_error_with_the_reason(state: SchemaState) -> None:
    (finding,) = checks.schema(in_state(state, "because"))

    assert (finding.severity, finding.message) == (Severity.ERROR, "because")


def test_damaged_store_is_answered_by_the_newest_checked_backup() -> None:
    corrupt = Backup(Path("/backups/c.db"), 1, "corrupt", "2026-02-01T00:00:00.000Z")

    (with_one,) = checks.schema(in_state(SchemaState.DAMAGED, "torn", backups=(BACKUP, corrupt)))
    (without,) = checks.schema(in_state(SchemaState.DAMAGED, "torn", backups=(corrupt,)))

    assert with_one.remedy == "stina db restore /backups/s.db"
    assert "restore" not in without.remedy


def test_path_in_a_command_that_is_advised_is_quoted() -> None:
    there = replace(BACKUP, path=Path("/my backups/it's.db"))

    (restored,) = checks.schema(in_state(SchemaState.DAMAGED, "torn", backups=(there,)))
    (closed,) = checks.permissions(Facts(replace(SOUND, path="/my store/s.db"), file_mode=0o644))

    assert shlex.split(restored.remedy) == ["stina", "db", "restore", "/my backups/it's.db"]
    assert shlex.split(closed.remedy) == ["chmod", "600", "/my store/s.db"]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (in_state(SchemaState.NEW, exists=False), "does not exist yet"),
        (in_state(SchemaState.UNADOPTED), "was not adopted yet"),
        (in_state(SchemaState.PENDING, pending=("kv/0003_more",)), "pending: kv/0003_more"),
        (in_state(SchemaState.CURRENT), "up to date"),
    ],
)
def test_usable_store_is_described(facts: Facts, text: str) -> None:
    (finding,) = checks.schema(facts)

    assert finding.severity is Severity.INFO
    assert text in finding.message


def test_file_that_others_may_read_or_that_is_anothers_is_a_warning() -> None:
    assert not list(checks.permissions(Facts(SOUND, file_mode=0o600, directory_mode=0o755)))

    readable = list(checks.permissions(Facts(SOUND, file_mode=0o640)))
    foreign = list(checks.permissions(Facts(SOUND, owned=False)))
    replaceable = list(checks.permissions(Facts(SOUND, directory_mode=0o770)))

    assert [one.remedy for one in readable] == ["chmod 600 /s.db"]
    assert severities(foreign) == severities(replaceable) == [Severity.WARNING]


def test_directory_like_tmp_where_nobody_can_replace_anothers_file_is_fine() -> None:
    assert not list(checks.permissions(Facts(SOUND, directory_mode=0o1777)))


def test_journal_other_than_wal_is_a_warning_where_wal_could_work() -> None:
    slow = replace(SOUND, schema=replace(SOUND.schema, journal_mode="delete"))

    assert not list(checks.journal(Facts(SOUND)))
    assert "is delete, not wal" in next(checks.journal(Facts(slow))).message
    assert "network" in next(checks.journal(Facts(slow, on_network=True))).message


def test_log_above_its_limit_is_a_warning() -> None:
    assert not list(checks.write_ahead_log(Facts(SOUND, log_bytes=WAL_LIMIT)))
    assert severities(list(checks.write_ahead_log(Facts(SOUND, log_bytes=WAL_LIMIT + 1)))) == [
        Severity.WARNING
    ]


def test_failed_check_and_broken_references_are_errors() -> None:
    assert severities(list(checks.structure(Facts(SOUND, quick_check="row missing")))) == [Severity.ERROR]

    (finding,) = checks.structure(Facts(SOUND, broken_references={"notes_note": 2}))

    assert (finding.severity, finding.subject) == (Severity.ERROR, "notes_note")
    assert "2 rows point to rows that are not there" in finding.message
    assert "in the rows that notes_note points to" in finding.remedy
    assert "'stina db check' passes" in finding.remedy
    assert "restore" not in finding.remedy


def test_broken_references_may_be_answered_by_a_backup() -> None:
    report = replace(SOUND, backups=(BACKUP,))

    (finding,) = checks.structure(Facts(report, broken_references={"notes_note": 2}))

    assert finding.remedy.endswith("or go back with stina db restore /backups/s.db")


def test_store_that_lost_a_table_of_the_core_is_answered_by_the_newest_backup() -> None:
    (with_one,) = checks.schema(in_state(SchemaState.CONFLICT, "lost", backups=(BACKUP,)))
    (without,) = checks.schema(in_state(SchemaState.CONFLICT, "lost"))

    assert with_one.remedy == "stina db restore /backups/s.db"
    assert "no backup" in without.remedy


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        (PluginState.OFF, Severity.INFO),
        (PluginState.FAILED, Severity.ERROR),
        (PluginState.BLOCKED, Severity.ERROR),
        (PluginState.QUARANTINED, Severity.ERROR),
        (PluginState.MISSING, Severity.ERROR),
    ],
)
def test_plugin_that_should_be_on_and_is_not_is_an_error(state: PluginState, severity: Severity) -> None:
    status = PluginStatus("notes", "stina-notes", "1", state, reason="because")

    (finding,) = checks.plugins(Facts(replace(SOUND, plugins=(status,))))

    assert finding.severity is severity
    assert "because" in finding.message


def test_orphaned_plugin_is_a_warning_and_repairs_are_counted() -> None:
    repairs = (Repairs("kv", "kv", "value", "no number", 3),)
    report = replace(SOUND, orphaned=("gone",), repairs=repairs)

    (orphan,) = checks.plugins(Facts(report))
    (repaired,) = checks.repairs(Facts(report))

    assert (orphan.severity, orphan.subject) == (Severity.WARNING, "gone")
    assert (repaired.severity, repaired.subject) == (Severity.INFO, "kv")
    assert "3 values of kv.value" in repaired.message


def test_store_without_a_backup_is_a_warning_and_no_store_is_none() -> None:
    assert severities(list(checks.backups(Facts(SOUND)))) == [Severity.WARNING]
    assert not list(checks.backups(in_state(SchemaState.NEW, exists=False)))


def test_healthy_store_ends_with_zero_and_has_the_documented_shape(stina: Run, store_path: Path) -> None:
    stina("--db", store_path, "kv", "set", "a", "1")

    result = stina("--db", store_path, "doctor", "--json")

    assert result.code == 0
    assert all(set(one) == {"severity", "subject", "message", "remedy"} for one in result.document)
    assert "error" not in {one["severity"] for one in result.document}


def test_row_that_points_to_nothing_is_found_in_a_real_file(stina: Run, store_path: Path) -> None:
    stina("--db", store_path, "kv", "list")
    file_rows(store_path, "CREATE TABLE other (id INTEGER PRIMARY KEY, up INTEGER REFERENCES other (id))")
    file_rows(store_path, "INSERT INTO other VALUES (1, 99)")

    result = stina("--db", store_path, "doctor", "--json")

    assert result.code == 1
    assert [one["subject"] for one in result.document if one["severity"] == "error"] == ["other"]


@pytest.mark.parametrize("noted", [True, False])
def test_change_of_the_cores_own_tables_is_found_whether_or_not_opening_refuses_it(
    noted: bool, stina: Run, store_path: Path
) -> None:
    stina("--db", store_path, "kv", "list")
    backup = stina("--db", store_path, "db", "backup").out.strip()
    file_rows(store_path, "ALTER TABLE stina_cursor DROP COLUMN lease_until")
    if not noted:
        file_rows(store_path, "DELETE FROM stina_catalog")

    result = stina("--db", store_path, "doctor", "--json")

    (error,) = [one for one in result.document if one["severity"] == "error"]
    assert result.code == 1
    assert (error["subject"], error["message"]) == ("stina", "column stina_cursor.lease_until is missing")
    assert error["remedy"] == f"stina db restore {backup}"


def test_what_somebody_put_beside_the_cores_tables_is_no_error(stina: Run, store_path: Path) -> None:
    stina("--db", store_path, "kv", "list")
    file_rows(store_path, "CREATE VIEW stina_recent AS SELECT * FROM stina_change")

    result = stina("--db", store_path, "doctor", "--json")

    (found,) = [one for one in result.document if one["subject"] == "stina"]
    assert (result.code, found["severity"]) == (0, "info")


def test_modes_of_a_real_file_are_looked_at(stina: Run, store_path: Path) -> None:
    stina("--db", store_path, "kv", "list")
    store_path.chmod(0o644)

    result = stina("--db", store_path, "doctor")

    assert result.code == 0
    assert f"chmod 600 {store_path}" in result.out


CHECKING = """
    from stina_core import Finding, Severity, hookimpl

    @hookimpl
    def check(store):
        yield Finding(Severity.ERROR, "garden", "weeds", "pull them")
"""


def test_plugins_own_checks_are_asked(site: Site, stina: Run) -> None:
    site.add("garden", plugin=CHECKING)
    stina("kv", "list")

    result = stina("doctor", "--json")

    assert result.code == 1
    assert {
        "severity": "error",
        "subject": "garden",
        "message": "weeds",
        "remedy": "pull them",
    } in result.document


def test_plugins_are_not_asked_while_steps_are_pending(notes: Site, stina: Run) -> None:
    notes.add("garden", plugin=CHECKING)

    result = stina("doctor")

    assert result.code == 0
    assert "weeds" not in result.out


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("yield 1", "TypeError: int is no Finding"),
        ("raise SystemExit(2)", "SystemExit: 2"),
        ("yield\n        raise ValueError('late')", "TypeError: NoneType is no Finding"),
        ("return 5", "TypeError: 'int' object is not iterable"),
    ],
)
def test_check_that_fails_is_a_finding_and_the_others_are_asked(
    body: str, text: str, site: Site, stina: Run
) -> None:
    site.add("garden", plugin=CHECKING)
    source = f"from stina_core import hookimpl\n@hookimpl\ndef check(store):\n        {body}\n"
    site.add("apiary", plugin=source)
    stina("kv", "list")

    result = stina("doctor", "--json")

    errors = {one["subject"]: one["message"] for one in result.document if one["severity"] == "error"}
    assert set(errors) == {"apiary", "garden"}
    assert text in errors["apiary"]


def test_plugin_that_fails_to_start_is_found_by_opening_the_store(site: Site, stina: Run) -> None:
    source = "from stina_core import hookimpl\n@hookimpl\ndef startup(store):\n    raise RuntimeError('no network')"
    site.add("garden", plugin=source)
    stina("kv", "list")

    result = stina("doctor", "--json")

    assert result.code == 1
    (error,) = [one for one in result.document if one["severity"] == "error"]
    assert error["subject"] == "garden"
    assert "no network" in error["message"]
