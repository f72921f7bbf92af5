"""One plugin as the core knows it: where it comes from, what it declared, how it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..errors import HookError, PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..migrations.steps import Step
    from ..schema import Schema
    from .hooks import Hook


class PluginState(StrEnum):
    """How a plugin is. Only `ON` ones can be used."""

    ON = "on"
    OFF = "off"
    """Switched off by `--no-plugins` or `STINA_PLUGINS`; nothing of it was imported."""
    FAILED = "failed"
    """Could not be loaded, declared something that is not allowed, or failed in `startup`."""
    BLOCKED = "blocked"
    """Needs a plugin that is not on."""
    QUARANTINED = "quarantined"
    """Its migration failed or does not fit this file; its tables are as they were."""
    MISSING = "missing"
    """Named in `STINA_PLUGINS` and not installed."""


def blocked_by(name: str, state: PluginState) -> str:
    """The reason of a plugin that requires *name*, which is in the *state* it is."""
    return f"needs the plugin {name!r}, which is {state}"


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """What `stina plugins` says of one plugin. `reason` is empty for a plugin that is on."""

    name: str
    distribution: str
    version: str
    state: PluginState
    tables: tuple[str, ...] = ()
    reason: str = ""


@dataclass
class Plugin:
    """One plugin of one `Plugins`.

    Attributes:
        requires: Names of the plugins it requires, those that are not installed left out.
        hooks: Its implementations by hook name.
        error: Why it is not on, if an error is the reason.
    """

    name: str
    distribution: str
    version: str
    requires: frozenset[str] = frozenset()
    state: PluginState = PluginState.ON
    reason: str = ""
    error: PluginError | None = None
    schema: Schema | None = None
    steps: Sequence[Step] = ()
    hooks: dict[str, Hook] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        """Whether it was loaded."""
        return self.state is PluginState.ON

    @property
    def tables(self) -> tuple[str, ...]:
        """Full names of the tables its models declare, sorted."""
        return tuple(sorted(table.name for table in self.schema.tables)) if self.schema else ()

    def fail(self, state: PluginState, reason: str, error: PluginError | None = None) -> None:
        """Take it out of use and take back what it declared."""
        if self.schema is not None:
            self.schema.withdraw()
            self.schema = None
        self.state, self.reason, self.error = state, reason, error
        self.steps = ()
        self.hooks.clear()

    def call(self, hook: str, **context: object) -> Any:
        """Call the plugin's implementation of *hook*, if it has one.

        Raises:
            PluginError: what the plugin itself raised as such, unchanged.
            HookError: anything else it raised, also SystemExit; the original is `__cause__`.
        """
        implementation = self.hooks.get(hook)
        if implementation is None:
            return None
        try:
            return implementation(context)
        except PluginError:
            raise
        except (Exception, SystemExit) as error:
            raise HookError(
                self.name, f"{hook} of the plugin {self.name!r} raised {type(error).__name__}: {error}"
            ) from error

    def status(self, state: PluginState | None = None, reason: str | None = None) -> PluginStatus:
        """Return its status, with another *state* and *reason* where a store gives it one."""
        return PluginStatus(
            self.name,
            self.distribution,
            self.version,
            state or self.state,
            self.tables,
            self.reason if reason is None else reason,
        )
