"""Whether a store's file is as its plugins and the core need it: what `stina db check` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from .backends.sqlite import inspection
from .comparing import Deviation, deviations, file_schema, wanted_schema
from .config import MEMORY, StoreConfig
from .errors import QueryError, StoreCorruptError
from .migrations.drift import Difference, compare, harmful, of_plugin
from .migrations.plan import CORE
from .opening import open_database
from .plugins import Plugins, PluginState
from .shapes import Shapes
from .status import SchemaState, StoreReport, inspect


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """One store held against what it should be; its fields are what `stina db check --json` prints.

    Attributes:
        differences: Between the file and the models of its plugins, or the core's own tables.
        foreign_keys: By table, how many rows point to nothing.
        integrity: `ok`, or SQLite's first complaint; None where nothing could be checked.
        orphaned: Plugins that have data in the file and are not installed.
        unowned: Tables and views that belong to nobody; the original app left some.
        pending: Steps that have not run yet, as `plugin/step`.
        skipped: Plugins that were not compared, with the reason.
        advice: By plugin, where its differences come from and what to do.
        faults: What of all this is harmful, in a few words each.
    """

    path: str
    state: SchemaState
    differences: tuple[Deviation, ...] = ()
    foreign_keys: Mapping[str, int] = field(default_factory=dict)
    integrity: str | None = None
    orphaned: tuple[str, ...] = ()
    unowned: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    advice: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def check(config: StoreConfig, plugins: Plugins) -> SchemaCheck:
    """Check the store that *config*, with its path decided, names. It is only read, and no step runs in it.

    Each plugin's tables are held against its models, and the core's against what
    its steps make. Reads the whole file.

    Raises:
        StoreError: the file changed under the check in a way that it could not be read any more.
    """
    report = inspect(config, plugins)
    result = SchemaCheck(
        report.path,
        report.schema.state,
        orphaned=report.orphaned,
        pending=report.pending,
        skipped=_skipped(report),
    )
    if report.usable:
        made = _Made(config, plugins)
        result = replace(result, skipped={**result.skipped, **_unmade(report, plugins, made)})
        if report.exists:
            result = _compared(result, report, plugins, made)
    return replace(result, faults=tuple(_faults(result, report)))


def core_differences(config: StoreConfig, report: StoreReport) -> tuple[Deviation, ...]:
    """Return how the core's own tables in the file that *report* is about differ from what its steps make."""
    if not (report.usable and report.exists):
        return ()
    made = _Made(config, Plugins([]))
    return tuple(deviations({CORE: _core(report, made, file_schema(report.path))}))


def _core(report: StoreReport, made: _Made, shapes: Shapes) -> list[Difference]:
    return [] if _is_pending(report, CORE) else compare(of_plugin(CORE, made.shapes), of_plugin(CORE, shapes))


def _compared(result: SchemaCheck, report: StoreReport, plugins: Plugins, made: _Made) -> SchemaCheck:
    shapes = file_schema(report.path)
    core = _core(report, made, shapes)
    integrity, foreign_keys = _structure(report.path)
    advice: dict[str, tuple[str, ...]] = {CORE: (_CHANGED.format(CORE),)} if harmful(core) else {}
    for name in dict.fromkeys(one.plugin for one in report.differences):
        if name in made.by:
            advice[name] = tuple(_causes(plugins, name, shapes, made.shapes))
    return replace(
        result,
        differences=(*deviations({CORE: core}), *report.differences),
        foreign_keys=foreign_keys,
        integrity=integrity,
        unowned=_unowned(shapes, report, plugins),
        advice=advice,
    )


