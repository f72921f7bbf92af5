"""The files that are measured: conversations of a hundred messages, the index caught up, the feed as it is kept."""

from __future__ import annotations

import random
import shutil
import time
from contextlib import closing
from functools import cached_property
from itertools import cycle
from pathlib import Path

from peewee import ModelInsert

import stina_chat.plugin
import stina_kv.plugin
from stina_chat import ConversationRepository, Role, State
from stina_chat.models import Conversation, Interaction, Message
from stina_core import Store, StoreConfig, load_plugins, local_plugin, new_id, open_store
from stina_core.config import Synchronous
from stina_core.ids import from_ms

from .statements import Values, database_of, values_like

PLUGINS = load_plugins(
    [local_plugin("chat", stina_chat.plugin), local_plugin("kv", stina_kv.plugin)], StoreConfig(strict=True)
)

IN_CONVERSATION = 100
"""Messages of a conversation, two in each interaction."""

COMMON, RARE = "kalo", "zebra"
"""A word that every fourth message has, and one that every 50,000th has."""

_START = 1_704_067_200_000  # ms
_BATCH = 100  # conversations in a transaction
_SYLLABLES = ("ka", "lo", "mi", "ne", "ta", "ru", "si", "vo", "pe", "da", "su", "ri")


def open_modules(path: Path, synchronous: Synchronous = "NORMAL") -> Store:
    """Open the store at *path* with the two plugins, and make it if it is not there."""
    config = StoreConfig(strict=True, origin="bench", synchronous=synchronous)
    return open_store(path, config, plugins=PLUGINS)


class Files:
    """Files in a directory, each made when it is first asked for.

    Args:
        many: Messages in the large one.
    """

    def __init__(self, folder: Path, many: int) -> None:
        self.folder = folder
        self.many = many

    def copy(self, original: Path, name: str) -> Path:
        """Return a copy of a file that is not open, in a directory of its own."""
        place = self.folder / name
        place.mkdir()
        return Path(shutil.copyfile(original, place / "bench.db"))

    @cached_property
    def small(self) -> Path:
        """A file of 1,000 messages."""
        return self._made("small", 1_000)

    @cached_property
    def middle(self) -> Path:
        """A file of 100,000 messages."""
        return self._made("middle", 100_000)

    @cached_property
    def large(self) -> Path:
        """A file of *many* messages."""
        return self._made("large", self.many)

    def _made(self, name: str, messages: int) -> Path:
        place = self.folder / name
        place.mkdir()
        path = place / "bench.db"
        began = time.monotonic()
        with closing(open_modules(path)) as store:
            _fill(store, messages // IN_CONVERSATION)
            index = store.full_text(Message)
            index._follower.catch_up()  # what a store that listens does bit by bit in the background
        size = path.stat().st_size / 1e6
        print(f"({messages:,} messages made in {time.monotonic() - began:.0f} s, {size:.0f} MB)", flush=True)
        return path


def texts(seed: int) -> list[str]:
    """Return some thousands of texts of 40 to 400 letters, of words that are as unequal as those of a language."""
    choice = random.Random(seed)
    words = ["".join(choice.choice(_SYLLABLES) for _ in range(choice.randint(1, 4))) for _ in range(20_000)]
    words = [word for word in words if word not in (COMMON, RARE)]
    weights = [1 / (rank + 10) for rank in range(len(words))]
    made = []
    for number in range(5_000):
        drawn = choice.choices(words, weights, k=choice.randint(8, 80))
        made.append(" ".join([*drawn, *([COMMON] if number % 4 == 0 else [])]))
    return made


def _fill(store: Store, conversations: int) -> None:
    """Write the conversations with the plugin's own statements, fifteen thousand rows in a transaction."""
    database = database_of(store)
    with store.use():
        conversation, interaction, message = map(_like, _samples())
    said = cycle(texts(1))
    count = 0
    for first in range(0, conversations, _BATCH):
        begin = _START + first * IN_CONVERSATION * 1000
        ids = [new_id() for _ in range(min(_BATCH, conversations - first))]
        turns = [(new_id(), id) for id in ids for _ in range(IN_CONVERSATION // 2)]
        messages: list[tuple[str, str, str, str, int]] = []
        for turn, _ in turns:
            for role in ("user", "assistant"):
                count += 1
                content = next(said) + f" {RARE}" * (count % 50_000 == 0)
                messages.append((new_id(), turn, role, content, begin + len(messages) * 1000))
        with store.transaction():
            for (sql, values), rows in (
                (
                    conversation,
                    [(id, begin + number * IN_CONVERSATION * 1000) for number, id in enumerate(ids)],
                ),
                (interaction, [(*turn, begin + number * 2000) for number, turn in enumerate(turns)]),
                (message, messages),
            ):
                database.execute_many(sql, (values(*row) for row in rows))
    store[ConversationRepository].switch(ids[-1])


def _samples() -> list[tuple[ModelInsert, dict[str, object]]]:
    """Return an INSERT for each table, and which of its values are other ones in each row."""
    at = from_ms(_START)
    return [
        (
            Conversation.insert(id="id", title="A conversation", created_at=at, updated_at=at),
            {"id": "id", "at": _START},
        ),
        (
            Interaction.insert(id="id", conversation="in", state=State.COMPLETE, created_at=at),
            {"id": "id", "inside": "in", "at": _START},
        ),
        (
            Message.insert(id="id", interaction="in", role=Role.USER, content="said", created_at=at),
            {"id": "id", "inside": "in", "role": "user", "content": "said", "at": _START},
        ),
    ]


def _like(sample: tuple[ModelInsert, dict[str, object]]) -> tuple[str, Values]:
    sql, values = sample[0].sql()
    return sql, values_like(tuple(values), sample[1])
