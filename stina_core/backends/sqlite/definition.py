"""The text of a CREATE TABLE, taken apart so that one part can be changed and all others stay word for word.

Covers the whole grammar of sqlite.org/lang_createtable.html, because a table that
is rebuilt may have been made by any program. `tests/migrations/test_definition.py`
holds it to what SQLite itself says of the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ...errors import QueryError
from .tokens import Token, closing, tokens, unwrapped

_TABLE_PART = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_COLUMN_PART = frozenset(
    {"CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES"}
    | {"DEFERRABLE", "GENERATED", "AS"}
)
_TOGETHER = frozenset({("NOT", "NULL"), ("NOT", "DEFERRABLE"), ("SET", "NULL"), ("SET", "DEFAULT")})
"""Words of which the second one begins nothing after the first."""


@dataclass(frozen=True)
class Part:
    """One constraint of a column or of the table.

    Attributes:
        kind: Its first keyword, such as `CHECK`; `NOT NULL` is `NOT`, `NOT DEFERRABLE` is `DEFERRABLE`,
            a generated column's is `AS`.
        tokens: Without `CONSTRAINT name`.
        text: As it is written, with it.
        name: The constraint's name, if it has one.
    """

    kind: str
    tokens: tuple[Token, ...]
    text: str
    name: str | None = None

    def inside(self) -> list[Token]:
        """The tokens of its first pair of parentheses; empty if it has none."""
        part = list(self.tokens)
        for place, token in enumerate(part):
            if token.text == "(" and token.kind == "sign":
                return part[place + 1 : closing(part, place)]
        return []

    def names(self) -> set[str]:
        """Every word and name in it, in lower case: the columns it may speak of are among them."""
        return {token.name.lower() for token in self.tokens if token.kind in ("word", "quoted")}


@dataclass(frozen=True)
class ColumnText:
    """One column: its name, its declared type as written, and its constraints."""

    name: str
    type: str
    parts: tuple[Part, ...] = ()

    def of(self, *kinds: str) -> list[Part]:
        """Its constraints of these kinds."""
        return [part for part in self.parts if part.kind in kinds]

    @property
    def generated(self) -> bool:
        """Whether SQLite computes it."""
        return bool(self.of("AS"))

    def render(self) -> str:
        """Return its definition."""
        return " ".join(filter(None, (quoted(self.name), self.type, *(part.text for part in self.parts))))


@dataclass
class Definition:
    """One CREATE TABLE. Its lists may be changed before it is rendered.

    Attributes:
        options: `STRICT` and `WITHOUT ROWID`, as far as they are there.
    """

    name: str
    columns: list[ColumnText] = field(default_factory=list)
    constraints: list[Part] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    def render(self, name: str) -> str:
        """Return the statement that makes it under *name*."""
        lines = [column.render() for column in self.columns] + [part.text for part in self.constraints]
        options = f" {', '.join(self.options)}" if self.options else ""
        return f"CREATE TABLE {quoted(name)} (\n  " + ",\n  ".join(lines) + f"\n){options}"

    def column(self, name: str) -> ColumnText:
        """Return the column *name*, in whatever case it is written.

        Raises:
            QueryError: there is none.
        """
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise QueryError(f"the table {self.name} has no column {name!r}")

    def replace_column(self, name: str, column: ColumnText) -> None:
        """Put *column* in the place of the column *name*."""
        self.columns[self.columns.index(self.column(name))] = column

    @property
    def key(self) -> list[str]:
        """The columns of its primary key, in order; empty if it has none."""
        for column in self.columns:
            if column.of("PRIMARY"):
                return [column.name]
        for part in self.constraints:
            if part.kind == "PRIMARY":
                return names(part.inside())
        return []

    @property
    def strict(self) -> bool:
        return "STRICT" in self.options

    @property
    def has_rowid(self) -> bool:
        return "WITHOUT ROWID" not in self.options

    @property
    def rowid_column(self) -> str | None:
        """The column that is the row id itself (INTEGER PRIMARY KEY); None if no column is."""
        if not self.has_rowid or len(self.key) != 1:
            return None
        column = self.column(self.key[0])
        descending = any("DESC" in [token.word for token in part.tokens] for part in column.of("PRIMARY"))
        is_integer = [token.name.upper() for token in tokens(column.type)] == ["INTEGER"]
        return column.name if is_integer and not descending else None

    @property
    def autoincrement(self) -> bool:
        """Whether ids of deleted rows are never given again."""
        parts = [part for column in self.columns for part in column.of("PRIMARY")]
        parts += [part for part in self.constraints if part.kind == "PRIMARY"]
        return any(token.word == "AUTOINCREMENT" for part in parts for token in part.tokens)


def parse(sql: str) -> Definition:
    """Take the CREATE TABLE statement *sql*, as a file has it, apart.

    Raises:
        QueryError: it is no such statement.
    """
    words = tokens(sql)
    opening = next((place for place, token in enumerate(words) if token.text == "("), None)
    if opening is None or [token.word for token in words[:1]] != ["CREATE"]:
        raise QueryError("a table of the file has a definition that cannot be read")
    end = closing(words, opening)
    definition = Definition(words[opening - 1].name)
    for item in split(words[opening + 1 : end]):
        if item[0].word in _TABLE_PART:
            definition.constraints += _parts(sql, item, _TABLE_PART)
        else:
            definition.columns.append(_column(sql, item))
    definition.options = [" ".join(token.word for token in option) for option in split(words[end + 1 :])]
    return definition


def split(words: list[Token]) -> Iterator[list[Token]]:
    """Yield what the commas outside of parentheses part."""
    item: list[Token] = []
    depth = 0
    for token in words:
        if token.kind == "sign":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if token.text == "," and depth == 0:
                yield item
                item = []
                continue
        item.append(token)
    if item:
        yield item


def names(words: list[Token]) -> list[str]:
    """Return the columns that a list such as UNIQUE's names, without their parentheses, order and collation."""
    return [next(token.name for token in item if token.text != "(") for item in split(words)]


