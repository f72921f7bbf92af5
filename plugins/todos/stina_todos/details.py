"""The options that say what a todo is like, and what they come to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .reading import Cleared, JsonParam, PriorityParam, Repeat, Status, When, zone_name

if TYPE_CHECKING:
    from stina_core import Store

F = TypeVar("F", bound=Callable[..., Any])

CLEARS = ' An empty text ("") clears it.'

_MAX_INPUT = 16 << 20  # bytes


def details_of(clears: str) -> Callable[[F], F]:
    """Give a command the options that say what a todo is like."""
    options = [
        click.option("--description", metavar="TEXT", help='What else there is to say; "-" reads it.'),
        click.option("--due", type=When(), help=f"When it is due.{clears}"),
        click.option(
            "--remind", type=When(instant=True), help=f"When to remind; a day alone is 9:00.{clears}"
        ),
        click.option("--repeat", type=Repeat(), help=f"An RRULE, or daily, weekdays, weekly, ...{clears}"),
        click.option("--priority", type=PriorityParam(), help="none, low, medium, high, urgent, or 0 to 4."),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG", help=f"May be given several times.{clears}"
        ),
        click.option("--project", metavar="NAME", help=f"Made if there is none of that name.{clears}"),
        click.option("--metadata", type=JsonParam(), help=f"Any JSON.{clears}"),
        click.option("--source", metavar="TEXT", help=f"Where it comes from.{clears}"),
        click.option("--icon", metavar="TEXT", help=f"An emoji, or the name of a picture.{clears}"),
        click.option("--status", type=Status(), help="not_started, in_progress, completed or cancelled."),
    ]

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def refuse_empty(details: dict[str, Any]) -> None:
    """Raise UsageError if an option is empty: there is nothing yet that it could clear."""
    for name, value in details.items():
        if isinstance(value, Cleared):
            raise click.UsageError(f"--{name} is empty; leave it out")


def values_of(details: dict[str, Any]) -> dict[str, Any]:
    """Return what the options said, by the names of the repository; `project` is still a name."""
    given = {name: value for name, value in details.items() if value is not None and value != ()}
    values = {name: None if isinstance(value, Cleared) else value for name, value in given.items()}
    for name, other in (("remind", "remind_at"), ("repeat", "recurrence")):
        if name in values:
            values[other] = values.pop(name)
    if "description" in given:
        values["description"] = read(given["description"])
    if "tags" in given:
        values["tags"] = [tag for tag in given["tags"] if tag.strip()]
    for name in ("source", "icon"):
        if name in values:
            values[name] = values[name] or None
    if values.get("due") is not None or values.get("remind_at") is not None:
        values["time_zone"] = zone_name()
    return values


def make_project(store: Store, values: dict[str, Any]) -> None:
    """Put the id of the project in the place of its name; it is made if there is none."""
    from . import ProjectRepository

    if "project" in values:
        name = values.pop("project")
        values["project_id"] = store[ProjectRepository].ensure(name).id if name.strip() else None


def read(text: str) -> str:
    """Return *text*, or what standard input holds if it is a dash."""
    if text != "-":
        return text
    data = sys.stdin.buffer.read(_MAX_INPUT + 1)
    if len(data) > _MAX_INPUT:
        raise click.UsageError(f"Standard input is longer than {_MAX_INPUT:,} bytes.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"Standard input is not UTF-8 text (byte {error.start}).") from None
