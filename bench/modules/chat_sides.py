"""Ways to append a message and to read the last ones, each on a file of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

import apsw
import peewee

from stina_chat import ChatRepository, ConversationRepository, MessageValue, Role
from stina_chat.models import Conversation, Interaction, Message
from stina_core import Store, new_id, now
from stina_core.backends.following import mark_data
from stina_core.backends.sqlite.connection import connect
from stina_core.config import Synchronous
from stina_core.ids import from_ms, now_ms

from .files import open_modules, texts
from .statements import Statement, check_kinds, statements_of, values_like
from .turns import Call

Side: TypeAlias = Callable[[Path, Synchronous], AbstractContextManager[Call]]
"""Opens a file, and yields what is measured."""

LAST = 50
"""Messages that are read."""

_DEADLINE = 10.0  # seconds

_ASKED = 50  # conversations that are read in turn


def place_in(store: Store) -> tuple[str, str]:
    """Return the current conversation, and its last interaction."""
    conversation = store[ConversationRepository].current().id
    page = store[ChatRepository].page(conversation, limit=1)
    return conversation, page.interactions[-1].interaction.id


@contextmanager
def appended_by_store(path: Path, synchronous: Synchronous) -> Iterator[Call]:
    """The repository's own way."""
    with open_modules(path, synchronous) as store:
        _, interaction = place_in(store)
        chat, said = store[ChatRepository], itertools.cycle(texts(2))
        yield lambda: chat.append_message(Role.USER, next(said), interaction_id=interaction)


@contextmanager
def appended_and_told(path: Path, synchronous: Synchronous) -> Iterator[Call]:
    """The same, until a subscription of another store in this process has been told of the message."""
    told = Event()
    with appended_by_store(path, synchronous) as append, open_modules(path, synchronous) as other:
        with other.subscribe(lambda changes: told.set(), {"chat_message"}):

            def append_and_wait() -> None:
                told.clear()
                append()
                if not told.wait(_DEADLINE):
                    raise RuntimeError("nobody was told of a message")

            yield append_and_wait


@contextmanager
def bare(path: Path, synchronous: Synchronous) -> Iterator[apsw.Connection]:
    """A connection with the settings of a store's, so that SQLite has the same work."""
    connection = connect(str(path), busy_timeout=5, synchronous=synchronous, create=False)
    with closing(connection):
        yield connection


@contextmanager
def appended_by_hand(path: Path, synchronous: Synchronous) -> Iterator[Call]:
    """The same statements, in a function that is written for them."""
    with open_modules(path) as store:
        _, interaction = place_in(store)
        chat, answers = store[ChatRepository], list[MessageValue]()

        def append() -> None:
            answers.append(chat.append_message(Role.USER, "said", interaction_id=interaction))

        append()  # whatever is done once
        ran = statements_of(store, append)
    check_kinds(ran, "BEGIN SELECT UPDATE INSERT SELECT INSERT COMMIT")
    begin, state, touch, insert, newest, mark, commit = ran
    id = answers[-1].id
    at = next(value for value in touch.values if isinstance(value, int))
    touched = values_like(touch.values, {"at": at})
    inserted = values_like(insert.values, {"id": id, "content": "said", "at": at})
    marked = values_like(mark.values, dict(zip(("seq", "first", "data"), mark.values, strict=True)))
    said = itertools.cycle(texts(2))
    with bare(path, synchronous) as connection:
        cursor = connection.cursor()

        def by_hand() -> MessageValue:
            at = now_ms()
            cursor.execute(begin.sql)
            last: Any = cursor.execute(state.sql).fetchall()[0][3]
            cursor.execute(touch.sql, touched(at))
            (row,) = cursor.execute(insert.sql, inserted(new_id(), next(said), at)).fetchall()
            message = message_of(row)
            seq: Any = cursor.execute(newest.sql).fetchall()[0][0]
            cursor.execute(mark.sql, marked(seq + 1, last + 1, mark_data("bench:1:x", None, now_ms())))
            cursor.execute(commit.sql)
            return message

        yield by_hand


def message_of(row: tuple[Any, ...]) -> MessageValue:
    """Return a row as the value that the repository makes of it."""
    id, interaction_id, role, content, provider, aborted, debug, metadata, created_at = row
    return MessageValue(
        id,
        interaction_id,
        Role(role),
        content,
        provider,
        bool(aborted),
        bool(debug),
        None if metadata is None else json.loads(metadata),
        from_ms(created_at),
    )


