"""Finding, ordering and loading plugins, each behind its own error boundary."""

from .discovery import Candidate, installed_plugins, local_plugin
from .loading import Plugins, load_plugins
from .plugin import Plugin, PluginState, PluginStatus

__all__ = [
    "Candidate",
    "Plugin",
    "PluginState",
    "PluginStatus",
    "Plugins",
    "installed_plugins",
    "load_plugins",
    "local_plugin",
]
