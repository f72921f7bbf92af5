"""What is left of a crowd: the logs of its processes against the rows in the file."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass

from .crowd_logs import acknowledged, delivered
from .crowd_processes import END, Place
from .plain import connect


@dataclass(frozen=True)
class Results:
    """What the followers saw.

    Attributes:
        committed: Transactions in the file.
        lost: Acknowledged commits that are not in the file, or that a follower never got.
        missed: Transactions in the file, acknowledged or not, that a follower never got.
        gaps: Times that a follower's next transaction did not begin right after the one before.
        repeated: Times that it began before that.
        torn: Transactions of which a part is in the file, or of which a follower got a part or more than it.
        lags: From the commit's return to the delivery, ms, over all followers.
    """

    committed: int
    lost: int
    missed: int
    gaps: int
    repeated: int
    torn: int
    lags: list[float]


def results(place: Place, writers: int, followers: int) -> Results:
    """Compare; all processes have ended."""
    rows, torn = _transactions(place)
    returned = {
        (writer, one.number): one.at
        for writer in range(writers)
        for one in acknowledged(place.log("writer", writer))
    }
    start = int(place.start.rpartition(":")[2])
    lost = set(returned) - rows
    missed = gaps = repeated = 0
    lags: list[float] = []
    for follower in range(followers):
        got = delivered(place.log("follower", follower))
        seen = {(one.writer, one.number) for one in got}
        lost |= set(returned) - seen
        missed += len(rows - seen)
        torn += sum(not one.whole for one in got) + len(seen - rows)
        ends = [start, *(one.last for one in got)]
        for before, one in zip(ends[:-1], got, strict=True):
            gaps += one.first > before + 1
            repeated += one.first <= before
        lags += [
            (one.at - returned[one.writer, one.number]) / 1e6
            for one in got
            if (one.writer, one.number) in returned
        ]
    return Results(len(rows), len(lost), missed, gaps, repeated, torn, lags)


def _transactions(place: Place) -> tuple[set[tuple[int, int]], int]:
    """Return the transactions whose rows are in the file, and how many of them are there in part."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    with closing(connect(str(place.path))) as connection:
        for (key,) in connection.execute("SELECT key FROM bench_mark WHERE key <> ?", (END,)).fetchall():
            writer, number, row, rows = map(int, str(key).split(":"))
            found[writer, number].append((row, rows))
    torn = sum(sorted(row for row, _ in parts) != list(range(parts[0][1])) for parts in found.values())
    return set(found), torn
