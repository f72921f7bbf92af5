"""The table of applied steps, and the core's own first step, which makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from ..catalog import Check
from ..errors import MigrationError, QueryError
from ..fields import AnyField, AutoIdField, IntegerField, TextField
from ..ids import new_id
from .plan import CORE, Entry
from .steps import Migrations, PluginSteps, Step

if TYPE_CHECKING:
    from ..backends.base import Backend
    from .operations import Operations


def read(backend: Backend) -> list[Entry]:
    """Return the applied steps; an empty list for a file that has no ledger yet. One SELECT."""
    try:
        rows = backend.execute("SELECT plugin, id, checksum FROM stina_ledger")
    except QueryError:
        if "stina_ledger" in backend.ddl.tables():
            raise
        return []
    return [Entry(*row) for row in rows]


def record(backend: Backend, step: Step, version: str, ms: int, at: int) -> None:
    """Add a row for a step that just ran, in the step's own transaction.

    Args:
        version: Of the plugin's distribution.
        ms: How long the step took, in milliseconds.
        at: When it ended, in UTC milliseconds.
    """
    backend.execute(
        "INSERT INTO stina_ledger (plugin, id, checksum, applied_at, ms, sqlite_version, version) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (step.plugin, step.id, step.checksum, at, ms, backend.version, version),
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


def core_steps(version: str) -> PluginSteps:
    """Return the core's own steps: they make every `stina_` table."""
    migrations = Migrations(CORE)

    @migrations.step("0001_core")
    def core(op: Operations) -> None:
        op.create_table(
            "ledger",
            peewee.CompositeKey("plugin", "id"),
            plugin=TextField(),
            id=TextField(),
            checksum=TextField(),
            applied_at=IntegerField(),
            ms=IntegerField(),
            sqlite_version=TextField(),
            version=TextField(),
        )
        op.create_table(
            "change",
            seq=AutoIdField(),
            table=TextField(),
            op=TextField(),
            key=AnyField(null=True),
            data=TextField(null=True),
        )
        op.create_table(
            "feed",
            Check("id = 1", name="single_row"),
            id=IntegerField(primary_key=True),
            epoch=TextField(),
            oldest=IntegerField(default=0),
            schema_epoch=IntegerField(default=0),
            created_at=IntegerField(),
        )
        op.create_table(
            "cursor",
            name=TextField(primary_key=True),
            plugin=TextField(null=True),
            epoch=TextField(),
            seq=IntegerField(),
            holder=TextField(null=True),
            lease_until=IntegerField(null=True),
            updated_at=IntegerField(),
        )
        op.create_table(
            "repair",
            id=AutoIdField(),
            plugin=TextField(index=True),
            table=TextField(),
            key=AnyField(null=True),
            column=TextField(),
            before=AnyField(null=True),
            reason=TextField(),
            at=IntegerField(),
        )
        op.create_table(
            "failure",
            plugin=TextField(primary_key=True),
            step=TextField(null=True),
            reason=TextField(),
            at=IntegerField(),
        )
        op.insert("feed", [{"id": 1, "epoch": new_id()[-12:], "created_at": op.now}])

    return PluginSteps(CORE, version, frozenset(), migrations.steps)
