"""Asking before something is lost."""

from __future__ import annotations

import sys

import click

from .output import warn

yes_option = click.option("--yes", is_flag=True, help="Do it without being asked.")
"""For commands that call `confirm()`."""


def confirm(question: str, yes: bool) -> None:
    """Return if the person agrees or *yes* is set; otherwise end the command.

    Raises:
        click.UsageError: there is nobody to ask, because stdin is no terminal.
        click.exceptions.Exit: the answer was no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this changes what is in the store; add --yes to do it without being asked")
    if not click.confirm(question, err=True):
        warn("nothing was changed")
        raise click.exceptions.Exit(1)
