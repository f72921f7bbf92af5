"""The core's own steps: they make every `stina_` table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from ..catalog import Check, Index
from ..fields import AnyField, AutoIdField, BooleanField, IntegerField, TextField
from ..ids import new_id
from .plan import CORE
from .steps import Migrations, PluginSteps

if TYPE_CHECKING:
    from .operations import Operations


def core_steps(version: str) -> PluginSteps:
    """Return the core's own steps. Append only, as those of every plugin."""
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

    @migrations.step("0002_catalog")
    def catalog(op: Operations) -> None:
        op.add_column("ledger", breaking=BooleanField(default=True))
        op.create_table(
            "catalog",
            plugin=TextField(primary_key=True),
            fingerprint=TextField(),
            schema_version=IntegerField(),
            code=TextField(),
        )

    @migrations.step("0003_feed")
    def feed(op: Operations) -> None:
        op.create_table(
            "conflict",
            id=AutoIdField(),
            table=TextField(),
            key=AnyField(null=True),
        )
        op.create_table(
            "search",
            Index("table", "key", unique=True),
            id=AutoIdField(),
            table=TextField(),
            key=AnyField(),
        )

    return PluginSteps(CORE, version, frozenset(), migrations.steps)
