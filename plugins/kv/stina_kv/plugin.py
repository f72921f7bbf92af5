"""The hooks of the plugin `kv`."""

from __future__ import annotations

from collections.abc import Iterable

from stina_core import Finding, Migrations, Schema, Store, hookimpl

from . import migrations as steps
from .models import Entry


@hookimpl
def register_schema(schema: Schema) -> None:
    schema.add(Entry, repository="stina_kv.repository:KvRepository")
    schema.adopts("state", "key", "value", "updatedAt")
    schema.adopts("kv", "key", "value")
    schema.merges(Entry, ignoring=("updated_at",))


@hookimpl
def migrate(migrations: Migrations) -> None:
    migrations.step("0001_initial")(steps.initial)
    migrations.step("0002_adopt")(steps.adopt)


@hookimpl
def seed(store: Store, size: int, seed: int) -> None:
    from . import testing

    testing.seed(store, size, seed)


@hookimpl
def check(store: Store) -> Iterable[Finding]:
    from .checks import findings

    return findings(store)
