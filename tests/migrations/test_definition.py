"""A CREATE TABLE is read as SQLite reads it, whoever wrote it, and what is rendered makes the same table again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from random import Random
from typing import Any

import apsw
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stina_core import QueryError
from stina_core.backends.sqlite.definition import ColumnText, Definition, parse
from stina_core.backends.sqlite.snapshot import table_shape
from stina_core.shapes import TableShape

Words = list[str]
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Name(str):
    """A word that may be written in any of SQLite's quotes."""


class Column(Name):
    """A column in an expression, where single quotes would make a text of it."""


BARE = ("a", "B", "key", "generated", "Größe", "a\xa0b")
NAMES = (*BARE, "two  words", "it's", 'say "x"', "b,c", "(", "check")
GAPS = (" ", "\n", "\t", "/**/", " /* it's , ( \" */ ", " -- ' ) \"\n")

# In these texts a space parts two words, · is a space inside a word, and @ is the column.
TYPES = (
    *("", "text", "INTEGER", "int", "blob", "VARCHAR ( 10 )", "decimal ( +10 , -2 )", "unsigned big int"),
    *('"INTEGER"', "'text'", '"double··precision"', "`INT` ( 3 )", "[a]", "generated", "no action", "always"),
)
STRICT_TYPES = ("INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY", '"text"', "integer")
DEFAULTS = (
    *("5", "- 5", "+ .5e3", "1_000", "0xFF", "'it''s,··('", "x'00fF'", "NULL", "TRUE", "CURRENT_TIMESTAMP"),
    *("Hello", "generated", '"two··Words"', "( 1 )", "( ( 'a' || lower ( 'B' ) ) )", "( - 1 )", "( NULL )"),
)
CHECKS = (
    *(
        "@ > 0",
        "@ IS NOT NULL",
        "( @ ) = ( @ )",
        "( @ > 1 AND @ <> ')·CHECK·(' )",
        "length ( @ ) < max ( 3 , 4 )",
    ),
    *(
        "@ COLLATE NOCASE IN ( 'a' , 'b' )",
        "CASE @ WHEN 1 THEN 0 ELSE 1 END",
        "@ LIKE '%(' ESCAPE '!'",
        "@ ->> 1",
    ),
)
COMPUTED_WORDS = "GENERATED ALWAYS"
"""One word here: SQLite takes a comment in it or before it for part of the type."""
COMPUTED = ("GENERATED·ALWAYS AS ( @ || '(' ) STORED", "GENERATED·ALWAYS AS ( @ )", "AS ( ( @ ) ) VIRTUAL")
ACTIONS = ("SET NULL", "SET DEFAULT", "CASCADE", "RESTRICT", "NO ACTION")
CLAUSES = [f"ON {event} {action}" for event in ("DELETE", "UPDATE", "INSERT") for action in ACTIONS]
DEFERRALS = [
    f"{no}DEFERRABLE{when}"
    for no in ("", "NOT ")
    for when in ("", " INITIALLY DEFERRED", " INITIALLY IMMEDIATE")
]
CONFLICTS = ["", *(f"ON CONFLICT {what}" for what in ("ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"))]


def one_of(*texts: str, column: str = "") -> st.SearchStrategy[Words]:
    """Choose one of *texts*, as words."""
    words = [[Column(column) if word == "@" else word.replace("·", " ") for word in t.split()] for t in texts]
    return st.sampled_from(words)


