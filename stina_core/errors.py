"""Every error Stina raises on purpose.

    StinaError
    ├── ConfigError
    ├── DefinitionError            a table definition in a step or model breaks a rule
    ├── PluginError                .plugin
    │   ├── PluginLoadError        its entry point failed to load, or declares what it must not
    │   ├── SchemaError            a declaration breaks a rule or collides; names both sides
    │   ├── HookError              a hook raised; the cause is `__cause__`
    │   └── PluginUnavailableError also LookupError; asked for a plugin that is missing or off
    ├── MigrationError             .plugin .step
    │   ├── StepFailedError        a step raised and was rolled back; see `__cause__`
    │   ├── LedgerConflictError    an applied step changed, vanished, or a late one slipped in
    │   ├── SchemaTooNewError      the file was written by newer code
    │   └── DriftError             the file's catalog is not what the steps made
    └── StoreError
        ├── NotFoundError          also LookupError; .table .key
        ├── InvalidValueError      also ValueError; .field
        ├── ConstraintError        .kind .table .constraint
        ├── StoreBusyError         also TimeoutError; nothing was written, safe to retry
        ├── StoreClosedError
        ├── StoreCorruptError      stop writing; restore a backup
        ├── StoreIOError           the file could not be opened, read or written
        ├── DiskFullError
        ├── ReadOnlyError
        ├── QueryError             the statement does not fit the file's schema
        ├── TransactionError       a transaction was used in a way that could lose data
        ├── UnsafeOpenError        also PermissionError; a raw open of a live store was stopped
        ├── BackendError           a fault inside the database library
        └── ResyncRequiredError    .reason .oldest

`StinaError`, and the bases `PluginError`, `MigrationError` and `StoreError`, are
for `except` clauses; what is raised is always one of the leaves. An error of the
database driver is kept as `__cause__`. Messages carry ids and names, never contents.
"""

from __future__ import annotations


class StinaError(Exception):
    """Base of everything Stina raises on purpose."""


class ConfigError(StinaError):
    """A setting, path or environment variable cannot be used as it is."""


class DefinitionError(StinaError):
    """A definition of a table, field or index breaks a rule of the schema.

    Raised inside a step by its operations; from outside it is seen as the cause of
    StepFailedError or SchemaError, which name the plugin.
    """


class PluginError(StinaError):
    """Base of the errors that one plugin caused."""

    def __init__(self, plugin: str, message: str) -> None:
        super().__init__(message)
        self.plugin = plugin


class PluginLoadError(PluginError):
    """An entry point failed to import, or what it points to is no usable plugin."""


class SchemaError(PluginError):
    """A declaration breaks a schema rule or collides with another one."""


class HookError(PluginError):
    """A plugin's hook raised; the original error is `__cause__`."""


class PluginUnavailableError(PluginError, LookupError):
    """The repository asked for belongs to a plugin that is not there or is off."""


class MigrationError(StinaError):
    """Base of the errors that stop a step, a plugin's steps or a whole file."""

    def __init__(self, plugin: str, step: str | None, message: str) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.step = step


class StepFailedError(MigrationError):
    """A step raised and was rolled back; the original error is `__cause__`."""


class LedgerConflictError(MigrationError):
    """The ledger and the declared steps disagree about the past."""


class SchemaTooNewError(MigrationError):
    """The file holds steps this code does not know: it was written by a newer version."""


class DriftError(MigrationError):
    """The file's catalog differs from what the applied steps must have made."""


class StoreError(StinaError):
    """Base of the errors that reading and writing can meet."""


class NotFoundError(StoreError, LookupError):
    """No row has the key asked for."""

    def __init__(self, table: str, key: object) -> None:
        super().__init__(f"{table} has no row {key!r}" if key is not None else f"{table} has no such row")
        self.table = table
        self.key = key


class InvalidValueError(StoreError, ValueError):
    """A value cannot be stored, or a stored value cannot be read, as what it should be."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class ConstraintError(StoreError):
    """A write broke a rule of the schema and was undone.

    Attributes:
        kind: `unique`, `primary_key`, `foreign_key`, `check`, `not_null` or `other`.
        table: The table, where SQLite names it.
        constraint: The columns or the name of the CHECK, where SQLite names them.
    """

    def __init__(self, message: str, *, kind: str, table: str | None, constraint: str | None) -> None:
        super().__init__(message)
        self.kind = kind
        self.table = table
        self.constraint = constraint


class StoreBusyError(StoreError, TimeoutError):
    """Another process or thread kept the lock for the whole timeout. Nothing was written."""


class StoreClosedError(StoreError):
    """The store was closed, or never opened, in this process."""


class StoreCorruptError(StoreError):
    """The file is damaged or is no database. Stop writing and restore a backup."""


class StoreIOError(StoreError):
    """The operating system could not open, read or write the file."""


class DiskFullError(StoreError):
    """There was no room for the write. It was undone; what was there before still is."""


class ReadOnlyError(StoreError):
    """The store, the file or its directory may not be written."""


class QueryError(StoreError):
    """The statement does not fit the file's schema, or is no SQL."""


class TransactionError(StoreError):
    """A transaction was used in a way that could lose data; it was stopped."""


class UnsafeOpenError(StoreError, PermissionError):
    """Opening a live store's file past its own SQLite library was stopped.

    Closing any other handle of the file in this process cancels SQLite's locks,
    and another process then overwrites committed data (measured: 19 of 20 rows lost).
    """


class BackendError(StoreError):
    """A fault inside the database library that no other class describes. Please report it."""


class ResyncRequiredError(StoreError):
    """A cursor can no longer be resumed; take a snapshot and continue from its cursor.

    Attributes:
        reason: `pruned`, `restored` or `replaced`.
        oldest: The oldest cursor that can still be resumed, if there is one.
    """

    def __init__(self, message: str, *, reason: str, oldest: object | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.oldest = oldest
