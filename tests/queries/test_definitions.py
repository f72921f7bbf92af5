"""Queries that cannot be compiled: each is refused with what is wrong and what to do instead."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from peewee import SQL, ModelSelect, Select

from stina_core import DefinitionError, Query, Store, query, returning, write

from .library import Author, Book
from .values import BookTitle, Title

Stated = Callable[[Any], Any]

LOOKS: dict[str, Stated] = {
    "if": lambda n: Book.select() if n else Book.select().where(Book.sold),
    "not": lambda n: Book.select().where(Book.sold == (not n)),
    "or": lambda n: Book.select().where(Book.title == (n or "x")),
    "equals a constant": lambda n: Book.select().limit(1 if n == 3 else 2),
    "differs from a constant": lambda n: Book.select().limit(1 if n != 3 else 2),
    "in a list": lambda n: Book.select().limit(1 if n in [1, 2] else 2),
    "contains": lambda n: Book.select().where(Book.title.contains(n)),
    "startswith": lambda n: Book.select().where(Book.title.startswith(n)),
    "endswith": lambda n: Book.select().where(Book.title.endswith(n)),
    "f-string": lambda n: Book.select().where(Book.title == f"{n}%"),
    "f-string with a format": lambda n: Book.select().where(Book.title == f"{n:>10}"),
    "f-string with !r": lambda n: Book.select().where(Book.title == f"{n!r}"),
    "percent": lambda n: Book.select().where(Book.title % ("%s%%" % n)),  # noqa: UP031
    "format": lambda n: Book.select().where(Book.title == "{}".format(n)),  # noqa: UP032
    "str": lambda n: Book.select().where(Book.title == str(n)),
    "join": lambda n: Book.select().where(Book.title == "".join(n)),
    "text method": lambda n: Book.select().where(Book.title == n.lower()),
    "attribute": lambda n: Book.select().where(Book.author == n.id),
    "item": lambda n: Book.select().where(Book.title == n[0]),
    "slice": lambda n: Book.select().where(Book.title == n[:3]),
    "len": lambda n: Book.select().limit(len(n)),
    "loop": lambda n: Book.select().where(Book.title.in_([one for one in n])),  # noqa: C416
    "unpacked": lambda n: Book.select(*n),
    "key of a dict": lambda n: Book.select().limit({1: 10}.get(n, 20)),
    "int": lambda n: Book.select().limit(int(n)),
    "float": lambda n: Book.select().where(Book.price == float(n)),
    "index": lambda n: Book.select().limit([10, 20][n]),
    "range": lambda n: Book.select().where(Book.id.in_(range(n))),
    "negative": lambda n: Book.select().limit(-n),
    "abs": lambda n: Book.select().limit(abs(n)),
    "round": lambda n: Book.select().limit(round(n)),
    "paginate": lambda n: Book.select().paginate(n, 10),
}


@pytest.mark.parametrize("how", LOOKS)
def test_query_that_looks_at_an_argument_is_refused_and_told_what_to_do(memory: Store, how: str) -> None:
    def looking(title: object) -> ModelSelect[Book]:
        answer: ModelSelect[Book] = LOOKS[how](title)
        return answer

    with pytest.raises(DefinitionError) as caught:
        query(BookTitle)(looking).list("x")

    assert str(caught.value) == (
        "title stands for a value that comes with each call, so a query cannot look at it: compare it with a field, "
        "compute with it before the call, or state a second query"
    )


ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod]
OPERATORS: list[Callable[[Any, Any], Any]] = [
    *ARITHMETIC, operator.floordiv, operator.pow, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip


@pytest.mark.parametrize("compute", OPERATORS, ids=lambda compute: compute.__name__)
@pytest.mark.parametrize("side", ["left", "right"])
def test_arithmetic_and_comparison_with_a_constant_are_refused(
    memory: Store, compute: Callable[[Any, Any], Any], side: str
) -> None:
    @query(BookTitle)
    def computing(number: int) -> ModelSelect[Book]:
        return Book.select().where(
            Book.pages == (compute(number, 2) if side == "left" else compute(2, number))
        )

    with pytest.raises(DefinitionError, match="number stands for a value"):
        computing.list(1)


@pytest.mark.parametrize("compute", ARITHMETIC[:4], ids=lambda compute: compute.__name__)
def test_arithmetic_with_a_field_is_done_by_the_database_on_either_side(
    memory: Store, compute: Callable[[Any, Any], Any]
) -> None:
    def field_first(number: int) -> ModelSelect[Book]:
        return Book.select().where(compute(Book.pages, number) > 150).order_by(Book.id)

    def argument_first(number: int) -> ModelSelect[Book]:
        return Book.select().where(compute(number, Book.pages) < 250).order_by(Book.id)

    for state in (field_first, argument_first):
        assert query(BookTitle)(state).count(100) == state(100).count()


@pytest.mark.parametrize("inside", [lambda n: [n], lambda n: {"a": {"b": n}}], ids=["list", "object"])
def test_argument_inside_a_json_value_is_refused(memory: Store, inside: Callable[[Any], Any]) -> None:
    @write
    def tag(tag: str) -> Any:
        return Book.update(tags=inside(tag))

    with pytest.raises(DefinitionError, match="tag"):
        tag("x")


# Signatures


def test_query_with_any_number_of_arguments_is_refused_where_it_is_stated() -> None:
    def several(*titles: str) -> ModelSelect[Book]:
        return Book.select()

    def named(**titles: str) -> ModelSelect[Book]:
        return Book.select()

    for decorate in (query(BookTitle), returning(BookTitle), write):
        with pytest.raises(DefinitionError, match=r"several: a query takes single values, not \*titles$"):
            decorate(several)
        with pytest.raises(DefinitionError, match=r"named: a query takes single values, not \*\*?titles$"):
            decorate(named)


# Statements


def nothing() -> Any:
    Book.select()


SELECTS: list[Callable[[], Any]] = [Book.select, lambda: Book.select(Book.id) | Book.select(Book.id)]
WRITES: list[Callable[[], Any]] = [
    lambda: Book.insert(title="x", author="x"),
    lambda: Book.update(title="x"),
    Book.delete,
]
OTHERS: list[Callable[[], Any]] = [
    nothing,
    lambda: Book,
    lambda: Book.title == "x",
    lambda: "SELECT 1",
    lambda: Book.raw("SELECT 1"),
    lambda: Select([Book], [SQL("1")]),
    lambda: list(Book.select()),
    lambda: (Book.select(), Book.select()),
    lambda: Book.select().count(),
]


def renamed(state: Callable[[], Any]) -> Callable[[], Any]:
    def stated() -> Any:
        return state()

    return stated


@pytest.mark.parametrize("state", [*WRITES, *OTHERS])
def test_query_that_is_no_select_of_a_model_is_refused(memory: Store, state: Callable[[], Any]) -> None:
    asked: Query[[], BookTitle] = query(BookTitle)(renamed(state))

    for answer in (asked.list, asked.find, asked.get, asked.exists, asked.count, asked.sql):
        with pytest.raises(
            DefinitionError, match="stated must return a SELECT of a model, or a union of them"
        ):
            answer()


@pytest.mark.parametrize("state", [*SELECTS, *OTHERS])
def test_write_that_writes_nothing_is_refused(memory: Store, state: Callable[[], Any]) -> None:
    with pytest.raises(
        DefinitionError, match=r"stated must return an INSERT, UPDATE or DELETE without returning\(\)"
    ):
        write(renamed(state))()
    with pytest.raises(
        DefinitionError, match=r"stated must return an INSERT, UPDATE or DELETE with returning\(\)"
    ):
        returning(BookTitle)(renamed(state))()


@pytest.mark.parametrize("state", WRITES)
def test_each_decorator_names_the_other_one(memory: Store, state: Callable[[], Any]) -> None:
    with pytest.raises(DefinitionError, match=r"for one without there is @write, stated in Peewee$"):
        returning(Title)(renamed(state))()
    with pytest.raises(DefinitionError, match=r"for which there is @returning, stated in Peewee$"):
        write(renamed(lambda: state().returning(Book)))()
    assert [book.title for book in Book.select().order_by(Book.id)] == [
        "Kallocain",
        "Kris",
        "Kris",
        "Jerusalem",
    ]


@pytest.mark.parametrize("rows", [[{"name": "a"}], [], [("a",)]], ids=repr)
def test_insert_of_many_rows_is_refused(memory: Store, rows: list[Any]) -> None:
    def many() -> Any:
        return Author.insert_many(rows, fields=[Author.name] if rows == [("a",)] else None)

    def many_given(rows: list[Any]) -> Any:
        return Author.insert_many(rows)

    for insert, arguments in ((write(many), ()), (write(many_given), (rows,))):
        with pytest.raises(DefinitionError, match="stated for one row, or for those of a SELECT"):
            insert(*arguments)
    assert Author.select().count() == 3


def test_error_of_the_function_that_states_a_query_is_raised_and_the_next_call_tries_again(
    memory: Store,
) -> None:
    stated: list[str] = []

    @query(BookTitle)
    def failing() -> ModelSelect[Book]:
        stated.append("again")
        if len(stated) == 1:
            raise LookupError("on purpose")
        return Book.select()

    with pytest.raises(LookupError, match="on purpose"):
        failing.list()
    assert len(failing.list()) == 4
