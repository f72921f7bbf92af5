"""What a person sees on stderr while something takes longer than a second; nothing where it does not."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from .output import warn

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.spinner import Spinner

    from ..migrations.progress import Progress

DELAY = 1.0
"""Seconds of silence."""


class Timer(Protocol):
    """The part of `threading.Timer` that is used here."""

    def start(self) -> None: ...
    def cancel(self) -> None: ...


class Display:
    """One line about what is going on: drawn by rich on a terminal that has it, written once everywhere else.

    It appears by itself after a second, also while nothing calls it: a backup is
    one long call into SQLite.

    Args:
        words: What is going on.
        timer: Makes a timer that calls the function in another thread.
        clock: The time in seconds, for what has elapsed.
    """

    def __init__(
        self,
        words: str,
        *,
        timer: Callable[[float, Callable[[], None]], Timer] = threading.Timer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._words = words
        self._done: int | None = None
        self._total: int | None = None
        self._clock = clock
        self._began = clock()
        self._timer = timer(DELAY, self._appear)
        self._lock = threading.Lock()
        self._ended = False
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to wait for the moment in which it appears."""
        if isinstance(self._timer, threading.Thread):
            self._timer.daemon = True  # it must not outlive an interrupted command
        self._timer.start()

    def stop(self) -> None:
        """Take it off the terminal, or see to it that it never appears. Returns when it is gone."""
        self._ended = True
        self._timer.cancel()
        with self._lock:
            if self._live is not None:
                self._live.stop()

    def tell(self, progress: Progress) -> None:
        """Show another state of a migration; the callback of `open_store()`."""
        words = f"migrating {progress.plugin} {progress.step}" if progress.step else "making a backup"
        words = words if progress.plugin else "waiting for another program that opens or migrates this store"
        if words != self._words or progress.total is not None:  # a tick within a step knows no numbers
            self._done, self._total = progress.done, progress.total
        self._words = words

    def _appear(self) -> None:
        with self._lock:
            if self._ended:
                return
            self._live = self._drawn() if sys.stderr.isatty() else None
            if self._live is None:
                warn(f"{self._words} ...")

    def _drawn(self) -> Live | None:
        try:
            from rich.console import Console
            from rich.live import Live
            from rich.spinner import Spinner
        except ImportError:
            return None
        console = Console(stderr=True)
        if console.is_dumb_terminal:
            return None
        spinner = Spinner("dots")
        live = Live(
            get_renderable=lambda: self._line(spinner),
            console=console,
            transient=True,
            redirect_stdout=False,  # both are the main thread's business
            redirect_stderr=False,
        )
        live.start(refresh=True)
        return live

    def _line(self, spinner: Spinner) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        seconds = int(self._clock() - self._began)
        parts: list[RenderableType] = [spinner, Text(self._words)]
        done, total = self._done, self._total
        if done is not None and total:
            parts += [ProgressBar(total, done, width=30), Text(f"{done:,}/{total:,}")]
        line = Table.grid(padding=(0, 1))
        line.add_row(*parts, Text(f"{seconds // 60}:{seconds % 60:02}"))
        return line


@contextmanager
def waiting(words: str) -> Iterator[Display]:
    """Show *words* while the block runs, if it takes longer than a second; the display is gone at its end."""
    display = Display(words)
    display.start()
    try:
        yield display
    finally:
        display.stop()
