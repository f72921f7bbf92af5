"""What another program writes is told as well: Debian's sqlite3 shell, with an older SQLite."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings

from .capture_controls import CONTROLS, Control
from .captured_tables import Case, cases
from .replica import contents, log, present, schema

pytestmark = pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell")


@settings(max_examples=40)
@given(cases())
def test_a_replica_of_the_log_is_the_table_after_a_shell_and_we_wrote(case: Case) -> None:
    half = len(case.statements) // 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shared.db"
        connection = apsw.Connection(str(path))
        for sql in ("PRAGMA journal_mode = wal", "PRAGMA synchronous = off", *schema(case.tables)):
            connection.execute(sql).fetchall()
        connection.execute(f"PRAGMA foreign_keys = {case.foreign_keys}")
        connection.execute("PRAGMA recursive_triggers = 1")

        _shell(path, case, case.statements[:half])
        _check(connection, case)
        for sql in case.statements[half:]:
            try:
                connection.execute(sql).fetchall()
            except apsw.Error:
                continue
        _check(connection, case)
        connection.close()


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: one.what)
def test_every_trigger_works_in_the_shell(tmp_path: Path, control: Control) -> None:
    path = tmp_path / "shared.db"
    connection = apsw.Connection(str(path))
    for sql in schema(control.case.tables):
        connection.execute(sql)

    _shell(path, control.case, control.case.statements)

    _check(connection, control.case)
    assert len(log(connection)) > 1
    connection.close()


def _shell(path: Path, case: Case, statements: tuple[str, ...]) -> None:
    """Run *statements* one by one, also after one that fails; a transaction left open is undone."""
    settings = (
        "PRAGMA synchronous = off",
        f"PRAGMA recursive_triggers = {case.recursive}",
        f"PRAGMA foreign_keys = {case.foreign_keys}",
    )
    script = "".join(f"{sql};\n" for sql in (*settings, *statements))
    subprocess.run(["sqlite3", path], input=script.encode(), capture_output=True, check=False, timeout=30)


def _check(connection: apsw.Connection, case: Case) -> None:
    rows = log(connection)
    for table in case.tables:
        assert present(rows, table.name) == contents(connection, table).keys()
