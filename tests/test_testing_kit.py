from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from stina_core import Plugins, Store, StoreConfig, open_store
from stina_core.testing import file_rows, memory_store, plugins_of, run_python, run_together, running_python


def test_default_store_of_a_test_is_in_its_own_directory(stina_home: Path) -> None:
    config = StoreConfig.from_env()

    assert config.path == str(stina_home / "stina.db")
    assert not stina_home.exists()


def test_settings_of_the_developers_shell_do_not_reach_a_test() -> None:
    assert not {"STINA_DB", "STINA_PLUGINS", "STINA_STRICT"} & os.environ.keys()


def test_child_process_uses_the_tests_own_home_too(stina_home: Path) -> None:
    output = run_python("from stina_core import StoreConfig; print(StoreConfig.from_env().path)")

    assert output.splitlines()[-1] == str(stina_home / "stina.db")


def test_store_fixture_is_strict_and_on_a_file(store_path: Path, store: Store) -> None:
    assert store_path.is_file()
    assert store.config.strict


def test_memory_store_leaves_no_file(stina_home: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))

    with memory_store(Plugins([])) as store:
        assert store.path == ":memory:"

    assert sorted(tmp_path.rglob("*")) == before


def test_file_rows_reads_a_live_store_without_disturbing_it(store_path: Path) -> None:
    with open_store(store_path, plugins=Plugins([])) as store:
        rows = file_rows(store_path, "SELECT plugin, id FROM stina_ledger")

        assert rows == [("stina", "0001_core")]
        with store.transaction():
            assert file_rows(store_path, "SELECT count(*) FROM stina_ledger") == [(1,)]


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


def test_process_that_never_ends_is_killed_at_the_deadline() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_python("import threading; threading.Event().wait()", deadline=0.5)


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
