"""`stina db make`: the next step of a plugin, written from its models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..errors import DefinitionError
from .invocation import current_invocation, plugins_print_to_stderr
from .output import emit, warn

if TYPE_CHECKING:
    from ..authoring.questions import Answers, Question
    from ..authoring.step_code import Draft
    from ..plugins import Plugins


@click.command()
@click.argument("plugin")
@click.argument("name", required=False)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="todo.note=todo.text, or note=memo for a table.",
)
@click.option(
    "--drop", "drops", multiple=True, metavar="WHAT", help="A column (todo.note) or table (note) to delete."
)
@click.option(
    "--keep", "keeps", multiple=True, metavar="WHAT", help="One that is to stay though no model has it."
)
@click.option(
    "--fill",
    "fills",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="What rows that are there get: todo.count=0.",
)
@click.option(
    "--print", "only_print", is_flag=True, help="Print the step instead of writing it into the source."
)
def make(
    plugin: str,
    name: str | None,
    renames: tuple[str, ...],
    drops: tuple[str, ...],
    keeps: tuple[str, ...],
    fills: tuple[str, ...],
    only_print: bool,
) -> None:
    """Write the next step of PLUGIN, called NAME, from what changed in its models.

    It goes to the end of the plugin's 'migrate'. What was renamed, and what may be deleted, is asked.
    """
    from ..authoring.questions import Answers

    answers = Answers(_pairs(renames, "--rename"), set(drops), set(keeps), _pairs(fills, "--fill"))
    invocation = current_invocation()
    with plugins_print_to_stderr():
        plugins = invocation.load_plugins(invocation.config(strict=False))
        made = _answered(plugins, plugin, answers, name)
    if not made.step:
        emit(
            {"plugin": plugin, "step": None, "file": None, "code": ""},
            f"the models of {plugin} have not changed",
        )
        return
    _deliver(plugins, made, only_print)


def _answered(plugins: Plugins, plugin: str, answers: Answers, title: str | None) -> Draft:
    """Draft the step, asking whatever has no answer yet."""
    from ..authoring.draft import draft

    while True:
        made = draft(plugins, plugin, answers, title)
        if not made.questions:
            return made
        if not sys.stdin.isatty():
            raise click.UsageError("; ".join(map(_as_flags, made.questions)))
        _ask(made.questions[0], answers)


def _deliver(plugins: Plugins, made: Draft, only_print: bool) -> None:
    from ..authoring.insertion import insert, place_of
    from ..errors import SchemaError

    document = {"plugin": made.plugin, "step": made.step, "file": None, "code": made.code()}
    if only_print:
        emit(document, made.code().rstrip())
        return
    try:
        place = place_of(plugins[made.plugin])
        insert(made, place)
    except SchemaError as error:
        warn(f"{error}. This is the step:")
        emit(document, made.code().rstrip())
        raise click.exceptions.Exit(1) from error
    emit({**document, "file": place.file}, f"{made.code()}\nwritten to {place.file}, after line {place.line}")


def _ask(question: Question, answers: Answers) -> None:
    from ..authoring.questions import Empty

    if isinstance(question, Empty):
        words = f"What do rows that are there get as {question.name} ({question.wanted})?"
        answers.fills = {**answers.fills, question.name: click.prompt(words, err=True, prompt_suffix=" ")}
        return
    for candidate in question.candidates:
        if click.confirm(f"Is {candidate} the new name of {question.name}?", err=True):
            answers.renames[question.name] = candidate
            return
    if click.confirm(f"Delete {question.name} and what it holds (a backup is made first)?", err=True):
        answers.drops.add(question.name)
    else:
        answers.keeps.add(question.name)


def _as_flags(question: Question) -> str:
    from ..authoring.questions import Empty

    name = question.name
    if isinstance(question, Empty):
        return f"rows that are there need a value for {name}: say --fill {name}=VALUE ({question.wanted})"
    choices = [f"--rename {name}={candidate}" for candidate in question.candidates]
    return (
        f"{name} is in no model any more: say {' or '.join([*choices, f'--drop {name}', f'--keep {name}'])}"
    )


def _pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise click.UsageError(f"{option} {text!r} has no '=' with something on both sides")
        if pairs.setdefault(key, value) != value:
            raise DefinitionError(f"{option} says two different things of {key}")
    return pairs