def row(*parts: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    """Put *parts* behind each other."""
    return st.tuples(*parts).map(lambda found: [*chain.from_iterable(found)])


def some(part: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    """Repeat *part*: not at all, once or twice."""
    return st.lists(part, max_size=2).map(lambda found: [*chain.from_iterable(found)])


def commas(items: Sequence[Words]) -> Words:
    """Put commas between *items*."""
    return [*chain.from_iterable([",", *item] for item in items)][1:]


NAME: st.SearchStrategy[Words] = st.sampled_from(NAMES).map(lambda name: [Name(name)])
LABEL = some(row(one_of("CONSTRAINT"), NAME))
CONFLICT = one_of(*CONFLICTS)
DEFERRAL = one_of("", *DEFERRALS)
FOLLOWS = some(one_of(*CLAUSES) | row(one_of("MATCH"), NAME))


@cache
def column_part(name: str) -> st.SearchStrategy[Words]:
    """Return any constraint of the column *name* that may stand with any other."""
    return row(
        LABEL,
        row(one_of("NOT NULL", "NULL", "UNIQUE"), CONFLICT)
        | row(one_of("COLLATE"), one_of("nocase", '"RTRIM"', "'binary'"))
        | row(one_of("CHECK ("), one_of(*CHECKS, column=name), one_of(")"))
        | row(one_of("REFERENCES"), NAME, st.just([]) | row(one_of("("), NAME, one_of(")")), FOLLOWS)
        | one_of(*DEFERRALS),
    )


@cache
def listed(names: tuple[str, ...], most: int) -> st.SearchStrategy[Words]:
    """Return some of *names*, as UNIQUE and PRIMARY KEY list them."""
    wrapped = [[Name(name)] for name in names] + [["(", "(", Name(name), ")", ")"] for name in names]
    item = row(st.sampled_from(wrapped), one_of("", "", "COLLATE nocase"), one_of("", "DESC", "ASC"))
    items = st.lists(item, min_size=1, max_size=most, unique_by=_name)
    return items.map(lambda found: ["(", *commas(found), ")"])


def _name(words: Words) -> str:
    return next(word for word in words if isinstance(word, Name))


@cache
def table_part(names: tuple[str, ...]) -> st.SearchStrategy[Words]:
    """Return any constraint of a table with the columns *names*, but its key."""
    foreign = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).flatmap(
        lambda own: row(
            st.just(["FOREIGN", "KEY", "(", *commas([[Name(name)] for name in own]), ")", "REFERENCES"]),
            NAME,
            one_of("") | st.just(["(", *commas([[Name(f"to {name}")] for name in own]), ")"]),
            FOLLOWS,
            DEFERRAL,
        )
    )
    check = row(one_of("CHECK ("), one_of(*CHECKS, column=names[0]), one_of(")"), CONFLICT)
    return row(LABEL, foreign | check | row(one_of("UNIQUE"), listed(names, 2), CONFLICT))


@st.composite
def tables(draw: Draw) -> Words:
    """Return the words of a CREATE TABLE; SQLite takes most of them."""
    names = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)))
    strict, without_rowid = draw(st.booleans()), draw(st.booleans())
    key = draw(st.sampled_from(("column", "table") if without_rowid else ("", "column", "number", "table")))
    columns = [_column(draw, name, names[0], strict, key) for name in names]
    constraints = draw(st.lists(table_part(names), max_size=2))
    if key == "table":
        listing = listed(names, draw(st.integers(1, 2)))
        constraints.append(draw(row(LABEL, one_of("PRIMARY KEY"), listing, CONFLICT)))
    tail = [draw(one_of("", ",")) + constraint for constraint in constraints]
    if tail:
        tail[0] = [",", *constraints[0]]
    options = [["STRICT"]] * strict + [["WITHOUT", "ROWID"]] * without_rowid
    body = [*commas(columns), *chain.from_iterable(tail), *draw(LABEL if tail else st.just([]))]
    return ["CREATE", "TABLE", Name(draw(st.sampled_from(NAMES))), "(", *body, ")", *commas(options)]


def _column(draw: Draw, name: str, first: str, strict: bool, key: str) -> Words:
    kind = draw(one_of(*(STRICT_TYPES if strict else TYPES)))
    parts = draw(st.lists(column_part(name), max_size=3))
    if name != first and draw(st.booleans()):
        parts.append(draw(row(LABEL, one_of(*COMPUTED, column=first))))
    elif draw(st.booleans()):
        parts.append(draw(row(LABEL, one_of("DEFAULT"), one_of(*DEFAULTS))))
    if name == first and key == "column":
        parts.append(draw(row(LABEL, one_of("PRIMARY KEY"), one_of("", "DESC", "ASC"), CONFLICT)))
    if name == first and key == "number":
        kind = draw(one_of("integer", '"INTEGER"'))
        parts.append(
            draw(row(one_of("PRIMARY KEY", "PRIMARY KEY ASC"), CONFLICT, one_of("", "AUTOINCREMENT")))
        )
    return [Name(name), *kind, *chain.from_iterable(draw(st.permutations(parts)))]


def written(words: Words, seed: int) -> str:
    """Return *words* as a text: plain for the seed 0, with other quotes, case and layout for any other."""
    chance, sql = Random(seed), ""
    for before, word in zip(["", *words], words, strict=False):
        loose = any(not isinstance(one, Name) and one in ("", "(", ")", ",") for one in (before, word))
        gap = chance.choice((*GAPS, *[""] * loose)) if seed and word != COMPUTED_WORDS else " "
        sql += gap + _word(word, chance if seed else None)
    return sql


