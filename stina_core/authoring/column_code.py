"""The columns of one table: what to do to those the steps made, so that they are those of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from ..catalog import FIELD_RULES, Column, Table
from ..errors import DefinitionError
from ..fields import NOW
from ..shapes import ReferenceShape, TableShape
from .filling import in_words, stored
from .layout import Code, call, literal, prefixed
from .questions import Answers, Converted, Empty, Gone, Question
from .source import Fields, Source
from .statements import Change, Statement

_PLAIN = {"text": "TextField", "integer": "IntegerField", "real": "FloatField", "blob": "BlobField"}


@dataclass
class ColumnCode:
    """Compares the columns of one table.

    Attributes:
        after, before: The table as the model wants it, and as the steps made it.
        questions: What has to be answered first; then the changes are not complete.
        filled, converted: Columns for which an answer was used.
    """

    source: Source
    table: Table
    fields: Fields
    after: TableShape
    before: TableShape
    answers: Answers
    questions: list[Question] = field(default_factory=list)
    filled: set[str] = field(default_factory=set)
    converted: set[str] = field(default_factory=set)

    def dropped(self) -> list[Change]:
        """Those that no model has any more and that may go."""
        names = (name for name in self._gone() if self._full(name) in self.answers.drops)
        return [Change("drop_column", name, literal(name)) for name in names]

    def kept(self) -> list[Change]:
        """Those that no model has any more and that stay: rows must be possible that know nothing of them."""
        changes = []
        for name in self._gone():
            if self._full(name) in self.answers.keeps:
                changes += self._relaxed(name)
            elif self._full(name) not in self.answers.drops:
                self.questions.append(Gone(self._full(name), tuple(self._candidates(name))))
        return changes

    def nullable_now(self) -> list[Statement]:
        """New columns with `default=now` that may be NULL: they come without it first, so that old rows have NULL."""
        statements = []
        for name in self._nullable_now():
            code = self.source.keyword(self.fields[name], self.fields, default=False)
            statements.append(Change("add_column", name, alone=[code]).on(self.source.own(self.table.name)))
        return statements

    def changed(self) -> list[Change]:
        """New and altered ones."""
        changes = []
        for column in self.table.columns:
            name = column.name
            one = self.fields[name]
            if name in self.before.columns or name in self._nullable_now():
                if self.is_altered(name):
                    more = [
                        *self._using(name),
                        *self._fill(column, name in self.before.columns and self._loses_null(name)),
                    ]
                    changes.append(
                        Change("alter_column", name, literal(name), self.source.field(name, one), *more)
                    )
            elif one.primary_key:
                raise DefinitionError(
                    f"{self._full(name)} is a new primary key, and rows that are there need different values in it; "
                    "write that step by hand"
                )
            else:
                fill = self._fill(column, not column.null and column.default in (None, NOW))
                alone = None if fill else [self.source.keyword(one, self.fields)]
                arguments = [literal(name), self.source.field(name, one), *fill]
                changes.append(Change("add_column", name, *arguments, alone=alone))
        return changes

    def is_altered(self, name: str) -> bool:
        """Whether the column *name* is there in another form, or is made in two steps."""
        return (
            self.after.columns[name] != self.before.columns.get(name)
            or references_of(self.after, name) != references_of(self.before, name)
            or rules_of(self.after, name) != rules_of(self.before, name)
        )

    def _gone(self) -> list[str]:
        return [name for name in self.before.columns if name not in self.after.columns]

    def _relaxed(self, name: str) -> list[Change]:
        shape = self.before.columns[name]
        if shape.optional and not references_of(self.before, name) and not rules_of(self.before, name):
            return []
        if shape.type not in _PLAIN:
            raise DefinitionError(
                f"{self._full(name)} is a {shape.type} and cannot be kept; write it by hand"
            )
        kind = _PLAIN[shape.type]
        self.source.names.add(kind)
        options = ["null=True"]
        if shape.collation != "binary":
            options.append(f"collation={literal(shape.collation.upper())}")
        as_it_is = [prefixed("using=", literal(f'"{name}"'))] if _is_json(self.before, name) else []
        return [Change("alter_column", name, literal(name), call(kind, *options), *as_it_is)]

    def _candidates(self, name: str) -> list[str]:
        """New columns that *name* may have become."""
        kind, points = self.before.columns[name].type, bool(references_of(self.before, name))
        added = (one for one in self.after.columns if one not in self.before.columns)
        same = (
            one
            for one in added
            if self.after.columns[one].type == kind and bool(references_of(self.after, one)) is points
        )
        return list(map(self._full, likeliest_first(name, same)))

    def _using(self, name: str) -> list[Code]:
        """What a column that was there becomes, where its type does not say it."""
        full = self._full(name)
        if name not in self.before.columns:
            return []
        if full in self.answers.usings:
            self.converted.add(full)
            return [prefixed("using=", literal(self.answers.usings[full]))]
        before, after = self.before.columns[name], self.after.columns[name]
        was, becomes = _is_json(self.before, name), _is_json(self.after, name)
        if before.type == after.type and was is not becomes:
            json = f'json_quote("{name}")'
            if before.null:
                json = f'CASE WHEN "{name}" IS NOT NULL THEN {json} END'
            words = "becomes JSON" if becomes else "is no more JSON"
            self.questions.append(Converted(full, words, json if becomes else f'"{name}"'))
        return []

    def _nullable_now(self) -> list[str]:
        return [
            column.name
            for column in self.table.columns
            if column.null
            and column.default == NOW
            and column.name not in self.before.columns
            and self._full(column.name) not in self.answers.fills
        ]

    def _loses_null(self, name: str) -> bool:
        return self.before.columns[name].null and not self.after.columns[name].null

    def _fill(self, column: Column, is_needed: bool) -> list[Code]:
        full = self._full(column.name)
        one: Any = self.fields[column.name]
        if full in self.answers.fills:
            self.filled.add(full)
            return [prefixed("fill=", literal(stored(one, self.answers.fills[full], full)))]
        if not is_needed:
            return []
        if column.default is None or column.default == NOW:
            self.questions.append(Empty(full, in_words(one)))
            return []
        return [prefixed("fill=", literal(one.db_value(one.plain_default())))]

    def _full(self, column: str) -> str:
        return f"{self.source.own(self.table.name)}.{column}"


def likeliest_first(name: str, candidates: Iterable[str]) -> list[str]:
    """Return *candidates* by how much they look like *name*."""
    return sorted(candidates, key=lambda one: -SequenceMatcher(None, name, one).ratio())


def _is_json(shape: TableShape, column: str) -> bool:
    names = {shape.check_names[condition] for condition in rules_of(shape, column)}
    return any(name.endswith("_json") for name in names)


def references_of(shape: TableShape, column: str) -> set[ReferenceShape]:
    """Return the foreign keys that *column* is in."""
    return {one for one in shape.references if column in one.columns}


def rules_of(shape: TableShape, column: str) -> set[str]:
    """Return the conditions of the CHECKs that the field of *column* has made."""
    return {
        condition
        for condition, name in shape.check_names.items()
        if name.rpartition("_")[2] in FIELD_RULES and _subject(condition) == column
    }


def _subject(condition: str) -> str:
    """The column that the CHECK of a field is about: `status in ( ... )`, `length ( title ) <= 10`."""
    words = condition.split(" ")
    return words[2] if words[1:2] == ["("] else words[0]
