"""How a query takes its arguments: as the function that states it would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from peewee import ModelInsert, ModelSelect, ModelUpdate

from stina_core import Query, Store, Write, query, returning, write

from .library import Author, Book
from .values import AuthorName, BookTitle


def everywhere(least: int, /, author: str, *, sold: bool = False, most: int = 999) -> ModelSelect[Book]:
    return Book.select().where(Book.pages.between(least, most), Book.author == author, Book.sold == sold)


def one(title: str) -> ModelSelect[Book]:
    return Book.select().where(Book.title == title)


def nothing() -> ModelSelect[Book]:
    return Book.select()


def before(title: str, pages: int, /) -> ModelSelect[Book]:
    return Book.select().where(Book.title == title, Book.pages > pages)


def named(*, title: str, pages: int = 0) -> ModelSelect[Book]:
    return Book.select().where(Book.title == title, Book.pages > pages)


def both(title: str = "Kris", /, *, pages: int) -> ModelSelect[Book]:
    return Book.select().where(Book.title == title, Book.pages > pages)


Call = tuple[tuple[Any, ...], dict[str, Any]]


def call(*arguments: Any, **names: Any) -> Call:
    return arguments, names


RIGHT: dict[Callable[..., Any], list[Call]] = {
    everywhere: [
        call(0, "karin"),
        call(0, author="karin"),
        call(150, "karin", sold=False),
        call(0, "karin", sold=True, most=100),
        call(0, most=150, author="karin", sold=True),
    ],
    one: [call("Kris"), call(title="Kris")],
    nothing: [call()],
    before: [call("Kris", 0), call("Kris", 100)],
    named: [call(title="Kris"), call(pages=200, title="Kris")],
    both: [call(pages=0), call("Kallocain", pages=0)],
}

WRONG: dict[Callable[..., Any], list[Call]] = {
    everywhere: [call(), call(0), call(0, "karin", True), call(least=0, author="karin"), call(0, "karin", author="x"),
                 call(0, "karin", solid=True), call(author="karin")],
    one: [call(), call("Kris", "x"), call("Kris", title="Kris"), call(titel="Kris")],
    nothing: [call(1), call(title="x")],
    before: [call(), call("x"), call("x", pages=1), call("x", 1, 2), call(title="x", pages=1)],
    named: [call(), call("x"), call(pages=1), call(title="x", page=1)],
    both: [call(), call("x"), call(title="x", pages=1), call("x", 1)],
}  # fmt: skip


@pytest.mark.parametrize("state", RIGHT, ids=lambda state: state.__name__)
def test_arguments_arrive_as_at_the_function_itself(memory: Store, state: Callable[..., Any]) -> None:
    asked: Query[..., BookTitle] = query(BookTitle)(state)

    for arguments, names in RIGHT[state]:
        expected = [book.id for book in state(*arguments, **names)]
        assert expected
        assert [book.id for book in asked.list(*arguments, **names)] == expected
        assert asked.get(*arguments, **names).id == asked.find(*arguments, **names).id == expected[0]  # type: ignore[union-attr]
        assert (asked.exists(*arguments, **names), asked.count(*arguments, **names)) == (True, len(expected))


@pytest.mark.parametrize("state", WRONG, ids=lambda state: state.__name__)
def test_wrong_call_fails_as_that_of_the_function_itself_would(
    memory: Store, state: Callable[..., Any]
) -> None:
    asked: Query[..., BookTitle] = query(BookTitle)(state)

    for arguments, names in WRONG[state]:
        with pytest.raises(TypeError) as of_function:
            state(*arguments, **names)
        for answer in (asked.list, asked.find, asked.get, asked.exists, asked.count):
            with pytest.raises(TypeError) as caught:
                answer(*arguments, **names)
            assert str(caught.value) == str(of_function.value)


def add(name: str, /, *, id: str = "new") -> ModelInsert:
    return Author.insert(id=id, name=name).returning(Author)


def test_wrong_call_of_a_write_fails_likewise_and_writes_nothing(memory: Store) -> None:
    adding = returning(AuthorName)(add)

    for arguments, names in [call(), call(name="x"), call("x", "y"), call("x", ident="y")]:
        with pytest.raises(TypeError) as of_function:
            add(*arguments, **names)
        with pytest.raises(TypeError) as caught:
            adding(*arguments, **names)
        assert str(caught.value) == str(of_function.value)
    assert adding("New") == [AuthorName("new", "New")]
    assert Author.select().count() == 4


def test_default_of_a_parameter_is_the_same_object_at_each_call(memory: Store) -> None:
    titles = ["Kris"]

    @query(BookTitle)
    def among(titles: list[str] = titles) -> ModelSelect[Book]:
        return Book.select().where(Book.title.in_(titles))

    assert among.count() == 2
    titles.append("Kallocain")
    assert among.count() == 3


def test_argument_may_be_used_twice_and_need_not_be_used_at_all(memory: Store) -> None:
    @query(BookTitle)
    def around(pages: int, unused: object, more: int) -> ModelSelect[Book]:
        return Book.select().where(
            Book.pages >= pages, Book.pages <= Book.rank * more + pages, Book.pages != more
        )

    @write
    def name(text: str, unused: object = object) -> ModelUpdate:
        return Book.update(title=text, code=text).where(Book.title != text)

    assert [book.id for book in around.list(100, object(), 20)] == [1, 2]
    assert around.sql().count("?") == 4
    assert [name("x"), name("x", unused=None), name(text="y")] == [4, 0, 4]
    assert {(book.title, book.code) for book in Book.select()} == {("y", "y")}


def test_argument_that_is_used_twice_is_stored_as_each_field_wants_it(memory: Store) -> None:
    @write
    def number(value: int) -> ModelUpdate:
        return Book.update(pages=value, price=value, tags=value).where(Book.id == value)

    assert number(3) == 1
    book = Book.get_by_id(3)
    assert (book.pages, book.price, book.tags) == (3, 3.0, 3)
    assert type(book.price) is float


# Names that the written functions might use themselves

NAMES = [
    "_constant0", "_constant1", "_constant2", "_new0", "_new1", "_convert0", "_convert1", "_refuse_null",
    "_default_least", "_default_name", "_load0", "_here", "_kind", "_elsewhere", "_database", "_sql", "_type", "_run",
    "_column0", "rows", "load", "self", "query", "arguments", "named", "c0", "_make", "value", "state", "cls",
    "database", "sql", "name", "None_", "__builtins__", "match", "_", "å", "type", "len", "str", "int", "bool", "list",
]  # fmt: skip


def stating(source: str) -> Callable[..., Any]:
    """Return the function that *source* defines as `state`."""
    scope: dict[str, Any] = {"Book": Book, "Author": Author}
    exec(source, scope)
    state: Callable[..., Any] = scope["state"]
    return state


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by_name", [False, True])
def test_no_name_of_an_argument_gets_in_the_way_of_a_query(memory: Store, name: str, by_name: bool) -> None:
    state = stating(
        f"def state({name}, least=0):\n"
        f"    return Book.select(Book.id).where(Book.rank == 7, Book.pages > 50, Book.title == {name},\n"
        f"        Book.pages >= least, Book.rank < 8).order_by(Book.id)"
    )
    asked = query(int)(state)
    arguments, names = call(**{name: "Kris"}) if by_name else call("Kris")

    assert asked.list(*arguments, **names) == [2, 3]
    assert asked.count(*arguments, **names, least=200) == 1
    assert asked.exists(*arguments, **names)
    assert asked.find(*arguments, **names) == asked.get(*arguments, **names) == 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by_name", [False, True])
def test_no_name_of_an_argument_gets_in_the_way_of_a_write(memory: Store, name: str, by_name: bool) -> None:
    put: Write[...] = write(
        stating(
            f"def state({name}):\n    return Book.insert(title={name}, author='karin', pages=3, price=None)"
        )
    )
    arguments, names = call(**{name: "x"}) if by_name else call("x")

    assert put(*arguments, **names) == 1
    book = Book.get(Book.title == "x")
    assert (book.pages, book.price, book.sold, book.tags) == (3, None, False, ["new"])
    assert len(book.code) == 26


@pytest.mark.parametrize("name", [name for name in NAMES if name.isidentifier()])
def test_none_is_refused_by_name_whatever_the_name(memory: Store, name: str) -> None:
    asked = query(int)(stating(f"def state({name}): return Book.select(Book.id).where(Book.title == {name})"))

    with pytest.raises(ValueError, match=f"^{name}: nothing equals None"):
        asked.list(None)


@pytest.mark.parametrize(
    "name", ["_constant0", "_convert0", "_make0", "_refuse_null", "_default_title", "load"]
)
def test_no_name_of_the_function_gets_in_the_way(memory: Store, name: str) -> None:
    chosen = "Book.select(Book.id).where(Book.rank == 7, Book.title == title)"
    state = stating(f"def {name}(title='Kris'): return {chosen}\nstate = {name}")
    put = stating(f"def {name}(title='x'): return Book.insert(title=title, author='karin')\nstate = {name}")

    assert query(int)(state).list() == [2, 3]
    assert write(put)() == 1


def test_query_may_be_stated_by_a_lambda(memory: Store) -> None:
    kris = query(BookTitle)(lambda title: one(title).order_by(Book.id))
    rename = write(lambda title, new: Book.update(title=new).where(Book.title == title))

    assert [book.id for book in kris.list("Kris")] == [2, 3]
    assert rename("Kris", new="x") == 2
