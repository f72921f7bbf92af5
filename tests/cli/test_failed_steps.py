"""A plugin whose step fails: said at once, remembered for those that only look, forgotten once it works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core.migrations import ledger
from stina_core.testing import file_rows
from tests.distributions import OURS

if TYPE_CHECKING:
    from tests.cli.conftest import Result, Run, Site

GARDEN = """
    from pathlib import Path

    from stina_core import IdField, Migrations, Model, Operations, Repository, Schema, TextField, hookimpl

    RUNS = Path(__file__).with_name("runs")

    class Bed(Model):
        id = IdField()
        name = TextField()

    class BedRepository(Repository):
        pass

    @hookimpl
    def register_schema(schema: Schema) -> None:
        schema.add(Bed, repository=BedRepository)

    @hookimpl
    def migrate(migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            with RUNS.open("a") as runs:
                runs.write("x")
            op.create_table("bed", id=IdField(), name=TextField())
            raise RuntimeError("frost")  # fails here
"""

FENCE = """
    from stina_core import Finding, Severity, hookimpl

    @hookimpl
    def check(store):
        yield Finding(Severity.WARNING, "fence", "has a hole")
"""

SHED = """
    from stina_core import hookimpl

    @hookimpl
    def startup(store):
        assert not store.closed
"""

REASON = "step 0001_initial of garden failed and was undone: RuntimeError at plugin.py:"


@pytest.fixture
def failing(site: Site) -> Site:
    """A plugin whose step raises, one that requires it, and one with nothing but a check."""
    site.add("garden", plugin=GARDEN)
    site.add("shed", plugin=SHED, requires=["stina-garden"])
    site.add("fence", plugin=FENCE)
    return site


def plugin_file(site: Site) -> Path:
    return site.folder / "stina_garden" / "plugin.py"


def runs(site: Site) -> int:
    return len((site.folder / "stina_garden" / "runs").read_text())


def states(result: Result) -> dict[str, str]:
    return {plugin["name"]: plugin["state"] for plugin in result.document if plugin["name"] not in OURS}


def reason(plugins: list[dict[str, str]]) -> str:
    (found,) = [plugin["reason"] for plugin in plugins if plugin["name"] == "garden"]
    return found


def test_command_that_uses_the_store_names_the_failed_step_and_works(failing: Site, stina: Run) -> None:
    result = stina("kv", "list", "--json")

    assert (result.code, result.document) == (0, [])
    lines = result.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"stina: the plugin garden is off (quarantined): {REASON}")
    assert lines[1].startswith("stina: the plugin shed is off (blocked): needs the plugin 'garden'")
    assert "frost" not in result.err  # what an error says may hold data of the user


def test_those_that_only_look_say_why_without_trying_the_step_again(failing: Site, stina: Run) -> None:
    stina("kv", "list")
    assert runs(failing) == 1

    listed, overview, text, status = (
        stina("plugins", "--json"),
        stina("--json"),
        stina(),
        stina("db", "status"),
    )
    doctor = stina("doctor", "--json")

    assert runs(failing) == 1
    assert [one.code for one in (listed, overview, text, status, doctor)] == [0, 0, 0, 0, 1]
    assert states(listed) == {"fence": "on", "garden": "quarantined", "shed": "blocked"}
    assert reason(listed.document).startswith(REASON)
    assert reason(overview.document["plugins"]) == reason(listed.document)
    assert f"quarantined: {REASON}" in text.out
    assert f"quarantined: {REASON}" in status.out
    errors = {one["subject"]: one["message"] for one in doctor.document if one["severity"] == "error"}
    assert errors.keys() == {"garden", "shed"}
    assert errors["garden"].startswith(f"the plugin is off (quarantined): {REASON}")


def test_each_use_of_the_store_tries_the_step_again(failing: Site, stina: Run) -> None:
    for number in (1, 2):
        stina("kv", "list")

        assert runs(failing) == number
    assert file_rows(stina("db", "path").out.strip(), "SELECT plugin, step FROM stina_failure") == [
        ("garden", "0001_initial")
    ]


def test_failure_that_nobody_wrote_down_would_be_unknown_to_those_that_only_look(
    failing: Site, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "record_failure", lambda backend, error, at: None)
    stina("kv", "list")

    listed = stina("plugins", "--json")

    assert states(listed)["garden"] == "on"
    assert reason(listed.document) == ""


def test_checks_of_the_other_plugins_run_beside_a_failed_step(
    failing: Site, stina: Run, store_path: Path
) -> None:
    stina("--db", store_path, "kv", "list")
    file_rows(store_path, "INSERT INTO kv_entry VALUES ('', '1', 0)")

    result = stina("--db", store_path, "doctor", "--json")

    found = {(one["severity"], one["subject"]) for one in result.document}
    assert result.code == 1
    assert {("error", "garden"), ("error", "kv_entry"), ("warning", "fence")} <= found
    assert runs(failing) == 1


def test_checks_run_beside_a_plugin_whose_steps_nobody_has_tried_yet(
    failing: Site, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_PLUGINS", "kv,fence")
    stina("kv", "list")
    monkeypatch.delenv("STINA_PLUGINS")

    result = stina("doctor", "--json")

    found = {(one["severity"], one["subject"]) for one in result.document}
    assert result.code == 0
    assert ("warning", "fence") in found
    assert not (failing.folder / "stina_garden" / "runs").exists()


def test_failure_is_forgotten_once_the_step_is_repaired(
    failing: Site, stina: Run, script: Run, store_path: Path
) -> None:
    stina("--db", store_path, "kv", "list")
    file = plugin_file(failing)
    file.write_text(file.read_text().replace('raise RuntimeError("frost")  # fails here', "# works now"))

    before = script("--db", store_path, "plugins", "--json")
    used = script("--db", store_path, "kv", "list", "--json")
    after = script("--db", store_path, "plugins", "--json")
    doctor = script("--db", store_path, "doctor")

    assert states(before)["garden"] == "quarantined"  # nothing has tried it yet
    assert (used.code, used.out, used.err) == (0, "[]\n", "")
    assert states(after) == {"fence": "on", "garden": "on", "shed": "on"}
    assert file_rows(store_path, "SELECT * FROM stina_failure") == []
    assert doctor.code == 0, doctor.out
    assert runs(failing) == 2


def test_verbose_shows_the_line_of_the_step_that_failed(failing: Site, stina: Run) -> None:
    file = plugin_file(failing)
    number = 1 + file.read_text()[: file.read_text().index("raise RuntimeError")].count("\n")

    quiet, verbose = stina("kv", "list"), stina("kv", "list", "-v")

    assert "Traceback" not in quiet.err
    assert str(file) not in quiet.err
    assert f'File "{file}", line {number}, in initial' in verbose.err
    assert "RuntimeError: frost" in verbose.err
    assert verbose.err.splitlines()[-2].startswith("stina: the plugin garden is off (quarantined)")


def test_verbose_shows_the_line_of_a_plugin_that_cannot_be_imported(site: Site, stina: Run) -> None:
    site.add("garden", plugin="first = 1\n\n1 / 0\n")
    file = plugin_file(site)

    quiet, verbose = stina("kv", "list"), stina("kv", "list", "-v")

    assert quiet.code == verbose.code == 0
    assert len(quiet.err.splitlines()) == 1
    assert str(file) not in quiet.err
    assert f'File "{file}", line 3, in <module>\n    1 / 0' in verbose.err
    assert verbose.err.splitlines()[-1].startswith("stina: the plugin garden is off (failed)")


def test_verbose_reset_shows_the_line_of_the_step_that_stops_it(failing: Site, stina: Run) -> None:
    file = plugin_file(failing)

    quiet, verbose = stina("db", "reset", "--yes"), stina("db", "reset", "--yes", "-v")

    assert (quiet.code, len(quiet.err.splitlines())) == (1, 1)
    assert verbose.code == 1
    assert f'File "{file}", line ' in verbose.err