def _faults(result: SchemaCheck, report: StoreReport) -> Iterator[str]:
    if report.schema.reason:
        yield report.schema.reason
    if result.integrity not in ("ok", None):
        yield "the file is damaged"
    bad = [one.plugin for one in result.differences if one.harmful]
    for name in dict.fromkeys(bad):
        number = bad.count(name)
        yield f"{number} object{'s' if number > 1 else ''} of {name} not as wanted"
    for table in result.foreign_keys:
        yield f"rows of {table} point to nothing"
    for plugin in report.plugins:
        if plugin.state is PluginState.ON:
            if result.skipped.get(plugin.name, _WAITS) != _WAITS:
                yield f"{plugin.name} would be off"
        elif plugin.state is not PluginState.OFF and plugin.name not in bad:
            refused = plugin.state is PluginState.QUARANTINED and not _is_pending(report, plugin.name)
            yield f"{plugin.name} {'does not fit the file' if refused else f'is off ({plugin.state})'}"


class _Made:
    """What the steps of the core and of all plugins make, on an empty store.

    Attributes:
        by: Plugins whose steps all ran there.
        failed: Why those of the others did not.
    """

    def __init__(self, config: StoreConfig, plugins: Plugins) -> None:
        without_models = [
            replace(plugin, schema=None) for plugin in plugins
        ]  # or what differs would be undone
        opened = open_database(replace(config, path=MEMORY), Plugins(without_models))
        try:
            self.shapes = opened.backend.ddl.found()
        finally:
            opened.backend.close()
        self.by = {step.plugin for step in opened.outcome.applied}
        self.failed = {name: str(error) for name, error in opened.outcome.failed.items()}


def _unmade(report: StoreReport, plugins: Plugins, made: _Made) -> dict[str, str]:
    """By plugin that was not compared, why the next use would put it off, as far as an empty store shows."""
    fresh = report.schema.state in (SchemaState.NEW, SchemaState.UNADOPTED)
    ready = {plugin.name for plugin in report.plugins if plugin.state is PluginState.ON} - {*report.compared}
    found = {}
    for plugin in plugins.on:
        name = plugin.name
        if name not in ready:
            continue
        ran = name in made.by or not plugin.steps  # or they did not, for one that it requires
        if name in made.failed and fresh:  # a file with rows may be what its steps need
            found[name] = made.failed[name]
        elif ran and harmful(compare(wanted_schema(plugin), of_plugin(name, made.shapes))):
            found[name] = _UNMADE.format(name)
    return found


def _causes(plugins: Plugins, name: str, shapes: Shapes, made: Shapes) -> Iterator[str]:
    by_steps = of_plugin(name, made)
    if harmful(compare(wanted_schema(plugins[name]), by_steps)):
        yield _UNMADE.format(name)
    if harmful(compare(by_steps, of_plugin(name, shapes))):
        yield _CHANGED.format(name)


_WAITS = "its steps have to run first"
_UNMADE = "the steps of {0} do not make what its models want; write the step with `stina db make {0}`"
_CHANGED = (
    "somebody else changed the tables of {} in this file; `stina db restore FILE` brings back a backup, "
    "`stina db status` lists them"
)


def _skipped(report: StoreReport) -> dict[str, str]:
    skipped = {}
    for plugin in report.plugins:
        if plugin.name in report.compared:
            continue
        if plugin.state is PluginState.ON and _is_pending(report, plugin.name):
            skipped[plugin.name] = _WAITS
        elif plugin.state is not PluginState.ON:
            skipped[plugin.name] = plugin.reason
    return skipped


def _is_pending(report: StoreReport, plugin: str) -> bool:
    return any(step.startswith(f"{plugin}/") for step in report.pending)


def _unowned(shapes: Shapes, report: StoreReport, plugins: Plugins) -> tuple[str, ...]:
    names = {CORE, *(plugin.name for plugin in plugins), *report.orphaned}
    prefixes = tuple(f"{name}_" for name in names)
    there = {*shapes.tables, *shapes.searches, *shapes.views}
    return tuple(sorted(name for name in there if not name.startswith(prefixes)))


def _structure(path: str) -> tuple[str, dict[str, int]]:
    try:
        integrity = inspection.integrity_check(path)
        return integrity, inspection.broken_references(path) if integrity == "ok" else {}
    except StoreCorruptError as error:
        return str(error), {}
    except QueryError as error:  # a foreign key that SQLite cannot follow
        return f"references cannot be checked: {error}", {}