def quoted(name: str) -> str:
    """Return *name* as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _column(sql: str, item: list[Token]) -> ColumnText:
    name, words = item[0].name, item[1:]
    end = _next(words, 0, _COLUMN_PART)
    kind = sql[words[0].start : words[end - 1].end] if end else ""
    return ColumnText(name, kind, tuple(_parts(sql, words[end:], _COLUMN_PART)))


def _parts(sql: str, words: list[Token], starts: frozenset[str]) -> Iterator[Part]:
    place = 0
    while place < len(words):
        begin, name = place, None
        while place < len(words) and words[place].word == "CONSTRAINT":
            name, place = words[place + 1].name, place + 2  # SQLite forgets all names but the last
        if place >= len(words):
            return  # SQLite takes a name with nothing after it, and forgets it
        end = _end(words, place, starts)
        part = words[place:end]
        yield Part(_kind(part), tuple(part), sql[words[begin].start : part[-1].end], name)
        place = end


def _kind(part: list[Token]) -> str:
    if part[0].word == "GENERATED":
        return "AS"
    return "DEFERRABLE" if [token.word for token in part[:2]] == ["NOT", "DEFERRABLE"] else part[0].word


def _end(words: list[Token], place: int, starts: frozenset[str]) -> int:
    """Return where the constraint that begins at *place* ends."""
    end = place + 1
    if words[place].word != "DEFAULT":
        return _next(words, end, starts)
    if words[end].text == "(":
        return closing(words, end) + 1
    return end + 2 if words[end].text in ("+", "-") else end + 1


def _next(words: list[Token], place: int, starts: frozenset[str]) -> int:
    """Return where the next constraint begins, from *place* on and outside of parentheses."""
    while place < len(words) and not _begins(words, place, starts):
        place = closing(words, place) + 1 if words[place].text == "(" else place + 1
    return place


def _begins(words: list[Token], place: int, starts: frozenset[str]) -> bool:
    """Whether a constraint begins at *place*; the words that begin one stand elsewhere too."""
    word, before = words[place].word, words[place - 1].word if place else ""
    if word == "GENERATED":  # else it is a type or a name
        return [token.word for token in words[place + 1 : place + 3]] == ["ALWAYS", "AS"]
    if word == "AS" and before == "ALWAYS":
        return place < 2 or words[place - 2].word != "GENERATED"
    return word in starts and (before, word) not in _TOGETHER


def condition(part: Part) -> Iterable[Token]:
    """Return what a CHECK demands, without parentheses around all of it."""
    return unwrapped(part.inside())
