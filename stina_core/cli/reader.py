"""Noticing that nobody reads what a command prints, also while it has nothing to print."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def while_read(end: Callable[[], object]) -> Iterator[None]:
    """Inside the block *end* is called, on another thread, once nobody reads stdout any more.

    A command that follows something would otherwise notice only at the next line
    it prints: `stina changes --follow | head -1` would wait for one more change.

    Args:
        end: Makes the block end; called at most once.

    Raises:
        BrokenPipeError: at the end of the block, if that is why it ended.
    """
    try:
        stdout = sys.stdout.fileno()
    except (OSError, ValueError):  # it is no file, so there is no pipe that could break
        yield
        return
    gone = threading.Event()
    done, finish = os.pipe()

    def watch() -> None:
        poll = select.poll()
        poll.register(stdout, 0)  # nothing but its end
        poll.register(done, select.POLLIN)
        if done not in dict(poll.poll()):
            gone.set()
            end()

    thread = threading.Thread(target=watch, name="stina-reader", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(finish)  # which the thread sees as an end too
        thread.join()
        os.close(done)
    if gone.is_set():
        raise BrokenPipeError
