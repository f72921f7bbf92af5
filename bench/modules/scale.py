"""What a file of very many messages costs against one of 1,000."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from bench.startup import cpu_ms
from stina_chat import ChatRepository, ConversationRepository
from stina_core import Store

from .chat_sides import appended_by_store
from .files import Files, open_modules
from .turns import Call, Costs, Ratio, head, take_turns

_ROUNDS, _TIMES = 25, 50
_STARTS = 11

_PAGE = 30
_LIMIT = 1000  # interactions that one call gives at most

_START = """
import stina_chat.plugin, stina_kv.plugin
from stina_chat import ConversationRepository
from stina_core import StoreConfig, load_plugins, local_plugin, open_store
config = StoreConfig(strict=True, synchronous="NORMAL")
candidates = [local_plugin("chat", stina_chat.plugin), local_plugin("kv", stina_kv.plugin)]
with open_store(sys.argv[1], config, plugins=load_plugins(candidates, config)) as store:
    print(store[ConversationRepository].current().id)
"""


def scale(files: Files) -> bool:
    """Measure and print; False if a goal is missed."""
    paths = {"large": files.copy(files.large, "scale-large"), "small": files.copy(files.small, "scale-small")}
    with ExitStack() as stack:
        stores = {name: stack.enter_context(open_modules(path)) for name, path in paths.items()}
        reads = {name: _reads(store) for name, store in stores.items()}
        costs = {
            what: take_turns({name: reads[name][what] for name in paths}, _TIMES, _ROUNDS)
            for what in reads["large"]
        }
    with ExitStack() as stack:
        sides = {name: stack.enter_context(appended_by_store(path, "NORMAL")) for name, path in paths.items()}
        costs = {"append": take_turns(sides, _TIMES, _ROUNDS), **costs}
    costs["start-up, and the current conversation"] = _starts(paths)
    head(f"scale: {files.many:,} messages against 1,000; CPU, us; medians", "many us", "few us")
    shown = [Ratio("large", "small", most=1.5).show(what, found) for what, found in costs.items()]
    return all(shown)


def _reads(store: Store) -> dict[str, Call]:
    chat = store[ChatRepository]
    conversation = store[ConversationRepository].current().id
    oldest = _before_the_last(store, None)
    oldest_inside = _before_the_last(store, conversation)
    return {
        f"current page of {_PAGE}": lambda: chat.page(conversation, limit=_PAGE),
        "deepest page of a conversation": lambda: chat.page(conversation, before=oldest_inside, limit=_PAGE),
        "newest page of all conversations": lambda: chat.page_all(limit=_PAGE),
        "deepest page of all conversations": lambda: chat.page_all(before=oldest, limit=_PAGE),
        "the view of a client": lambda: chat.view(_PAGE),
        "last 50 messages": lambda: chat.last_messages(conversation),
    }


def _before_the_last(store: Store, conversation: str | None) -> str:
    """Return what gives the oldest page, after having read all the others."""
    chat = store[ChatRepository]
    left = chat.count_interactions(conversation) - _PAGE
    before: str | None = None
    while left > 0:
        limit = min(left, _LIMIT)
        page = (
            chat.page_all(before=before, limit=limit)
            if conversation is None
            else chat.page(conversation, before=before, limit=limit)
        )
        before = page.before
        left -= limit
    assert before is not None
    return before


def _starts(paths: dict[str, Path]) -> Costs:
    costs: Costs = {name: [] for name in paths}
    for turn in range(-1, _STARTS):
        for name in list(paths)[:: -1 if turn % 2 else 1]:
            cost = cpu_ms((sys.executable, "-c", f"import sys{_START}", str(paths[name])), dict(os.environ))
            if turn >= 0:  # the first one compiles
                costs[name].append(cost * 1000)
    return costs
