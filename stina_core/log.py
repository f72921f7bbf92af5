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
    from collections.abc import MutableMapping

    from structlog.stdlib import BoundLogger

ROOT = "stina"

logging.getLogger(ROOT).addHandler(logging.NullHandler())  # silent until a program asks


class Logger:
    """A named logger that reaches nobody until a program calls `configure()`.

    Its records have the facts twice: as text, and, for filters, as the mapping `facts` with the `event` among them.
    """

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

            text_of = structlog.processors.KeyValueRenderer(key_order=["event"])

            def hand_over(
                logger: Any, method: str, facts: MutableMapping[str, Any]
            ) -> tuple[tuple[str], dict[str, Any]]:
                """Make the arguments of the standard logger; whoever shows the record decides on the traceback."""
                exc_info = facts.pop("exc_info", None)
                extra = {"facts": dict(facts)}
                return (text_of(logger, method, facts),), {"exc_info": exc_info, "extra": extra}

            self._bound = structlog.wrap_logger(
                self._standard,
                processors=[
                    structlog.stdlib.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    hand_over,
                ],
                wrapper_class=structlog.stdlib.BoundLogger,
            )
        return self._bound


class _OneLine(logging.Formatter):
    """A record in one line, the traceback as its last fact if it is wanted."""

    def __init__(self, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if self._tracebacks and record.exc_info and record.exc_info[0] is not None:
            text += f" exception={self.formatException(record.exc_info)!r}"
        return text


def get_logger(name: str) -> Logger:
    """Return the logger of the module *name* (`__name__`), below the root `stina`."""
    return Logger(f"{ROOT}.{name}")


def configure(stream: TextIO, level: int = logging.INFO, *, tracebacks: bool = True) -> None:
    """Send Stina's log to *stream*. For programs only, never for plugins or libraries.

    *stream* is stderr or a file, never stdout: that belongs to results and protocols.

    Args:
        tracebacks: Whether a record of an error says where it comes from.
    """
    handler: logging.StreamHandler[Any] = logging.StreamHandler(stream)
    handler.setFormatter(_OneLine(tracebacks))
    root = logging.getLogger(ROOT)
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    root.propagate = False
