"""The one place where errors of the SQLite driver become Stina's."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from ...errors import (
    BackendError,
    ConstraintError,
    DiskFullError,
    InvalidValueError,
    QueryError,
    ReadOnlyError,
    StinaError,
    StoreBusyError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreIOError,
)

_KINDS = {
    apsw.SQLITE_CONSTRAINT_UNIQUE: "unique",
    apsw.SQLITE_CONSTRAINT_ROWID: "primary_key",
    apsw.SQLITE_CONSTRAINT_PRIMARYKEY: "primary_key",
    apsw.SQLITE_CONSTRAINT_FOREIGNKEY: "foreign_key",
    apsw.SQLITE_CONSTRAINT_CHECK: "check",
    apsw.SQLITE_CONSTRAINT_NOTNULL: "not_null",
}

_UNNAMED = {
    apsw.SQLITE_CONSTRAINT_FOREIGNKEY: "a row it points to, or that points to it",
    apsw.SQLITE_CONSTRAINT_TRIGGER: "a trigger of the table refuses it",
}
"""What to say where SQLite names neither table nor column; a trigger's own text may hold values."""

MESSAGES: dict[type[apsw.Error], tuple[type[StoreError], str]] = {
    apsw.BusyError: (StoreBusyError, "another program kept the store locked; nothing was written, try again"),
    apsw.LockedError: (StoreBusyError, "the store is locked by a statement still running; try again"),
    apsw.ProtocolError: (StoreBusyError, "too many programs open the store at once; try again"),
    apsw.InterruptError: (StoreBusyError, "the statement took longer than it may and was stopped"),
    apsw.AbortError: (StoreBusyError, "the statement was stopped"),
    apsw.ExecTraceAbort: (StoreBusyError, "the statement was stopped"),
    apsw.CorruptError: (StoreCorruptError, "the file is damaged; stop writing and restore a backup"),
    apsw.NotADBError: (StoreCorruptError, "the file is no SQLite database"),
    apsw.FormatError: (StoreCorruptError, "the file has a format SQLite does not know"),
    apsw.FullError: (DiskFullError, "there is no room left on the disk; nothing was written"),
    apsw.ReadOnlyError: (ReadOnlyError, "the file or its directory may not be written"),
    apsw.PermissionsError: (ReadOnlyError, "this program may not use the file"),
    apsw.AuthError: (ReadOnlyError, "this connection may not do that"),
    apsw.IOError: (StoreIOError, "the operating system reported an error on the file"),
    apsw.CantOpenError: (StoreIOError, "the file could not be opened"),
    apsw.NoLFSError: (StoreIOError, "the file is larger than this system can handle"),
    apsw.EmptyError: (StoreIOError, "the file is empty where it must not be"),
    apsw.SQLError: (QueryError, "the statement does not fit the schema of the file"),
    apsw.SchemaChangeError: (QueryError, "the schema changed while the statement ran; try again"),
    apsw.NotFoundError: (QueryError, "SQLite does not know that operation"),
    apsw.IncompleteExecutionError: (QueryError, "there are more statements than may run at once"),
    apsw.ExecutionCompleteError: (QueryError, "the statement has no more rows"),
    apsw.ConnectionClosedError: (StoreClosedError, "the store was closed"),
    apsw.ConnectionNotClosedError: (StoreClosedError, "the connection is open already"),
    apsw.CursorClosedError: (StoreClosedError, "the store was closed"),
    apsw.ForkingViolationError: (StoreClosedError, "the store belongs to the process before fork()"),
    apsw.InternalError: (BackendError, "SQLite found a fault of its own"),
    apsw.MisuseError: (BackendError, "SQLite was used in a wrong way"),
    apsw.NoMemError: (BackendError, "there is not enough memory"),
    apsw.ThreadingViolationError: (BackendError, "one connection was used by two threads at once"),
    apsw.InvalidContextError: (BackendError, "a SQLite object was used after its time"),
    apsw.ExtensionLoadingError: (BackendError, "an extension could not be loaded"),
    apsw.NoFTS5Error: (BackendError, "this SQLite has no full-text search"),
    apsw.VFSFileClosedError: (BackendError, "the file layer was closed"),
    apsw.VFSNotImplementedError: (BackendError, "the file layer lacks an operation"),
}
"""Every error class of the driver that needs nothing but a class and a sentence."""

_VALUES: dict[type[Exception], str] = {
    apsw.MismatchError: "the value has the wrong type for its column",
    apsw.TooBigError: "the value is larger than SQLite can store",
    apsw.RangeError: "there are more or fewer values than places",
    apsw.BindingsError: "there are more or fewer values than places",
}


