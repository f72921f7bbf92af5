"""The statements of one migration: which of them are worth a fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .faults import Statement


class Script:
    """The statements of a migration, by their places from 1 on.

    Args:
        ran: The plugins whose steps ran, in that order.
        plugin: The one that is tested.

    Attributes:
        commit: The place of the COMMIT.
        every: All from BEGIN on, with those of other connections that a backup opens,
            until the file is ready for use.
        own: Of these the ones of the steps of *plugin*, and what comes after all steps,
            or all where that cannot be told; of one statement for many rows the first and the last.
        sql: The texts from BEGIN to COMMIT.

    Raises:
        AssertionError: there is no COMMIT.
    """

    def __init__(self, statements: Sequence[Statement], ran: Sequence[str], plugin: str) -> None:
        self._statements = statements
        main = {place: one.sql for place, one in enumerate(statements, 1) if one.connection == 1}
        begins = [place for place, sql in main.items() if sql.upper().startswith("BEGIN")]
        commits = [place for place, sql in main.items() if sql.upper().startswith(("COMMIT", "END"))]
        assert commits, "no transaction brings the file to the newest version"
        self.commit = commits[-1]
        self.sql = [sql for place, sql in main.items() if begins[0] <= place <= self.commit]
        self.every = [
            place for place, one in enumerate(statements, 1) if place >= begins[0] or one.connection > 1
        ]
        blocks = list(_blocks(main))
        self.own = self.every
        if len(blocks) == len(ran) and plugin in ran:
            block, end = blocks[ran.index(plugin)], blocks[-1].stop
            self.own = [place for place in self.every if place in block or place >= end]
        self.own = [place for place in self.own if not self._amid(place)]

    def sample(self, stride: int) -> list[int]:
        """Some of `own`: one of *stride*, the first, the last and the COMMIT."""
        return sorted({*self.own[::stride], self.own[-1], self.commit})

    def _amid(self, place: int) -> bool:
        """Whether the statement before and the one after are the same."""
        return 1 < place < len(self) and self[place - 1] == self[place] == self[place + 1]

    def __len__(self) -> int:
        return len(self._statements)

    def __getitem__(self, place: int) -> Statement:
        return self._statements[place - 1]


def _blocks(main: Mapping[int, str]) -> Iterator[range]:
    """Yield from where to where each plugin's steps go: the engine gives every plugin one savepoint."""
    name, start = "", 0
    for place, sql in main.items():
        verb, _, savepoint = sql.partition(" ")
        if verb == "SAVEPOINT" and not name:
            name, start = savepoint, place
        elif verb == "RELEASE" and savepoint == name:
            yield range(start, place + 1)
            name = ""
