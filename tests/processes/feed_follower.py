"""A program that follows the feed of a shelf and keeps a replica of it, until it is killed or told to end.

    consumer CHUNK PATH NAME    the replica and its cursor are in the store
    stream CHUNK PATH NAME      both are in a file of its own

CHUNK is how many rows of the log it reads at a time. It says `inside` while it takes
in a transaction, and `at SEQ.` once it has come so far.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import apsw

from stina_core import Cursor, Store
from stina_core.feed import log
from stina_core.feed.consumer import Consumer

from .feed_replica import Replica, catch_up
from .feed_shelf import open_shelf


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201  # the test hears it


def follow_as_consumer(path: str, name: str) -> None:
    with open_shelf(path, name) as store:
        consumer = store.consumer(name)
        with store.changes(store.cursor(), follow=True) as stream:
            _end_with_stdin(stream.close)
            catch_up(store, name, lambda: say("inside"))
            _say_where(consumer)
            for _ in stream:
                catch_up(store, name, lambda: say("inside"))
                _say_where(consumer)


def follow_as_stream(path: str, name: str) -> None:
    with open_shelf(path, name) as store:
        kept = apsw.Connection(str(own_file(Path(path), name)))
        replica = Replica(name, lambda sql, values: kept.execute(sql, values).fetchall(), store)
        with store.changes(_own_cursor(kept), follow=True) as stream:
            _end_with_stdin(stream.close)
            after = stream.cursor.seq
            say(f"at {after}.")
            for changes in stream:
                with kept:
                    say("inside")
                    replica.apply(changes, after)
                    kept.execute("UPDATE cursor SET cursor = ?", (str(stream.cursor),))
                after = stream.cursor.seq
                say(f"at {after}.")
        kept.close()


def own_file(path: Path, name: str) -> Path:
    """Where the stream *name* of the store at *path* keeps its replica."""
    return path.with_name(f"{name}.db")


def start_stream(store: Store, name: str) -> None:
    """Let the stream called *name* begin where the feed ends now."""
    kept = apsw.Connection(str(own_file(Path(store.path), name)))
    kept.execute(
        "CREATE TABLE cursor (cursor);"
        "CREATE TABLE shelf_present (follower, name, key, PRIMARY KEY (follower, name, key));"
        "CREATE TABLE shelf_copy (follower, name, key, row, PRIMARY KEY (follower, name, key));"
        "CREATE TABLE shelf_seen (follower, seq, PRIMARY KEY (follower, seq))"
    )
    kept.execute("INSERT INTO cursor VALUES (?)", (str(store.cursor()),))
    kept.close()


def _own_cursor(kept: apsw.Connection) -> Cursor:
    return Cursor.parse(str(kept.execute("SELECT cursor FROM cursor").fetchall()[0][0]))


def _say_where(consumer: Consumer) -> None:
    position = consumer.cursor
    assert position is not None
    say(f"at {position.seq}.")


def _end_with_stdin(close: Callable[[], object]) -> None:
    def wait() -> None:
        sys.stdin.read()
        close()

    threading.Thread(target=wait, daemon=True).start()


def start_followers(store: Store, *names: str) -> None:
    """Let the consumers called *names* begin where the feed ends now."""
    for name in names:
        store.consumer(name).start(store.cursor())


def main(kind: str, chunk: str, *arguments: str) -> None:
    log.CHUNK = int(chunk)
    {"consumer": follow_as_consumer, "stream": follow_as_stream}[kind](*arguments)
