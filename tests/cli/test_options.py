from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site


@pytest.mark.parametrize(
    "line",
    [
        "--json --db {db} notes list",
        "--json notes --db {db} list",
        "--db {db} notes --json list",
        "notes list --db {db} --json",
        "notes --json --db {db} list",
        "--db={db} notes list --json",
    ],
)
def test_global_options_stand_before_or_after_any_part_of_a_plugins_command(
    line: str, notes: Site, stina: Run, store_path: Path
) -> None:
    stina("--db", store_path, "notes", "add", "milk")

    result = stina(*line.format(db=store_path).split())

    assert result.document == [{"title": "milk"}]


def test_later_path_wins(notes: Site, stina: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"

    result = stina("--db", first, "db", "path", "--db", second)

    assert result.out == f"{second}\n"


def test_help_of_a_plugins_command_shows_the_global_options(notes: Site, stina: Run) -> None:
    group = stina("notes", "--help").out
    command = stina("notes", "add", "--help").out

    for option in ("--db PATH", "--json", "-v, --verbose", "--no-plugins"):
        assert option in group
        assert option in command


def test_command_keeps_an_option_of_its_own_with_a_global_name(site: Site, stina: Run) -> None:
    site.add(
        "loud",
        commands="""
            import click

            @click.command()
            @click.option("-v", "volume", type=int)
            @click.option("--json", "place")
            def command(volume, place):
                from stina_core.cli.invocation import current_invocation

                invocation = current_invocation()
                click.echo(f"{volume} {place} {invocation.verbose} {invocation.json}")
        """,
    )

    result = stina("loud", "-v", "7", "--json", "here", "--verbose")

    assert result.out == "7 here 1 False\n"


def test_group_that_finds_its_commands_itself_has_the_options_too(site: Site, stina: Run) -> None:
    site.add(
        "late",
        commands="""
            import click

            class Late(click.Group):
                def list_commands(self, ctx):
                    return ["inner"]

                def get_command(self, ctx, name):
                    @click.command()
                    def inner():
                        from stina_core.cli import emit

                        emit({"name": name}, "no document")

                    return inner

            command = Late()
        """,
    )

    result = stina("late", "inner", "--json")

    assert result.document == {"name": "inner"}


def test_using_a_command_twice_gives_it_each_option_once(notes: Site, stina: Run) -> None:
    with warnings.catch_warnings(record=True) as seen:
        stina("notes", "list")
        result = stina("notes", "list", "--help")

    assert result.out.count("--json") == 1
    assert not seen


def test_no_plugins_after_the_command_switches_them_off(notes: Site, stina: Run) -> None:
    result = stina("plugins", "--no-plugins", "--json")

    assert {plugin["state"] for plugin in result.document} == {"off"}


def test_path_comes_from_the_environment_without_the_option(
    stina: Run, store_path: Path, stina_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stina("db", "path").out == f"{stina_home / 'stina.db'}\n"

    monkeypatch.setenv("STINA_DB", str(store_path))

    assert stina("db", "path", "--json").document == {"path": str(store_path)}
