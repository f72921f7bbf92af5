"""How long the first open of files of the original app takes, with all installed plugins.

Run: `.venv/bin/python -m bench.adoption FOLDER`, with `*.db` and `*.db.gz` in it, each with
its `-wal` if it was left with one. Each file is copied, opened, closed and opened again, each
time by a process of its own; printed are seconds of wall time from the start of the process.
Exits with 1 if a goal is missed, a plugin is off, or the second open still changes something.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_GOAL_ALL = 60.0  # seconds for the first open of all files
_GOAL_ONE = 20.0  # seconds for the first open of the largest

_OPEN = """
import sys
from stina_core import StoreConfig, open_store

with open_store(sys.argv[1], StoreConfig(strict=True)) as store:
    print(len(store.outcome.applied))
"""


@dataclass(frozen=True)
class _Measured:
    name: str
    megabytes: float
    first: float
    second: float


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith((".db", ".db.gz")))
    if not names:
        parser.error(f"{folder} has no *.db and no *.db.gz")
    print(f"{'file':<36} {'MB':>7} {'first, s':>9} {'second, s':>10}")
    found = [_measured(folder, name) for name in names]
    for one in found:
        print(f"{one.name:<36} {one.megabytes:>7.1f} {one.first:>9.2f} {one.second:>10.2f}")
    total, worst = sum(one.first for one in found), max(one.first for one in found)
    print(f"{'all':<36} {'':>7} {total:>9.2f}            goal {_GOAL_ALL:.0f}")
    print(f"{'slowest':<36} {'':>7} {worst:>9.2f}            goal {_GOAL_ONE:.0f}")
    return 0 if total <= _GOAL_ALL and worst <= _GOAL_ONE else 1


def _measured(folder: Path, name: str) -> _Measured:
    with tempfile.TemporaryDirectory() as place:
        path = _copied(folder, name, Path(place))
        megabytes = sum(file.stat().st_size for file in path.parent.iterdir()) / 1e6
        first, applied = _open(path)
        second, again = _open(path)
    if not applied or again:
        sys.exit(f"{name}: {applied} steps ran at the first open and {again} at the second")
    return _Measured(name, megabytes, first, second)


def _copied(folder: Path, name: str, place: Path) -> Path:
    for suffix in ("", "-wal"):
        source = folder / f"{name.removesuffix('.gz')}{suffix}{'.gz' if name.endswith('.gz') else ''}"
        if source.exists():
            opened = gzip.open if name.endswith(".gz") else open
            with opened(source, "rb") as read, (place / f"stina.db{suffix}").open("wb") as written:
                shutil.copyfileobj(read, written)
    return place / "stina.db"


def _open(path: Path) -> tuple[float, int]:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, str(path)], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - started, int(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
