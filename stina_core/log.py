"""One logger for everything, quiet until a program configures it.

Events are named `noun.past_participle`; facts are keys. Keys in use: `plugin`,
`table`, `step`, `path`, `seq`, `origin`, `ms`, `rows`. Ids, never contents.
structlog costs more to import than everything else together, so it is
imported at the first event, not at the start.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

ROOT = "stina"

logging.getLogger(ROOT).addHandler(logging.NullHandler())  # silent until a program asks


class Logger:
    """A named logger that reaches nobody until a program calls `configure()`."""

    __slots__ = ("_bound", "_standard")

    def __init__(self, name: str) -> None:
        self._standard = logging.getLogger(name)
        self._bound: BoundLogger | None = None

    def debug(self, event: str, **facts: object) -> None:
        """Record what only somebody looking for a fault wants to see."""
        if self._standard.isEnabledFor(logging.DEBUG):
            self._structured().debug(event, **facts)

    def info(self, event: str, **facts: object) -> None:
        """Record one user-visible operation."""
        if self._standard.isEnabledFor(logging.INFO):
            self._structured().info(event, **facts)

    def warning(self, event: str, **facts: object) -> None:
        """Record that something is off and the program goes on."""
        if self._standard.isEnabledFor(logging.WARNING):
            self._structured().warning(event, **facts)

    def exception(self, event: str, **facts: object) -> None:
        """Record the error being handled, at the boundary that swallows it."""
        if self._standard.isEnabledFor(logging.ERROR):
            self._structured().error(event, exc_info=True, **facts)  # .exception() prints it twice

    def _structured(self) -> BoundLogger:
        if self._bound is None:
            import structlog

            self._bound = structlog.wrap_logger(
                self._standard,
                processors=[
                    structlog.stdlib.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info,
                    structlog.processors.KeyValueRenderer(key_order=["event"]),
                ],
                wrapper_class=structlog.stdlib.BoundLogger,
            )
        return self._bound


def get_logger(name: str) -> Logger:
    """Return the logger of the module *name* (`__name__`), below the root `stina`."""
    return Logger(f"{ROOT}.{name}")


def configure(stream: TextIO, level: int = logging.INFO) -> None:
    """Send Stina's log to *stream*. For programs only, never for plugins or libraries.

    *stream* is stderr or a file, never stdout: that belongs to results and protocols.
    """
    handler: logging.StreamHandler[Any] = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger(ROOT)
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    root.propagate = False