FAILURES = (apsw.Error, OverflowError, TypeError, ValueError, BufferError)
"""What the driver can raise: its own errors, and Python's for statements and values it cannot take or give."""

_QUOTED = r"""'((?:[^']|'')*)'|"([^"]*)\""""
_NAMED = r"(?s)((?:no such|unknown|duplicate|ambiguous) [a-z -]+): (.*?)( - should .*)?$"


@contextmanager
def translated(sql: str = "") -> Iterator[None]:
    """Turn whatever the driver raises inside the block, for the statement *sql*, into Stina's errors."""
    try:
        yield
    except StinaError:
        raise
    except FAILURES as error:
        raise translate(error, sql) from error


def translate(error: Exception, sql: str = "") -> StoreError:
    """Return Stina's error for *error*, one of `FAILURES`; the caller raises it `from` the original.

    Messages say what SQLite names (tables, columns, constraints), never values:
    of what SQLite quotes only the parts that stand in *sql* itself are repeated.
    """
    if isinstance(error, apsw.ConstraintError):
        return _constraint(error)
    if type(error) in _VALUES:
        return InvalidValueError("value", _VALUES[type(error)])
    if getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE:
        return DiskFullError(
            "there is no room left on the disk for the store's shared memory; nothing was written"
        )
    if isinstance(error, apsw.Error):
        kind, message = MESSAGES.get(type(error), (BackendError, "SQLite reported an unknown error"))
        return kind(f"{message} ({_detail(error, sql)})")
    if isinstance(error, OverflowError):
        return InvalidValueError("value", "the number does not fit in 64 bits")
    if isinstance(error, UnicodeDecodeError):
        return InvalidValueError("value", "a stored text is not UTF-8; another program wrote it")
    if isinstance(error, UnicodeError):
        return InvalidValueError("value", "the text has half of a character and cannot be stored")
    if isinstance(error, TypeError | BufferError):
        return InvalidValueError("value", "a value of this type cannot be stored")
    return QueryError("the statement is not one that can be run; does it hold a NUL character?")


def of_system(error: OSError, what: str) -> StoreError:
    """Return Stina's error for what the operating system refused; *what* says what did not work."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ReadOnlyError(f"{what}: {error.strerror}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"{what}: {error.strerror}")
    return StoreIOError(f"{what}: {error.strerror or type(error).__name__}")


_A_RULE = {
    "foreign_key": "a foreign key rule",
    "not_null": "a not null rule",
    "primary_key": "a primary key rule",
    "other": "a rule",
}


def _constraint(error: apsw.ConstraintError) -> StoreError:
    code = getattr(error, "extendedresult", 0)
    text = str(error)
    if code == apsw.SQLITE_CONSTRAINT_DATATYPE:
        column = text.rpartition(" in ")[2].rpartition(" column ")[2] or "value"
        return InvalidValueError(column, "the value has the wrong type for its column")
    kind = _KINDS.get(code, "other")
    subject = text.partition("constraint failed: ")[2]
    columns = re.findall(r"([^\s,.]+)\.([^\s,]+)", subject) if kind != "check" else []
    table = columns[0][0] if columns else None
    constraint = ", ".join(column for _, column in columns) or subject or None
    detail = constraint or _UNNAMED.get(code, "SQLite does not say which")
    if table:
        detail = f"{table}: {constraint}"
    return ConstraintError(
        f"the write breaks {_A_RULE.get(kind, f'a {kind} rule')} ({detail}) and was undone",
        kind=kind,
        table=table,
        constraint=constraint,
    )


def _detail(error: apsw.Error, sql: str) -> str:
    if isinstance(error, apsw.SQLError):
        return _without_values(str(error), sql)
    name = apsw.mapping_extended_result_codes.get(getattr(error, "extendedresult", -1))
    return str(name or getattr(error, "result", None) or type(error).__name__)


def _without_values(message: str, sql: str) -> str:
    known = sql.lower()

    def quoted(match: re.Match[str]) -> str:
        inner = match[1] if match[1] is not None else match[2]
        return match[0] if inner.replace("''", "'").lower() in known else f"{match[0][0]}...{match[0][0]}"

    def named(match: re.Match[str]) -> str:
        return match[0] if match[2].strip('"').lower() in known else f"{match[1]}: ..."

    return re.sub(_NAMED, named, re.sub(_QUOTED, quoted, message))  # compiled at the first error
