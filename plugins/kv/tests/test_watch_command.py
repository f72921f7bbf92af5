from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stina_core import open_store
from stina_core.testing import file_rows
from stina_kv import KvRepository
from stina_kv.watching import Watch

if TYPE_CHECKING:
    from stina_core.testing import StinaCommand

DEADLINE = 30

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell, also where tests run in the background
signal.alarm(30)  # or a line that never comes would be waited for
from stina_core.cli.main import main
sys.exit(main(["--db", sys.argv[1], "kv", "watch", *sys.argv[2:]]))
"""


class Watching:
    """`stina kv watch` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def document(self) -> Any:
        return json.loads(self.line())

    def interrupt(self) -> tuple[int, str]:
        self._process.send_signal(signal.SIGINT)
        return self._ended()

    def look_away(self) -> tuple[int, str]:
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._ended()

    def _ended(self) -> tuple[int, str]:
        assert self._process.stderr is not None
        return self._process.wait(DEADLINE), self._process.stderr.read()


@contextmanager
def watching(path: Path, *arguments: str) -> Iterator[Watching]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, path, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()


def test_a_key_is_printed_now_and_whenever_it_is_written(kv: KvRepository, store_path: Path) -> None:
    kv.set("a", {"dark": True})
    with watching(store_path, "a") as watch:
        assert watch.line() == 'a = {"dark":true}'
        kv.set("ab", "another key")
        kv.set("a", "two\nlines")
        assert watch.line() == r"a = two\nlines"
        kv.delete("a")
        assert watch.line() == "a is not there"

        assert watch.interrupt() == (130, "stina: interrupted\n")


def test_with_json_each_line_has_the_documented_shape(kv: KvRepository, store_path: Path) -> None:
    with watching(store_path, "a", "--json") as watch:
        gone = {"key": "a", "value": None, "updated_at": None, "deleted": True}
        assert watch.document() == gone
        kv.set("a", None)
        there = watch.document()
        kv.delete("a")

        assert watch.document() == gone

    assert list(there) == ["key", "value", "updated_at", "deleted"]
    assert (there["value"], there["deleted"], len(there["updated_at"])) == (None, False, 24)


def test_a_prefix_prints_all_its_keys_and_then_those_that_change(kv: KvRepository, store_path: Path) -> None:
    for key in ("ui/b", "ui/a", "app"):
        kv.set(key, 1)
    with watching(store_path, "--prefix", "ui/") as watch:
        assert [watch.line(), watch.line()] == ["ui/a = 1", "ui/b = 1"]
        with kv.transaction():
            kv.set("app", 2)
            kv.set("ui/c", 2)
            kv.delete("ui/a")

        assert [watch.line(), watch.line()] == ["ui/c = 2", "ui/a is not there"]


def test_without_a_key_all_keys_are_watched(kv: KvRepository, store_path: Path) -> None:
    kv.set("a", 1)
    with watching(store_path) as watch:
        assert watch.line() == "a = 1"
        file_rows(store_path, "INSERT INTO kv_entry VALUES ('shell', '2', 0)")

        assert watch.line() == "shell = 2"


def test_it_ends_when_nobody_reads_it_though_nothing_more_is_written(
    kv: KvRepository, store_path: Path
) -> None:
    kv.set("a", 1)
    with watching(store_path, "a") as watch:
        watch.line()

        assert watch.look_away() == (141, "")


def test_a_key_and_a_prefix_are_wrong_usage_and_a_bad_key_is_refused(stina: StinaCommand) -> None:
    both, bad = stina("watch", "a", "--prefix", "b"), stina("watch", "")

    assert (both.code, "not both" in both.err) == (2, True)
    assert (bad.code, bad.out) == (1, "")


@pytest.mark.parametrize("key", [None, "a"])
def test_after_a_reset_only_what_is_another_one_is_yielded(
    key: str | None, kv: KvRepository, store_path: Path
) -> None:
    for name in ("a", "b"):
        kv.set(name, 1)
    with open_store(store_path) as store:
        watch = Watch(store[KvRepository], key, "")
        entries = watch.entries()
        assert [next(entries)[0] for _ in (("a",) if key else ("a", "b"))] == (["a"] if key else ["a", "b"])

        file_rows(
            store_path, "DROP TRIGGER stina_capture_kv_entry_delete"
        )  # so that nothing but a reset tells
        file_rows(store_path, "DROP TRIGGER stina_capture_kv_entry_update")
        file_rows(store_path, "DELETE FROM kv_entry WHERE key = 'a'")
        file_rows(store_path, "INSERT INTO stina_change (\"table\", op) VALUES ('kv_entry', 'R')")

        assert next(entries) == ("a", None)
        watch.close()
        assert list(entries) == []
