"""What is imported, and so what a start costs: modules are counted, not milliseconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

HEAVY = {"apsw", "asyncio", "peewee", "playhouse", "pluggy", "rich", "sqlite3", "structlog"}

PROBE = """
import json, sys
from stina_core.cli.main import main

try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def imported(*arguments: str, **environment: str) -> set[str]:
    """The modules a run of the command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def of_plugins(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("stina_") and not name.startswith("stina_core")}


def test_version_imports_no_plugin_and_nothing_heavy(notes: Site) -> None:
    modules = imported("--version")

    assert not modules & (HEAVY | {"importlib.metadata", "dataclasses", "logging"})
    assert not of_plugins(modules)


def test_help_imports_no_plugin_and_nothing_heavy(notes: Site) -> None:
    modules = imported("--help")

    assert not modules & (HEAVY | {"email.parser", "logging"})
    assert not of_plugins(modules)


def test_command_that_uses_the_store_does_import_them(notes: Site) -> None:
    modules = imported("notes", "list")

    assert {"apsw", "peewee", "pluggy", "stina_notes.plugin"} <= modules
    assert not modules & {"asyncio", "rich", "structlog"}


def test_path_of_the_store_needs_no_database_library(notes: Site) -> None:
    modules = imported("db", "path")

    assert not modules & HEAVY
    assert not of_plugins(modules)


def completing(words: str, place: int) -> dict[str, str]:
    return {"_STINA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}


def test_completing_the_command_itself_imports_no_plugin(notes: Site) -> None:
    modules = imported(**completing("stina no", 1))

    assert not modules & HEAVY
    assert not of_plugins(modules)


def test_completing_inside_a_command_imports_that_plugins_commands_only(notes: Site) -> None:
    modules = imported(**completing("stina notes a", 2))

    assert not modules & HEAVY
    assert of_plugins(modules) == {"stina_notes", "stina_notes.commands"}


@pytest.mark.parametrize(
    ("words", "place", "expected"),
    [
        ("stina no", 1, ["notes"]),
        ("stina notes ", 2, ["add", "crash", "flood", "list", "wait"]),
        ("stina notes add --no", 3, ["--no-plugins"]),
        ("stina --j", 1, ["--json"]),
        ("stina db re", 2, ["reset", "restore"]),
        ("stina broken ", 2, []),
    ],
)
def test_completion_offers_commands_and_options(
    words: str, place: int, expected: list[str], notes: Site, script: Run
) -> None:
    notes.add("broken", commands="raise RuntimeError('at import')")

    result = script(env=completing(words, place))

    assert [line.partition(",")[2] for line in result.out.split()] == expected
    assert result.err == ""


def test_completion_works_in_a_real_bash(notes: Site) -> None:
    shell = """
        eval "$(_STINA_COMPLETE=bash_source stina)"
        COMP_WORDS=(stina notes l); COMP_CWORD=2
        _stina_completion stina
        echo "${COMPREPLY[@]}"
    """

    done = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        timeout=60,
        check=True,
    )

    assert done.stdout == "list\n"


def test_help_names_plugins_commands_by_their_distributions_summary(notes: Site, script: Run) -> None:
    notes.add("mute", commands="raise RuntimeError('at import')")

    lines = script("--help").out.splitlines()

    assert any(line.split() == ["notes", "Short", "texts", "to", "keep."] for line in lines)
    assert any(line.split() == ["mute"] for line in lines)
