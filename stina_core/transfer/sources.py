"""Makes of what is imported a store of today's schema, in a private folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends.sqlite import inspection
from ..backends.sqlite.errors import of_system
from ..errors import InvalidValueError, MigrationError, StoreIOError, UnsafeOpenError
from ..opening import OpenDatabase, open_database
from .checks import at, check_outcome
from .contents import rows_of_others, tables_of_others
from .copying import copy_file
from .line_reader import read_export
from .report import SourceKind
from .state_file import LARGEST, is_state, write_database

if TYPE_CHECKING:
    from ..config import StoreConfig
    from ..plugins import Plugins

_MAGIC = b"SQLite format 3\0"
_HEAD = 1 << 20
"""Bytes of the first line that are read to see what a file is."""

_WHAT = (
    "what can be imported is a database of Stina or of the original app, a file that `stina db export` wrote, "
    "and the original's state.json"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A store to import from.

    Attributes:
        unowned: Tables of nobody that hold rows, with their number.
        missing: The same of plugins that are not on, by plugin.
    """

    kind: SourceKind
    opened: OpenDatabase
    unowned: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@contextmanager
def source_of(path: Path, folder: Path, config: StoreConfig, plugins: Plugins) -> Iterator[Source]:
    """Yield a store with what is in the file *path*, which is only read. It is made in *folder*.

    Raises:
        InvalidValueError: it is none of the files that can be imported, or a line of it is wrong.
        SchemaTooNewError, LedgerConflictError, ConfigError: it is from a newer or another program.
        MigrationError: a plugin does not fit it, or failed to adopt it.
        StoreError: it cannot be read, or is damaged.
    """
    copy = copy_config(folder, config)
    kind, document = _kind_of(path)
    left: dict[str, dict[str, int]] = {}
    if kind is SourceKind.EXPORT:
        left = read_export(path, copy, plugins)
    elif kind is SourceKind.STATE:
        write_database(document, str(path), Path(copy.location))
    else:
        copy_file(path, copy.location)
        if inspection.contents(copy.location).ledger is not None:
            kind = SourceKind.STORE
    with opened_source(kind, str(path), copy, plugins) as source:
        yield replace(source, missing={**source.missing, **left})


def copy_config(folder: Path, config: StoreConfig) -> StoreConfig:
    """Return *config* for a copy in *folder*, which nobody but this program sees."""
    return replace(config, path=str(folder / "source.db"), strict=False, synchronous="NORMAL", backups_kept=1)


@contextmanager
def opened_source(kind: SourceKind, path: str, copy: StoreConfig, plugins: Plugins) -> Iterator[Source]:
    """Open the database that *copy* names, made of *path*, as a store: its plugins' steps run.

    Raises:
        MigrationError: not all of them fit it. It is about *path*.
    """
    before = tables_of_others(copy.location, plugins) if Path(copy.location).exists() else ()
    adopting = {table.name for table in before if table.waiting}
    try:
        opened = open_database(copy, plugins)
    except MigrationError as error:
        raise at(path, error) from error
    try:
        check_outcome(opened.outcome, path)
        unowned = {
            table.name: table.rows
            for table in tables_of_others(copy.location, plugins)
            if table.rows and table.name not in adopting
        }
        missing = rows_of_others(copy.location, opened.outcome.past.entries, plugins)
        yield Source(kind, opened, unowned, missing)
    finally:
        opened.backend.close()


def _kind_of(path: Path) -> tuple[SourceKind, Any]:
    """Return what *path* is, and the document in it where it is read as one."""
    try:
        if path.exists() and not path.is_file():
            raise StoreIOError(f"{path} is no ordinary file; name one")
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            if not head and not path.with_name(f"{path.name}-wal").exists():
                raise InvalidValueError(str(path), f"the file is empty; {_WHAT}")
            if head in (_MAGIC, b""):
                return SourceKind.ORIGINAL, None
            first = head + file.readline(_HEAD) if b"\n" not in head else head
            if _is_head(first):
                return SourceKind.EXPORT, None
            file.seek(0)
            content = file.read(LARGEST + 1)
    except InvalidValueError:
        raise
    except UnsafeOpenError:
        return SourceKind.ORIGINAL, None  # a store that this process has open
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise of_system(error, f"{path} cannot be read") from error
        raise StoreIOError(f"{path} cannot be read: {error}") from error
    document = _parsed(content) if len(content) <= LARGEST else None
    if is_state(document):
        return SourceKind.STATE, document
    raise InvalidValueError(str(path), f"{_WHAT}; this file is none of them")


def _is_head(line: bytes) -> bool:
    document = _parsed(line)
    return isinstance(document, dict) and "stina" in document


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
