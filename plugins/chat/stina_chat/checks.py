"""What can be wrong with rows that another program wrote, or an older version adopted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from stina_core import Finding, InvalidValueError, Query, Severity, Store

from .models import Conversation, Interaction, Message
from .queries import raw

CHUNK = 500  # rows that are read at once

_SHOWN = 60  # characters of an id in a message


class _Row(Protocol):
    @property
    def id(self) -> bytes: ...


R = TypeVar("R", bound=_Row)


def findings(store: Store) -> list[Finding]:
    """Return one finding per row that cannot be read, or could not be written again as it is.

    Reads the raw bytes, so no row can hide the others. What tables say of themselves,
    such as foreign keys, the core's own checks look at.
    """
    with store.use():
        return [
            *_of("chat_conversation", raw.conversations, _check_conversation),
            *_of("chat_interaction", raw.interactions, _check_interaction),
            *_of("chat_message", raw.messages, _check_message),
        ]


def _of(table: str, rows: Query[[bytes, int], R], check: Callable[[R], object]) -> Iterator[Finding]:
    found = rows.list(b"", CHUNK)
    while found:
        for row in found:
            if (why := _fault(row, check)) is not None:
                yield _finding(table, row.id, why)
        found = rows.list(found[-1].id, CHUNK + 1)[1:]  # without the one that it begins from


def _fault(row: R, check: Callable[[R], object]) -> str | None:
    try:
        row.id.decode()
        check(row)
    except UnicodeDecodeError:
        return "a text of it is not UTF-8"
    except InvalidValueError as error:
        return str(error)
    return None


def _finding(table: str, id: bytes, why: str) -> Finding:
    name = id.decode("utf-8", "backslashreplace")
    shown = repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")
    remedy = "remove the row, or write it anew, with the program that wrote it"
    return Finding(Severity.ERROR, table, f"the row {shown} cannot be read: {why}", remedy)


def _check_conversation(row: raw.RawConversation) -> None:
    row.title.decode()
    Conversation.created_at.python_value(row.created_at)
    Conversation.updated_at.python_value(row.updated_at)


def _check_interaction(row: raw.RawInteraction) -> None:
    for text in (row.provider, row.model):
        _text(text)
    Interaction.state.python_value(_text(row.state))
    Interaction.created_at.python_value(row.created_at)


def _check_message(row: raw.RawMessage) -> None:
    for text in (row.content, row.provider):
        _text(text)
    Message.role.python_value(_text(row.role))
    Message.metadata.db_value(Message.metadata.python_value(_text(row.metadata)))
    Message.created_at.python_value(row.created_at)


def _text(stored: bytes | None) -> str | None:
    return None if stored is None else stored.decode()
