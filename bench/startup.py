"""What starting the command costs, in CPU, against importing what it is made of.

Run: `.venv/bin/python -m bench.startup [ROUNDS]`. Contenders alternate in every
round; printed are the median CPU time and the median of the per-round ratios to
the baseline of the goal. Byte code is compiled first, as an installer does.
"""

from __future__ import annotations

import compileall
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """A command that may cost at most `limit` times the baseline."""

    name: str
    command: tuple[str, ...]
    baseline: tuple[str, ...]
    limit: float


def goals(stina: str) -> list[Goal]:
    """The figures the project has promised itself."""
    click = (sys.executable, "-c", "import click")
    peewee = (sys.executable, "-c", "import peewee, click")
    return [
        Goal("stina --version", (stina, "--version"), click, 1.6),
        Goal("stina --help", (stina, "--help"), click, 2.0),
        Goal("stina kv get", (stina, "kv", "get", "answer"), peewee, 2.3),
    ]


def cpu_ms(command: tuple[str, ...], environment: dict[str, str]) -> float:
    """Run *command* and return the user and system time it took, in ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    stina = str(Path(sys.executable).with_name("stina"))
    root = Path(__file__).parents[1]
    for place in (sysconfig.get_path("purelib"), root / "stina_core", root / "plugins"):
        compileall.compile_dir(place, quiet=2, maxlevels=10)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "STINA_DB": str(Path(folder) / "stina.db")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run(
            [stina, "kv", "set", "answer", "42"], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        print(f"{'command':<18}{'ms':>8}{'baseline ms':>13}{'ratio':>8}{'goal':>7}")
        for goal in goals(stina):
            pairs = [
                (cpu_ms(goal.baseline, environment), cpu_ms(goal.command, environment)) for _ in range(rounds)
            ]
            baseline = statistics.median(pair[0] for pair in pairs)
            own = statistics.median(pair[1] for pair in pairs)
            ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
            verdict = "" if ratio <= goal.limit else "  missed"
            print(f"{goal.name:<18}{own:>8.0f}{baseline:>13.0f}{ratio:>8.2f}{goal.limit:>7.1f}{verdict}")


if __name__ == "__main__":
    main()
