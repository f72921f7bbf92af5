"""Real processes for tests: started together, awaited with a deadline, never slept for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

DEADLINE = 60.0
"""Seconds after which a test process is killed and the test fails."""

_AT_ONCE = """
import sys
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
"""


def run_python(script: str, *arguments: object, deadline: float = DEADLINE) -> str:
    """Run *script* in a new Python process and return what it printed.

    Raises:
        AssertionError: it ended with another code than 0; its stderr is in the message.
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
        AssertionError: one ended with another code than 0, or the deadline passed.
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
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            output, errors = process.communicate(timeout=deadline)
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
