"""What a search costs in a file of very many messages: absolute figures, for there is nothing to hold them against."""

from __future__ import annotations

import statistics
from functools import partial

from bench.feed.figures import verdict
from stina_chat import ChatRepository
from stina_chat.models import Message

from .files import COMMON, RARE, Files, open_modules
from .turns import Call, take_turns

_ROUNDS, _TIMES = 25, 10

_GOALS = {"newest": 1000.0, "ranked": 20_000.0}
"""CPU in us."""


def search(files: Files) -> bool:
    """Measure and print; False if a goal is missed."""
    with open_modules(files.large) as store:
        chat, index = store[ChatRepository], store.full_text(Message)
        asked = {
            "a word in every fourth message": COMMON,
            "a word in every 50,000th": RARE,
            "two words": f"{COMMON} lo",
        }
        calls: dict[str, Call] = {}
        for what, text in asked.items():
            calls[f"newest 20, {what}: of the index"] = partial(index.newest, text, 20)
            calls[f"newest 20, {what}: messages"] = partial(chat.search, text, limit=20)
            calls[f"ranked 20, {what}: messages"] = partial(chat.ranked, text, limit=20)
        found = {what: len(chat.search(text, limit=20)) for what, text in asked.items()}
        costs = take_turns(calls, _TIMES, _ROUNDS)
    print(
        f"search: {files.many:,} messages, hits with snippets, messages and places; CPU, us; medians; hits {found}"
    )
    met = True
    for what, values in costs.items():
        cost, goal = statistics.median(values), _GOALS[what.split(" ")[0]]
        met &= cost <= goal
        print(f"  {what:<58}{cost:>10.0f}  <= {goal:g}{verdict(cost <= goal)}")
    return met
