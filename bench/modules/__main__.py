"""The figures of the plugins `chat` and `kv`.

Run: `.venv/bin/python -m bench.modules [PART...]`; the parts are

    append      CPU of one message more in a file of 100,000, against the statements by hand, and plain Peewee
    pages       CPU of the last 50 messages of a conversation there, likewise
    kv          CPU of reading and of counting up a value, likewise
    scale       CPU in a file of 1,000,000 messages against one of 1,000
    search      CPU of a search in the file of 1,000,000

Without a part all run, which takes about ten minutes; the last two make the large
file, once. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from .files import Files


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parts: dict[str, Callable[[Files], bool]] = {
        "append": _append,
        "pages": _pages,
        "kv": _kv,
        "scale": _scale,
        "search": _search,
    }
    parser = argparse.ArgumentParser(
        prog="bench.modules", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    # argparse compares even the empty default with the choices
    parser.add_argument("parts", nargs="*", choices=[[], *parts], metavar="PART", help=", ".join(parts))
    parser.add_argument("--messages", type=int, default=1_000_000, help="in the large file")
    options = parser.parse_args()
    met = True
    with TemporaryDirectory() as folder:
        files = Files(Path(folder), options.messages)
        for name in options.parts or parts:
            met &= parts[name](files)
            print(flush=True)
    return 0 if met else 1


def _append(files: Files) -> bool:
    from .append import append

    return append(files)


def _pages(files: Files) -> bool:
    from .pages import pages

    return pages(files)


def _kv(files: Files) -> bool:
    from .kv import kv

    return kv(files)


def _scale(files: Files) -> bool:
    from .scale import scale

    return scale(files)


def _search(files: Files) -> bool:
    from .search import search

    return search(files)


if __name__ == "__main__":
    sys.exit(main())
