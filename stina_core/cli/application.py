"""The root of the command: its own commands, and those of plugins by name only.

Plugins name their commands in the entry-point group `stina.commands`. Help and
completion read names and summaries from the metadata of the distributions; a
plugin's module is imported when its own command is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from ..entrypoints import UNREADABLE, entry_points_of
from ..errors import PluginLoadError
from .invocation import plugins_print_to_stderr
from .options import share

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from click.shell_completion import CompletionItem

GROUP = "stina.commands"

_UNKNOWN = "a distribution that cannot be read"

_OWN = {
    "changes": (
        ".changes_command:changes",
        "Print what was committed, and with --follow what is committed next.",
    ),
    "db": (".db:db", "Look at, back up, restore or reset the store's file, and bring its schema up to date."),
    "doctor": (".doctor:doctor", "Look for what is wrong, and say what to do about it."),
    "plugins": (".plugins_command:plugins", "List the plugins and how they are."),
}


class Application(click.Group):
    """The group `stina`. `commands` stays empty: everything is resolved at first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; imports no plugin."""
        return sorted({*_OWN, *_entry_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command *cmd_name*, imported, or None.

        Raises:
            PluginLoadError: it is a plugin's and cannot be used.
        """
        if cmd_name in _OWN:
            module, _, attribute = _OWN[cmd_name][0].partition(":")
            own: click.Command = getattr(importlib.import_module(module, __package__), attribute)
            return own
        points = _entry_points().get(cmd_name)
        if points is None:
            return None
        try:
            return _load(cmd_name, points)
        except PluginLoadError:
            if ctx.resilient_parsing:  # completion: the shell has no place for a message
                return click.Command(cmd_name, add_help_option=False)
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, with suggestions among the plugins' commands too."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None:
            return name, command, args[1:]
        if not ctx.resilient_parsing and not name.startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else " 'stina --help' lists them."
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; a plugin's has the summary of its distribution."""
        rows = {name: help for name, (_, help) in _OWN.items()}
        for name, points in _entry_points().items():
            rows.setdefault(name, _summary(points[0]))
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing it, or an option."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items: list[CompletionItem] = [
            CompletionItem(name, help=_OWN[name][1] if name in _OWN else None) for name in names
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)


def _entry_points() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points_of(GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def _load(name: str, points: list[EntryPoint]) -> click.Command:
    if len(points) > 1:
        both = " and ".join(sorted(map(_distribution, points)))
        raise PluginLoadError(name, f"the distributions {both} both bring a command {name!r}; uninstall one")
    try:
        with plugins_print_to_stderr():
            command = points[0].load()
    except (Exception, SystemExit) as error:
        raise PluginLoadError(
            name,
            f"the command {name!r} of {_distribution(points[0])} cannot be imported: "
            f"{type(error).__name__}: {error}",
        ) from error
    if not isinstance(command, click.Command):
        raise PluginLoadError(
            name,
            f"the command {name!r} of {_distribution(points[0])} is a {type(command).__name__}; "
            "its entry point must name a click command",
        )
    return command


def _distribution(point: EntryPoint) -> str:
    try:
        return str(point.dist.name) if point.dist is not None else _UNKNOWN
    except UNREADABLE:
        return _UNKNOWN


def _summary(point: EntryPoint) -> str:
    """Return the summary of the distribution, read by hand: `metadata` imports the whole email package."""
    try:
        header = (point.dist.read_text("METADATA") or "") if point.dist is not None else ""
    except UNREADABLE:
        return ""
    for line in header.splitlines():
        if not line:
            break
        name, _, value = line.partition(":")
        if name.lower() == "summary" and value.strip():
            return f"{value.strip().rstrip('.')}."
    return ""


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from ..version import __version__

        click.echo(f"stina {__version__}")
        ctx.exit()


@click.command(
    cls=Application,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
@click.pass_context
def application(ctx: click.Context) -> None:
    """Stina, a local-first store that plugins extend. Without a command: an overview."""
    if ctx.invoked_subcommand is None:
        from .overview import show

        show()


share(application)
