"""The columns of one table: what to do to those the steps made, so that they are those of the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..catalog import FIELD_RULES, Column, Table
from ..errors import DefinitionError
from ..fields import NOW
from ..shapes import TableShape
from .filling import in_words, stored
from .layout import Code, call, literal, prefixed
from .questions import Answers, Empty, Gone, Question
from .source import Fields, Source
from .statements import Change, Statement

_PLAIN = {"text": "TextField", "integer": "IntegerField", "real": "FloatField", "blob": "BlobField"}


@dataclass
class ColumnCode:
    """Compares the columns of one table.

    Attributes:
        after, before: The table as the model wants it, and as the steps made it.
        questions: What has to be answered first; then the changes are not complete.
        filled: Columns for which an answer was used.
    """

    source: Source
    table: Table
    fields: Fields
    after: TableShape
    before: TableShape
    answers: Answers
    questions: list[Question] = field(default_factory=list)
    filled: set[str] = field(default_factory=set)

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
                kind = self.before.columns[name].type
                added = (one for one in self.after.columns if one not in self.before.columns)
                same = (self._full(one) for one in added if self.after.columns[one].type == kind)
                self.questions.append(Gone(self._full(name), tuple(same)))
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
                    fill = self._fill(column, name in self.before.columns and self._loses_null(name))
                    changes.append(
                        Change("alter_column", name, literal(name), self.source.field(name, one), *fill)
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
            or _references(self.after, name) != _references(self.before, name)
            or _rules(self.after, name) != _rules(self.before, name)
        )

    def _gone(self) -> list[str]:
        return [name for name in self.before.columns if name not in self.after.columns]

    def _relaxed(self, name: str) -> list[Change]:
        shape = self.before.columns[name]
        if shape.optional and not _references(self.before, name) and not _rules(self.before, name):
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
        return [Change("alter_column", name, literal(name), call(kind, *options))]

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


def _references(shape: TableShape, column: str) -> set[object]:
    return {one for one in shape.references if column in one.columns}


def _rules(shape: TableShape, column: str) -> set[str]:
    """The conditions of the CHECKs that a field of this column has made."""
    return {
        condition
        for condition, name in shape.check_names.items()
        if name.rpartition("_")[2] in FIELD_RULES and _subject(condition) == column
    }


def _subject(condition: str) -> str:
    """The column that the CHECK of a field is about: `status in ( ... )`, `length ( title ) <= 10`."""
    words = condition.split(" ")
    return words[2] if words[1:2] == ["("] else words[0]
