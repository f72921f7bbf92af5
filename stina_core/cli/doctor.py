"""`stina doctor`: measures the store, asks the plugins, prints what both find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .invocation import current_invocation, plugins_print_to_stderr
from .output import emit_rows

if TYPE_CHECKING:
    from ..config import StoreConfig
    from ..findings import Finding
    from ..plugins import Plugin, Plugins
    from ..status import StoreReport
    from ..store import Store
    from .checks import Facts


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Look for what is wrong, and say what to do about it. Exits with 1 if there is an error."""
    from ..findings import Severity
    from ..status import inspect
    from .checks import examine

    invocation = current_invocation()
    config = invocation.config(strict=False)
    plugins = invocation.load_plugins(config)
    report = inspect(config, plugins)
    with plugins_print_to_stderr():
        facts = measure(config, plugins, report)
        findings = examine(facts)
        if not any(one.harmful for one in facts.core):  # or the store could not be opened
            findings += ask(config, plugins, report)
    emit_rows(findings)
    if any(finding.severity is Severity.ERROR for finding in findings):
        ctx.exit(1)


def measure(config: StoreConfig, plugins: Plugins, report: StoreReport) -> Facts:
    """Return the facts of the store that *report* is about; reads the whole file."""
    import os
    from dataclasses import replace

    from ..backends.sqlite import inspection
    from ..backends.sqlite.connection import on_network
    from ..checking import core_differences
    from ..errors import StoreCorruptError, StoreError
    from ..status import size_of
    from .checks import Facts

    if not report.exists:
        return Facts(report)
    file = Path(report.path)
    try:
        found = file.stat()
        directory = file.parent.stat()
    except (OSError, ValueError):
        return Facts(report)  # the report says that it cannot be read
    facts = Facts(
        report,
        file_mode=found.st_mode & 0o7777,
        directory_mode=directory.st_mode & 0o7777,
        owned=found.st_uid == os.getuid(),
        on_network=on_network(report.path),
        log_bytes=size_of(f"{report.path}-wal"),
    )
    if not report.usable:
        return facts
    try:
        facts = replace(facts, core=core_differences(config, report))
        facts = replace(facts, uncaptured=_uncaptured(plugins, report))
        facts = replace(facts, quick_check=inspection.quick_check(report.path))
        return replace(facts, broken_references=inspection.broken_references(report.path))
    except StoreCorruptError as error:
        return replace(facts, quick_check=str(error))
    except StoreError as error:
        return replace(facts, unchecked=str(error))


def _uncaptured(plugins: Plugins, report: StoreReport) -> tuple[str, ...]:
    """Return which tables of plugins that fit the file are not captured; with steps pending that is done after them."""
    from ..backends.sqlite import inspection

    if report.pending or report.feed is None:
        return ()
    fit = [plugins[name].schema for name in report.compared]
    tables = [table for schema in fit if schema is not None for table in schema.tables]
    return tuple(inspection.not_captured(report.path, tables))


def ask(config: StoreConfig, plugins: Plugins, report: StoreReport) -> Iterator[Finding]:
    """Yield what the plugins' own `check` hooks find.

    Opening runs steps that are pending, so plugins with such steps are left out.
    """
    from ..errors import StinaError
    from ..findings import Finding, Severity
    from ..migrations.plan import CORE
    from ..plugins import Plugins, PluginState
    from ..status import SchemaState
    from ..store import open_store

    if report.schema.state not in (SchemaState.CURRENT, SchemaState.PENDING):
        return
    waiting = {step.partition("/")[0] for step in report.pending}
    if CORE in waiting:
        return
    ready: dict[str, Plugin] = {}
    for status in report.plugins:  # required ones first
        plugin = plugins[status.name]
        if status.state is PluginState.ON and plugin.name not in waiting and plugin.requires <= ready.keys():
            ready[plugin.name] = plugin
    plugins = Plugins(list(ready.values()))
    try:
        with open_store(config=config, plugins=plugins) as store:
            for status in store.plugins:
                if status.state is PluginState.ON:
                    yield from _findings(plugins[status.name], store)
                else:
                    message = f"the plugin is off ({status.state}): {status.reason}"
                    yield Finding(Severity.ERROR, status.name, message)
    except StinaError as error:
        yield Finding(Severity.ERROR, report.path, f"the store could not be opened: {error}")


def _findings(plugin: Plugin, store: Store) -> list[Finding]:
    from ..errors import PluginError
    from ..findings import Finding, Severity

    try:
        return list(_checked(plugin, store))
    except PluginError as error:
        return [Finding(Severity.ERROR, plugin.name, str(error), "tell the plugin's authors")]


def _checked(plugin: Plugin, store: Store) -> Iterator[Finding]:
    from ..errors import HookError
    from ..findings import Finding

    found = plugin.call("check", store=store)
    try:
        for finding in found if found is not None else ():
            if not isinstance(finding, Finding):
                raise TypeError(f"{type(finding).__name__} is no Finding")
            yield finding
    except (Exception, SystemExit) as error:  # a generator runs only now, outside of call()'s boundary
        raise HookError(
            plugin.name, f"check of the plugin {plugin.name!r} raised {type(error).__name__}: {error}"
        ) from error
