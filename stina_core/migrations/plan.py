"""Which steps a file still needs, and which plugins do not fit it. Pure: no database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..errors import LedgerConflictError, MigrationError, SchemaError, SchemaTooNewError
from .steps import PluginSteps, Step

CORE = "stina"
"""The plugin name of the core's own tables and steps; no other plugin may use it."""


class Entry(NamedTuple):
    """One applied step, as the ledger has it."""

    plugin: str
    id: str
    checksum: str


class Plan(NamedTuple):
    """What opening a file would do.

    Attributes:
        pending: Steps to run, in the order they run.
        refused: Plugins whose past in this file does not fit their steps.
        held: These and all that require one of them, directly or not; no step of theirs runs.
        orphaned: Plugins the file knows and nobody declares; their tables stay.
    """

    pending: Sequence[Step] = ()
    refused: Mapping[str, MigrationError] = {}
    held: frozenset[str] = frozenset()
    orphaned: frozenset[str] = frozenset()


def plan(declared: Sequence[PluginSteps], applied: Sequence[Entry], unchanged: Collection[str] = ()) -> Plan:
    """Compare the declared steps, required plugins first, with the ledger.

    Args:
        unchanged: Plugins whose applied steps are known to be as they were; their checksums are not computed.
    """
    ledger: dict[str, dict[str, str]] = {}
    for entry in applied:
        ledger.setdefault(entry.plugin, {})[entry.id] = entry.checksum
    pending: list[Step] = []
    refused: dict[str, MigrationError] = {}
    held: set[str] = set()
    for plugin in declared:
        done = ledger.get(plugin.plugin, {})
        conflict = _conflict(plugin, done, compare=plugin.plugin not in unchanged)
        if conflict is not None:
            refused[plugin.plugin] = conflict
        if conflict is not None or plugin.requires & held:
            held.add(plugin.plugin)
        else:
            pending += [step for step in plugin.steps if step.id not in done]
    names = {plugin.plugin for plugin in declared}
    return Plan(pending, refused, frozenset(held), frozenset(ledger) - names)


def _conflict(plugin: PluginSteps, done: Mapping[str, str], *, compare: bool) -> MigrationError | None:
    name = plugin.plugin
    known = {step.id: step for step in plugin.steps}
    unknown = sorted(set(done) - set(known))
    if unknown:
        last = max(known, default="")
        if unknown[0][:4] > last[:4]:
            return SchemaTooNewError(
                name,
                unknown[0],
                f"this file was last used by a newer version of {name}: it has step {unknown[0]}, and this "
                f"version ends at {last or 'none'}; update it. The file was not changed",
            )
        return LedgerConflictError(
            name, unknown[0], f"this file has step {unknown[0]} of {name}, which this version does not have"
        )
    for step_id, applied_checksum in sorted(done.items()) if compare else ():
        try:
            changed = known[step_id].checksum != applied_checksum
        except SchemaError as error:
            return LedgerConflictError(name, step_id, str(error))
        if changed:
            return LedgerConflictError(
                name,
                step_id,
                f"step {step_id} of {name} was changed after it ran in this file; put it back as it was "
                "and write a new step for the change",
            )
    late = [step.id for step in plugin.steps if step.id not in done and done and step.id < max(done)]
    if late:
        return LedgerConflictError(
            name,
            late[0],
            f"step {late[0]} of {name} comes before {max(done)}, which already ran; give it a higher number",
        )
    return None
