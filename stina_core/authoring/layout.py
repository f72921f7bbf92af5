"""Code laid out as formatters leave it: on one line, or with an argument on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 76
"""Characters of a line inside a step: with the indentation there, 88 of the file, which is what most projects allow."""


@dataclass(frozen=True, slots=True)
class Group:
    """Something in brackets: a call, a list or a dictionary."""

    opening: str
    items: tuple[Code, ...]
    closing: str

    def __str__(self) -> str:
        return f"{self.opening}{', '.join(map(str, self.items))}{self.closing}"


Code: TypeAlias = str | Group


def call(function: str, *arguments: Code) -> Group:
    """Return a call of *function*."""
    return Group(f"{function}(", arguments, ")")


def prefixed(prefix: str, code: Code) -> Code:
    """Return *code* with *prefix*, such as `default=`, before it."""
    if isinstance(code, str):
        return prefix + code
    return Group(prefix + code.opening, code.items, code.closing)


def lines(code: Code, indent: str = "", end: str = "") -> list[str]:
    """Return *code* on one line, or spread over several if that is too long."""
    line = f"{indent}{code}{end}"
    if isinstance(code, str) or not code.items or len(line) <= WIDTH:
        return [line]
    inside = [line for item in code.items for line in lines(item, f"{indent}    ", ",")]
    return [indent + code.opening, *inside, indent + code.closing + end]


def literal(value: object) -> Code:
    """Return *value*, which is bytes or something that JSON has, as code."""
    if isinstance(value, list):
        return Group("[", tuple(map(literal, value)), "]")
    if isinstance(value, dict):
        return Group(
            "{", tuple(prefixed(f"{literal(key)}: ", literal(one)) for key, one in value.items()), "}"
        )
    if isinstance(value, str):
        return _quoted("'".join(repr(f'"{part}')[2:-1] for part in value.split("'")))
    if isinstance(value, bytes):
        return "b" + _quoted("'".join(repr(b'"' + part)[3:-1] for part in value.split(b"'")))
    if isinstance(value, float):
        return repr(value).replace("e+", "e")
    return repr(value)


def _quoted(inside: str) -> str:
    """Put quotes around an escaped text in which the quotes themselves are not: those that need fewer escapes."""
    quote = "'" if inside.count('"') > inside.count("'") else '"'
    return quote + inside.replace(quote, f"\\{quote}") + quote
