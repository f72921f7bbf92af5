from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stina_core import Plugins, Store, StoreConfig, open_store
from stina_core.testing import (
    StinaCommand,
    file_rows,
    memory_store,
    plugins_of,
    run_python,
    run_together,
    running_python,
)


def test_default_store_of_a_test_is_in_its_own_directory(stina_home: Path) -> None:
    config = StoreConfig.from_env()

    assert config.path == str(stina_home / "stina.db")
    assert not stina_home.exists()


@pytest.fixture(scope="module")
def homes() -> set[Path]:
    return set()


@pytest.mark.parametrize("number", [1, 2])
def test_every_test_has_a_home_of_its_own(number: int, stina_home: Path, homes: set[Path]) -> None:
    assert stina_home not in homes

    homes.add(stina_home)


PROJECT_OF_OTHERS = """
import json, os, sys

def test_anything():
    assert "STINA_HOME" in os.environ

def test_what_was_imported():
    print(json.dumps(sorted(sys.modules)), file=sys.__stderr__)
"""


def test_pytest_plugin_costs_other_projects_no_directory_and_nothing_heavy(tmp_path: Path) -> None:
    base = tmp_path / "base"
    (tmp_path / "test_others.py").write_text(PROJECT_OF_OTHERS)

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-s",
            "-q",
            f"--basetemp={base}",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    modules = set(json.loads(done.stderr))
    assert {name for name in modules if name.partition(".")[0] in ("stina_core", "peewee", "apsw")} == {
        "stina_core",
        "stina_core.testing",
        "stina_core.testing.pytest_plugin",
        "stina_core.version",
    }
    assert list(base.iterdir()) == []


def test_settings_of_the_developers_shell_do_not_reach_a_test() -> None:
    assert not {"STINA_DB", "STINA_PLUGINS", "STINA_STRICT"} & os.environ.keys()


def test_child_process_uses_the_tests_own_home_too(stina_home: Path) -> None:
    output = run_python("from stina_core import StoreConfig; print(StoreConfig.from_env().path)")

    assert output.splitlines()[-1] == str(stina_home / "stina.db")


def test_store_fixture_is_strict_and_on_a_file(store_path: Path, store: Store) -> None:
    assert store_path.is_file()
    assert store.config.strict


def test_seeded_store_has_rows_of_every_plugin(seeded_store: Store, store_path: Path) -> None:
    with seeded_store.snapshot():
        tables = [table for plugin in seeded_store.plugins for table in plugin.tables]
    counts = {table: file_rows(store_path, f'SELECT count(*) FROM "{table}"')[0][0] for table in tables}

    assert {table.partition("_")[0] for table, rows in counts.items() if rows} >= {
        "chat",
        "kv",
        "memories",
        "todos",
    }


def test_command_of_a_test_works_on_its_store(stina: StinaCommand, store_path: Path) -> None:
    assert stina("kv", "set", "a", "1").code == 0

    result = stina("kv", "get", "a", "--json")
    assert (result.code, result.document["value"], result.err) == (0, 1, "")
    assert replace(stina, first=("kv",))("get", "a").out == "1\n"
    assert file_rows(store_path, "SELECT value FROM kv_entry") == [("1",)]
    assert replace(stina, env={"STINA_PLUGINS": "todos"})("kv", "get", "a").code != 0


