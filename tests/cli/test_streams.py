"""The three streams of the command: plugins that print, and streams that are closed."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core.cli import invocation
from stina_core.testing import file_rows
from tests.cli.conftest import DEADLINE, SCRIPT, Result

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

TALKING = """
    from stina_core import Migrations, Operations, hookimpl

    print("import")

    @hookimpl
    def register_schema(schema):
        print("register_schema")

    @hookimpl
    def migrate(migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            print("step")

    @hookimpl
    def startup(store):
        print("startup")

    @hookimpl
    def check(store):
        print("check")
        return []

    @hookimpl
    def shutdown(store):
        print("shutdown")
"""

TALKING_COMMANDS = """
    import click
    import stina_parrot.plugin

    from stina_core.cli import emit, pass_store

    @click.command()
    @pass_store
    def command(store):
        emit({"path": store.path})
"""

AT_LOAD = ["import", "register_schema"]


@pytest.fixture
def parrot(site: Site) -> Site:
    """A plugin that prints where it is, in all it does."""
    site.add("parrot", plugin=TALKING, commands=TALKING_COMMANDS)
    return site


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("plugins", AT_LOAD),
        ("", AT_LOAD),
        ("kv set a 1", [*AT_LOAD, "step", "startup", "shutdown"]),
        ("parrot", [*AT_LOAD, "step", "startup", "shutdown"]),
        ("db reset --yes", [*AT_LOAD, "step"]),
    ],
)
def test_what_a_plugin_prints_is_on_stderr_and_stdout_is_one_document(
    command: str, said: list[str], parrot: Site, script: Run
) -> None:
    result = script(*command.split(), "--json")

    assert result.code == 0, result.err
    assert result.out.count("\n") == 1
    assert result.document
    assert result.err.splitlines() == said


def test_doctor_keeps_stdout_to_its_own_document_while_plugins_are_asked(parrot: Site, script: Run) -> None:
    script("kv", "list")

    result = script("doctor", "--json")

    assert result.code == 0, result.err
    assert result.out.count("\n") == 1
    assert {one["severity"] for one in result.document} <= {"info", "warning"}
    assert result.err.splitlines() == [*AT_LOAD, "startup", "check", "shutdown"]


def test_plugin_that_prints_would_break_the_document_if_nothing_led_it_away(
    parrot: Site, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocation, "plugins_print_to_stderr", nullcontext)

    result = stina("kv", "set", "a", "1", "--json")

    assert result.out.startswith("import\n")


def closed(redirection: str, *arguments: object) -> Result:
    """Run the command from a shell that closes one of its streams."""
    line = ["bash", "-c", f'exec "$0" "$@" {redirection}', SCRIPT, *map(str, arguments)]
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


def number(path: Path) -> str:
    ((value,),) = file_rows(path, "SELECT value FROM kv_entry WHERE key = 'n'")
    return str(value)


@pytest.mark.parametrize("option", [[], ["--json"]])
@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_write_is_done_whatever_streams_are_closed(
    redirection: str, option: list[str], store_path: Path
) -> None:
    result = closed(redirection, "--db", store_path, "kv", "increment", "n", *option)

    assert (result.code, result.err) == (0, "")
    assert bool(result.out) == (redirection == "2>&-")
    assert number(store_path) == "1"
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


def test_closed_stdin_is_nobody_to_ask(store_path: Path) -> None:
    closed("", "--db", store_path, "kv", "increment", "n")

    result = closed("<&-", "--db", store_path, "db", "reset")

    assert (result.code, result.out) == (2, "")
    assert "add --yes" in result.err
    assert number(store_path) == "1"
