"""What a person sees while something takes long: nothing for a second, then one line, gone before the result."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core.cli import progress as module
from stina_core.cli.progress import DELAY, Display
from stina_core.migrations.progress import Progress
from stina_core.testing import file_rows
from tests.cli.tasks_plugin import MAKE, TITLE, files, install, uninstall
from tests.cli.test_imports import imported

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

DEADLINE = 60.0

COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell, also where tests run in the background
from stina_core.cli.main import main
sys.exit(main())
"""

HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # the cursor, which rich hides while it draws


class ByHand:
    """A timer that goes off when the test says so."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.go_off = call
        self.state = "new"

    def start(self) -> None:
        self.state = "started"

    def cancel(self) -> None:
        self.state = "cancelled"


class AtOnce(ByHand):
    """A timer for which no second ever passes."""

    def start(self) -> None:
        self.go_off()


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def display(words: str, clock: Callable[[], float] = lambda: 0.0) -> tuple[Display, ByHand]:
    made: list[ByHand] = []

    def timer(seconds: float, call: Callable[[], None]) -> ByHand:
        made.append(ByHand(seconds, call))
        return made[0]

    return Display(words, timer=timer, clock=clock), made[0]


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr one. Not a fixture: pytest puts its own stderr in place after those have run."""
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100"), ("LINES", "30")):
        monkeypatch.setenv(name, value)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_nothing_is_said_of_what_ends_within_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    shown, timer = display("making a backup")

    shown.start()
    assert (timer.seconds, timer.state) == (DELAY, "started") == (1.0, "started")
    shown.tell(Progress("tasks", "0003_due", 5, 10))
    shown.stop()

    assert timer.state == "cancelled"
    assert capsys.readouterr() == ("", "")