class _PlainMessage(peewee.Model):
    """The table as a program with nothing but Peewee declares it; times are milliseconds there, too."""

    id = peewee.TextField(primary_key=True)
    interaction_id = peewee.TextField()
    role = peewee.TextField()
    content = peewee.TextField()
    provider = peewee.TextField(null=True)
    aborted = peewee.BooleanField(default=False)
    debug = peewee.BooleanField(default=False)
    metadata = peewee.TextField(null=True)
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "chat_message"


class _PlainConversation(peewee.Model):
    id = peewee.TextField(primary_key=True)
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "chat_conversation"


@contextmanager
def created_by_peewee(path: Path, synchronous: Synchronous, touching: bool) -> Iterator[Call]:
    """Peewee alone, on its own database, without capture."""
    from playhouse.apsw_ext import APSWDatabase

    with open_modules(path) as store:
        conversation, interaction = place_in(store)
    with bare(path, synchronous) as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'stina_capture_*'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
    said = itertools.cycle(texts(2))
    pragmas = {"journal_mode": "wal", "synchronous": synchronous, "foreign_keys": 1}
    database = APSWDatabase(str(path), pragmas=pragmas)
    with database.bind_ctx([_PlainMessage, _PlainConversation]), closing(database):

        def create() -> None:
            at = now_ms()
            with database.atomic("IMMEDIATE"):
                if touching:
                    _PlainConversation.update(updated_at=at).where(
                        _PlainConversation.id == conversation
                    ).execute()
                _PlainMessage.create(
                    id=new_id(), interaction_id=interaction, role="user", content=next(said), created_at=at
                )

        yield create


@contextmanager
def created_in_store(path: Path, synchronous: Synchronous) -> Iterator[Call]:
    """Peewee's words for the same, on the store's own database and models."""
    with open_modules(path, synchronous) as store:
        conversation, interaction = place_in(store)
        said = itertools.cycle(texts(2))

        def create() -> None:
            at = now()
            with store.transaction():
                Conversation.update(updated_at=at).where(Conversation.id == conversation).execute()
                Message.create(interaction=interaction, role=Role.USER, content=next(said), created_at=at)

        yield create


@contextmanager
def read_by_store(path: Path, synchronous: Synchronous) -> Iterator[Call]:
    """The repository's own way."""
    with open_modules(path, synchronous) as store:
        asked, chat = itertools.cycle(_asked(store)), store[ChatRepository]
        yield lambda: chat.last_messages(next(asked), LAST)


@contextmanager
def read_by_hand(path: Path, synchronous: Synchronous) -> Iterator[Call]:
    """The same statement, and the same values."""
    with open_modules(path) as store:
        conversations = _asked(store)
        wanted = store[ChatRepository].last_messages(conversations[0], LAST)
        (ran,) = statements_of(store, lambda: store[ChatRepository].last_messages(conversations[0], LAST))
    values = values_like(ran.values, {"conversation": conversations[0]})
    asked = itertools.cycle(conversations)
    with bare(path, synchronous) as connection:
        cursor = connection.cursor()

        def by_hand() -> list[MessageValue]:
            rows = cursor.execute(ran.sql, values(next(asked))).fetchall()
            return [message_of(row) for row in rows][::-1]

        _check_answer(ran, by_hand(), wanted)
        yield by_hand


@contextmanager
def read_as_models(path: Path, synchronous: Synchronous) -> Iterator[Call]:
    """Peewee's words for the same, on the store's own database and models."""
    with open_modules(path, synchronous) as store:
        asked = itertools.cycle(_asked(store))

        def read() -> list[Message]:
            with store.use():
                query = (
                    Message.select()
                    .join(Interaction)
                    .where(Interaction.conversation == next(asked))
                    .order_by(
                        Interaction.created_at.desc(),
                        Interaction.id.desc(),
                        Message.created_at.desc(),
                        Message.id.desc(),
                    )
                    .limit(LAST)
                )
                return list(query)[::-1]

        yield read


def _asked(store: Store) -> list[str]:
    return [one.id for one in store[ConversationRepository].page(limit=_ASKED).conversations]


def _check_answer(ran: Statement, found: object, wanted: object) -> None:
    if found != wanted:
        raise RuntimeError(f"by hand, {ran.sql} gives another answer")
