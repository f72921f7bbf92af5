"""Writes messages while they are read: only their ids, times and digests are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .rows import Rows, Said, Turn
from .tables import Stored

if TYPE_CHECKING:
    from stina_core import OldRow, Operations


class Messages:
    """The messages of one file.

    Semantics:
        - Of rows with one id the first is kept.
        - Messages of one time stay in the order in which they come.
        - One without a time gets that of the message before it, else that of its interaction.
    """

    def __init__(self, op: Operations) -> None:
        self._rows = Rows(op, "message")
        self._known: dict[str, tuple[int, int]] = {}  # by id what it says, and the rest of it
        self._positions: Counter[tuple[str, int]] = Counter()
        self._timeless: list[tuple[Said, str]] = []

    def knows(self, id: str, says: tuple[Stored, ...], rest: tuple[Stored, ...]) -> None:
        """Keep in mind what is in the plugin's table already."""
        self._known[id] = hash(says), hash(rest)

    def is_new(self, row: OldRow, said: Said, turn_id: str | None) -> bool:
        """Whether this is the first with its id; what differs from the first is left out.

        Args:
            turn_id: The interaction that the row names; None if it can name none.
        """
        says = hash((said.role, said.content, int(said.aborted), said.at))
        rest = hash((turn_id, said.provider, said.metadata))
        if said.id not in self._known:
            self._known[said.id] = says, rest
            return True
        found = self._known[said.id]
        if found[0] != says or (turn_id is not None and found[1] != rest):
            row.leave_out("another message has its id")
        return False

    def put(self, said: Said, turn: Turn) -> None:
        """Put a message into an interaction."""
        if turn.message is None:
            turn.message = said.id
        if turn.made and said.aborted:
            turn.state = "aborted"
        at = said.at
        if at is None:
            at = turn.created_at if turn.latest is None else turn.latest
        if at is None:
            self._timeless.append((said, turn.id))
            return
        turn.latest = at
        turn.span.take(at)
        self._write(said, turn.id, at)

    def end(self, times: Mapping[str, int]) -> None:
        """Write the rest; *times* are those of the interactions."""
        for said, turn_id in self._timeless:
            self._write(said, turn_id, times[turn_id])
        self._rows.end()

    def _write(self, said: Said, turn_id: str, at: int) -> None:
        position = self._positions[turn_id, at]
        self._positions[turn_id, at] = position + 1
        self._rows.add(
            id=said.id,
            interaction_id=turn_id,
            role=said.role,
            content=said.content,
            provider=said.provider,
            aborted=int(said.aborted),
            debug=0,
            metadata=said.metadata,
            created_at=at,
            position=position,
        )
