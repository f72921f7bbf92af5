"""What people type becomes an expression that FTS5 takes, whatever it is."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stina_core.search.web_query import MAX_TERMS, web_query

TOKENIZERS = ("unicode61 remove_diacritics 2", "porter unicode61", "trigram")

MEANINGS = [
    ("milk", '"milk"'),
    ("  milk \t bread\n", '"milk" "bread"'),
    ('"fresh milk" bread', '"fresh milk" "bread"'),
    ("milk -bread", '("milk") NOT ("bread")'),
    ('milk -"white bread" -rolls', '("milk") NOT ("white bread" OR "rolls")'),
    ("-bread milk OR tea", '("milk" OR "tea") NOT ("bread")'),
    ("milk OR tea", '"milk" OR "tea"'),
    ("milk sugar OR tea", '"milk" "sugar" OR "tea"'),
    ("mil*", '"mil" *'),
    ('"fresh mi"*', '"fresh mi" *'),
    ("-mil* tea", '("tea") NOT ("mil" *)'),
    ("milk OR OR tea", '"milk" OR "tea"'),
]
TEXT = [
    ("OR", '"OR"'),
    ("milk OR", '"milk"'),
    ("OR milk", '"OR" "milk"'),
    ('"milk OR tea"', '"milk OR tea"'),
    ("milk or tea", '"milk" "or" "tea"'),
    ("milk AND tea", '"milk" "AND" "tea"'),
    ("NOT milk", '"NOT" "milk"'),
    ("NEAR(a b, 3)", '"NEAR(a" "b," "3)"'),
    ("title: milk", '"title:" "milk"'),
    ("^milk + tea", '"^milk" "+" "tea"'),
    ("half-fat", '"half-fat"'),
    ("a * b", '"a" "b"'),
    ('"milk', '"milk"'),
    ('5" disk', '"5" "disk"'),
    ("milk - tea", '"milk" "-" "tea"'),
    ("mi\0lk", '"mi" "lk"'),
    ("mi\ud83dlk", '"mi" "lk"'),
]
NOTHING = ["", "   ", '""', '"', "*", "-milk", '-"fresh milk"', "-milk -tea", "-a OR -b", "\0", "\udc00"]


@pytest.mark.parametrize(("text", "wanted"), MEANINGS)
def test_words_phrases_exclusions_alternatives_and_beginnings_are_understood(text: str, wanted: str) -> None:
    assert web_query(text) == wanted


@pytest.mark.parametrize(("text", "wanted"), TEXT)
def test_everything_else_is_text(text: str, wanted: str) -> None:
    assert web_query(text) == wanted


@pytest.mark.parametrize("text", NOTHING)
def test_where_nothing_is_left_to_search_for_there_is_no_query(text: str) -> None:
    assert web_query(text) is None


def asked(match: str, tokenizer: str, *rows: str) -> list[int]:
    """Return the numbers of the rows that FTS5 finds."""
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(f"CREATE VIRTUAL TABLE t USING fts5(a, b, tokenize = '{tokenizer}')")
        connection.executemany("INSERT INTO t (rowid, a) VALUES (?, ?)", list(enumerate(rows)))
        return [row[0] for row in connection.execute("SELECT rowid FROM t(?) ORDER BY rowid", (match,))]
    finally:
        connection.close()


OWN_WORDS = [
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "NEAR(",
    ")",
    "(",
    '"',
    '""',
    "'",
    "-",
    "--",
    "*",
    "^",
    "+",
    ":",
    "{a b}:",
]
CHARACTERS = [
    " ",
    "\0",
    "a",
    "b:",
    "a*",
    "-a",
    '-"',
    "…",
    "ß",
    "\ud800",
    "\U0001f600",
    "\u200b",
    "\u3000",
    "\x1c",
]
pieces = st.one_of(st.sampled_from(OWN_WORDS), st.sampled_from(CHARACTERS), st.text(max_size=5))


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(
    text=st.one_of(st.text(alphabet=st.characters(), max_size=40), st.lists(pieces, max_size=12).map("".join))
)
@example("x " * 5000)
@example("-x " * 5000 + "y")
@example("x OR " * 5000)
@example("(" * 5000)
def test_fts5_takes_whatever_comes_out(tokenizer: str, text: str) -> None:
    match = web_query(text)
    if match is not None:
        asked(match, tokenizer, "a b", "hello")


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("nothing", ["!", "!*", '"?!"', "-!", "…", "(", "! OR ?"])
def test_words_of_punctuation_alone_neither_ask_for_anything_nor_keep_others_from_being_found(
    tokenizer: str, nothing: str
) -> None:
    if tokenizer == "trigram" and nothing == '"?!"':
        nothing = "?"  # three characters with the quotes around would be one of its tokens
    for text in (f"hello {nothing}", f"{nothing} hello"):
        match = web_query(text)
        assert match is not None
        assert asked(match, tokenizer, "hello world", "other words") == [0]


WORDS = ("red", "green", "blue", "reddish")
terms = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(WORDS), st.sampled_from(["", "*"]))


@given(
    alternatives=st.lists(st.lists(terms, min_size=1, max_size=3), min_size=1, max_size=3),
    rows=st.lists(st.lists(st.sampled_from(WORDS), max_size=4), max_size=8),
)
def test_query_finds_exactly_the_rows_that_the_words_describe(
    alternatives: list[list[tuple[str, str, str]]], rows: list[list[str]]
) -> None:
    def has(row: list[str], word: str, star: str) -> bool:
        return any(one == word or (star and one.startswith(word)) for one in row)

    unwanted = [(word, star) for part in alternatives for minus, word, star in part if minus]
    wanted = [[(word, star) for minus, word, star in part if not minus] for part in alternatives]
    described = [
        number
        for number, row in enumerate(rows)
        if any(part and all(has(row, *one) for one in part) for part in wanted)
        and not any(has(row, *one) for one in unwanted)
    ]

    match = web_query(" OR ".join(" ".join(map("".join, part)) for part in alternatives))

    found = [] if match is None else asked(match, TOKENIZERS[0], *map(" ".join, rows))
    assert found == described


def test_of_a_whole_document_the_first_words_are_asked_for() -> None:
    words = [f"w{number}" for number in range(MAX_TERMS + 100)]

    match = web_query(" ".join(words))

    assert match == " ".join(f'"{word}"' for word in words[:MAX_TERMS])
