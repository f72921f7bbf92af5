"""Reads the old tables, from the outside in: conversations, interactions, messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .messages import Messages
from .rows import Given, Said, Span, Talk, Turn, free, named, said_of, talk_of, turn_of
from .tables import SaidTable, Table, TalkTable, TurnTable

if TYPE_CHECKING:
    from stina_core import Operations

_BEGINS = ("user", "instructions")  # roles of the messages that begin an interaction where there are none


@dataclass
class Found:
    """What was found: conversations and interactions, each kind in the order in which it was met.

    Attributes:
        talk_ids: What conversations had that had no usable id.
        span: All times in the file, those of rows that were left out too.
    """

    talks: dict[str, Talk] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    talk_ids: Given = field(default_factory=dict)
    span: Span = field(default_factory=Span)


class Reader:
    """Reads one file. Of rows with one id the first is kept: that of the newest table."""

    def __init__(self, op: Operations) -> None:
        self._op = op
        self._turn_ids: Given = {}
        self.found = Found()
        self.messages = Messages(op)

    def read_own(self) -> None:
        """Read what the plugin's tables hold already."""
        for row in self._op.old_rows("chat_conversation"):
            talk = Talk(
                row.id(), row.text("title") or "", row.integer("created_at"), row.integer("updated_at")
            )
            talk.active, talk.stored = row.flag("active"), True
            self.found.talks[talk.id] = talk
        for row in self._op.old_rows("chat_interaction"):
            facts = [row.raw(column) for column in ("state", "provider", "model", "created_at")]
            turn = Turn(row.id(), row.text("conversation_id") or "", stored=True)
            turn.created_at, turn.facts = row.integer("created_at"), (turn.talk, *facts)
            self.found.turns[turn.id] = turn
        for row in self._op.old_rows("chat_message"):
            says = [row.raw(column) for column in ("role", "content", "aborted", "created_at")]
            rest = [row.raw(column) for column in ("interaction_id", "provider", "metadata")]
            self.messages.knows(row.id(), tuple(says), tuple(rest))

    def read(self, tables: Iterable[Table]) -> None:
        """Read *tables*, and write the messages."""
        tables = list(tables)
        for table in tables:
            if isinstance(table, TalkTable):
                self._read_talks(table)
        for table in tables:
            if isinstance(table, TurnTable):
                self._read_turns(table)
        for table in tables:
            if isinstance(table, SaidTable):
                if table.turn:
                    self._read_said(table)
                else:
                    self._read_loose(table)

    def _read_talks(self, table: TalkTable) -> None:
        talks = self.found.talks
        for row in self._op.old_rows(table.name):
            talk = talk_of(row, self.found.talk_ids)
            self.found.span.take(talk.created_at, talk.updated_at)
            if talk.id not in talks:
                talks[talk.id] = talk
            elif talks[talk.id].facts() != talk.facts():
                row.leave_out("another conversation has its id")

    def _read_turns(self, table: TurnTable) -> None:
        turns = self.found.turns
        for row in self._op.old_rows(table.name):
            turn = turn_of(row, table, self._turn_ids, self.found.talk_ids)
            self.found.span.take(turn.span.first, turn.span.last)
            if turn.id not in turns:
                turns[turn.id] = turn
            elif turns[turn.id].facts != turn.facts:
                row.leave_out("another interaction has its id")

    def _read_said(self, table: SaidTable) -> None:
        for row in self._op.old_rows(table.name):
            said = said_of(row, table.unit)
            self.found.span.take(said.at)
            turn_id = named(row, table.turn, self._turn_ids)
            talk_id = named(row, table.talk, self.found.talk_ids) if table.talk else ""
            if self.messages.is_new(row, said, turn_id):
                turn = self._turn(turn_id, talk_id, said)
                if talk_id not in ("", turn.talk):
                    row.note(table.talk, "its interaction is in another conversation")
                self.messages.put(said, turn)

    def _read_loose(self, table: SaidTable) -> None:
        talks: dict[str, list[Said]] = {}
        for row in self._op.old_rows(table.name):
            said = said_of(row, table.unit)
            self.found.span.take(said.at)
            talk_id = named(row, table.talk, self.found.talk_ids) if table.talk in row else ""
            if self.messages.is_new(row, said, None):
                talks.setdefault(talk_id, []).append(said)
        for talk_id, them in talks.items():
            turn: Turn | None = None
            for said in _in_order(them):
                if turn is None or said.role in _BEGINS:
                    turn = self._turn("", talk_id, said)
                self.messages.put(said, turn)

    def _turn(self, id: str, talk_id: str, said: Said) -> Turn:
        """Return the interaction that a message goes into; made where there is none, of its own without an *id*."""
        turns = self.found.turns
        if not id:
            id = free(f"ia_{said.id}", turns.__contains__)
        turn = turns.get(id)
        if turn is None:
            turn = turns[id] = Turn(id, talk_id, made=True)
        elif not turn.talk:
            turn.talk = talk_id
        return turn


def _in_order(them: Sequence[Said]) -> Iterator[Said]:
    """Yield messages by time, equal times in their order; one without a time follows the one before it."""
    first = next((said.at for said in them if said.at is not None), None)
    timed = []
    for said in them:
        first = first if said.at is None else said.at
        timed.append(said if said.at is not None else said._replace(at=first))
    yield from sorted(timed, key=lambda said: said.at or 0)