def test_timer_that_goes_off_while_the_work_ends_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    shown, timer = display("making a backup")
    shown.start()
    shown.stop()

    timer.go_off()

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (None, "migrating"),
        (Progress("tasks", "0003_due"), "migrating tasks 0003_due"),
        (Progress("tasks", "0003_due", 5, 10), "migrating tasks 0003_due"),
        (Progress("tasks", ""), "making a backup"),
    ],
)
def test_after_a_second_one_line_says_what_is_going_on_where_stderr_is_no_terminal(
    progress: Progress | None, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, timer = display("migrating")
    shown.start()
    if progress is not None:
        shown.tell(progress)

    timer.go_off()
    shown.tell(Progress("tasks", "0004_more"))
    shown.stop()

    assert capsys.readouterr() == ("", f"stina: {line} ...\n")


def test_terminal_shows_the_step_what_is_done_and_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    times = iter([100.0])
    shown, timer = display("migrating", lambda: next(times, 175.5))
    shown.start()
    shown.tell(Progress("tasks", "0003_due", 1234, 5000))

    timer.go_off()
    drawn = terminal.getvalue()
    shown.stop()

    assert HIDDEN in drawn
    assert re.search("migrating tasks 0003_due .*━.* 1,234/5,000 1:15", re.sub(r"\x1b\[[\d;]*m", "", drawn))


@pytest.mark.parametrize("progress", [Progress("tasks", "0003_due"), Progress("tasks", "0003_due", 0, 0)])
def test_there_is_no_bar_where_nobody_knows_how_much_there_is(
    progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = at_a_terminal(monkeypatch)
    shown, timer = display("migrating")
    shown.start()
    shown.tell(progress)

    timer.go_off()
    drawn = terminal.getvalue()
    shown.stop()

    assert "0003_due" in drawn
    assert "━" not in drawn
    assert "/" not in drawn


def test_nothing_of_it_is_left_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    shown, timer = display("migrating")
    shown.start()
    timer.go_off()
    assert "migrating" in terminal.getvalue()

    shown.stop()

    assert screen(terminal.getvalue()) == ""
    assert terminal.getvalue().rindex(SHOWN) > terminal.getvalue().rindex(HIDDEN)


def test_terminal_that_cannot_move_its_cursor_gets_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    shown, timer = display("migrating")
    shown.start()

    timer.go_off()
    shown.stop()

    assert terminal.getvalue() == "stina: migrating ...\n"


def test_terminal_without_rich_gets_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "rich.live", None)
    shown, timer = display("migrating")
    shown.start()

    timer.go_off()
    shown.stop()

    assert terminal.getvalue() == "stina: migrating ...\n"


def test_words_that_look_like_markup_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    shown, timer = display("restoring [bold]a.db[/bold]")
    shown.start()

    timer.go_off()
    drawn = terminal.getvalue()
    shown.stop()

    assert "[bold]a.db[/bold]" in drawn


def screen(written: str) -> str:
    """What a terminal shows after *written*, of the few sequences that are used here."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[\??[\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0  # a terminal's own driver adds the \r
            lines += [""] * (row - len(lines) + 1)
        elif part.endswith("A") and part[0] == "\x1b":
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part[0] != "\x1b":
            lines[row] = f"{lines[row][:column]:<{column}}{part}{lines[row][column + len(part) :]}"
            column += len(part)
    return "\n".join(lines).strip()


@pytest.fixture
def used(site: Site, stina: Run, store_path: Path) -> Path:
    """A store in which a plugin has a row, another is gone, and a step is pending."""
    install(site, TITLE, MAKE, name="gone")
    install(site)
    assert stina("--db", store_path, "db", "migrate").code == 0
    file_rows(store_path, "INSERT INTO tasks_todo VALUES ('1', 'buy milk')")
    uninstall(site, "gone")
    install(site, TITLE, MAKE, 'op.update_rows("todo", lambda row: {"title": "x"})')
    return store_path


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (("db", "backup"), "making a backup"),
        (("db", "restore", "{copy}", "--yes"), "restoring {copy}"),
        (("db", "reset", "--yes"), "resetting the store"),
        (("db", "purge", "gone", "--yes"), "purging gone"),
        (("db", "check"), "checking the store"),
        (("db", "plan"), "trying the pending steps on a copy"),
        (("db", "migrate"), "migrating"),
        (("kv", "list"), "migrating"),
    ],
)
def test_every_command_that_may_take_long_says_so_on_stderr_alone(
    command: tuple[str, ...],
    line: str,
    used: Path,
    tmp_path: Path,
    stina: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(used.read_bytes())
    monkeypatch.setattr(module, "Display", partial(Display, timer=AtOnce))
    arguments = [part.format(copy=copy) for part in command]

    result = stina("--db", used, *arguments, "--json")

    assert (result.code, result.err) == (0, f"stina: {line.format(copy=copy)} ...\n")
    assert json.loads(result.out) is not None


def test_command_that_has_nothing_to_migrate_says_nothing(
    used: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    stina("--db", used, "db", "migrate")
    monkeypatch.setattr(module, "Display", partial(Display, timer=AtOnce))

    assert stina("--db", used, "kv", "list", "--json").err == ""


def test_display_is_gone_before_the_line_that_says_what_failed(
    used: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = at_a_terminal(monkeypatch)
    monkeypatch.setattr(module, "Display", partial(Display, timer=AtOnce))

    assert stina("--db", used, "db", "restore", "nothing.db", "--yes").code == 1

    assert "restoring nothing.db" in terminal.getvalue()
    assert screen(terminal.getvalue()) == "stina: nothing.db does not exist"


# The same in real processes: a step waits in the middle until the test lets it go on.

WAITING = """
op.update_rows("todo", lambda row: {"title": "x"})
(HERE / "door").read_bytes()
"""


@pytest.fixture
def door(site: Site, used: Path) -> Path:
    """A pipe at which the pending step of the store `used` waits."""
    install(site, TITLE, MAKE, WAITING)
    os.mkfifo(site.folder / "stina_tasks" / "door")
    return site.folder / "stina_tasks" / "door"


def open_door(door: Path) -> None:
    with door.open("wb"):
        pass


@contextmanager
def somebody_at(door: Path) -> Iterator[None]:
    """Wait until a step stands at the door; it may go on when the block ends."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            handle = os.open(door, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > end:
                raise  # or nobody is there yet
            select.select([], [], [], 0.01)
        else:
            break
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def running(
    *arguments: object, stderr: int, stdout: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(handle: int, wanted: str) -> str:
    """Read from *handle* until *wanted* is there, or until it ends if that is empty."""
    end, text = time.monotonic() + DEADLINE, b""
    while not wanted or wanted.encode() not in text:
        ready = select.select([handle], [], [], max(0.0, end - time.monotonic()))[0]
        assert ready, f"{wanted!r} did not come: {text!r}"
        try:
            more = os.read(handle, 65536)
        except OSError:  # a terminal whose other end is closed
            more = b""
        if not more:
            break
        text += more
    assert wanted.encode() in text, text
    return text.decode()


def test_waiting_process_says_one_line_and_its_document_stays_clean(door: Path, used: Path) -> None:
    with running("--db", used, "db", "migrate", "--json", stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        line = read_until(process.stderr.fileno(), "\n")

        open_door(door)
        out, err = process.communicate(timeout=DEADLINE)

    assert (process.returncode, line, err) == (0, "stina: migrating tasks 0002_step ...\n", b"")
    assert json.loads(out)["applied"] == ["tasks/0002_step"]


def test_terminal_is_clean_again_before_the_result_is_printed(door: Path, used: Path) -> None:
    parent, child = pty.openpty()
    with running("--db", used, "db", "migrate", stderr=child, stdout=child) as process:
        os.close(child)
        drawn = read_until(parent, "migrating tasks 0002_step")

        open_door(door)
        drawn += read_until(parent, "")
        process.wait(DEADLINE)
    os.close(parent)

    assert process.returncode == 0
    assert drawn.rindex(SHOWN) < drawn.index("applied tasks/0002_step")
    (made,) = [one for one in (used.parent / "backups").iterdir() if "-migrate" in one.name]
    assert screen(drawn) == f"applied tasks/0002_step\nwhat was there before is kept in {made}"


def test_ctrl_c_takes_the_display_away_and_undoes_everything(door: Path, used: Path) -> None:
    before = files(used)
    parent, child = pty.openpty()
    with running("--db", used, "kv", "list", stderr=child) as process:
        os.close(child)
        drawn = read_until(parent, "migrating tasks 0002_step")
        with somebody_at(door):  # a signal between two of its calls may only be seen after the second
            os.kill(process.pid, signal.SIGINT)
        drawn += read_until(parent, "")
        out, _ = process.communicate(timeout=DEADLINE)
    os.close(parent)

    assert (process.returncode, out) == (130, b"")
    assert screen(drawn) == "stina: interrupted"
    assert files(used) == before


@pytest.mark.parametrize("arguments", [("--help",), ("db", "--help"), ("kv", "list"), ("db", "path")])
def test_commands_that_need_none_of_it_do_not_import_it(arguments: tuple[str, ...], stina: Run) -> None:
    stina("db", "migrate")

    modules = imported(*arguments)

    assert not modules & {
        "stina_core.checking",
        "stina_core.comparing",
        "stina_core.planning",
        "stina_core.purging",
        "stina_core.cli.progress",
        "rich",
    }
