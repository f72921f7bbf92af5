"""The schema of a file, or of DDL texts, as comparable values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import apsw

from ...catalog import sql_literal
from ...shapes import ColumnShape, Part, ReferenceShape, Shapes, TableShape
from . import definition as ddl
from .definition import ColumnText, Definition
from .errors import translated
from .tokens import Token, closing, normal, tokens, unwrapped

SCHEMA = (
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
    "AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')"
)
"""Every object that somebody made: not SQLite's own, nor the tables inside a virtual table."""

Object = tuple[str, str, str, str]
"""Type, name, table and SQL."""

_Owned = tuple[ColumnText | None, ddl.Part]
"""A constraint and its column; None for one of the table."""

_VALUES = frozenset({"NULL", "TRUE", "FALSE", "CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"})
"""Words that are values as a DEFAULT. Any other word there is a text to SQLite."""


def snapshot(connection: apsw.Connection) -> Shapes:
    """Return the schema of the file behind *connection*, in one SELECT.

    Raises:
        QueryError: a definition in it cannot be read.
    """
    with translated():
        return shapes(list(connection.execute(SCHEMA)))


def shapes(objects: Iterable[Object]) -> Shapes:
    """Return *objects* as comparable values."""
    tables: dict[str, TableShape] = {}
    searches: dict[str, Part] = {}
    others: dict[str, dict[str, Part]] = {"index": {}, "trigger": {}, "view": {}}
    for kind, name, table, sql in objects:
        if kind == "table" and not _is_virtual(sql):
            tables[name.lower()] = _shape_of(sql)
        else:
            others.get(kind, searches)[name.lower()] = Part(table.lower(), _text(sql))
    return Shapes(_resolved(tables), others["index"], searches, others["trigger"], others["view"])


@lru_cache(maxsize=512)  # a migration compares the same tables again and again
def _shape_of(sql: str) -> TableShape:
    return table_shape(ddl.parse(sql))


def table_shape(definition: Definition) -> TableShape:
    """Return one parsed table as comparable values."""
    parts: list[_Owned] = [(column, part) for column in definition.columns for part in column.parts]
    parts += [(None, part) for part in definition.constraints]
    key = tuple(name.lower() for name in definition.key)
    own = {column.name.lower(): _column_shape(column, definition, key) for column in definition.columns}
    options = {option.lower() for option in definition.options}
    if definition.autoincrement:
        options.add("autoincrement")
    checks = {
        normal(ddl.condition(part)): (part.name or "").lower() for _, part in parts if part.kind == "CHECK"
    }
    return TableShape(
        own,
        key,
        frozenset(checks),
        frozenset(
            (column.name.lower(),) if column else _names(part.inside())
            for column, part in parts
            if part.kind == "UNIQUE"
        ),
        _references(parts),
        frozenset(options),
        checks,
    )


def _column_shape(column: ColumnText, definition: Definition, key: tuple[str, ...]) -> ColumnShape:
    in_key = column.name.lower() in key
    # SQLite itself forbids NULL there: sqlite.org/stricttables.html, withoutrowid.html
    implied = in_key and (
        definition.strict or not definition.has_rowid or definition.rowid_column == column.name
    )
    collations = [part.tokens[1].name.lower() for part in column.of("COLLATE")]
    generated = [
        f"{normal(ddl.condition(part))} {'stored' if part.tokens[-1].word == 'STORED' else 'virtual'}"
        for part in column.of("AS")
    ]
    return ColumnShape(
        " ".join(token.name.lower() for token in tokens(column.type)),
        not (implied or column.of("NOT")),
        _default(column),
        collations[-1] if collations else "binary",
        generated[0] if generated else "",
    )


def _default(column: ColumnText) -> str:
    parts = column.of("DEFAULT")
    words = unwrapped(list(parts[-1].tokens[1:])) if parts else []
    if len(words) == 1 and words[0].kind in ("word", "quoted") and words[0].word not in _VALUES:
        return sql_literal(words[0].name)
    return "" if [token.word for token in words] == ["NULL"] else normal(words)


def _references(parts: list[_Owned]) -> frozenset[ReferenceShape]:
    """Return the foreign keys. DEFERRABLE may stand apart from its own; it belongs to the last one before it."""
    found: list[ReferenceShape] = []
    for column, part in parts:
        if part.kind in ("REFERENCES", "FOREIGN"):
            found.append(_reference_shape(column, part))
        elif part.kind == "DEFERRABLE" and found:
            found[-1] = replace(found[-1], deferred=_is_deferred(part))
    return frozenset(found)


def _is_deferred(part: ddl.Part) -> bool:
    words = " ".join(token.word for token in part.tokens)
    return "INITIALLY DEFERRED" in words and "NOT DEFERRABLE" not in words


def _reference_shape(column: ColumnText | None, part: ddl.Part) -> ReferenceShape:
    words = list(part.tokens)
    own: tuple[str, ...] = (column.name.lower(),) if column else _names(part.inside())
    start = next(place for place, token in enumerate(words) if token.word == "REFERENCES")
    to: tuple[str, ...] = ()
    if start + 2 < len(words) and words[start + 2].text == "(":
        to = _names(words[start + 3 : closing(words, start + 2)])
    actions = {"DELETE": "no action", "UPDATE": "no action"}
    upper = [token.word for token in words]
    for place, word in enumerate(upper[:-2]):
        if word == "ON" and upper[place + 1] in actions:
            after = upper[place + 2 : place + 4]
            actions[upper[place + 1]] = " ".join(after if after[0] in ("SET", "NO") else after[:1]).lower()
    return ReferenceShape(
        own,
        words[start + 1].name.lower(),
        to,
        actions["DELETE"],
        actions["UPDATE"],
        _is_deferred(part),
    )


def _resolved(tables: dict[str, TableShape]) -> dict[str, TableShape]:
    """Return *tables* with the key written out in every foreign key that only names a table."""

    def resolved(reference: ReferenceShape) -> ReferenceShape:
        if reference.to or reference.table not in tables:
            return reference
        return replace(reference, to=tables[reference.table].key)

    return {
        name: replace(table, references=frozenset(map(resolved, table.references)))
        for name, table in tables.items()
    }


def _names(words: list[Token]) -> tuple[str, ...]:
    return tuple(name.lower() for name in ddl.names(words))


def _is_virtual(sql: str) -> bool:
    return sql.upper().startswith("CREATE VIRTUAL TABLE")  # SQLite writes these words itself


def _text(sql: str) -> str:
    """Return *sql* in its normal form, without the order that is meant anyway."""
    return normal(sql).replace(" asc ,", " ,").replace(" asc )", " )")
