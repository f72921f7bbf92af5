"""The table of applied steps, and what else a file says of its own schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import DriftError, LedgerConflictError, MigrationError, QueryError
from .core_tables import TABLES, changed, misfit
from .plan import CORE, Entry
from .steps import Step

if TYPE_CHECKING:
    from ..backends.base import Backend, Row


class Verified(NamedTuple):
    """When a plugin's tables were last found to be what its models want.

    Attributes:
        fingerprint: Of the models' tables.
        schema_version: SQLite's count of schema changes of the file.
        code: Digest of its steps as they were compiled, and of the checksums in the ledger.
    """

    fingerprint: str
    schema_version: int
    code: str


class Past(NamedTuple):
    """What a file says of itself.

    Attributes:
        entries: The applied steps; none for a file that has no ledger yet.
        verified: By plugin.
        schema_version: What it is now.
        epoch: What changes whenever the file gets another schema, by steps or by being replaced.
    """

    entries: Sequence[Entry] = ()
    verified: Mapping[str, Verified] = {}
    schema_version: int = 0
    epoch: tuple[str, int] = ("", 0)

    def checksums(self, plugin: str) -> dict[str, str]:
        """The checksums of the applied steps of *plugin*, by id."""
        return {entry.id: entry.checksum for entry in self.entries if entry.plugin == plugin}


def read(backend: Backend) -> Past:
    """Return what the file says of itself. One SELECT, on a file that this version has opened before.

    Raises:
        DriftError: another program took away or changed one of the core's tables.
        LedgerConflictError: the file has a table of another program where one of the core's goes.
    """
    try:
        rows = backend.execute(_PAST)
    except QueryError:
        rows = _partly(backend)
    else:
        if all(row[0] != "step" for row in rows):
            rows = _partly(backend)  # which says that somebody emptied it
    by_kind: dict[str, list[Row]] = {"step": [], "verified": [], "schema": [(0,)], "feed": []}
    for kind, *row in rows:
        by_kind[kind].append(tuple(row))
    return Past(
        [Entry(*row[:3]) for row in by_kind["step"]],
        {row[0]: Verified(*row[1:]) for row in by_kind["verified"]},
        by_kind["schema"][-1][0],
        (by_kind["feed"] or [("", 0)])[0][:2],
    )


def _partly(backend: Backend) -> list[Row]:
    """Read what there is of it in a file that is new, from before there was a stina_catalog, or broken."""
    tables = backend.ddl.tables()
    rows = _older(backend) if "stina_ledger" in tables else []
    entries = [Entry(*row[1:4]) for row in rows]
    ours = backend.read("SELECT application_id FROM pragma_application_id")[0][0] != 0
    wrong = misfit(tables, entries, ours=ours)
    if wrong is not None:
        raise wrong
    if {entry.id for entry in entries if entry.plugin == CORE} == TABLES.keys():
        raise changed("a column is missing")  # all tables are there, and could not be read
    return rows


def _older(backend: Backend) -> list[Row]:
    try:
        return backend.execute(_STEPS)
    except QueryError as error:
        raise LedgerConflictError(
            CORE,
            None,
            "this file has a table stina_ledger that Stina did not make; choose another file, or rename that table",
        ) from error


_STEPS = "SELECT 'step', plugin, id, checksum, NULL FROM stina_ledger"
_PAST = (
    f"{_STEPS} UNION ALL SELECT 'verified', plugin, fingerprint, schema_version, code FROM stina_catalog "
    "UNION ALL SELECT 'schema', schema_version, NULL, NULL, NULL FROM pragma_schema_version "
    "UNION ALL SELECT 'feed', epoch, schema_epoch, NULL, NULL FROM stina_feed"
)


def verify(backend: Backend, verified: Mapping[str, Verified]) -> None:
    """Note what was found of these plugins, for the schema as it is now."""
    for plugin, one in verified.items():
        backend.execute(
            "INSERT INTO stina_catalog (plugin, fingerprint, schema_version, code) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (plugin) DO UPDATE SET fingerprint = excluded.fingerprint, "
            "schema_version = excluded.schema_version, code = excluded.code",
            (plugin, one.fingerprint, one.schema_version, one.code),
        )


def feed_state(backend: Backend) -> tuple[tuple[str, int], int, int]:
    """Return `Past.epoch` alone, and how far the log of changes reaches: the oldest and the newest number.

    Raises:
        DriftError: another program emptied the core's tables.
    """
    rows = backend.read(
        "SELECT epoch, schema_epoch, oldest, (SELECT max(seq) FROM stina_change) FROM stina_feed"
    )
    if len(rows) != 1:
        raise DriftError(
            CORE,
            None,
            f"the core's table stina_feed has {len(rows)} rows instead of one: another program changed it; "
            "'stina db restore FILE' brings back a backup",
        )
    epoch, schema_epoch, oldest, newest = rows[0]
    return (epoch, schema_epoch), oldest, newest or 0


def fingerprints(backend: Backend) -> dict[str, str]:
    """Return the fingerprint of the models that each plugin's tables were last found to fit."""
    return dict(backend.execute("SELECT plugin, fingerprint FROM stina_catalog"))


def breaking(backend: Backend) -> set[tuple[str, str]]:
    """Return the applied steps after which programs that do not know them must stop writing."""
    return {
        (plugin, id) for plugin, id in backend.execute("SELECT plugin, id FROM stina_ledger WHERE breaking")
    }


def begin_epoch(backend: Backend) -> None:
    """Tell programs that have the file open that its schema is another one."""
    backend.execute("UPDATE stina_feed SET schema_epoch = schema_epoch + 1")


class Applied(NamedTuple):
    """A step that has just run.

    Attributes:
        ms: How long it took.
        at: When it ended, in UTC milliseconds.
        breaking: Whether programs that do not know it must stop writing.
    """

    step: Step
    ms: int
    at: int
    breaking: bool


def record(backend: Backend, version: str, applied: Iterable[Applied]) -> None:
    """Add a row for each step, in the steps' own transaction; *version* is that of the plugin's distribution."""
    backend.execute_many(
        "INSERT INTO stina_ledger (plugin, id, checksum, applied_at, ms, sqlite_version, version, breaking) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.step.plugin,
                one.step.id,
                one.step.checksum,
                one.at,
                one.ms,
                backend.version,
                version,
                int(one.breaking),
            )
            for one in applied
        ],
    )


def record_failure(backend: Backend, error: MigrationError, at: int) -> None:
    """Note why a plugin's steps were undone, so that reports can say so without trying them again."""
    clear_failure(backend, error.plugin)
    backend.execute(
        "INSERT INTO stina_failure (plugin, step, reason, at) VALUES (?, ?, ?, ?)",
        (error.plugin, error.step, str(error), at),
    )


def clear_failure(backend: Backend, plugin: str) -> None:
    """Forget an earlier failure of a plugin whose steps have run now."""
    backend.execute("DELETE FROM stina_failure WHERE plugin = ?", (plugin,))
