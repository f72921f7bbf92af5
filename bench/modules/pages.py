"""What the last 50 messages of a conversation cost in a file of 100,000, as values."""

from __future__ import annotations

from contextlib import ExitStack

from .chat_sides import LAST, Side, read_as_models, read_by_hand, read_by_store
from .files import Files
from .turns import Ratio, head, take_turns

_TIMES, _ROUNDS = 50, 41

_SIDES: dict[str, Side] = {"store": read_by_store, "by hand": read_by_hand, "models": read_as_models}

_RATIOS = {
    "values / the statement by hand, the same values": Ratio("store", "by hand", most=1.3),
    "models of Peewee's, in our store / values": Ratio("models", "store"),
}


def pages(files: Files) -> bool:
    """Measure and print; False if a goal is missed."""
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(side(files.copy(files.middle, f"pages-{name}"), "NORMAL"))
            for name, side in _SIDES.items()
        }
        costs = take_turns(sides, _TIMES, _ROUNDS)
    head(f"pages: the last {LAST} messages; CPU, us; medians of {_ROUNDS} rounds of {_TIMES}")
    shown = [ratio.show(what, costs) for what, ratio in _RATIOS.items()]
    return all(shown)
