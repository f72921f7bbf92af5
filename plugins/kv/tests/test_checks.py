from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stina_core import InvalidValueError, Severity, Store
from stina_core.testing import file_rows
from stina_kv import KvRepository
from stina_kv.plugin import check

ROW = "INSERT INTO kv_entry VALUES ({}, {}, 0)"


def test_a_store_the_repository_wrote_has_no_findings(kv: KvRepository, store: Store) -> None:
    kv.set("a" * 512, {"🍓": [None, 1.5, "x" * 1000]})

    assert list(check(store)) == []


@pytest.mark.parametrize(
    ("key", "value", "severity", "message"),
    [
        ("CAST(x'ff6b' AS TEXT)", "'1'", "error", r"the key '\\xffk' is not UTF-8"),
        ("''", "'1'", "error", "'': kv_entry.key: the key is empty"),
        ("printf('%.*c', 600, 'k')", "'1'", "error", "the key is 600 bytes long"),
        ("'a' || char(10)", "'1'", "error", r"'a\n': kv_entry.key: the key has a control character"),
        ("'a'", "CAST(x'22ff22' AS TEXT)", "error", "the value of 'a' is not UTF-8"),
        ("'a'", "printf('%.*c', 5000, '9')", "error", "the stored text is not JSON that can be read"),
        ("'a'", "'18446744073709551616'", "warning", "an integer that does not fit in 64 bits"),
        ("'a'", "'\"\\ud83d\"'", "warning", "half of a character"),
        ("'a'", "printf('%.*c', 200, '[') || printf('%.*c', 200, ']')", "warning", "nested deeper"),
        ("'a'", "printf('\"%.*c\"', 1048575, 'x')", "warning", "1,048,577 bytes of JSON"),
    ],
)
def test_a_row_another_program_wrote_is_reported_without_its_value(
    store: Store, store_path: Path, key: str, value: str, severity: str, message: str
) -> None:
    file_rows(store_path, ROW.format("'good'", "'1'"))
    file_rows(store_path, ROW.format(key, value))

    [finding] = list(check(store))

    assert (finding.severity, finding.subject) == (severity, "kv_entry")
    assert message in finding.message
    assert len(finding.message) < 300


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "två ord",
        "it's",
        "$HOME; rm -rf /",
        "--json",
        "-",
        "日本",
        "k" * 512,
        "ö" * 256,
        "a\\b",
        '"',
        "*",
    ],
)
def test_the_command_a_finding_advises_removes_that_row_in_a_shell(
    key: str, store: Store, store_path: Path
) -> None:
    file_rows(store_path, "INSERT INTO kv_entry VALUES (?, CAST(x'22ff22' AS TEXT), 0)", (key,))
    [finding] = list(check(store))
    command = finding.remedy.partition("stina kv ")[2]
    script = f'stina() {{ "{sys.executable}" -m stina_core --db "$STORE" "$@"; }}; stina kv {command}'

    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "STORE": str(store_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert list(check(store)) == []


@pytest.mark.parametrize("key", ["a\u202eb", "a\u2028b", "a\u00adb"])
def test_no_command_is_advised_for_a_key_that_cannot_be_copied_from_a_terminal(
    key: str, store: Store, store_path: Path
) -> None:
    file_rows(store_path, "INSERT INTO kv_entry VALUES (?, CAST(x'22ff22' AS TEXT), 0)", (key,))

    [finding] = list(check(store))

    assert "stina kv" not in finding.remedy
    assert "KvRepository.delete()" in finding.remedy
    assert key not in finding.message + finding.remedy


def test_a_key_in_a_message_is_itself_and_a_long_one_is_cut_visibly(store: Store, store_path: Path) -> None:
    for key in ("å日本", "k" * 61):
        file_rows(store_path, "INSERT INTO kv_entry VALUES (?, CAST(x'22ff22' AS TEXT), 0)", (key,))

    long, letters = sorted(finding.message for finding in check(store))

    assert letters == "the value of 'å日本' is not UTF-8"
    assert long == f"the value of '{'k' * 60}…' is not UTF-8"


def test_a_time_that_cannot_be_read_is_reported(store: Store, store_path: Path) -> None:
    file_rows(store_path, "INSERT INTO kv_entry VALUES ('a', '1', 9000000000000000000)")

    [finding] = list(check(store))

    assert finding.severity is Severity.ERROR
    assert "kv_entry.updated_at" in finding.message


def test_an_unreadable_row_is_a_typed_error_and_can_be_mended(kv: KvRepository, store_path: Path) -> None:
    file_rows(store_path, ROW.format("'a'", "CAST(x'22ff22' AS TEXT)"))

    with pytest.raises(InvalidValueError):
        kv.get("a")
    with pytest.raises(InvalidValueError):
        kv.list()
    kv.set("a", 1)

    assert kv.get("a") == 1
