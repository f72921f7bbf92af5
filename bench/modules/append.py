"""What one message more costs in a file of 100,000, with capture, marker and dispatch."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from stina_core.config import Synchronous

from .chat_sides import (
    Side,
    appended_and_told,
    appended_by_hand,
    appended_by_store,
    created_by_peewee,
    created_in_store,
)
from .files import Files
from .turns import Costs, Ratio, head, take_turns

_TIMES, _ROUNDS = 100, 25

_SIDES: dict[str, Side] = {
    "store": appended_by_store,
    "by hand": appended_by_hand,
    "told": appended_and_told,
    "peewee": partial(created_by_peewee, touching=False),
    "peewee, touching": partial(created_by_peewee, touching=True),
    "peewee in store": created_in_store,
}

_RATIOS = {
    "append / the statements by hand, captured": Ratio("store", "by hand", most=1.3),
    "plain Peewee's create, uncaptured / append": Ratio("peewee", "store", least=3.5),
    "the same with an update of updated_at / append": Ratio("peewee, touching", "store"),
    "Peewee's create and update in our store / append": Ratio("peewee in store", "store"),
    "append until a subscription is told / append": Ratio("told", "store"),
}


def append(files: Files) -> bool:
    """Measure and print; False if a goal is missed."""
    met = True
    for synchronous in ("NORMAL", "FULL"):
        costs = _measure(files, synchronous)
        head(f"append: synchronous {synchronous}; CPU, us; medians of {_ROUNDS} rounds of {_TIMES}")
        for what, ratio in _RATIOS.items():
            wanted = ratio if synchronous == "NORMAL" else Ratio(ratio.side, ratio.baseline)
            met &= wanted.show(what, costs)
    return met


def _measure(files: Files, synchronous: Synchronous) -> Costs:
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(side(files.copy(files.middle, f"{synchronous}-{name}"), synchronous))
            for name, side in _SIDES.items()
        }
        return take_turns(sides, _TIMES, _ROUNDS)
