"""What `stina doctor` looks at in the change feed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..findings import Finding, Severity

if TYPE_CHECKING:
    from .checks import Facts


def capture(facts: Facts) -> Iterator[Finding]:
    """Whether every change of a table that is tracked is written down."""
    for table in facts.uncaptured:
        message = "its triggers for the change feed are not as they should be, so changes may go unnoticed"
        remedy = "the next use of the store mends them, and whoever follows the table reads it anew"
        yield Finding(Severity.WARNING, table, message, remedy)


def consumers(facts: Facts) -> Iterator[Finding]:
    """Whether somebody who follows the feed was away for too long."""
    feed = facts.report.feed
    for one in feed.consumers if feed is not None else ():
        if not one.resumable:
            gone = (
                "the file was restored or reset since" if one.lag is None else "what came after is not kept"
            )
            message = f"cannot go on from its cursor {one.cursor}: {gone}"
            remedy = "the program that runs it has to read anew what it follows"
            if one.name.startswith(("search:", "rebuild:")):
                remedy = "the next search makes the index anew"
            yield Finding(Severity.WARNING, f"consumer {one.name}", message, remedy)
