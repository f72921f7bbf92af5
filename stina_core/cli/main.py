"""The entry of the `stina` command: runs it, and turns every end into an exit code.

Codes: 0 done; 1 failed, with one line on stderr; 2 wrong usage; 130 interrupted;
141 when nobody reads the output any more, as for every program of a pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from ..errors import StinaError
from .application import application
from .invocation import Invocation
from .output import warn

_COMPLETE = "_STINA_COMPLETE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, those of the process if None, and return the exit code."""
    instruction = os.environ.get(_COMPLETE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(application, {}, "stina", _COMPLETE, instruction)
    _have_streams()
    _show_what_cannot_be_printed()
    invocation = Invocation()
    code = 0
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments), invocation)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
        return 141
    except OSError as error:
        _let_go_of_stdout()
        if code == 0:  # otherwise that was said already
            warn(f"the output could not be written: {error.strerror}")
        return code or 1
    return code


def _run(arguments: list[str], invocation: Invocation) -> int:
    try:
        with application.make_context("stina", arguments, obj=invocation) as context:
            application.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort as error:
        interrupted = isinstance(error.__context__, KeyboardInterrupt)
        warn("interrupted" if interrupted else "stopped: there was no answer")
        return 130 if interrupted else 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        warn("interrupted")
        return 130
    except BrokenPipeError:
        raise
    except StinaError as error:
        _report(error, str(error), invocation)
        return 1
    except Exception as error:  # noqa: BLE001  # the last boundary: a person gets a line, -v the rest
        detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "" if invocation.verbose else " (this should not happen; -v shows where)"
        _report(error, f"{detail}{hint}", invocation)
        return 1
    return 0


def _report(error: Exception, message: str, invocation: Invocation) -> None:
    if invocation.verbose:
        import traceback

        traceback.print_exception(error)
    warn(message)


def _have_streams() -> None:
    """Take the place of streams that were closed before the start: nothing comes in, what is printed goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  # for the rest of the process


def _show_what_cannot_be_printed() -> None:
    """Print a path or text that the locale cannot hold in an escaped form instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    """Give the interpreter, which flushes stdout once more at its end, nothing to fail on."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
