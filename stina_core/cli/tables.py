"""Tables for people: drawn by rich on a terminal that has it, aligned text everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

from .output import put


def write_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* under the headings *names* on stdout."""
    if not (sys.stdout.isatty() and _write_rich(names, rows)):
        put(aligned([names, *rows]))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* as lines whose columns begin at the same place, two spaces apart."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)


def _write_rich(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # as Text, because stored text may look like rich's markup
    Console().print(table)
    return True


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1 for character in text
    )
