"""The figures of the change feed.

Run: `.uv/bin/uv run --group bench python -m bench.feed [PART...]`; the parts are

    wake            ms until another process has read a row, other ways beside ours
    idle            CPU of a listener while nobody writes
    writes          CPU of a transaction with capture against one without
    crowd           four writers and three followers, then SIGKILLs
    subscriptions   CPU of a delivery by the number of subscriptions

Without a part all run, which takes about ten minutes. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parts: dict[str, Callable[[argparse.Namespace], bool]] = {
        "wake": _wake,
        "idle": _idle,
        "writes": _writes,
        "crowd": _crowd,
        "subscriptions": _subscriptions,
    }
    parser = argparse.ArgumentParser(
        prog="bench.feed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    # argparse compares even the empty default with the choices
    parser.add_argument("parts", nargs="*", choices=[[], *parts], metavar="PART", help=", ".join(parts))
    parser.add_argument("--events", type=int, default=2000, help="of one run of `wake`")
    parser.add_argument("--runs", type=int, default=3, help="of `wake`")
    parser.add_argument("--seconds", type=float, help="of `idle` (60) and of `crowd` (10)")
    parser.add_argument("--kills", type=int, default=1000, help="of `crowd`")
    options = parser.parse_args()
    met = True
    for name in options.parts or parts:
        met &= parts[name](options)
        print(flush=True)
    return 0 if met else 1


def _wake(options: argparse.Namespace) -> bool:
    from .wake import wake

    return wake(options.events, options.runs)


def _idle(options: argparse.Namespace) -> bool:
    from .idle import idle

    return idle(options.seconds or 60)


def _writes(options: argparse.Namespace) -> bool:
    from .writes import writes

    return writes()


def _crowd(options: argparse.Namespace) -> bool:
    from .crowd import crowd

    return crowd(options.seconds or 10, options.kills)


def _subscriptions(options: argparse.Namespace) -> bool:
    from .subscriptions import subscriptions

    return subscriptions()


if __name__ == "__main__":
    sys.exit(main())
