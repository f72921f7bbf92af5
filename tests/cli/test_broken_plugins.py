from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import PluginLoadError
from stina_core.cli.application import application
from tests.distributions import OURS

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site


@pytest.fixture
def broken(site: Site) -> Site:
    """Plugins that fail in every way they can before a store is opened."""
    site.add("raises", plugin="raise RuntimeError('at\\nimport')", commands="import nothing_of_that_name")
    site.add("exits", plugin="import sys; sys.exit(3)", commands="import sys; sys.exit(3)")
    site.add("nohooks", plugin="x = 1", commands="command = 7")
    site.add("misspelt", plugin="from stina_core import hookimpl\n@hookimpl\ndef register_shema(schema): ...")
    site.add("needy", plugin="x = 1", requires=["stina-raises"])
    return site


def test_list_of_plugins_works_when_every_one_is_broken(
    broken: Site, script: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_PLUGINS", "raises,exits,nohooks,misspelt,needy,absent")

    result = script("plugins", "--json")

    assert result.code == 0
    assert result.err == ""
    plugins = {plugin["name"]: plugin for plugin in result.document}
    assert {name: plugin["state"] for name, plugin in plugins.items() if name not in OURS} == {
        "absent": "missing",
        "exits": "failed",
        "misspelt": "failed",
        "needy": "blocked",
        "nohooks": "failed",
        "raises": "failed",
    }
    assert all(plugin["reason"] for plugin in plugins.values())
    assert plugins["raises"]["distribution"] == "stina-raises"
    assert plugins["raises"]["version"] == "1.2"


def test_list_of_plugins_can_be_spelt_out(broken: Site, stina: Run) -> None:
    assert stina("plugins", "list") == stina("plugins")


@pytest.mark.parametrize(
    "command", [(), ("plugins",), ("db", "status"), ("--help",), ("--version",), ("db", "path")]
)
def test_nothing_that_only_looks_fails_for_a_broken_plugin(
    command: tuple[str, ...], broken: Site, stina: Run
) -> None:
    result = stina(*command)

    assert result.code == 0
    assert result.err == ""


def test_strict_setting_does_not_stop_looking(
    broken: Site, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_STRICT", "1")

    looked, used = stina("plugins"), stina("kv", "list")

    assert looked.code == 0
    assert used.code == 1
    assert len(used.err.splitlines()) == 1


def test_command_that_uses_the_store_says_in_one_line_each_which_plugins_are_off(
    broken: Site, stina: Run
) -> None:
    result = stina("kv", "set", "a", "1")

    assert result.code == 0
    lines = result.err.splitlines()
    assert [line.split()[3] for line in lines] == ["exits", "misspelt", "nohooks", "raises", "needy"]
    assert all(line.startswith("stina: the plugin ") for line in lines)
    assert "RuntimeError: at import" in result.err


def test_verbose_shows_the_log_of_what_failed(broken: Site, stina: Run) -> None:
    assert "plugin.failed" not in stina("kv", "list").err
    assert "event='plugin.failed' plugin='raises'" in stina("kv", "list", "-v").err


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("exits", "SystemExit: 3"),
        ("nohooks", "is a int; its entry point must name a click command"),
    ],
)
def test_command_that_cannot_be_imported_says_why(name: str, reason: str, broken: Site, stina: Run) -> None:
    result = stina(name)

    assert result.code == 1
    assert result.err.startswith(f"stina: the command '{name}' of stina-{name}")
    assert reason in result.err
    assert len(result.err.splitlines()) == 1


def test_command_of_a_plugin_that_is_off_says_why(notes: Site, stina: Run) -> None:
    plugin = notes.folder / "stina_notes" / "plugin.py"
    plugin.write_text(
        plugin.read_text() + "\n\n@hookimpl\ndef startup(store):\n    raise RuntimeError('no network')\n"
    )

    result = stina("notes", "add", "milk")

    assert result.code == 1
    assert "the plugin notes is off (failed)" in result.err
    assert "RuntimeError: no network" in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_command_of_a_plugin_that_was_switched_off_says_so(notes: Site, stina: Run) -> None:
    result = stina("notes", "add", "milk", "--no-plugins")

    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert "notes is off: switched off by --no-plugins or STINA_PLUGINS" in result.err


