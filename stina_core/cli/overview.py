"""`stina` alone: what there is and what would happen next, without touching anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..version import __version__
from .documents import count, fail_if_unusable, in_words, next_step, plugin_lines, state
from .invocation import current_invocation
from .output import emit

if TYPE_CHECKING:
    from ..status import StoreReport


def show() -> None:
    """Print the overview."""
    report = current_invocation().inspect()
    emit(report, overview(report))
    fail_if_unusable(report)


def overview(report: StoreReport) -> str:
    """Return *report* as the text of the overview."""
    pairs = [("Stina", __version__), ("Store", report.path), ("", state(report))]
    lines = plugin_lines(report) or ["none are installed"]
    pairs += [("Plugins" if index == 0 else "", line) for index, line in enumerate(lines)]
    if report.orphaned:
        pairs.append(("", f"not installed, but with data in the file: {', '.join(report.orphaned)}"))
    if report.backups:
        newest = report.backups[-1]
        pairs.append(("Backups", f"{len(report.backups)}, the newest of {newest.at} ({newest.reason})"))
    elif report.exists:
        pairs.append(("Backups", "none; 'stina db backup' makes one"))
    repaired = sum(repair.count for repair in report.repairs)
    if repaired:
        pairs.append(("Repairs", f"{count(repaired, 'value')}; 'stina db status --repairs' lists them"))
    again = [one.name for one in report.old_tables if one.written_again]
    if again:
        pairs.append(("Old app", f"has written to {', '.join(again)} again; 'stina db status' says more"))
    pairs.append(("Next", next_step(report)))
    return in_words(pairs)
