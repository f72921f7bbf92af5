"""Example data: every plugin's `seed` hook, each in a transaction of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import PluginError
from .log import get_logger
from .plugins import Plugins, PluginState

if TYPE_CHECKING:
    from .store import Store

log = get_logger(__name__)

SIZES = {"small": 1, "realistic": 50, "large": 2500}
"""Scales by name: tens of rows, what a person has after a year, and a hundred thousand messages."""


def seed(store: Store, plugins: Plugins, size: int, number: int) -> dict[str, PluginError | None]:
    """Write example data of the scale *size* for every plugin that is on and has some.

    The same plugins, size and number write the same data, ids and times of writing apart.

    Args:
        plugins: Those that *store* was opened with.
        number: Decides the content.

    Returns:
        By plugin, in dependency order, the error it raised: then nothing of it was written.
    """
    done: dict[str, PluginError | None] = {}
    for status in store.plugins:
        plugin = plugins[status.name]
        if status.state is not PluginState.ON or "seed" not in plugin.hooks:
            continue
        try:
            with store.transaction():
                plugin.call("seed", store=store, size=size, seed=number)
            done[plugin.name] = None
        except PluginError as error:
            log.exception("hook.failed", plugin=plugin.name, hook="seed")
            done[plugin.name] = error
    return done
