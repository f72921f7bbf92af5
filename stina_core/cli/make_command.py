"""`stina db make`: the next step of a plugin, written from its models."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ..errors import DefinitionError
from .invocation import current_invocation, plugins_print_to_stderr
from .output import emit, warn

if TYPE_CHECKING:
    from ..authoring.questions import Answers, Empty, Question
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
    help="todo.note=text, or note=memo for a table.",
)
@click.option(
    "--drop",
    "drops",
    multiple=True,
    metavar="WHAT",
    help="To delete: todo.note, todo, index:todo__note, check:todo.short, search:todo.",
)
@click.option(
    "--keep",
    "keeps",
    multiple=True,
    metavar="WHAT",
    help="To stay though no model has it; holds for one run, so say it each time.",
)
@click.option(
    "--fill",
    "fills",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="What rows that are there get: todo.count=0.",
)
@click.option(
    "--using",
    "usings",
    multiple=True,
    metavar="COLUMN=SQL",
    help="What a changed column gets from the old row: todo.x='json_quote(\"x\")'.",
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
    usings: tuple[str, ...],
    only_print: bool,
) -> None:
    """Write the next step of PLUGIN, called NAME, from what changed in its models.

    It goes to the end of the plugin's 'migrate'. What was renamed, and what may be deleted, is asked.
    """
    from ..authoring.questions import Answers

    answers = Answers(
        _pairs(renames, "--rename"),
        set(drops),
        set(keeps),
        _pairs(fills, "--fill"),
        _pairs(usings, "--using"),
    )
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
    for words in made.warnings:
        warn(f"rows that do not fit will refuse this step: {words}")
    _deliver(plugins, made, only_print)


def _answered(plugins: Plugins, plugin: str, answers: Answers, title: str | None) -> Draft:
    """Draft the step, asking whatever has no answer yet, and again if that does not do."""
    from ..authoring.draft import draft
    from ..errors import SchemaError

    made = draft(plugins, plugin, answers, title)
    while made.questions:
        if not sys.stdin.isatty():
            raise click.UsageError("; ".join(map(_as_flags, made.questions)))
        more = _with_answer(made.questions[0], answers)
        try:
            made = draft(plugins, plugin, more, title)
        except (DefinitionError, SchemaError) as error:
            warn(str(error))
        else:
            answers = more
    return made


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


def _with_answer(question: Question, answers: Answers) -> Answers:
    """Return *answers* and what a person says to *question*."""
    from ..authoring.questions import Converted, Empty

    name = question.name
    if isinstance(question, Empty):
        words = f"What do rows that are there get as {name} ({_typed(question)})?"
        text = click.prompt(words, err=True, prompt_suffix=" ")
        return replace(answers, fills={**answers.fills, name: text})
    if isinstance(question, Converted):
        words = f"{name} {question.wanted}. Its new value, as SQL?"
        sql = click.prompt(words, err=True, prompt_suffix=" ", default=question.suggestion)
        return replace(answers, usings={**answers.usings, name: sql})
    for candidate in question.candidates:
        if click.confirm(f"Is {candidate} the new name of {name}?", err=True):
            return replace(answers, renames={**answers.renames, name: candidate})
    holds = ", which no model has" if ":" in name else " and what it holds (a backup is made first)"
    if click.confirm(f"Delete {name}{holds}?", err=True):
        return replace(answers, drops={*answers.drops, name})
    if not question.may_stay:
        raise DefinitionError(f"{name} can stay only if the model has it too; add it there and try again")
    return replace(answers, keeps={*answers.keeps, name})


def _as_flags(question: Question) -> str:
    from ..authoring.questions import Converted, Empty

    name = question.name
    if isinstance(question, Empty):
        return f"rows that are there need a value for {name}: say --fill {name}=VALUE ({_typed(question)})"
    if isinstance(question, Converted):
        return f"{name} {question.wanted}: say --using {shlex.quote(f'{name}={question.suggestion}')}"
    choices = [f"--rename {name}={candidate}" for candidate in question.candidates]
    choices += [f"--drop {name}", f"--keep {name}" if question.may_stay else "give it to the model too"]
    return f"{name} is in no model any more: say {' or '.join(choices)}"


def _typed(question: Empty) -> str:
    """What can be typed; an empty answer is none."""
    return f'{question.wanted}; "" is the empty text' if question.wanted == "text" else question.wanted


def _pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise click.UsageError(f"{option} {text!r} has no '=' with something on both sides")
        if pairs.setdefault(key, value) != value:
            raise DefinitionError(f"{option} says two different things of {key}")
    return pairs
