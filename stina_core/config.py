"""Where a store is and how it behaves. The only reader of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from .errors import ConfigError

MEMORY = ":memory:"

Synchronous = Literal["FULL", "NORMAL"]


class Settings(TypedDict, total=False):
    """What `StoreConfig.from_env()` takes by name: the fields of `StoreConfig`, without the path."""

    home: Path | None
    plugins: frozenset[str] | None
    strict: bool
    origin: str
    synchronous: Synchronous
    busy_timeout: float
    backups_kept: int


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """The settings of one store. `StoreConfig.from_env()` is what programs start from.

    One that is built directly takes nothing from the environment but the
    location (`STINA_DB`, `STINA_HOME`), and that only where none is given.
    """

    path: str | None = None
    """The database file or `:memory:`. None: `STINA_DB`, else `stina.db` in `home`.
    Once decided it is absolute and without links, so that a file has one lock and one set of backups."""

    home: Path | None = None
    """The directory of the default file. None: `STINA_HOME`, else `~/.stina`."""

    plugins: frozenset[str] | None = None
    """Names of the plugins that may load. None: all that are installed."""

    strict: bool = False
    """Raise what a plugin does wrong instead of switching the plugin off."""

    origin: str = "python"
    """The program's name, as other programs see it in the change feed."""

    synchronous: Synchronous = "FULL"
    """FULL: an acknowledged write survives a power cut. NORMAL: it survives a crash
    of the process, and a power cut may take the last ones; twice as fast."""

    busy_timeout: float = 5.0
    """Seconds to wait for another writer before StoreBusyError."""

    backups_kept: int = 5
    """How many automatic backups of one reason are kept; those made by hand all are."""

    def __post_init__(self) -> None:
        if self.synchronous not in ("FULL", "NORMAL"):
            raise ConfigError(f"synchronous is {self.synchronous!r}; it must be 'FULL' or 'NORMAL'")
        if not 0 <= self.busy_timeout <= 3600:
            raise ConfigError(f"busy_timeout is {self.busy_timeout!r}; it must be 0 to 3600 seconds")
        if not self.origin or not self.origin.isprintable() or len(self.origin) > 200:
            raise ConfigError(f"origin is {self.origin!r}; it must be 1 to 200 characters that can be seen")
        if self.backups_kept < 1:
            raise ConfigError(f"backups_kept is {self.backups_kept!r}; it must be 1 or more")
        if self.path is not None and not str(self.path).strip():
            raise ConfigError("the database path is empty; leave it out to use the default file")

    @classmethod
    def from_env(
        cls, path: str | os.PathLike[str] | None = None, **settings: Unpack[Settings]
    ) -> StoreConfig:
        """Read `STINA_DB`, `STINA_HOME`, `STINA_PLUGINS` and `STINA_STRICT`.

        Args:
            path: Takes the place of `STINA_DB`.
            settings: Fields of this class, each in the place of what the environment says:
                `StoreConfig.from_env(origin="tui")`.

        Raises:
            ConfigError: a variable holds something that cannot be used, or a setting does.
        """
        found: Settings = {"plugins": _plugins_from_env(), "strict": _flag("STINA_STRICT")}
        return cls(**(found | settings)).located(path)

    def located(self, path: str | os.PathLike[str] | None = None) -> StoreConfig:
        """Return these settings with `path` decided: argument, then own, then environment, then home.

        Raises:
            ConfigError: there can be no such path.
        """
        given = path if path is not None else (self.path or os.environ.get("STINA_DB"))
        chosen = os.fsdecode(given) if given is not None else None
        if chosen is not None and not chosen.strip():
            raise ConfigError("the database path is empty; leave it out to use the default file")
        if chosen == MEMORY:
            return replace(self, path=MEMORY)
        return replace(self, path=_real(chosen) if chosen is not None else self._default())

    def _default(self) -> str:
        home = self.home or os.environ.get("STINA_HOME") or "~/.stina"
        return _real(str(Path(home, "stina.db")))

    @property
    def location(self) -> str:
        """The decided path; ConfigError if `located()` was not called yet."""
        if self.path is None:
            raise ConfigError("this configuration has no path yet; call located() on it")
        return self.path

    @property
    def in_memory(self) -> bool:
        """Whether the store lives in this process's memory only."""
        return self.path == MEMORY


def _real(path: str) -> str:
    """Return *path* absolute and with every link followed, also where nothing is yet."""
    _check_text(path)
    if "\0" in path:
        raise ConfigError(f"{path!r} cannot be a path: it holds a NUL character")
    try:
        real = os.path.realpath(Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigError(
            f"{path!r} names a home directory that is not there; set STINA_HOME or STINA_DB"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path!r} cannot be found from here: {error.strerror}") from error
    _check_text(real)  # a link, the home or the working directory may have brought in anything
    return real


def _check_text(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{path!r} cannot be a path here: SQLite's are UTF-8; choose another") from error


def _plugins_from_env() -> frozenset[str] | None:
    text = os.environ.get("STINA_PLUGINS")
    if text is None:
        return None
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _flag(name: str) -> bool:
    text = os.environ.get(name, "").strip().lower()
    if text in ("", "0", "false", "no"):
        return False
    if text in ("1", "true", "yes"):
        return True
    raise ConfigError(f"{name} is {text!r}; set it to 1 or 0")
