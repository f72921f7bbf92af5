"""Whether a file and the code that opens it still agree: looked up if nothing changed, else compared."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..backends.following import CAPTURE
from ..catalog import Table
from ..errors import DriftError
from ..log import get_logger
from .code_digest import code_digest
from .ledger import Past, Verified
from .plan import CORE
from .steps import PluginSteps

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..shapes import Shapes
    from .drift import Difference

log = get_logger(__name__)


class Verification:
    """Compares models and steps with one file.

    Args:
        tables: The tables each plugin's models want. A plugin that is not in it has no models.

    Attributes:
        drift: By plugin, the differences found.
    """

    def __init__(
        self, backend: Backend, declared: Sequence[PluginSteps], tables: Mapping[str, Sequence[Table]]
    ) -> None:
        self._backend = backend
        self._declared = declared
        self._tables = tables
        self._fingerprints = {name: fingerprint_of(wanted) for name, wanted in tables.items()}
        self._codes: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
        self._last: tuple[int, Shapes] | None = None  # the schema, at one count of changes
        self.drift: dict[str, list[Difference]] = {}

    def unchanged(self, past: Past) -> set[str]:
        """Return the plugins whose steps are, to the letter, those that ran in this file."""
        return {
            plugin.plugin
            for plugin in self._declared
            if plugin.plugin in past.verified
            and past.verified[plugin.plugin].code == self._code(plugin, past)
        }

    def check(self, plugin: str, found: Shapes, step: str | None, past: Past | None = None) -> None:
        """Compare the models of *plugin* with the whole schema *found*.

        Args:
            step: Its last one, if its steps have just run.
            past: What the file says of itself, if none ran.

        Raises:
            DriftError: it cannot work with what is there.
        """
        if plugin not in self._tables:
            return
        from .drift import compare, drift_message, harmful, of_plugin  # most starts compare nothing

        differences = compare(self._backend.ddl.wanted(self._tables[plugin]), of_plugin(plugin, found))
        if differences:
            self.drift[plugin] = differences
        bad = harmful(differences)
        if bad:
            noted = past.verified.get(plugin) if past is not None else None
            as_noted = noted is not None and noted.fingerprint == self._fingerprints[plugin]
            message = drift_message(plugin, bad, undone=step is not None, as_noted=as_noted)
            raise DriftError(plugin, step, message)
        if not self._is_exact(plugin):
            log.warning("schema.drift", plugin=plugin, extra=[one.name for one in differences])

    def look(self, past: Past, held: Collection[str]) -> dict[str, DriftError]:
        """Check every plugin, but those in *held*, for which the file or the models changed since the last time.

        Returns:
            By plugin, why it cannot work with what is there.
        """
        failed: dict[str, DriftError] = {}
        for plugin in self._declared:
            name = plugin.plugin
            if name in held or past.verified.get(name) == self._as_now(plugin, past):
                continue
            try:
                if name == CORE:
                    self._check_core(plugin, past)
                else:
                    self.check(name, self._found(past), None, past)
            except DriftError as error:
                failed[name] = error
        return failed

    def _check_core(self, core: PluginSteps, past: Past) -> None:
        """The core has no models: its tables must be what its steps made of them."""
        known, now = past.verified.get(CORE), self._as_now(core, past)
        if known is not None and known.code == now.code and known.fingerprint != now.fingerprint:
            raise DriftError(
                CORE,
                None,
                "another program changed the core's own tables (stina_...) in this file. 'stina db check' says "
                "how, and 'stina db restore FILE' brings back a backup. Nothing was changed",
            )

    def outdated(self, past: Past, off: Collection[str]) -> dict[str, Verified]:
        """Return what is to be noted of plugins, but those in *off*, for which nothing else is noted."""
        now = {
            plugin.plugin: self._as_now(plugin, past)
            for plugin in self._declared
            if plugin.plugin not in off and self._is_exact(plugin.plugin)
        }
        return {name: verified for name, verified in now.items() if past.verified.get(name) != verified}

    def _as_now(self, plugin: PluginSteps, past: Past) -> Verified:
        name = plugin.plugin
        code = self._code(plugin, past)
        return Verified(self._fingerprint(name, past), past.schema_version, code)

    def _fingerprint(self, name: str, past: Past) -> str:
        known = past.verified.get(CORE)
        if name != CORE:
            return self._fingerprints.get(name, "")
        if known is not None and known.schema_version == past.schema_version:
            return known.fingerprint
        return core_fingerprint(self._found(past))

    def _found(self, past: Past) -> Shapes:
        version, found = self._last or (None, None)
        if found is None or version != past.schema_version:
            found = self._backend.ddl.found()
            self._last = (past.schema_version, found)
        return found

    def _code(self, plugin: PluginSteps, past: Past) -> str:
        checksums = past.checksums(plugin.plugin)
        key = (plugin.plugin, tuple(checksums.items()))
        if key not in self._codes:
            self._codes[key] = code_digest(
                (step.id, step.run, checksums.get(step.id, "")) for step in plugin.steps
            )
        return self._codes[key]

    def _is_exact(self, plugin: str) -> bool:
        """Whether nothing was found that its models could say: what is extra is looked at again at each start."""
        return not any(one.what in ("column", "table") for one in self.drift.get(plugin, ()))


def fingerprint_of(tables: Sequence[Table]) -> str:
    """Return a digest of what models want, and of how it is captured; equal in every process and on every Python."""
    parts = [str(CAPTURE), *sorted(map(repr, tables))]
    return hashlib.blake2b("".join(parts).encode(), digest_size=8).hexdigest()


def core_fingerprint(found: Shapes) -> str:
    """Return a digest of the core's own tables and indexes as they are in a file."""
    parts = []
    for name, table in sorted(found.tables.items()):
        if name.startswith(f"{CORE}_"):
            rules = (table.columns.items(), table.checks, table.uniques, table.references, table.options)
            parts.append(repr((name, table.key, [sorted(map(repr, one)) for one in rules])))
    for name, index in sorted(found.indexes.items()):
        if name.startswith(f"{CORE}_"):
            parts.append(index.text)
    return hashlib.blake2b("".join(parts).encode(), digest_size=8).hexdigest()
