"""Loads plugins one by one, so that none can take another, or the program, down."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import PluginError, PluginLoadError, SchemaError
from ..log import get_logger
from ..migrations.code_digest import has_source
from ..migrations.plan import CORE
from ..migrations.steps import Migrations, PluginSteps
from ..repository import Repository
from ..schema import Merging, Schema
from . import hooks
from .discovery import Candidate, in_order, required
from .plugin import Plugin, PluginState, PluginStatus, blocked_by

if TYPE_CHECKING:
    import pluggy

    from ..config import StoreConfig

log = get_logger(__name__)

_NAME = re.compile(r"[a-z][a-z0-9]*")
_RESERVED = {CORE: "is reserved for the core", "sqlite": "is reserved by SQLite"}


class Plugins:
    """The plugins of a program, required ones first: loaded once, used by every store it opens."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = {plugin.name: plugin for plugin in plugins}

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self._plugins.values())

    def __getitem__(self, name: str) -> Plugin:
        return self._plugins[name]

    def __contains__(self, name: object) -> bool:
        return name in self._plugins

    @property
    def on(self) -> list[Plugin]:
        """Those that were loaded, required ones first."""
        return [plugin for plugin in self if plugin.on]

    def steps(self) -> list[PluginSteps]:
        """The migration steps of all that were loaded, required ones first."""
        return [
            PluginSteps(one.name, one.version, one.requires & self._plugins.keys(), one.steps)
            for one in self.on
        ]

    def statuses(self, off: Mapping[str, tuple[PluginState, str]]) -> list[PluginStatus]:
        """How each plugin is, required ones first, where those in *off* cannot be used.

        Whoever requires one of them is blocked; what could not even be loaded keeps its reason.
        """
        found: dict[str, PluginStatus] = {}
        for plugin in self:
            state, reason = plugin.state, plugin.reason
            if plugin.on and plugin.name in off:
                state, reason = off[plugin.name]
            elif plugin.on:
                needs = (found[name] for name in sorted(plugin.requires) if name in found)
                blocker = next((one for one in needs if one.state is not PluginState.ON), None)
                if blocker is not None:
                    state, reason = PluginState.BLOCKED, blocked_by(blocker.name, blocker.state)
            found[plugin.name] = plugin.status(state, reason)
        return list(found.values())

    def owner(self, repository: type[Repository]) -> Plugin | None:
        """The plugin that declared *repository*, or None."""
        names = (repository, f"{repository.__module__}:{repository.__qualname__}")
        for plugin in self.on:
            if plugin.schema is not None and any(name in plugin.schema.repositories for name in names):
                return plugin
        return None


def load_plugins(candidates: Sequence[Candidate], config: StoreConfig) -> Plugins:
    """Load *candidates*: import, check, register, declare. No database is touched.

    A plugin that fails in any of these is off with the reason, everything it
    declared is withdrawn, and so is every plugin that requires it. The others
    are not affected. Plugins that `config.plugins` leaves out are not imported.

    Raises:
        PluginError: only with `config.strict`: the first failure.
    """
    loader = _Loader(candidates, config)
    return loader.load()


