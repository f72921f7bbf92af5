"""Changes that rows other people have may not fit; then the step fails there and leaves the file as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .column_code import references_of, rules_of
from .leftovers import body_of, is_of_field

if TYPE_CHECKING:
    from .table_code import TableCode

_TYPES = {"text": "a text", "integer": "an integer", "real": "a number", "blob": "bytes"}
_TEXT = re.compile(r"'(?:[^']|'')*'")


def refusals(code: TableCode) -> Iterator[str]:
    """Yield in words what rows of one table may refuse: `todo.count becomes an integer`."""
    after, before = code.after, code.before
    for name in code.after.columns:
        for words in (*_column(code, name), *_references(code, name)):
            yield f"{code.own}.{name} {words}"
    for condition, name in after.check_names.items():
        if condition not in before.checks and not is_of_field(name):
            yield f"{code.own} gets the CHECK {name}"
    for words in _unique(code):
        yield f"{code.own} {words}"
    if after.key != before.key:
        yield f"{code.own} gets the primary key {', '.join(after.key)}"
    if "strict" in after.options - before.options:
        yield f"{code.own} becomes STRICT"


def _column(code: TableCode, name: str) -> Iterator[str]:
    """What a column that is there demands that it did not demand before."""
    if name not in code.before.columns:
        return
    after, before = code.after.columns[name], code.before.columns[name]
    if after.type != before.type:
        yield f"becomes {_TYPES.get(after.type, after.type)}"
    if before.null and not after.null:
        yield "may not be NULL any more"
    there = rules_of(code.before, name)
    for condition in sorted(rules_of(code.after, name) - there):
        kind = code.after.check_names[condition].rpartition("_")[2]
        old = [one for one in there if code.before.check_names[one].rpartition("_")[2] == kind]
        if kind == "length" and not any(_limit(one) <= _limit(condition) for one in old):
            yield f"has at most {_limit(condition)} characters"
        elif kind == "enum" and not any(_texts(one) <= _texts(condition) for one in old):
            yield f"is one of {', '.join(sorted(_texts(condition)))}"
        elif kind in ("json", "boolean") and not old:
            yield "becomes JSON" if kind == "json" else "becomes true or false"


def _references(code: TableCode, name: str) -> Iterator[str]:
    """Where a column points from now on; a new one that may be NULL points nowhere."""
    if name not in code.before.columns and code.after.columns[name].null:
        return
    there = {(one.columns, one.table, one.to) for one in references_of(code.before, name)}
    for one in references_of(code.after, name):
        if (one.columns, one.table, one.to) not in there:
            yield f"must point to a row of {one.table}"


def _unique(code: TableCode) -> Iterator[str]:
    """Values that must differ: of a new unique index, or of one that compares them in another way."""
    changed = {
        name
        for name, column in code.after.columns.items()
        if name in code.before.columns and column != code.before.columns[name]
    }
    there = {body_of(part) for part in code.found.indexes.values() if part.table == code.table.name}
    for index in code.table.indexes:
        part = code.wanted.indexes[code.table.index_name(index)]
        columns = {one.column for one in index.parts}
        if index.unique and (body_of(part) not in there or columns & changed):
            yield f"gets different values in {', '.join(index.columns)} in every row (UNIQUE)"


def _limit(condition: str) -> int:
    return int(condition.rpartition(" ")[2])


def _texts(condition: str) -> set[str]:
    return set(_TEXT.findall(condition))
