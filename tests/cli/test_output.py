from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import NotFoundError, Severity, Store
from stina_core.cli import emit, emit_rows, pass_store
from stina_core.cli.documents import count, size
from stina_core.cli.invocation import Invocation
from stina_core.cli.output import cell, json_text
from stina_core.cli.tables import aligned

if TYPE_CHECKING:
    from tests.cli.conftest import Site

SCRIPT = str(Path(sys.executable).with_name("stina"))
NOON = datetime(2026, 3, 1, 13, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=1)))


def printed(capsys: pytest.CaptureFixture[str], *, as_json: bool, call: Callable[[], None]) -> str:
    invocation = Invocation()
    invocation.json = as_json
    with click.Context(click.Command("test"), obj=invocation):
        call()
    return capsys.readouterr().out


@dataclass(frozen=True)
class Thing:
    at: datetime
    place: Path
    severity: Severity
    names: frozenset[str]


def test_document_may_hold_dataclasses_times_paths_and_enums(capsys: pytest.CaptureFixture[str]) -> None:
    thing = Thing(NOON, Path("/x"), Severity.ERROR, frozenset({"b", "a"}))

    out = printed(capsys, as_json=True, call=lambda: emit(thing, "text"))

    assert json.loads(out) == {
        "at": "2026-03-01T12:00:00.123Z",
        "place": "/x",
        "severity": "error",
        "names": ["a", "b"],
    }


def test_document_is_in_the_users_own_letters(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, as_json=True, call=lambda: emit({"a": "å😀"})) == '{"a": "å😀"}\n'


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_in_a_document_reads_back_as_it_was(text: str) -> None:
    written = json_text({"text": text}).encode("utf-8", "backslashreplace")

    assert json.loads(written.decode()) == {"text": text}


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}])
def test_document_without_a_json_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text(value)


def test_object_without_a_json_form_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Command has no JSON form"):
        json_text({"command": click.Command("x")})


def test_text_is_printed_without_the_json_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, as_json=False, call=lambda: emit({"a": 1}, "one")) == "one\n"


def test_document_without_a_text_is_printed_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, as_json=False, call=lambda: emit({"a": [1]})) == '{\n  "a": [\n    1\n  ]\n}\n'


def test_piped_text_keeps_its_escape_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, as_json=False, call=lambda: emit(None, "\x1b[31mred")) == "\x1b[31mred\n"


def test_rows_are_an_array_of_everything_whatever_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, object]] = [{"a": 1, "b": None}, {"a": 2, "b": NOON}]

    out = printed(capsys, as_json=True, call=lambda: emit_rows(rows, ["a"]))

    assert json.loads(out) == [{"a": 1, "b": None}, {"a": 2, "b": "2026-03-01T12:00:00.123Z"}]


def test_rows_are_a_table_of_the_columns_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, object]] = [
        {"name": "long name", "tags": ("x", "y"), "value": {"k": "v"}, "left": "out"},
        {"name": "日本", "tags": (), "value": None},
    ]

    out = printed(capsys, as_json=False, call=lambda: emit_rows(rows, ["name", "tags", "value"]))

    assert out == 'name       tags  value\nlong name  x, y  {"k": "v"}\n日本\n'


def test_rows_may_be_dataclasses_and_a_column_may_be_shown_in_a_way_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    things = [Thing(NOON, Path("/x"), Severity.INFO, frozenset("ab"))]

    table = printed(
        capsys, as_json=False, call=lambda: emit_rows(things, ["severity", "names"], show={"names": ascii})
    )
    array = printed(capsys, as_json=True, call=lambda: emit_rows(things, ["at"], show={"names": ascii}))

    assert table == f"severity  names\ninfo      {frozenset('ab')!r}\n"
    assert json.loads(array) == [
        {"at": "2026-03-01T12:00:00.123Z", "place": "/x", "severity": "info", "names": ["a", "b"]}
    ]


def test_way_of_a_column_is_asked_for_missing_values_too_and_its_text_stays_in_its_cell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"a": None}]

    out = printed(capsys, as_json=False, call=lambda: emit_rows(rows, show={"a": lambda value: f"{value}\n"}))

    assert out == "a\nNone\\n\n"


