"""A fault in the middle of adopting a real file leaves all or nothing, and the next start succeeds.

Every statement of a small file is the business of `plugins/kv/tests/test_migrations.py`;
here a few of each file are. STINA_SWEEP=1 takes forty times as many.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest

from stina_core.testing.migrations import SWEEP
from stina_core.testing.sweeps import Sweep
from stina_core.testing.versions import Versions, installed_with_required, quick_folder

from .originals import names, unpack

SWEEPING = os.environ.get(SWEEP) == "1"
ERRORS, KILLS = (40, 20) if SWEEPING else (1, 1)
VARYING = {"kv_entry.updated_at", "todos_todo.reminded_at"}


def cases() -> list[tuple[str, str]]:
    """Return all files with all plugins; in a short run each file with `chat` and one of the others."""
    others = ["kv", "memories", "todos"]
    if SWEEPING:
        return [(name, plugin) for name in names() for plugin in ["chat", *others]]
    return [(name, plugin) for place, name in enumerate(names()) for plugin in ("chat", others[place % 3])]


@pytest.mark.parametrize(("name", "plugin"), cases())
def test_fault_while_a_file_is_adopted_leaves_all_or_nothing(name: str, plugin: str, tmp_path: Path) -> None:
    with quick_folder(tmp_path) as folder:
        start = unpack(name, folder / "start")
        apsw.Connection(str(start)).close()  # the copies are of this file alone, without its write-ahead log
        sweep = Sweep(Versions(installed_with_required(plugin), plugin), start, folder / "fault", VARYING)

        sweep.raise_at(_spread(sweep.script.own, ERRORS, names().index(name)))
        sweep.kill_at(_spread(sweep.script.own, KILLS, names().index(name)))


def _spread(places: list[int], number: int, shift: int) -> list[int]:
    """Return *number* of *places*, far from one another, other ones for each *shift*."""
    step = max(len(places) // number, 1)
    return [places[(shift * 37) % step + step * part] for part in range(min(number, len(places)))]
