"""What a delivery costs in a process with many subscriptions, of which the same few want it.

Another process writes; the CPU is that of the whole listening process, from the
first commit to the last delivery, by transaction.
"""

from __future__ import annotations

import statistics
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from stina_core import (
    AutoIdField,
    Changes,
    Migrations,
    Model,
    Operations,
    Plugins,
    Schema,
    StoreConfig,
    hookimpl,
    load_plugins,
    local_plugin,
)

from .contenders import CONTENDERS, Contender
from .figures import verdict
from .table import BENCH, TABLE, make, open_bench

_WANTED = 10  # subscriptions to the table that is written
_ALL = (10, 100, 1000, 10_000)
_OTHER_TABLES = [f"other{number}" for number in range(1000)]
_EVENTS = 500
_ROUNDS = 3
_DEADLINE = 60.0  # seconds
_GOAL = 1.25  # of the CPU with the fewest


class _Others:
    """A plugin with the tables that nobody writes."""

    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        for name in _OTHER_TABLES:
            schema.add(type(name.title(), (Model,), {"__module__": __name__, "id": AutoIdField()}))

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            for name in _OTHER_TABLES:
                op.create_table(name, id=AutoIdField())


def subscriptions() -> bool:
    """Measure and print; False if the goal is missed."""
    writer = CONTENDERS[0]
    costs: dict[int, list[float]] = {count: [] for count in _ALL}
    subscribing: dict[int, list[float]] = {count: [] for count in _ALL}
    plugins = load_plugins([BENCH, local_plugin("others", _Others())], StoreConfig(strict=True))
    with TemporaryDirectory() as folder:
        for turn in range(_ROUNDS):
            for count in _ALL[:: -1 if turn % 2 else 1]:
                path = make(Path(folder), f"{turn}-{count}", plugins=plugins)
                cost, each = _run(writer, path, plugins, count, turn)
                costs[count].append(cost)
                subscribing[count].append(each)
    medians = {count: statistics.median(found) for count, found in costs.items()}
    print(f"subscriptions: CPU of a delivered transaction, us; {_WANTED} want it; medians of {_ROUNDS} runs")
    print(f"  {'subscriptions':<16}{'CPU':>8}{'ratio':>8}{'subscribe()':>13}")
    for count, cost in medians.items():
        ratio = cost / medians[_ALL[0]]
        each = statistics.median(subscribing[count])
        print(f"  {count:<16}{cost:>8.0f}{ratio:>8.2f}{each:>13.1f}{verdict(ratio <= _GOAL)}")
    print(f"  goal: at most {_GOAL} with any number")
    return medians[_ALL[-1]] <= medians[_ALL[0]] * _GOAL


def _run(writer: Contender, path: Path, plugins: Plugins, count: int, seed: int) -> tuple[float, float]:
    """Return the CPU of a delivery and of a `subscribe()`, us."""
    with open_bench(path, plugins=plugins) as store, ExitStack() as stack:
        counter = _Counter(_EVENTS * _WANTED)
        started = time.process_time_ns()
        for number in range(count):
            table = TABLE if number < _WANTED else f"others_{_OTHER_TABLES[number % len(_OTHER_TABLES)]}"
            stack.callback(store.subscribe(counter.count, tables=[table]).close)
        each = (time.process_time_ns() - started) / 1000 / count
        with writer.write(path, _EVENTS, seed, path.with_name("times")) as process:
            started = time.process_time_ns()
            process.finish()
            counter.wait()
            spent = time.process_time_ns() - started
    return spent / 1000 / _EVENTS, each


class _Counter:
    """Counts deliveries."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self._all = threading.Event()

    def count(self, changes: Changes) -> None:
        """What every subscription calls, on the one delivery thread."""
        self._left -= 1
        if self._left == 0:
            self._all.set()

    def wait(self) -> None:
        """Wait for the last one.

        Raises:
            RuntimeError: it did not come.
        """
        if not self._all.wait(_DEADLINE):
            raise RuntimeError(f"{self._left} deliveries did not come")
