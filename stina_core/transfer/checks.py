"""What is refused before anything is imported or exported."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, MigrationError

if TYPE_CHECKING:
    from ..config import StoreConfig
    from ..migrations.engine import Outcome


def file_of(config: StoreConfig) -> str:
    """Return the path of the store; ConfigError if it has none."""
    if config.in_memory:
        raise ConfigError("a store in memory ends with the program; name a file with --db or STINA_DB")
    return config.located(config.location).location  # for one built directly, with a link as its path


def refuse_store(path: Path, store: str, what: str) -> None:
    """Raise ConfigError if *path*, by whatever name, is the file *store* or one that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            if path.samefile(f"{store}{suffix}"):
                raise ConfigError(f"{path} is the store itself, which cannot be {what}; name another file")


def check_outcome(outcome: Outcome, path: str) -> None:
    """Raise why plugins do not fit the file *path*, all in one error of the class of the first.

    Those that only require one of them have no reason of their own.
    """
    failed = list(outcome.failed.values())
    if failed:
        why = "; ".join(f"the plugin {error.plugin!r} does not fit this file: {error}" for error in failed)
        raise at(path, type(failed[0])(failed[0].plugin, failed[0].step, why)) from failed[0]


def at(path: str, error: MigrationError) -> MigrationError:
    """Return *error* with the file it is about."""
    text = str(error)
    return error if path in text else type(error)(error.plugin, error.step, f"{path}: {text}")
