"""The options that every command takes, wherever they stand on the line."""

from __future__ import annotations

from typing import Any

import click

from .invocation import Invocation, invocation_of


class SharedOption(click.Option):
    """A global option at one command: it writes to the invocation, not to the command's arguments."""


def share(command: click.Command) -> click.Command:
    """Give *command*, and whatever is below it, the global options; each name it uses itself stays its own.

    Nothing below is resolved here: commands get theirs when they are asked for.
    """
    if any(isinstance(parameter, SharedOption) for parameter in command.params):
        return command
    taken = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    command.params += [option for make in (_db, _json, _verbose, _no_plugins) if (option := make(taken))]
    if isinstance(command, click.Group):
        _share_below(command)
    return command


def _share_below(group: click.Group) -> None:
    resolve = group.get_command

    def get_command(ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = resolve(ctx, cmd_name)
        return share(command) if command is not None else None

    group.get_command = get_command  # type: ignore[method-assign]  # also for groups of a class of their own


def _option(taken: set[str], variable: str, names: tuple[str, ...], **settings: Any) -> SharedOption | None:
    free = [name for name in names if name not in taken]
    if not free:
        return None
    return SharedOption([*free, f"stina_{variable}"], expose_value=False, callback=_note, **settings)


def _note(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Take over what was given here; it comes later on the line than what a parent was given."""
    invocation: Invocation = invocation_of(context)
    if parameter.name == "stina_db" and value is not None:
        invocation.db = value
    elif parameter.name == "stina_json" and value:
        invocation.json = True
    elif parameter.name == "stina_verbose":
        invocation.verbose += value or 0
    elif parameter.name == "stina_no_plugins" and value:
        invocation.no_plugins = True


def _db(taken: set[str]) -> SharedOption | None:
    return _option(
        taken,
        "db",
        ("--db",),
        type=click.Path(readable=False),  # what the file is like, the store says
        metavar="PATH",
        help="The store's file. [default: STINA_DB, else ~/.stina/stina.db]",
    )


def _json(taken: set[str]) -> SharedOption | None:
    return _option(
        taken,
        "json",
        ("--json",),
        is_flag=True,
        help="Print JSON: one document, or one in each line where a command prints line by line.",
    )


def _verbose(taken: set[str]) -> SharedOption | None:
    return _option(
        taken, "verbose", ("-v", "--verbose"), count=True, help="Say more on stderr; twice for everything."
    )


def _no_plugins(taken: set[str]) -> SharedOption | None:
    return _option(taken, "no_plugins", ("--no-plugins",), is_flag=True, help="Load no plugin.")
