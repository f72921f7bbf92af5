"""`stina db`: the store's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .confirming import confirm, yes_option
from .invocation import current_invocation, plugins_print_to_stderr
from .make_command import make
from .output import emit, emit_rows
from .schema_commands import check, migrate, plan, purge
from .seed_command import seed
from .transfer_commands import export, import_

if TYPE_CHECKING:
    from ..backends.sqlite.inspection import Repair
    from ..maintenance import Replaced
    from ..status import StoreReport


@click.group()
def db() -> None:
    """Look at, back up, restore or reset the store's file, and bring its schema up to date."""


db.add_command(make)


@db.command()
def path() -> None:
    """Print where the store is."""
    location = current_invocation().config().location
    emit({"path": location}, location)


@db.command()
@click.option(
    "--repairs", is_flag=True, help="Print every value that had to be repaired, as it was, instead."
)
def status(repairs: bool) -> None:
    """Print what is in the file and what is pending. Changes nothing."""
    from .documents import fail_if_unusable

    report = current_invocation().inspect()
    if repairs:
        fail_if_unusable(report)
        emit_rows(_repairs(report))
        return
    emit(report, _status(report))
    fail_if_unusable(report)


@db.command()
def backup() -> None:
    """Make a verified copy in the directory 'backups' beside the file."""
    from ..maintenance import back_up
    from .progress import waiting

    config = current_invocation().config()
    with waiting("making a backup"):
        made = back_up(config)
    emit(made, str(made.path))


@db.command()
@click.argument("file", type=click.Path(readable=False, path_type=Path))
@yes_option
def restore(file: Path, yes: bool) -> None:
    """Replace everything in the store by the backup FILE.

    What is there is backed up first. Programs that have the store open go on with the new contents.
    """
    from .. import maintenance
    from .progress import waiting

    config = current_invocation().config()
    confirm(f"Replace everything in {config.location} by {file}? A backup is made first.", yes)
    with waiting(f"restoring {file}"):
        done = maintenance.restore(config, file)
    emit(
        {"path": done.path, "restored": file.absolute(), "backup": done.before},
        f"restored {file}\n{_before(done)}",
    )


@db.command()
@yes_option
def reset(yes: bool) -> None:
    """Empty the store.

    What is there is backed up first. Programs that have the store open go on with the empty one.
    """
    from .. import maintenance
    from .progress import waiting

    invocation = current_invocation()
    config = invocation.config()
    confirm(f"Delete everything in {config.location}? A backup is made first.", yes)
    plugins = invocation.load_plugins(config)
    with plugins_print_to_stderr(), waiting("resetting the store"):
        done = maintenance.reset(config, plugins)
    errors = {plugin.name: plugin.error for plugin in plugins if plugin.error is not None}
    invocation.warn_about([plugin.status() for plugin in plugins], errors)
    emit({"path": done.path, "backup": done.before}, f"the store is empty\n{_before(done)}")


for _command in (plan, check, migrate, purge, seed, import_, export):
    db.add_command(_command)


def _before(done: Replaced) -> str:
    if done.before is None:
        return "there was nothing in it before"
    return f"what was in it before is kept in {done.before.path}"


def _repairs(report: StoreReport) -> list[Repair]:
    from ..backends.sqlite import inspection

    return inspection.repairs(report.path) if report.exists else []


def _status(report: StoreReport) -> str:
    from .documents import (
        consumer_line,
        count,
        feed_line,
        in_words,
        next_step,
        old_file_line,
        old_table_line,
        plugin_lines,
        state,
        tables_left,
    )

    schema = report.schema
    pairs = [("path", report.path), ("state", state(report)), ("SQLite", schema.sqlite_version)]
    if schema.journal_mode is not None:
        pairs += [("journal", schema.journal_mode), ("application", f"{schema.application_id or 0:#010x}")]
    if report.feed is not None:
        pairs.append(("feed", feed_line(report.feed)))
        pairs += [("consumer", consumer_line(one)) for one in report.feed.consumers]
    pairs += [("plugin", line) for line in plugin_lines(report)]
    pairs += [("difference", f"{one.plugin}: {one}") for one in report.differences if not one.harmful]
    pairs += [
        ("orphaned", f"{name}: {tables_left(report, name)}; `stina db purge {name}` deletes that")
        for name in report.orphaned
    ]
    pairs += [("old table", old_table_line(one)) for one in report.old_tables]
    pairs += [("old file", old_file_line(one)) for one in report.old_files]
    pairs += [("backup", f"{made.at} {made.reason} {made.path}") for made in report.backups]
    pairs += [
        ("repaired", f"{count(one.count, 'value')} of {one.table}.{one.column} ({one.plugin}): {one.reason}")
        for one in report.repairs
    ]
    return in_words([*pairs, ("next", next_step(report))])