def test_no_rows_are_an_empty_array_and_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, as_json=True, call=lambda: emit_rows([])) == "[]\n"
    assert printed(capsys, as_json=False, call=lambda: emit_rows([])) == ""


@given(st.text())
def test_cell_is_one_line_that_no_terminal_obeys(text: str) -> None:
    shown = cell(text)

    assert len(f"{shown}.".splitlines()) == 1
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)


@given(st.lists(st.tuples(st.text("abc 日", max_size=8), st.text("xyz", max_size=8)), min_size=1))
def test_second_column_begins_at_the_same_place_on_every_line(rows: list[tuple[str, str]]) -> None:
    lines = aligned(rows).splitlines()

    widths = [sum(2 if character == "日" else 1 for character in first) for first, _ in rows]
    start = max(widths) + 2
    for line, (first, second), width in zip(lines, rows, widths, strict=True):
        assert line == (first + " " * (start - width) + second).rstrip()


def test_sizes_and_counts_read_naturally() -> None:
    assert (count(1, "row"), count(0, "row"), count(12_000, "row")) == ("1 row", "0 rows", "12,000 rows")
    assert (size(0), size(999), size(45_056), size(3 * 10**6), size(2 * 10**9)) == (
        "0 bytes",
        "999 bytes",
        "45 kB",
        "3 MB",
        "2.0 GB",
    )


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """Run the command with its output on a terminal and return what the terminal got."""
    parent, child = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [SCRIPT, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=child,
        stderr=subprocess.PIPE,
        env={**env, "TERM": "xterm-256color", "COLUMNS": "120", **environment},
    ) as process:
        os.close(child)
        chunks = []
        try:
            while chunk := os.read(parent, 65536):
                chunks.append(chunk)
        except OSError:  # how Linux says that the other side was closed
            pass
        process.wait(timeout=30)
    os.close(parent)
    return b"".join(chunks).decode()


def test_table_on_a_terminal_is_drawn_and_in_a_pipe_plain(notes: Site) -> None:
    pytest.importorskip("rich")

    drawn = on_a_terminal("plugins")
    piped = subprocess.run([SCRIPT, "plugins"], capture_output=True, text=True, check=True).stdout

    assert "\x1b[1m" in drawn
    assert "\x1b" not in piped
    assert "notes" in drawn
    assert "notes" in piped


def test_no_color_is_respected(notes: Site) -> None:
    drawn = on_a_terminal("plugins", NO_COLOR="1")

    assert "notes_note" in drawn
    assert "\x1b[3" not in drawn


def test_stored_text_does_not_command_the_terminal(notes: Site, store_path: Path) -> None:
    subprocess.run([SCRIPT, "--db", store_path, "notes", "add", "\x1b]0;owned\x07"], check=True, stdout=-3)

    drawn = on_a_terminal("--db", str(store_path), "notes", "list")

    assert "\\x1b]0;owned\\x07" in drawn
    assert "\x1b]" not in drawn


def test_command_gets_an_open_store_that_is_closed_after_it(store_path: Path) -> None:
    seen: list[Store] = []

    @pass_store
    def command(store: Store, word: str, *, times: int) -> str:
        assert not store.closed
        seen.append(store)
        return word * times

    invocation = Invocation()
    invocation.db = str(store_path)
    with click.Context(click.Command("test"), obj=invocation):
        result = command("a", times=3)

    assert result == "aaa"
    assert (seen[0].path, seen[0].config.origin, seen[0].closed) == (str(store_path), "cli", True)


def test_store_is_closed_when_the_command_raises(store_path: Path) -> None:
    seen: list[Store] = []

    @pass_store
    def command(store: Store) -> None:
        seen.append(store)
        raise NotFoundError("notes_note", "n1")

    invocation = Invocation()
    invocation.db = str(store_path)
    with click.Context(click.Command("test"), obj=invocation), pytest.raises(NotFoundError) as raised:
        command()

    assert seen[0].closed
    assert str(store_path) not in str(raised.value)