def test_command_that_prints_a_traceback_fails_the_test(
    stina: StinaCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "sitecustomize.py"
    broken.write_text("import sys; sys.stderr.write('Traceback (most recent call last):\\n')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(AssertionError, match="Traceback"):
        stina("db", "path")


def test_memory_store_leaves_no_file(stina_home: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))

    with memory_store(Plugins([])) as store:
        assert store.path == ":memory:"

    assert sorted(tmp_path.rglob("*")) == before


def test_file_rows_reads_a_live_store_without_disturbing_it(store_path: Path) -> None:
    with open_store(store_path, plugins=Plugins([])) as store:
        rows = file_rows(store_path, "SELECT plugin, id FROM stina_ledger")

        assert rows == [("stina", "0001_core"), ("stina", "0002_catalog"), ("stina", "0003_feed")]
        with store.transaction():
            assert file_rows(store_path, "SELECT count(*) FROM stina_ledger") == [(3,)]


def test_plugins_of_raises_what_a_plugin_does_wrong() -> None:
    class NoHooks:
        pass

    with pytest.raises(Exception, match="implements no hook"):
        plugins_of(bad=NoHooks())


def test_processes_started_together_get_their_own_arguments() -> None:
    outputs = run_together("print(sys.argv[1])", [("a",), ("b",)])

    assert [output.splitlines()[-1] for output in outputs] == ["a", "b"]


def test_failing_process_fails_the_test_with_its_own_words() -> None:
    with pytest.raises(AssertionError, match="out of milk"):
        run_python("raise SystemExit('out of milk')")


def test_process_that_never_ends_fails_the_test_with_its_words_so_far_and_is_killed(tmp_path: Path) -> None:
    script = """
import os, threading
with open(sys.argv[1], "w") as file:
    file.write(str(os.getpid()))
print("waiting för milk", file=sys.stderr, flush=True)
threading.Event().wait()
"""

    with pytest.raises(AssertionError, match=r"did not end within 1 seconds:\nwaiting för milk"):
        run_python(script, tmp_path / "pid", deadline=1)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_process_that_does_not_finish_fails_the_test_with_its_words_so_far() -> None:
    script = (
        "print('busy', file=sys.stderr, flush=True); say('up'); import threading; threading.Event().wait()"
    )

    with running_python(script) as process:
        process.hear("up")
        process._deadline = 0.1
        with pytest.raises(AssertionError, match=r"within 0\.1 seconds:\nbusy"):
            process.finish()


def test_script_that_does_not_compile_fails_the_test_with_its_own_words() -> None:
    with pytest.raises(AssertionError, match="SyntaxError"):
        run_python("def")


def test_test_and_process_talk_line_by_line() -> None:
    script = """
say("noise")
say("name", sys.argv[1])
say("echo", sys.stdin.readline().strip().upper(), sys.stdin.readline().strip())
"""

    with running_python(script, "Karin") as process:
        assert process.hear("name") == "Karin"
        process.say("hello")
        process.say()
        assert process.hear("echo") == "HELLO go"
        process.finish()


@pytest.mark.parametrize("script", ["raise SystemExit('out of milk')", "say('something else'); 1 / 0"])
def test_process_that_ends_without_its_word_fails_the_test(script: str) -> None:
    with (
        running_python(script) as process,
        pytest.raises(AssertionError, match=r"did not say 'done'(.|\n)*(milk|Zero)"),
    ):
        process.hear("done")


def test_process_that_says_nothing_fails_the_test_at_the_deadline() -> None:
    with running_python("sys.stdin.readline()", deadline=0.2) as process, pytest.raises(AssertionError):
        process.hear("done")


def test_process_that_ends_badly_fails_the_test() -> None:
    with (
        running_python("raise SystemExit(3)") as process,
        pytest.raises(AssertionError, match="ended with 3"),
    ):
        process.finish()


def test_process_is_gone_when_its_block_ends_or_it_is_killed() -> None:
    with running_python("say('up'); sys.stdin.readline()") as process:
        process.hear("up")
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)

    with running_python("say('up'); sys.stdin.readline()") as process:
        process.hear("up")
        process.signal(signal.SIGKILL)
        with pytest.raises(AssertionError, match="ended with -9"):
            process.finish()


def run_pytest(folder: Path, **environment: str) -> str:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("STINA_")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", folder],
        env={**settings, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


EARLY = """
import pytest
from stina_core import StoreConfig
print("import", StoreConfig.from_env().path)
def pytest_configure(config): print("configure", StoreConfig.from_env().path)
@pytest.fixture(scope="session", autouse=True)
def early(): print("session", StoreConfig.from_env().path)
"""


def test_conftest_and_session_fixtures_are_kept_off_the_real_store_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "conftest.py").write_text(EARLY)
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n")

    output = run_pytest(tmp_path, HOME=str(home), STINA_DB=str(home / "real.db"))

    said = [line for line in output.splitlines() if line.startswith(("import", "configure", "session"))]
    assert len(said) == 3
    assert all("stina-tests-" in line for line in said)
    assert not home.exists()


def test_kit_removes_only_the_home_it_made(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "stina.db").write_text("keep me")
    (tmp_path / "test_changes_it.py").write_text(
        "import os\n"
        "print('made', os.environ['STINA_HOME'])\n"
        f"os.environ['STINA_HOME'] = {str(precious)!r}\n"
        "def test_nothing(): pass\n"
    )

    output = run_pytest(tmp_path)

    (made,) = (line.removeprefix("made ") for line in output.splitlines() if line.startswith("made "))
    assert not Path(made).exists()
    assert (precious / "stina.db").read_text() == "keep me"
