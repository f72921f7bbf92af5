"""The core's own tables by name: whether a file has those that its ledger says it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import DriftError, LedgerConflictError, MigrationError
from .plan import CORE, Entry

TABLES = {
    "0001_core": frozenset(
        f"{CORE}_{name}" for name in ("ledger", "change", "feed", "cursor", "repair", "failure")
    ),
    "0002_catalog": frozenset({f"{CORE}_catalog"}),
    "0003_feed": frozenset({f"{CORE}_conflict", f"{CORE}_search"}),
}
"""What each of the core's steps makes."""


def misfit(tables: Iterable[str], entries: Iterable[Entry], *, ours: bool) -> MigrationError | None:
    """Return why a file with *tables* cannot be one in which *entries* ran; None if it can.

    Only names are looked at. A file of a newer core is left to those who compare its steps.

    Args:
        entries: The applied steps; none for a file without a ledger.
        ours: Whether the file's header says that it is Stina's.
    """
    there = {name.lower() for name in tables} & frozenset().union(*TABLES.values())
    ran = {entry.id for entry in entries if entry.plugin == CORE}
    if not ran <= TABLES.keys():
        return None
    if not ran and not ours:
        return _taken(sorted(there)) if there else None
    if not ran and f"{CORE}_ledger" in there:
        return changed(f"{CORE}_ledger has lost its rows")
    wanted = frozenset({f"{CORE}_ledger"} if there else ()).union(*(TABLES[step] for step in ran))
    missing = sorted(wanted - there)
    return changed(f"{', '.join(missing)} {_are(missing)} missing") if missing else None


def changed(how: str) -> DriftError:
    """Return what is raised when somebody else changed the core's tables."""
    return DriftError(
        CORE,
        None,
        f"another program changed the core's own tables in this file: {how}. "
        "'stina db restore FILE' brings back a backup. Nothing was changed",
    )


def _taken(names: Sequence[str]) -> LedgerConflictError:
    return LedgerConflictError(
        CORE,
        None,
        f"{', '.join(names)} in this file {_are(names)} another program's, with a name that the core's own "
        "tables have; choose another file, or rename what is there. Nothing was changed",
    )


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