def _word(word: str, chance: Random | None) -> str:
    if isinstance(word, Name):
        forms = ['"' + word.replace('"', '""') + '"', f"`{word}`", f"[{word}]"]
        forms += [str(word)] if word in BARE else []
        forms += ["'" + word.replace("'", "''") + "'"] if not isinstance(word, Column) else []
        return chance.choice(forms) if chance else forms[0]
    return word.lower() if chance and word[0].isalpha() and word.isupper() and chance.random() < 0.5 else word


def made(sql: str) -> apsw.Connection:
    """Return a new database in which *sql* was run."""
    connection = apsw.Connection(":memory:")
    connection.execute(sql).fetchall()
    return connection


def rows(connection: apsw.Connection, sql: str, *values: str) -> list[tuple[Any, ...]]:
    return list(connection.execute(sql, values))


def stored(connection: apsw.Connection) -> str:
    """Return the text that SQLite keeps of the only table."""
    sql: str = rows(connection, "SELECT sql FROM sqlite_schema WHERE type = 'table'")[0][0]
    return sql


def by_sqlite(connection: apsw.Connection) -> dict[str, Any]:
    """Return what SQLite itself says of the only table."""
    ((name, without_rowid, strict),) = rows(
        connection,
        "SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%'",
    )
    columns = rows(
        connection,
        """SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)""",
        name,
    )
    key = tuple(column[0].lower() for column in sorted(columns, key=lambda one: int(one[4])) if column[4])
    references: dict[int, list[Any]] = {}
    for number, _, table, own, to, on_update, on_delete, _ in rows(
        connection, "SELECT * FROM pragma_foreign_key_list(?) ORDER BY id, seq", name
    ):
        found = references.setdefault(number, [(), table.lower(), (), on_delete.lower(), on_update.lower()])
        found[0] += (own.lower(),)
        found[2] += (to.lower(),) if to else ()
    indexes = dict(rows(connection, "SELECT name, origin FROM pragma_index_list(?)", name))
    uniques = {
        tuple(
            column.lower() for (column,) in rows(connection, "SELECT name FROM pragma_index_info(?)", index)
        )
        for index in indexes
    }
    has_key_index = without_rowid or "pk" in indexes.values()
    sequence = rows(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")
    return {
        "name": name,
        "columns": columns,
        "key": key,
        "rowid": key[0] if key and not has_key_index else None,
        "uniques": {*uniques, key} - {()},
        "references": set(map(tuple, references.values())),
        "options": (bool(strict), bool(without_rowid), bool(sequence)),
    }


def by_us(definition: Definition, sql: str) -> dict[str, Any]:
    """Return the same of the *definition* that was read from *sql*."""
    shape, rowid = table_shape(definition), definition.rowid_column
    key = tuple(name.lower() for name in definition.key)
    assert shape.key == key
    assert list(shape.columns) == [column.name.lower() for column in definition.columns]
    options = ("strict" in shape.options, "without rowid" in shape.options, "autoincrement" in shape.options)
    assert options == (definition.strict, not definition.has_rowid, definition.autoincrement)
    return {
        "name": definition.name,
        "columns": [_column_by_us(column, shape, key, rowid, sql) for column in definition.columns],
        "key": key,
        "rowid": rowid and rowid.lower(),
        "uniques": {*shape.uniques, key} - {()},
        "references": {
            (one.columns, one.table, one.to, one.on_delete, one.on_update) for one in shape.references
        },
        "options": options,
    }


def _column_by_us(
    column: ColumnText, shape: TableShape, key: tuple[str, ...], rowid: str | None, sql: str
) -> Any:
    """Return a row as that of pragma_table_xinfo."""
    ours = shape.columns[column.name.lower()]
    default = None
    for part in column.of("DEFAULT"):
        default = sql[part.tokens[1].start : part.tokens[-1].end]
        default = default[1:-1].strip(" \t\n") if default[0] == "(" else default
    place = key.index(column.name.lower()) + 1 if column.name.lower() in key else 0
    # SQLite does not say NOT NULL of a row id, which never is
    not_null = bool(column.of("NOT")) if column.name == rowid else not ours.null
    kind = {"": 0, "virtual": 2, "stored": 3}[ours.generated.rpartition(" ")[2]]
    return (column.name, _as_sqlite_says(column.type), int(not_null), default, place, kind)


def _as_sqlite_says(kind: str) -> str:
    """Return a type as SQLite shows it: six in capitals, and of one that begins with a quote only what is quoted."""
    opening, inner = kind[:1], kind
    if opening in ("'", '"', "`", "["):
        inner = kind[1 : kind.index({"[": "]"}.get(opening, opening), 1)]
        if len(inner) + 2 < len(kind):
            return inner
    return inner.upper() if inner.upper() in ("ANY", "BLOB", "INT", "INTEGER", "REAL", "TEXT") else inner


def shape_of(connection: apsw.Connection) -> tuple[TableShape, Mapping[str, str]]:
    """Return the shape of the only table; the names of its CHECKs are compared here too."""
    shape = table_shape(parse(stored(connection)))
    return shape, shape.check_names


def accepted(words: Words, seed: int) -> apsw.Connection:
    """Make the table; an example that SQLite refuses is no example."""
    try:
        return made(written(words, seed))
    except apsw.SQLError:
        assume(False)
        raise


@given(tables(), st.integers(0, 999))
def test_table_is_read_as_sqlite_reads_it(words: Words, seed: int) -> None:
    connection = accepted(words, seed)
    sql = stored(connection)

    assert by_us(parse(sql), sql) == by_sqlite(connection)


@given(tables(), st.integers(0, 999))
def test_rendered_table_is_the_same_table(words: Words, seed: int) -> None:
    connection = accepted(words, seed)
    definition = parse(stored(connection))

    rendered = definition.render(definition.name)
    again = made(rendered)

    assert by_sqlite(again) == by_sqlite(connection)
    assert shape_of(again) == shape_of(connection)
    assert parse(rendered).render(definition.name) == rendered


@given(tables(), st.integers(1, 999))
def test_quotes_case_and_layout_make_no_difference(words: Words, seed: int) -> None:
    assert shape_of(accepted(words, seed)) == shape_of(accepted(words, 0))


@pytest.mark.parametrize(
    "body",
    [
        "a GENERATED",
        "a INT REFERENCES generated",
        "generated always AS (b), b",
        "a, b GENERATED ALWAYS AS (a)",
        "a NOT DEFERRABLE",
        "a REFERENCES p DEFAULT 5 NOT DEFERRABLE",
        "a NOT NULL NULL",
        "a DEFAULT 1 DEFAULT 2",
        "a DEFAULT 'x'UNIQUE",
        "a, b, PRIMARY KEY ((a), b COLLATE nocase DESC)",
        "a INTEGER, PRIMARY KEY (((a)))",
        "a INTEGER PRIMARY KEY DESC",
        "a INTEGER, PRIMARY KEY (a DESC)",
        "a INTEGER, PRIMARY KEY (a AUTOINCREMENT)",
        'a "INTEGER" PRIMARY KEY',
        'a "`INTEGER`" PRIMARY KEY',
        "a REFERENCES p ON DELETE SET NULL ON DELETE SET DEFAULT NOT NULL",
        "a, UNIQUE (a) CHECK (a > 0) CONSTRAINT b FOREIGN KEY (a) REFERENCES p",
        "a\xa0b INT, \u0663c INT",
        "a, CONSTRAINT b, UNIQUE (a), CONSTRAINT c",
    ],
)
def test_odd_table_is_read_as_sqlite_reads_it(body: str) -> None:
    connection = made(f"CREATE TABLE t ({body})")
    sql = stored(connection)

    assert by_us(parse(sql), sql) == by_sqlite(connection)
    assert by_sqlite(made(parse(sql).render("t"))) == by_sqlite(connection)


@pytest.mark.parametrize(
    ("column", "deferred"),
    [
        ("a REFERENCES p", False),
        ("a REFERENCES p DEFERRABLE", False),
        ("a REFERENCES p DEFERRABLE INITIALLY IMMEDIATE", False),
        ("a REFERENCES p DEFERRABLE INITIALLY DEFERRED", True),
        ("a REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED", False),
        ("a REFERENCES p NOT NULL DEFERRABLE INITIALLY DEFERRED", True),
        ("a REFERENCES p DEFERRABLE INITIALLY DEFERRED DEFAULT 1 NOT DEFERRABLE", False),
        ("a REFERENCES p, b DEFERRABLE INITIALLY DEFERRED", True),
        ("a, FOREIGN KEY (a) REFERENCES p DEFERRABLE INITIALLY DEFERRED", True),
    ],
)
def test_foreign_key_is_deferred_where_sqlite_defers_it(column: str, deferred: bool) -> None:
    connection = made(f"CREATE TABLE t ({column})")
    connection.execute("PRAGMA foreign_keys = ON; BEGIN").fetchall()
    (reference,) = shape_of(connection)[0].references
    connection.execute("CREATE TABLE p (id PRIMARY KEY)").fetchall()

    assert reference.deferred == deferred
    if deferred:
        connection.execute("INSERT INTO t (a) VALUES (1)").fetchall()
        with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"):
            connection.execute("COMMIT").fetchall()
    else:
        with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"):
            connection.execute("INSERT INTO t (a) VALUES (1)").fetchall()


@pytest.mark.parametrize(
    "body",
    [
        "a CONSTRAINT one CHECK (a > 0)",
        "a CONSTRAINT zero CONSTRAINT one CHECK (a > 0)",
        "a, CONSTRAINT [one] CHECK (a > 0)",
        "a, CONSTRAINT two UNIQUE (a) CONSTRAINT zero CONSTRAINT 'one' CHECK (a > 0)",
    ],
)
def test_check_is_called_what_sqlite_calls_it(body: str) -> None:
    connection = made(f"CREATE TABLE t ({body})")

    assert shape_of(connection)[1] == {"a > 0": "one"}
    with pytest.raises(apsw.ConstraintError, match=r"CHECK constraint failed: one$"):
        connection.execute("INSERT INTO t (a) VALUES (0)").fetchall()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "'Hello'"),
        ('"Two  Words"', "'Two  Words'"),
        ('"null"', "'null'"),
        ("'it''s'", "('it''s')"),
        ("NULL", "(null)"),
        ("TRUE", "true"),
        ("((1))", "1"),
        ("1 DEFAULT 2", "2"),
    ],
)
def test_default_is_the_same_where_its_value_is(one: str, other: str) -> None:
    assert default_of(one) == default_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hello", "hello"), ('"null"', "NULL"), ("TRUE", "'TRUE'"), ("'a'", "'A'"), ("1", "'1'"), ("- 1", "1")],
)
def test_default_is_another_where_its_value_is(one: str, other: str) -> None:
    (shown, value), (other_shown, other_value) = default_of(one), default_of(other)

    assert (shown != other_shown, value != other_value) == (True, True)


