"""Schema texts are split as SQLite itself splits them, and compared without their layout."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import QueryError
from stina_core.backends.sqlite.tokens import closing, normal, tokens, unwrapped

LAYOUT = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000\ufeff"
"""Every kind of character that is a space for somebody; for SQLite six of them are."""

GAPS = (" ", "\n", "\t\f\r", "/**/", "/* , ' ( */", "/*/ * /*/", " -- it's ; \" (\n", " \ufeff")
WORDS = (
    *("CREATE", "a", "_b$1", "Größe", "\u0663x", "a\xa0b", "[a]", "[it's \"]", "`a``b`", '"a""b"', "''"),
    *(
        "'it''s'",
        "'-- no /* comment'",
        "'a\nb'",
        "x'00fF'",
        "X''",
        "0",
        "1_000",
        "1.",
        ".5",
        "1.5e-3",
        "2E+7",
    ),
    *("0xFf", "(", ")", ",", "-", "+", "||", "->", "->>", "<>", "!=", "==", "<=", ">=", "<<", ">>", "?", "."),
)

connection = apsw.Connection(":memory:")


def named(sql: str) -> str | None:
    """Return what SQLite calls the only column of *sql*; None if it does not take the statement."""
    try:
        cursor = connection.execute(sql)
        return cursor.get_description()[0][0]
    except apsw.SQLError:
        return None


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GAPS))))
def test_words_are_found_between_spaces_and_comments(parts: list[tuple[str, str]]) -> None:
    sql = "".join(word + gap for word, gap in parts)

    found = tokens(sql)

    assert [token.text for token in found] == [word for word, _ in parts]
    assert [sql[token.start : token.end] for token in found] == [word for word, _ in parts]


@given(st.sampled_from(LAYOUT) | st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
def test_character_is_a_space_or_part_of_a_name_where_it_is_one_for_sqlite(character: str) -> None:
    is_space = named(f"SELECT 1{character}AS{character}x") == "x"
    name = named(f"SELECT 1 AS {character}")
    longer_name = named(f"SELECT 1 AS a{character}")

    if is_space:
        assert [token.text for token in tokens(f"1{character}AS{character}x")] == ["1", "AS", "x"]
    elif name == character:
        assert [token.text for token in tokens(f"AS {character}")] == ["AS", character]
    if longer_name == f"a{character}":
        assert [token.text for token in tokens(f"AS a{character}")] == ["AS", f"a{character}"]


@given(st.text(st.sampled_from("aB\"'`[ (-,/*é😀")), st.sampled_from('"`['))
def test_quoted_name_is_the_name_that_sqlite_sees(name: str, quote: str) -> None:
    written = f"[{name}]" if quote == "[" else quote + name.replace(quote, quote * 2) + quote

    (token,) = tokens(written)

    assert token.name == named(f"SELECT 1 AS {written}") == name


def test_text_in_the_place_of_a_name_is_that_name() -> None:
    (token,) = tokens("'it''s'")

    assert token.name == named("SELECT 1 AS 'it''s'") == "it's"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CHECK (rank >= 0)", "check([RANK]>=/* none */0)-- end"),
        ('"Title"', "`title`"),
        ("a != b", "a<>b"),
        ("a == b", "a = b"),
        ("X'AB'", "x'ab'"),
        ("0XFF", "0xff"),
        ("1E5", "1e5"),
    ],
)
def test_layout_case_and_quotes_make_no_difference(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("'Open'", "'open'"),
        ("'a  b'", "'a b'"),
        ("'a'", '"a"'),
        ("'it''s'", "'its'"),
        ("a - b", "a -- b"),
        ("1 0", "10"),
        ("a -> b", "a ->> b"),
    ],
)
def test_texts_and_meaning_do_make_a_difference(one: str, other: str) -> None:
    assert normal(one) != normal(other)


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        ("((a))", "a"),
        ("(a) + (b)", "( a ) + ( b )"),
        ("((a) + (b))", "( a ) + ( b )"),
        ("(')')", "')'"),
        ('("(")', "("),
        ("a", "a"),
        ("()", ""),
    ],
)
def test_parentheses_are_taken_off_only_around_all_of_it(part: str, kept: str) -> None:
    assert normal(unwrapped(tokens(part))) == kept


def test_parenthesis_in_a_text_a_name_or_a_comment_closes_nothing() -> None:
    words = tokens("(')' \")\" [)] /* ) */ -- )\n)")

    assert closing(words, 0) == len(words) - 1


@pytest.mark.parametrize("sql", ["'never ends", '"never ends', "[never ends", "a \\ b", "{"])
def test_text_that_sqlite_refuses_is_refused(sql: str) -> None:
    assert named(f"SELECT 1 AS {sql}") is None
    with pytest.raises(QueryError, match="cannot be read at character"):
        tokens(sql)


def test_parenthesis_that_is_never_closed_is_refused() -> None:
    with pytest.raises(QueryError, match="never closed"):
        closing(tokens("(a, (b)"), 0)
