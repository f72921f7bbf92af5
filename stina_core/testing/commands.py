"""Runs the `stina` command as people do, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DEADLINE = 60.0  # seconds


@dataclass(frozen=True)
class CommandResult:
    """How one run of the command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


@dataclass(frozen=True)
class StinaCommand:
    """The command on one store.

    Attributes:
        first: Arguments that come before those of every call, such as a plugin's command.
        env: Variables of the environment, beside those of this process.
    """

    path: Path
    first: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None

    def __call__(self, *arguments: str | bytes | Path, stdin: bytes = b"") -> CommandResult:
        """Run it and wait for its end.

        Raises:
            AssertionError: it printed a traceback, which no input may bring about.
            subprocess.TimeoutExpired: it did not end within a minute.
        """
        command = [sys.executable, "-m", "stina_core", "--db", self.path, *self.first, *arguments]
        ended = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            timeout=_DEADLINE,
            check=False,
            env={**os.environ, **(self.env or {})},
        )
        result = CommandResult(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert "Traceback" not in result.err, result.err
        return result