@pytest.mark.parametrize(
    ("file", "contents"),
    [
        ("METADATA", None),
        ("METADATA", b"Name: stina-damaged\nSummary: \xff\n\n"),
        ("entry_points.txt", b"[stina.commands]\nno equals sign\n"),
        ("entry_points.txt", b"[stina.commands]\ndamaged = not a module!\n"),
        ("entry_points.txt", b"\xff"),
    ],
)
def test_damaged_distribution_takes_no_other_command_along(
    file: str, contents: bytes | None, notes: Site, script: Run, store_path: Path
) -> None:
    notes.add("damaged", commands="raise RuntimeError('at import')")
    damaged = notes.folder / "stina_damaged-1.2.dist-info" / file
    damaged.unlink()
    if contents is not None:
        damaged.write_bytes(contents)

    used = script("--db", store_path, "notes", "add", "milk")
    helped, itself = script("--help"), script("damaged")

    assert (used.code, used.out) == (0, "milk\n")
    assert helped.code == 0
    assert "Short texts to keep." in helped.out
    assert itself.code in (1, 2)  # it is there and cannot be imported, or is not there
    assert "Traceback" not in used.err + helped.err + itself.err


def test_two_distributions_with_one_command_are_both_named(notes: Site, stina: Run) -> None:
    info = notes.folder / "stina_other-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stina-other\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[stina.commands]\nnotes = stina_other:command\n")

    result = stina("notes", "list")

    assert result.code == 1
    assert "stina-notes and stina-other both bring a command 'notes'" in result.err


def test_plugin_cannot_take_a_command_of_stina_itself(site: Site, stina: Run) -> None:
    site.add("db", commands="raise RuntimeError('was imported')")

    assert stina("db", "path").code == 0
    assert "stina_db" not in sys.modules


def test_application_raises_a_typed_error_for_other_programs(broken: Site) -> None:
    with (
        application.make_context("stina", ["raises"]) as context,
        pytest.raises(PluginLoadError, match="cannot be imported"),
    ):
        application.invoke(context)


def test_log_of_a_failing_shutdown_is_one_line_without_a_traceback(notes: Site, stina: Run) -> None:
    plugin = Path(notes.folder / "stina_notes" / "plugin.py")
    plugin.write_text(
        plugin.read_text() + "\n\n@hookimpl\ndef shutdown(store):\n    raise RuntimeError('late')\n"
    )

    result = stina("notes", "add", "milk")
    verbose = stina("notes", "list", "-v")

    assert (result.code, result.out) == (0, "milk\n")
    assert len(result.err.splitlines()) == 1
    assert "hook='shutdown'" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in verbose.err
    assert len(verbose.err.splitlines()) == 1


def test_what_a_plugin_logs_itself_is_shown_whole_whatever_its_event_is_called(
    notes: Site, stina: Run
) -> None:
    plugin = notes.folder / "stina_notes" / "plugin.py"
    plugin.write_text(
        plugin.read_text()
        + """

from stina_core import get_logger

@hookimpl
def startup(store):
    log = get_logger(__name__)
    log.warning("plugin.quota_exceeded", note="a exception=b", hook="startup")
    log.warning("plugin.failed", plugin="another")
"""
    )

    lines = stina("notes", "add", "milk").err.splitlines()

    assert len(lines) == 2
    assert lines[0].startswith("event='plugin.quota_exceeded' note='a exception=b' hook='startup' level=")
    assert lines[1].startswith("event='plugin.failed' plugin='another' level=")


def test_plugin_that_fails_at_startup_is_reported_once(notes: Site, stina: Run) -> None:
    plugin = notes.folder / "stina_notes" / "plugin.py"
    plugin.write_text(
        plugin.read_text() + "\n\n@hookimpl\ndef startup(store):\n    raise RuntimeError('no network')\n"
    )

    quiet, verbose = stina("kv", "list"), stina("kv", "list", "-v")

    assert quiet.err.splitlines() == [
        "stina: the plugin notes is off (failed): startup of the plugin 'notes' raised RuntimeError: no network"
    ]
    assert "event='hook.failed' plugin='notes' hook='startup'" in verbose.err
