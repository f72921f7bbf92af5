"""Stina: a plugin-based, local-first, reactive application store on one SQLite file.

Everything public is here. Names are resolved at first use, so that importing
the package costs nothing; plugin authors get the tests' kit from `stina_core.testing`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from peewee import CompositeKey

    from .catalog import Check, Index, Search, Value
    from .changes import Actor, Change, Changes, Cursor, Op
    from .config import StoreConfig
    from .errors import (
        BackendError,
        ConfigError,
        ConstraintError,
        DefinitionError,
        DiskFullError,
        DriftError,
        HookError,
        InvalidValueError,
        LedgerConflictError,
        MigrationError,
        NotFoundError,
        PluginError,
        PluginLoadError,
        PluginUnavailableError,
        QueryError,
        ReadOnlyError,
        ResyncRequiredError,
        SchemaError,
        SchemaTooNewError,
        StepFailedError,
        StinaError,
        StoreBusyError,
        StoreClosedError,
        StoreCorruptError,
        StoreError,
        StoreIOError,
        TransactionError,
        UnsafeOpenError,
    )
    from .feed.consumer import Consumer
    from .feed.observation import Observation
    from .feed.stream import ChangeStream
    from .feed.subscription import Subscription
    from .feed.turn import Via
    from .fields import (
        AutoIdField,
        BlobField,
        BooleanField,
        EnumField,
        FloatField,
        ForeignKeyField,
        IdField,
        IntegerField,
        JsonField,
        TextField,
        TimestampField,
    )
    from .findings import Finding, Severity
    from .hookspecs import Tools, hookimpl
    from .ids import new_id, now
    from .jsontext import JsonLike, JsonValue, check_text
    from .log import get_logger
    from .migrations.old_rows import OldRow
    from .migrations.operations import Operations
    from .migrations.progress import Progress
    from .migrations.retirement import SameColumns
    from .migrations.steps import Migrations
    from .model import Model
    from .plugins import Plugins, PluginState, PluginStatus, installed_plugins, load_plugins, local_plugin
    from .queries import Query, Returning, Write, query, returning, write
    from .repository import Repository
    from .schema import Schema
    from .search.hits import Hit, Snippet
    from .search.index import FullTextIndex
    from .store import Store, open_store
    from .transactions import Snapshot, Transaction
    from .transfer.here import Here

_HOMES = {
    "peewee": ("CompositeKey",),
    ".catalog": ("Check", "Index", "Search", "Value"),
    ".changes": ("Actor", "Change", "Changes", "Cursor", "Op"),
    ".config": ("StoreConfig",),
    ".errors": (
        "BackendError",
        "ConfigError",
        "ConstraintError",
        "DefinitionError",
        "DiskFullError",
        "DriftError",
        "HookError",
        "InvalidValueError",
        "LedgerConflictError",
        "MigrationError",
        "NotFoundError",
        "PluginError",
        "PluginLoadError",
        "PluginUnavailableError",
        "QueryError",
        "ReadOnlyError",
        "ResyncRequiredError",
        "SchemaError",
        "SchemaTooNewError",
        "StepFailedError",
        "StinaError",
        "StoreBusyError",
        "StoreClosedError",
        "StoreCorruptError",
        "StoreError",
        "StoreIOError",
        "TransactionError",
        "UnsafeOpenError",
    ),
    ".feed.consumer": ("Consumer",),
    ".feed.observation": ("Observation",),
    ".feed.stream": ("ChangeStream",),
    ".feed.subscription": ("Subscription",),
    ".feed.turn": ("Via",),
    ".fields": (
        "AutoIdField",
        "BlobField",
        "BooleanField",
        "EnumField",
        "FloatField",
        "ForeignKeyField",
        "IdField",
        "IntegerField",
        "JsonField",
        "TextField",
        "TimestampField",
    ),
    ".findings": ("Finding", "Severity"),
    ".hookspecs": ("Tools", "hookimpl"),
    ".ids": ("new_id", "now"),
    ".jsontext": ("JsonLike", "JsonValue", "check_text"),
    ".log": ("get_logger",),
    ".migrations.old_rows": ("OldRow",),
    ".migrations.operations": ("Operations",),
    ".migrations.progress": ("Progress",),
    ".migrations.retirement": ("SameColumns",),
    ".migrations.steps": ("Migrations",),
    ".model": ("Model",),
    ".plugins": (
        "PluginState",
        "PluginStatus",
        "Plugins",
        "installed_plugins",
        "load_plugins",
        "local_plugin",
    ),
    ".queries": ("Query", "Returning", "Write", "query", "returning", "write"),
    ".repository": ("Repository",),
    ".schema": ("Schema",),
    ".search.hits": ("Hit", "Snippet"),
    ".search.index": ("FullTextIndex",),
    ".store": ("Store", "open_store"),
    ".transactions": ("Snapshot", "Transaction"),
    ".transfer.here": ("Here",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Actor",
    "AutoIdField",
    "BackendError",
    "BlobField",
    "BooleanField",
    "Change",
    "ChangeStream",
    "Changes",
    "Check",
    "CompositeKey",
    "ConfigError",
    "ConstraintError",
    "Consumer",
    "Cursor",
    "DefinitionError",
    "DiskFullError",
    "DriftError",
    "EnumField",
    "Finding",
    "FloatField",
    "ForeignKeyField",
    "FullTextIndex",
    "Here",
    "Hit",
    "HookError",
    "IdField",
    "Index",
    "IntegerField",
    "InvalidValueError",
    "JsonField",
    "JsonLike",
    "JsonValue",
    "LedgerConflictError",
    "MigrationError",
    "Migrations",
    "Model",
    "NotFoundError",
    "Observation",
    "OldRow",
    "Op",
    "Operations",
    "PluginError",
    "PluginLoadError",
    "PluginState",
    "PluginStatus",
    "PluginUnavailableError",
    "Plugins",
    "Progress",
    "Query",
    "QueryError",
    "ReadOnlyError",
    "Repository",
    "ResyncRequiredError",
    "Returning",
    "SameColumns",
    "Schema",
    "SchemaError",
    "SchemaTooNewError",
    "Search",
    "Severity",
    "Snapshot",
    "Snippet",
    "StepFailedError",
    "StinaError",
    "Store",
    "StoreBusyError",
    "StoreClosedError",
    "StoreConfig",
    "StoreCorruptError",
    "StoreError",
    "StoreIOError",
    "Subscription",
    "TextField",
    "TimestampField",
    "Tools",
    "Transaction",
    "TransactionError",
    "UnsafeOpenError",
    "Value",
    "Via",
    "Write",
    "__version__",
    "check_text",
    "get_logger",
    "hookimpl",
    "installed_plugins",
    "load_plugins",
    "local_plugin",
    "new_id",
    "now",
    "open_store",
    "query",
    "returning",
    "write",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'stina_core' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