class _Loader:
    def __init__(self, candidates: Sequence[Candidate], config: StoreConfig) -> None:
        self._candidates = candidates
        self._config = config
        self._manager: pluggy.PluginManager = hooks.new_manager()
        self._done: dict[str, Plugin] = {}
        self._claims: dict[type[Repository] | str, str] = {}

    def load(self) -> Plugins:
        usable = self._usable()
        ordered, circles = in_order(usable)
        for candidate in usable:
            if candidate.name in circles:
                circle = " and ".join(circles[candidate.name])
                self._fail(self._plugin(candidate), f"the plugins {circle} require each other")
        for candidate in ordered:
            self._load(candidate)
        self._note_missing()
        return Plugins(list(self._done.values()))

    def _usable(self) -> list[Candidate]:
        """Candidates with a name of their own that may be loaded; the others get their reason here."""
        names = Counter(candidate.name for candidate in self._candidates)
        usable = []
        for candidate in self._candidates:
            name = candidate.name
            if self._config.plugins is not None and name not in self._config.plugins:
                self._plugin(candidate).fail(PluginState.OFF, "switched off by --no-plugins or STINA_PLUGINS")
            elif not _NAME.fullmatch(name) or name in _RESERVED:
                why = _RESERVED.get(name, "must be lower case letters and digits")
                self._fail(self._plugin(candidate), f"the plugin name {name!r} {why}; rename its entry point")
            elif names[name] == 1:
                usable.append(candidate)
            elif name not in self._done:
                both = " and ".join(sorted(one.distribution for one in self._candidates if one.name == name))
                plugin = Plugin(name, both, candidate.version)
                self._fail(plugin, f"the distributions {both} both bring a plugin {name!r}; uninstall one")
        return usable

    def _load(self, candidate: Candidate) -> None:
        plugin = self._plugin(candidate)
        blocker = next((name for name in sorted(plugin.requires) if not self._done[name].on), None)
        if blocker is not None:
            log.warning("plugin.blocked", plugin=plugin.name, needs=blocker)
            plugin.fail(PluginState.BLOCKED, blocked_by(blocker, self._done[blocker].state))
            return
        try:
            self._prepare(plugin, candidate)
        except PluginError as error:
            if self._manager.has_plugin(plugin.name):
                self._manager.unregister(name=plugin.name)
            self._fail(plugin, str(error), error)

    def _prepare(self, plugin: Plugin, candidate: Candidate) -> None:
        target = self._import(candidate)
        try:
            plugin.hooks = hooks.read(self._manager, plugin.name, target)
            self._declare(plugin)
        except PluginError:
            raise
        except Exception as error:
            raise PluginLoadError(
                plugin.name, f"the plugin {plugin.name!r} cannot be read: {type(error).__name__}: {error}"
            ) from error

    def _import(self, candidate: Candidate) -> object:
        try:
            return candidate.load()
        except (Exception, SystemExit) as error:
            raise PluginLoadError(
                candidate.name,
                f"the plugin {candidate.name!r} cannot be imported: {type(error).__name__}: {error}",
            ) from error

    def _declare(self, plugin: Plugin) -> None:
        plugin.schema = Schema(plugin.name, plugin.requires)
        migrations = Migrations(plugin.name, plugin.requires)
        plugin.call("register_schema", schema=plugin.schema)
        plugin.call("migrate", migrations=migrations)
        for repository in plugin.schema.repositories:
            self._check_repository(plugin.name, repository)
        for merging in plugin.schema.merging.values():
            self._check_merging(plugin.name, merging)
        for step in migrations.steps:
            if not has_source(step.run):
                raise PluginLoadError(
                    plugin.name,
                    f"the source of step {step} cannot be read; a step's checksum is made from it",
                )
        plugin.steps = tuple(migrations.steps)
        self._claims.update(dict.fromkeys(plugin.schema.repositories, plugin.name))

    def _check_repository(self, plugin: str, repository: type[Repository] | str) -> None:
        found: object = repository
        if isinstance(repository, str):
            found = self._at(plugin, repository, "a repository", "Class")
        if not isinstance(found, str) and not (isinstance(found, type) and issubclass(found, Repository)):
            raise SchemaError(
                plugin, f"{repository!r} is no stina_core.Repository; derive it from Repository"
            )
        other = self._claims.get(repository)
        if other is not None:
            name = repository if isinstance(repository, str) else repository.__name__
            raise SchemaError(plugin, f"{name} was declared by the plugin {other!r}; {plugin!r} wants it too")

    def _check_merging(self, plugin: str, merging: Merging) -> None:
        found: object = merging.using
        if isinstance(found, str):
            found = self._at(plugin, found, "a function for merging", "function")
        if found is not None and not isinstance(found, str) and not callable(found):
            raise SchemaError(plugin, f"{merging.using!r} cannot be called; rows are merged by a function")

    def _at(self, plugin: str, place: str, what: str, form: str) -> object:
        """Return what is at *place*, in strict mode; else *place* itself, if it has the form of one."""
        module, colon, name = place.partition(":")
        if not colon or not all(part.isidentifier() for part in [*module.split("."), name]):
            raise SchemaError(
                plugin, f"{place!r} is no place of {what}; it is written 'package.module:{form}'"
            )
        if not self._config.strict:
            return place
        try:
            return getattr(import_module(module), name)
        except (Exception, SystemExit) as error:
            raise SchemaError(
                plugin, f"{place} cannot be imported: {type(error).__name__}: {error}"
            ) from error

    def _plugin(self, candidate: Candidate) -> Plugin:
        requires = required(candidate, self._candidates)
        plugin = Plugin(candidate.name, candidate.distribution, candidate.version, frozenset(requires))
        self._done[plugin.name] = plugin
        return plugin

    def _fail(self, plugin: Plugin, reason: str, error: PluginError | None = None) -> None:
        error = error or PluginLoadError(plugin.name, reason)
        if self._config.strict:
            if plugin.schema is not None:
                plugin.schema.withdraw()
            raise error
        log.warning("plugin.failed", plugin=plugin.name, error=type(error).__name__)
        plugin.fail(PluginState.FAILED, reason, error)
        self._done[plugin.name] = plugin

    def _note_missing(self) -> None:
        for name in sorted(self._config.plugins or ()):
            if name not in self._done:
                plugin = Plugin(name, "", "")
                reason = "named in STINA_PLUGINS, but not installed"
                if self._config.strict:
                    raise PluginLoadError(name, f"the plugin {name!r} is {reason}")
                plugin.fail(PluginState.MISSING, reason)
                self._done[name] = plugin
