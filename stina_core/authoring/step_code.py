"""One step as code: what stands in a plugin's `migrate` hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import stina_core

from ..migrations.steps import Run
from .layout import WIDTH, literal
from .questions import Question


@dataclass(frozen=True)
class Draft:
    """What `draft()` found.

    Attributes:
        step: The id of the new step; empty if there is nothing to do.
        function: The name of its function.
        lines: The body of that; none while there are *questions*.
        names: Names of `stina_core` the body needs.
        modules: Other import lines it needs.
        warnings: Changes that rows other people have may refuse, in words.
    """

    plugin: str
    step: str = ""
    function: str = ""
    lines: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    warnings: tuple[str, ...] = ()

    def code(self, indent: str = "", unit: str = "    ") -> str:
        """Return the step as it stands inside the plugin's `migrate` hook.

        Args:
            indent: What each line begins with.
            unit: What a level of indentation is.
        """
        body = [*self.modules, *([""] if self.modules and self.names else [])]
        if self.names:
            line = f"from stina_core import {', '.join(self.names)}"
            spread = ["from stina_core import (", *(f"    {name}," for name in self.names), ")"]
            body += [line] if len(line) <= WIDTH else spread
        body += [*([""] if body else []), *self.lines]
        lines = [f"@migrations.step({literal(self.step)})", f"def {self.function}(op: Operations) -> None:"]
        lines += [f"    {line}" if line else "" for line in body]
        return "".join(f"{_indented(line, indent, unit)}\n" for line in lines)


def function_of(made: Draft) -> Run:
    """Return the function that the code of *made* describes."""
    namespace: dict[str, Any] = {"Operations": stina_core.Operations, "migrations": _Catching()}
    exec(compile(made.code(), f"<step {made.step}>", "exec"), namespace)
    run: Run = namespace["migrations"].run
    return run


def _indented(line: str, indent: str, unit: str) -> str:
    inside = line.lstrip(" ")
    return f"{indent}{unit * ((len(line) - len(inside)) // 4)}{inside}" if inside else ""


class _Catching:
    """Stands for `Migrations` where a step that is only tried must not be declared."""

    run: Run

    def step(self, id: str) -> Any:
        def declare(run: Run) -> Run:
            self.run = run
            return run

        return declare