def default_of(default: str) -> tuple[str, apsw.SQLiteValue]:
    """Return the DEFAULT as it is compared, and the value that it gives."""
    connection = made(f"CREATE TABLE t (id INTEGER PRIMARY KEY, a DEFAULT {default})")
    connection.execute("INSERT INTO t (id) VALUES (1)").fetchall()
    return shape_of(connection)[0].columns["a"].default, rows(connection, "SELECT a FROM t")[0][0]


def test_quotes_of_a_type_do_not_count() -> None:
    shapes = [
        shape_of(made(f"CREATE TABLE t (a {kind})")) for kind in ("int", '"INT"', "'Int'", "[int]", "`INT`")
    ]

    assert all(shape == shapes[0] for shape in shapes)


def test_parts_keep_their_text_with_name_and_comments() -> None:
    definition = parse(
        "CREATE TABLE t (a TEXT DEFAULT 'x' CONSTRAINT [n] /* why */ CHECK (a <> '') -- end\n, UNIQUE (a)) STRICT"
    )

    assert [part.text for part in definition.column("A").parts] == [
        "DEFAULT 'x'",
        "CONSTRAINT [n] /* why */ CHECK (a <> '')",
    ]
    assert definition.render("u") == (
        "CREATE TABLE \"u\" (\n  \"a\" TEXT DEFAULT 'x' CONSTRAINT [n] /* why */ CHECK (a <> ''),\n"
        "  UNIQUE (a)\n) STRICT"
    )


def test_table_made_from_a_query_is_read() -> None:
    connection = made("CREATE TABLE t AS SELECT 1 AS \"a b\", 'x' AS c")
    sql = stored(connection)

    assert by_us(parse(sql), sql) == by_sqlite(connection)


@pytest.mark.parametrize("sql", ["", "CREATE TABLE t", "SELECT (1)", "(a)"])
def test_other_statement_is_refused(sql: str) -> None:
    with pytest.raises(QueryError, match="cannot be read"):
        parse(sql)


def test_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(QueryError, match="has no column 'b'"):
        parse("CREATE TABLE t (a)").column("b")
