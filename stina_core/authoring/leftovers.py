"""Indexes, CHECKs and full-text indexes that the steps made and no model has."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from itertools import pairwise

from ..catalog import FIELD_RULES
from ..errors import DefinitionError
from ..shapes import Part, Shapes
from .questions import Answers, Gone


@dataclass
class Leftovers:
    """Those of one table, and what is to become of each.

    What goes with a column, or is replaced by something of the same name or
    content, is not asked for.

    Attributes:
        plugin, table: Their names; the table's in full.
        wanted, found: The schema the models want, and the one the steps made.
        altered: Columns that get another definition.
        questions: What has to be answered first.
        staying: Full names of indexes and full-text indexes that stay.
    """

    plugin: str
    table: str
    wanted: Shapes
    found: Shapes
    answers: Answers
    altered: Set[str]
    questions: list[Gone] = field(default_factory=list)
    staying: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.own = self.table.removeprefix(f"{self.plugin}_")
        self.after, self.before = self.wanted.tables[self.table], self.found.tables[self.table]
        gone = self.before.columns.keys() - self.after.columns.keys()
        self._dropped = {name for name in gone if f"{self.own}.{name}" in self.answers.drops}
        self._kept = {name for name in gone if f"{self.own}.{name}" in self.answers.keeps}
        self._undecided = gone - self._dropped - self._kept
        renames = (old for old, new in self.answers.renames.items() if new.startswith(f"{self.own}."))
        self._moved = {*self.altered, *(old.rpartition(".")[2] for old in renames)}

    def indexes(self) -> list[str]:
        """Return the full names of the indexes that go, those that are made anew under the same name too."""
        prefix = f"{self.table}__"
        names = []
        for name, part in self.found.indexes.items():
            if part.table != self.table or not name.startswith(prefix):
                continue
            if self.wanted.indexes.get(name) == part:
                continue
            is_replaced = (
                name in self.wanted.indexes
                or self._is_renamed(name, part)
                or name.removeprefix(prefix) in self._moved
            )
            full = f"index:{self.own}__{name.removeprefix(prefix)}"
            if self._goes(full, self._columns(part.text), name, is_replaced=is_replaced):
                names.append(name)
        return names

    def checks(self) -> Iterator[str]:
        """Yield the names of the CHECKs of the table that go."""
        there = self.after.check_names
        for condition, name in self.before.check_names.items():
            if not name or is_of_field(name) or there.get(condition) == name:
                continue
            columns = self._columns(f"( {condition}")
            is_replaced = condition in there or name in there.values()
            full = f"check:{self.own}.{name}"
            may_stay = bool(columns) and columns <= self._kept
            if self._goes(full, columns, "", is_replaced=is_replaced, may_stay=may_stay):
                yield name

    def search_goes(self) -> bool:
        """Whether the full-text index goes for good."""
        name = f"{self.table}_search"
        part = self.found.searches.get(name)
        if part is None or name in self.wanted.searches:
            return False
        return self._goes(f"search:{self.own}", self._columns(part.text), name)

    def _goes(
        self, full: str, columns: Set[str], name: str, *, is_replaced: bool = False, may_stay: bool = True
    ) -> bool:
        """Decide of one, called *full* by people and *name* in the file, or ask."""
        if full in self.answers.keeps and (columns & self._dropped or not may_stay):
            raise DefinitionError(
                f"{full} cannot be kept: {'its column is dropped' if may_stay else 'the model must have it too'}"
            )
        if columns & self._dropped or full in self.answers.drops:
            return True
        stays_with_column = bool(name and columns & self._kept)
        if full in self.answers.keeps or (stays_with_column and not is_replaced):
            self.staying.add(name)
            return False
        if not is_replaced and not columns & self._undecided:
            self.questions.append(Gone(full, may_stay=may_stay))
        return is_replaced

    def _is_renamed(self, name: str, part: Part) -> bool:
        """Whether the models want the same index under another name."""
        return any(
            one.table == self.table and other not in self.found.indexes and body_of(one) == body_of(part)
            for other, one in self.wanted.indexes.items()
        )

    def _columns(self, sql: str) -> set[str]:
        """The columns that the normalised *sql* names after its first bracket; `length (` is the function."""
        words = [word.strip('"') for word in sql.partition("(")[2].split(" ")]
        return {word for word, following in pairwise([*words, ""]) if following != "("} & (
            self.before.columns.keys()
        )


def objects(plugin: str, shapes: Shapes) -> set[str]:
    """Return what people call the indexes, CHECKs and full-text indexes of *plugin*."""

    def own(name: str) -> str:
        return name.removeprefix(f"{plugin}_")

    indexes = (name for name, part in shapes.indexes.items() if name.startswith(f"{part.table}__"))
    return {
        *(f"index:{own(name)}" for name in indexes),
        *(f"search:{own(name).removesuffix('_search')}" for name in shapes.searches),
        *(
            f"check:{own(table)}.{name}"
            for table, shape in shapes.tables.items()
            for name in shape.check_names.values()
            if name and not is_of_field(name)
        ),
    }


def is_of_field(check: str) -> bool:
    """Whether the CHECK called so has come from a field."""
    return check.rpartition("_")[2] in FIELD_RULES


def body_of(index: Part) -> tuple[bool, str]:
    """Return whether an index is unique, and all of it but its name."""
    head, _, body = index.text.partition(" on ")
    return " unique " in head, body
