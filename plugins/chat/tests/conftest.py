"""Fixtures of this plugin's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stina_chat.plugin
from stina_chat import ChatRepository, ConversationRepository, MessageValue, Page
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import StinaCommand, plugins_of

PLUGINS = plugins_of(chat=stina_chat.plugin)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

SetClock = Callable[[datetime], None]


def at(minutes: float) -> datetime:
    """Return a time in whole milliseconds, some *minutes* after START."""
    return START + timedelta(minutes=minutes)


def said(messages: list[MessageValue]) -> list[str]:
    """Return what messages say."""
    return [message.content for message in messages]


def ids(page: Page) -> list[str]:
    """Return the ids of the interactions of a page."""
    return [one.interaction.id for one in page.interactions]


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    """Open a strict store in a new file, with this plugin alone."""
    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def other(store_path: Path, store: Store) -> Iterator[Store]:
    """Open a second store on the same file, as another program has it."""
    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def chat(store: Store) -> ChatRepository:
    """Return the repository of what is said."""
    return store[ChatRepository]


@pytest.fixture
def conversations(store: Store) -> ConversationRepository:
    """Return the repository of conversations."""
    return store[ConversationRepository]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return a function that stops the clock of the repositories at a time."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr("stina_chat.repository.now", lambda: moment)
        monkeypatch.setattr("stina_chat.conversation_repository.now", lambda: moment)

    return set_to


@pytest.fixture
def stina(store_path: Path) -> StinaCommand:
    """Return a function that runs `stina chats` and fails the test on a traceback."""
    return StinaCommand(store_path, ("chats",), {"STINA_PLUGINS": "chat"})
