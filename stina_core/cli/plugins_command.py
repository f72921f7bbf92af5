"""`stina plugins`: works whatever state they are in."""

from __future__ import annotations

import click

from .invocation import current_invocation
from .output import emit_rows, warn


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the plugins and how they are."""
    if ctx.invoked_subcommand is None:
        _list()


@plugins.command("list")
def list_() -> None:
    """List the plugins and how they are."""
    _list()


def _list() -> None:
    report = current_invocation().inspect()
    emit_rows(report.plugins, ["name", "distribution", "version", "state", "tables", "reason"])
    if report.schema.reason:
        warn(report.schema.reason)
