"""Programs that write to a shelf at random: one of ours, and SQL for a shell.

Ours says `wrote TOKEN` once a transaction is committed, and `inside` within some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from stina_core import ConstraintError, Store

from .feed_replica import NEVER
from .feed_shelf import Author, Book, Half, ShelfRepository, open_shelf

NAMES = 12
"""Names, codes and ids to choose from; few, so that rows get in each other's way."""


class UndoneError(Exception):
    """Ends a transaction that is to be undone."""


def main(path: str, name: str, first: str, seed: str) -> None:
    """Write until killed, or until somebody ends it by closing its stdin."""
    with open_shelf(path, name) as store:
        write(store, name, int(first), Random(seed))


def write(store: Store, name: str, first: int, random: Random, most: int | None = None) -> None:
    """Write *most* transactions with a pair and random work, some in autocommit, some undone."""
    for number in count(first) if most is None else range(first, first + most):
        token = f"{name}-{number}"
        if random.random() < 0.2:
            _undone(store, random, token)
        if random.random() < 0.3:
            _attempt(store, random)  # outside any transaction
        with store.transaction():
            store[ShelfRepository].add_pair(token)
            if random.random() < 0.3:
                say("inside")
            for _ in range(random.randint(0, 4)):
                _attempt(store, random)
            if random.random() < 0.3:
                _undone(store, random, token)
        say("wrote", token)


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201  # the test hears it


def _undone(store: Store, random: Random, token: str) -> None:
    """A whole transaction, or a savepoint inside one, that is rolled back."""
    try:
        with store.transaction():
            store[ShelfRepository].add_pair(f"{NEVER}-{token}")
            _attempt(store, random)
            raise UndoneError
    except UndoneError:
        return


def _attempt(store: Store, random: Random) -> None:
    try:
        with store.use():
            random.choice(_WORK)(random)
    except ConstraintError:
        return  # another row is in the way, or the author is gone: the statement did nothing


def _word(random: Random) -> str:
    return f"w{random.randrange(NAMES)}"


def _some_author(random: Random) -> int:
    authors = [author.id for author in Author.select(Author.id)]
    return random.choice(authors) if authors else 0


def _add_author(random: Random) -> None:
    Author.create(name=_word(random))


def _replace_author(random: Random) -> None:
    Author.insert(name=_word(random)).on_conflict_replace().execute()  # its books go with the old one


def _delete_author(random: Random) -> None:
    Author.delete().where(Author.name == _word(random)).execute()


def _add_book(random: Random) -> None:
    Book.create(id=_word(random), author=_some_author(random), code=_word(random))


def _replace_book(random: Random) -> None:
    insert = Book.insert(id=_word(random), author=_some_author(random), code=_word(random))
    insert.on_conflict_replace().execute()


def _upsert_book(random: Random) -> None:
    insert = Book.insert(id=_word(random), author=_some_author(random), code=_word(random))
    insert.on_conflict(conflict_target=[Book.id], update={Book.pages: Book.pages + 1}).execute()


def _add_books(random: Random) -> None:
    author = _some_author(random)
    rows = [{"id": f"b{place}", "author": author, "code": f"c{place}"} for place in range(NAMES)]
    Book.insert_many(rows).on_conflict_replace().execute()


def _edit_books(random: Random) -> None:
    Book.update(pages=Book.pages + 1).where(Book.author == _some_author(random)).execute()


def _rekey_book(random: Random) -> None:
    Book.update(id=_word(random)).where(Book.id == _word(random)).execute()


def _delete_books(random: Random) -> None:
    Book.delete().where(Book.code << [_word(random), _word(random)]).execute()


def _delete_pair(random: Random) -> None:
    half = Half.select(Half.token).order_by(Half.token).offset(random.randrange(NAMES)).first()
    if half is not None:
        Half.delete().where(Half.token == half.token).execute()


_WORK: tuple[Callable[[Random], None], ...] = (
    _add_author,
    _replace_author,
    _delete_author,
    _add_book,
    _replace_book,
    _upsert_book,
    _add_books,
    _edit_books,
    _rekey_book,
    _delete_books,
    _delete_pair,
)


# A shell


def shell_script(
    name: str, first: int, most: int, random: Random, recursive: tuple[bool, ...] = (False, True)
) -> str:
    """Return *most* transactions for `python -m apsw`, which prints `wrote TOKEN` after each commit.

    Args:
        recursive: What `PRAGMA recursive_triggers` may be during one of them.
    """
    lines = [".timeout 60000", ".bail on"]
    for number in range(first, first + most):
        lines.append(f"PRAGMA recursive_triggers = {random.choice(recursive)};")
        lines += _shell_transaction(f"{name}-{number}", random)
    return "\n".join([*lines, ""])


def _shell_transaction(token: str, random: Random) -> Iterator[str]:
    yield f"PRAGMA foreign_keys = {random.randrange(2)};"
    if random.random() < 0.3:
        yield _shell_statement(random)
    yield "BEGIN IMMEDIATE;"
    yield f"INSERT INTO shelf_half VALUES ('{token}', 'left'), ('{token}', 'right');"
    for _ in range(random.randint(0, 3)):
        yield _shell_statement(random)
    if random.random() < 0.3:
        yield "SAVEPOINT one;"
        yield f"INSERT INTO shelf_half VALUES ('{NEVER}-{token}', 'left');"
        yield _shell_statement(random)
        yield "ROLLBACK TO one;"
    yield "COMMIT;"
    yield f".print wrote {token}"


def _shell_statement(random: Random) -> str:
    how = random.choice(("OR REPLACE", "OR IGNORE"))
    author = f"FROM shelf_author ORDER BY name = '{_word(random)}' DESC, id LIMIT 1"
    book = f"(id, author_id, code, pages) SELECT '{_word(random)}', id, '{_word(random)}', 1 {author}"
    free = "(SELECT min(id) FROM shelf_author WHERE id NOT IN (SELECT author_id FROM shelf_book))"
    common = (
        f"INSERT {how} INTO shelf_author (name) VALUES ('{_word(random)}');",
        f"INSERT {how} INTO shelf_book {book};",
        f"INSERT {how} INTO shelf_book {book};",
        "UPDATE shelf_book SET pages = pages + 1;",
        f"UPDATE {how} shelf_book SET code = '{_word(random)}' WHERE id >= '{_word(random)}';",
        f"UPDATE {how} shelf_book SET id = '{_word(random)}' WHERE code = '{_word(random)}';",
    )
    rare = (
        f"UPDATE {how} shelf_author SET id = id + 1000 WHERE id = {free};",
        f"DELETE FROM shelf_author WHERE name = '{_word(random)}';",
        f"DELETE FROM shelf_book WHERE code = '{_word(random)}';",
        "DELETE FROM shelf_book;",
    )
    return random.choice(common if random.random() < 0.85 else rare)
