"""Which features of a table survive its rebuild, tool by tool.

Run: `.venv/bin/python -m bench.rebuilds [--why]`; with the tools that are no
dependency of ours: `.uv/bin/uv run --group bench python -m bench.rebuilds`.
Each feature of `bench/survival` is made in a new file; each tool alters one
column of the table; then the feature is looked at and used. `LOST` came without
an error, at most with a warning; `error` left the file as it was; `error+LOST`
stopped half-way and left a file without the feature. `--why` prints the reasons.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter

import apsw

from .contenders import CONTENDERS, OURS, Contender
from .outcomes import Outcome, Verdict, outcome
from .survival import FEATURES

_WIDTH = max(len(contender.name) for contender in CONTENDERS) + 2
_FIRST = max(len(feature.name) for feature in FEATURES) + 2


def main() -> int:
    """Try everything and print; 1 if a feature did not survive ours."""
    installed = [contender for contender in CONTENDERS if contender.version]
    print(
        f"SQLite {apsw.sqlite_lib_version()} (APSW: stina, playhouse), {sqlite3.sqlite_version} (Python: the others)"
    )
    print((f"{'feature':<{_FIRST}}" + "".join(f"{one.name:<{_WIDTH}}" for one in installed)).rstrip())
    results: dict[str, list[Outcome]] = {contender.name: [] for contender in installed}
    for feature in FEATURES:
        line = f"{feature.name:<{_FIRST}}"
        for contender in installed:
            results[contender.name].append(outcome(feature, contender))
            line += f"{results[contender.name][-1].verdict:<{_WIDTH}}"
        print(line.rstrip())
    print()
    for contender in CONTENDERS:
        print(_total(contender, results.get(contender.name)))
    if "--why" in sys.argv[1:]:
        _print_reasons(results)
    kept = [one for one in results.get(OURS.name, ()) if one.verdict is Verdict.KEPT]
    return 0 if len(kept) == len(FEATURES) else 1


def _total(contender: Contender, outcomes: list[Outcome] | None) -> str:
    if outcomes is None:
        return f"{contender.name:<{_WIDTH}}not installed ({contender.distribution})"
    counted = Counter(one.verdict for one in outcomes)
    others = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if verdict is not Verdict.KEPT)
    total = f"{counted[Verdict.KEPT]} of {len(outcomes)}"
    return f"{contender.name:<{_WIDTH}}{total}  ({others}; {contender.distribution} {contender.version})"


def _print_reasons(results: dict[str, list[Outcome]]) -> None:
    for name, outcomes in results.items():
        for feature, one in zip(FEATURES, outcomes, strict=True):
            if one.verdict is not Verdict.KEPT:
                print(f"{name}, {feature.name}: {one.verdict}: {one.why}")


if __name__ == "__main__":
    sys.exit(main())
