"""What a search gives: plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """An excerpt of a row's text around what was found.

    Attributes:
        text: Any characters, as they were stored; `…` stands where something was cut off.
            At most 1,000 bytes of it are shown, and bytes that are no UTF-8 as U+FFFD.
        highlights: Where the hits are in *text*: the first character of each, and the one after its last.
    """

    text: str
    highlights: tuple[tuple[int, int], ...] = ()

    def parts(self) -> list[tuple[str, bool]]:
        """Return *text* in pieces, and of each whether it is a hit; what a client shows."""
        pieces: list[tuple[str, bool]] = []
        end = 0
        for first, last in self.highlights:
            pieces += [(self.text[end:first], False), (self.text[first:last], True)]
            end = last
        pieces.append((self.text[end:], False))
        return [(piece, hit) for piece, hit in pieces if piece]


@dataclass(frozen=True, slots=True)
class Hit:
    """One row that was found.

    Attributes:
        key: The row's key, as the field of its model gives it.
        snippet: Where it was found.
        place: Where it stands among all rows, newest last: `newest(text, before=hit.place)` goes on after it.
    """

    key: object
    snippet: Snippet
    place: int
