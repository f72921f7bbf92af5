"""Real processes for tests: started together, awaited with a deadline, never slept for."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, NoReturn

DEADLINE = 60.0
"""Seconds after which a test process is killed and the test fails."""

_AT_ONCE = """
import sys
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
"""


_TALKING = """
import sys
def say(*words): print(*words, flush=True)
"""


def run_python(script: str, *arguments: object, deadline: float = DEADLINE) -> str:
    """Run *script* in a new Python process and return what it printed.

    Raises:
        AssertionError: it ended with another code than 0, or the deadline passed;
            its stderr so far is in the message.
    """
    return run_together(script, [arguments], deadline=deadline)[0]


def run_together(
    script: str, arguments: Sequence[Sequence[object]], *, deadline: float = DEADLINE
) -> list[str]:
    """Run *script* once per entry of *arguments*, all released at the same moment.

    The processes first start up and import nothing of the script; when all are
    ready, all are let go. `sys.argv[1:]` are their arguments.

    Returns:
        What each printed, in the order of *arguments*.

    Raises:
        AssertionError: one ended with another code than 0, or the deadline passed;
            its stderr so far is in the message.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _AT_ONCE + script, *map(str, one)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in arguments
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        outputs = []
        for process in processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it ended already; what it said of that is read below
                process.stdin.write("go\n")
                process.stdin.flush()
        for process in processes:
            try:
                output, errors = process.communicate(timeout=deadline)
            except subprocess.TimeoutExpired as error:
                _late(deadline, error.stderr or b"")
            assert process.returncode == 0, f"process ended with {process.returncode}:\n{errors}"
            outputs.append(output)
        return outputs
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


class Running:
    """A Python process that a test talks to, line by line; `running_python()` starts it."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes], deadline: float) -> None:
        self.pid = process.pid
        self._process = process
        self._errors = errors
        self._deadline = deadline
        self._read = b""

    def hear(self, wanted: str) -> str:
        """Wait for a line that starts with *wanted* and return what follows it in that line.

        Raises:
            AssertionError: the process ended, or the deadline passed, without one.
        """
        end = time.monotonic() + self._deadline
        while True:
            line, newline, rest = self._read.partition(b"\n")
            if newline:
                self._read = rest
                text = line.decode()
                if text.startswith(wanted):
                    return text.removeprefix(wanted).strip()
                continue
            ready = select.select([self._output], [], [], max(0.0, end - time.monotonic()))[0]
            more = os.read(self._output.fileno(), 65536) if ready else b""
            assert more, f"the process did not say {wanted!r}:\n{self._complaints()}"
            self._read += more

    def say(self, line: str = "go") -> None:
        """Send one line to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; after SIGKILL wait until it is gone."""
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            self._wait()

    def finish(self) -> None:
        """Close its stdin and wait for it to end well.

        Raises:
            AssertionError: it ended with another code than 0, or the deadline passed;
                its stderr so far is in the message.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._wait()
        assert code == 0, f"process ended with {code}:\n{self._complaints()}"

    def _wait(self) -> int:
        try:
            return self._process.wait(self._deadline)
        except subprocess.TimeoutExpired:
            _late(self._deadline, self._complaints())

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _complaints(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


def _late(deadline: float, errors: str | bytes) -> NoReturn:
    text = errors if isinstance(errors, str) else errors.decode(errors="replace")
    raise AssertionError(f"process did not end within {deadline:g} seconds:\n{text}") from None


@contextmanager
def running_python(script: str, *arguments: object, deadline: float = DEADLINE) -> Iterator[Running]:
    """Run *script* in a new Python process beside the block, which talks to it; killed at the end.

    `sys` and `say(line)` are there for the script; it hears with `sys.stdin.readline()`.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-c", _TALKING + script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        try:
            yield Running(process, errors, deadline)
        finally:
            process.kill()
