"""SQLite's own words: a schema text split into tokens, and the form in which two texts are compared.

Follows SQLite's tokenizer (sqlite.org/lang_expr.html and tokenize.c): four ways
to quote a name, doubled quotes inside, both kinds of comment. Beyond ASCII every
character is part of a name, also what is a space or a digit for Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import QueryError

_TOKEN = re.compile(
    r"""
    (?P<space>   [ \t\n\f\r\ufeff]+ | --[^\n]*(?:\n|\Z) | /\*.*?(?:\*/|\Z) )
  | (?P<blob>    [xX]'[0-9a-fA-F]*' )
  | (?P<text>    '(?:[^']|'')*' )
  | (?P<quoted>  "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
  | (?P<number>  (?:0[xX][0-9a-fA-F_]+ | (?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?) )
  | (?P<word>    [A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]* )
  | (?P<sign>    ->>|->|\|\||<<|>>|<=|>=|<>|!=|==|[-+*/%&|~<>=(),.;?:@#$!] )
    """,
    re.VERBOSE | re.DOTALL,
)

_SAME = {"!=": "<>", "==": "="}


@dataclass(frozen=True, slots=True)
class Token:
    """One word, name, literal or sign.

    Attributes:
        kind: `word` (a keyword or bare name), `quoted` (a name in quotes), `text`, `blob`, `number` or `sign`.
        text: As it is written.
        start, end: Its place in the whole text.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The keyword this may be, in upper case; empty for anything quoted."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The name this is, without its quotes."""
        if self.kind == "quoted":
            inner, closing = self.text[1:-1], self.text[-1]
            return inner if closing == "]" else inner.replace(closing * 2, closing)
        if self.kind == "text":  # SQLite takes 'name' for a name where only a name can be
            return self.text[1:-1].replace("''", "'")
        return self.text

    @property
    def normal(self) -> str:
        """The form that is equal for two ways of writing the same thing."""
        if self.kind in ("word", "quoted"):
            return self.name.lower()
        if self.kind in ("number", "blob"):
            return self.text.lower()
        return _SAME.get(self.text, self.text)


def tokens(sql: str) -> list[Token]:
    """Return the tokens of *sql*, without spaces and comments.

    Raises:
        QueryError: a character that SQLite would refuse as well.
    """
    found, place = [], 0
    while place < len(sql):
        match = _TOKEN.match(sql, place)
        if match is None:
            raise QueryError(f"a schema text in the file cannot be read at character {place + 1}")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), place, match.end()))
        place = match.end()
    return found


def normal(part: Iterable[Token] | str) -> str:
    """Return *part* without layout, comments and choice of quotes, names and keywords in lower case."""
    return " ".join(token.normal for token in (tokens(part) if isinstance(part, str) else part))


def closing(part: list[Token], opening: int) -> int:
    """Return where the parenthesis that opens at *opening* is closed.

    Raises:
        QueryError: it is not.
    """
    depth = 0
    for place in range(opening, len(part)):
        depth += {"(": 1, ")": -1}.get(part[place].text, 0) if part[place].kind == "sign" else 0
        if depth == 0:
            return place
    raise QueryError("a schema text in the file has a parenthesis that is never closed")


def unwrapped(part: list[Token]) -> list[Token]:
    """Return *part* without parentheses around all of it."""
    while len(part) > 1 and part[0].text == "(" and closing(part, 0) == len(part) - 1:
        part = part[1:-1]
    return part
