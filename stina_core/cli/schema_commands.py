"""`stina db plan|check|migrate|purge`: the schema of the store's file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .confirming import confirm, yes_option
from .invocation import current_invocation, plugins_print_to_stderr
from .output import emit, warn

if TYPE_CHECKING:
    from ..checking import SchemaCheck
    from ..planning import PlannedStep, StorePlan
    from ..purging import Purged


@click.command()
def plan() -> None:
    """Print the SQL that the next use of the store would run. Changes nothing.

    The pending steps run on a copy, which is deleted afterwards.
    """
    from ..migrations.plan import CORE
    from ..planning import dry_run
    from .progress import waiting

    invocation = current_invocation()
    config = invocation.config(strict=False)
    plugins = invocation.load_plugins(config)
    with plugins_print_to_stderr(), waiting("trying the pending steps on a copy"):
        planned = dry_run(config, plugins)
    emit(planned, "\n\n".join(_steps(planned)))
    for plugin, reason in planned.failed.items():
        warn(reason if plugin == CORE else f"the plugin {plugin} would be off (quarantined): {reason}")
    if planned.reason:
        warn(planned.reason)
    if planned.failed or planned.reason:
        raise click.exceptions.Exit(1)


@click.command()
def check() -> None:
    """Compare the file with what its plugins want, and look for damage. Changes nothing.

    Exits with 1 if something is harmful; objects that are only in the file are not.
    """
    from .. import checking
    from .progress import waiting

    invocation = current_invocation()
    config = invocation.config(strict=False)
    plugins = invocation.load_plugins(config)
    with plugins_print_to_stderr(), waiting("checking the store"):
        checked = checking.check(config, plugins)
    emit(checked, _checked(checked))
    if checked.faults:
        warn("; ".join(checked.faults))
        raise click.exceptions.Exit(1)


@click.command()
def migrate() -> None:
    """Run what is pending now, as the next command that uses the store would."""
    from ..comparing import deviations
    from ..plugins import PluginState

    with current_invocation().open_store() as store:
        outcome = store.outcome
        plugins = store.plugins
    on_or_unwanted = (PluginState.ON, PluginState.OFF)
    document = {
        "applied": [str(step) for step in outcome.applied],
        "backup": outcome.backup,
        "failed": {one.name: one.reason for one in plugins if one.state not in on_or_unwanted},
        "orphaned": sorted(outcome.orphaned),
        "drift": {name: list(deviations({name: those})) for name, those in outcome.drift.items()},
    }
    nothing = "nothing was applied" if document["failed"] else "nothing was pending"
    lines = [f"applied {step}" for step in outcome.applied] or [nothing]
    if outcome.backup is not None:
        lines.append(f"what was there before is kept in {outcome.backup.path}")
    emit(document, "\n".join(lines))
    if document["failed"]:  # which was said when the store was opened
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("plugin")
@yes_option
def purge(plugin: str, yes: bool) -> None:
    """Delete everything that PLUGIN, which is not installed any more, left in the store.

    The whole store is backed up first.
    """
    from .. import purging
    from ..status import inspect
    from .documents import count
    from .progress import waiting

    invocation = current_invocation()
    config = invocation.config(strict=False)
    plugins = invocation.load_plugins(config)
    found = purging.find_orphan(config, plugins, plugin)
    rows = inspect(config, plugins).rows
    tables = [f"{table} {count(rows[table], 'row')}" if table in rows else table for table in found.tables]
    left = ", ".join([*tables, *found.others]) or "no table"
    confirm(f"Delete what {plugin} left in {config.location} ({left})? A backup is made first.", yes)
    with waiting(f"purging {plugin}"):
        done = purging.purge(config, plugins, plugin)
    emit(done, _purged(done))


def _steps(planned: StorePlan) -> Iterator[str]:
    if not planned.steps:
        yield f"-- {_in_one_line(planned.reason or 'nothing is pending')}"
    for step in planned.steps:
        yield "\n".join(_lines(step))


def _lines(step: PlannedStep) -> Iterator[str]:
    yield f"-- {step.plugin}/{step.step}"
    if step.backup:
        yield "-- a verified backup is made first"
    for table in step.rebuilds:
        yield f"-- {table} is made anew and its rows are copied"
    for one in step.statements:
        yield f"{one.sql};" + (f"  -- {one.times:,} times" if one.times > 1 else "")
    if step.reason:
        yield f"-- {_in_one_line(step.reason)}"
    elif not step.statements:
        yield "-- changes nothing in this store"


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _checked(checked: SchemaCheck) -> str:
    from .documents import count, in_words, state_words

    pairs = [("path", checked.path), ("state", state_words(checked.state))]
    if checked.integrity is not None:
        pairs.append(("structure", checked.integrity))
    pairs += [
        ("references", f"{count(rows, 'row')} of {table} point to rows that are not there")
        for table, rows in checked.foreign_keys.items()
    ]
    pairs += [("pending", step) for step in checked.pending]
    pairs += [("not compared", f"{name}: {reason}") for name, reason in checked.skipped.items()]
    for name in dict.fromkeys(one.plugin for one in checked.differences):
        pairs += [(name, str(one)) for one in checked.differences if one.plugin == name]
        pairs += [("", advice) for advice in checked.advice.get(name, ())]
    pairs += [
        ("orphaned", f"{name}; `stina db purge {name}` deletes its tables") for name in checked.orphaned
    ]
    pairs += [("of nobody", name) for name in checked.unowned]
    if not (checked.differences or checked.faults or checked.skipped):
        pairs.append(("schema", "as the plugins want it"))
    return in_words(pairs)


def _purged(done: Purged) -> str:
    kept = f"\nwhat was in the store before is kept in {done.backup.path}" if done.backup else ""
    return f"deleted {', '.join([*done.tables, *done.others]) or 'the notes'} of {done.plugin}{kept}"
