"""What a migration of a big table costs through the engine, against the same change in raw SQL.

Run: `.venv/bin/python -m bench.migrations [ROWS] [ROUNDS] [--why]`; the goals are for 1,000,000 rows.
Each measurement is a process of its own on a copy of one filled file. The engine's is
`open_store()` with one pending step, its backup and checks included. The raw one runs
the statements (of sqlite.org/lang_altertable.html#otheralter for the retyping) on a
connection with the store's settings. The sides alternate in every round; printed are
medians. CPU is user and system time, closing the file included. What a process takes
that only imports what both need is taken off both. Exits with 1 if a goal is missed.
`--why` adds what the engine's retyping spends its CPU on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from stina_core import (
    AutoIdField,
    EnumField,
    IntegerField,
    Migrations,
    Model,
    Operations,
    Schema,
    StoreConfig,
    TextField,
    TimestampField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.backends.sqlite.connection import connect

_GOAL_ROWS = 1_000_000
_MOST_MEMORY = 200.0  # MB

_FILL = """
INSERT INTO big_row (id, title, n, status, created_at, note)
WITH RECURSIVE counted (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < ?)
SELECT i, 'title ' || (i * 7919 % 1000003), CAST(i AS TEXT), CASE i % 3 WHEN 0 THEN 'done' ELSE 'open' END,
    1700000000000 + i * 1000, CASE WHEN i % 5 THEN printf('a note of about forty letters, %09d', i) END
FROM counted
"""


# The changes, each as a step and in raw SQL


def _columns() -> dict[str, Any]:
    return {
        "id": AutoIdField(),
        "title": TextField(),
        "n": TextField(),
        "status": EnumField(["open", "done"]),
        "created_at": TimestampField(index=True),
        "note": TextField(null=True),
    }


def _add_column(op: Operations) -> None:
    op.add_column("row", due_at=TimestampField(null=True))


def _add_index(op: Operations) -> None:
    op.add_index("row", "title")


def _retype(op: Operations) -> None:
    op.alter_column("row", "n", IntegerField())


@dataclass(frozen=True)
class _Change:
    """One migration.

    Attributes:
        raw: The statements that do the same as *step*.
        field: The name of the field that is new or another one afterwards,
        made: and what makes it.
        sign: What the schema holds once it ran, and not before.
        times: How often the CPU of *raw* it may cost,
        and_ms: and how many milliseconds on top of that.
    """

    name: str
    step: Callable[[Operations], None]
    raw: tuple[str, ...]
    field: str
    made: Callable[[], Any]
    sign: str
    times: float
    and_ms: float = 0.0


_ADD_COLUMN = ("ALTER TABLE big_row ADD COLUMN due_at INTEGER",)
_ADD_INDEX = ("CREATE INDEX big_row__title ON big_row (title)",)
_RETYPE = (
    """CREATE TABLE new_row (id INTEGER NOT NULL, title TEXT NOT NULL, "n" INTEGER NOT NULL,
    status TEXT NOT NULL CONSTRAINT status_enum CHECK (status IN ('open', 'done')),
    created_at INTEGER NOT NULL, note TEXT, PRIMARY KEY (id)) STRICT""",
    """INSERT INTO new_row (id, title, n, status, created_at, note)
    SELECT id, title, CAST(n AS INTEGER), status, created_at, note FROM big_row""",
    "DROP TABLE big_row",
    "ALTER TABLE new_row RENAME TO big_row",
    "CREATE INDEX big_row__created_at ON big_row (created_at)",
    "PRAGMA foreign_key_check",
)
_CHANGES = (
    _Change(
        "add column", _add_column, _ADD_COLUMN, "due_at", partial(TimestampField, null=True), "due_at", 1, 50
    ),
    _Change("add index", _add_index, _ADD_INDEX, "title", partial(TextField, index=True), "__title", 1.25),
    _Change("retype column", _retype, _RETYPE, "n", IntegerField, '"n" INTEGER', 1.6),
)


# The processes that are measured


@dataclass(frozen=True)
class _Big:
    """The plugin that has the table `big_row`, with *change* as its second step."""

    change: _Change | None

    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        fields = _columns() | ({self.change.field: self.change.made()} if self.change else {})
        schema.add(type("Row", (Model,), {"__module__": __name__, **fields}))

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("row", **_columns())

        if self.change:
            migrations.step("0002_change")(self.change.step)


def _migrate(change: _Change | None, path: Path) -> None:
    config = StoreConfig(strict=True)
    plugins = load_plugins([local_plugin("big", _Big(change))], config)
    open_store(path, config, plugins=plugins).close()


def _run_raw(statements: tuple[str, ...], path: Path, values: tuple[int, ...] = ()) -> None:
    connection = connect(str(path), busy_timeout=5, synchronous="FULL", create=False)
    connection.pragma("foreign_keys", 0)
    connection.execute("BEGIN IMMEDIATE").fetchall()
    for statement in statements:
        connection.execute(statement, values).fetchall()
    connection.execute("COMMIT").fetchall()
    connection.close()


def _run(side: str, change: _Change, path: Path) -> None:
    if side == "engine":
        _migrate(change, path)
    elif side == "raw":
        _run_raw(change.raw, path)
    elif side == "why":
        _print_parts(change, path)


# What the engine's retyping spends

_PARTS = {
    "pragma \"journal_mode\"('delete')": "backup: copy",  # comes right after it
    'pragma "quick_check"': "backup: quick_check",
    "INSERT INTO ": "copy the rows",
    'SELECT count(*) FROM "big_row': "compare",
    'SELECT 1 FROM "big_row': "compare",
    "SELECT 1 FROM pragma_foreign_key_check": "foreign_key_check",
    "DROP TABLE": "drop the old table",
    "CREATE INDEX": "make the index",
    "COMMIT": "commit",
    "PRAGMA foreign_keys = 1": "checkpoint",  # it runs when the COMMIT has been counted
}


def _print_parts(change: _Change, path: Path) -> None:
    spent: Counter[str] = Counter()
    last = time.process_time_ns()

    def charge(part: str) -> None:
        """Charge the CPU since the last call to what has just ended."""
        nonlocal last
        last, before = time.process_time_ns(), last
        spent[part] += last - before

    def end_statement(event: dict[str, Any]) -> None:
        charge(next((part for start, part in _PARTS.items() if event["sql"].startswith(start)), "other"))

    apsw.connection_hooks.append(lambda opened: opened.trace_v2(apsw.SQLITE_TRACE_PROFILE, end_statement))
    _migrate(change, path)
    charge("close")
    for part, taken in spent.most_common():
        print(f"  {part:<22}{taken / 1e6:>6.0f}")


# Measuring


@dataclass(frozen=True)
class _Cost:
    """What one process took, in ms and MB."""

    cpu: float
    wall: float
    memory: float


def _cost(side: str, change: _Change, original: Path) -> _Cost:
    with tempfile.TemporaryDirectory(dir=original.parent) as folder:
        path = Path(folder) / "stina.db"
        shutil.copyfile(original, path)
        os.sync()  # writing the copy back is not to be measured
        started = time.perf_counter()
        command = [sys.executable, "-m", "bench.migrations", "--run", side, change.name, str(path)]
        process = os.posix_spawn(command[0], command, os.environ)
        _, status, used = os.wait4(process, 0)  # getrusage() knows the memory of the biggest child only
        wall = time.perf_counter() - started
        if os.waitstatus_to_exitcode(status) or (side != "nothing" and not _is_done(change, path)):
            sys.exit(f"{change.name}, {side}: failed")
    return _Cost((used.ru_utime + used.ru_stime) * 1000, wall * 1000, used.ru_maxrss / 1024)


def _is_done(change: _Change, path: Path) -> bool:
    connection = connect(str(path), busy_timeout=5, synchronous="FULL", create=False)
    made = connection.execute("SELECT sql FROM sqlite_schema WHERE tbl_name = 'big_row'").fetchall()
    connection.close()
    return any(change.sign in str(sql) for (sql,) in made)


def _median(costs: list[_Cost]) -> _Cost:
    return _Cost(*(statistics.median(column) for column in zip(*map(astuple, costs), strict=True)))


def _is_met(change: _Change, original: Path, rounds: int) -> bool:
    """Measure and print *change*."""
    _cost("engine", change, original)  # makes the byte code of what only it imports
    costs: dict[str, list[_Cost]] = {"nothing": [], "raw": [], "engine": []}
    for turn in range(rounds):
        for side in sorted(costs, reverse=turn % 2 == 1):
            costs[side].append(_cost(side, change, original))
    start, raw, engine = (_median(costs[side]) for side in ("nothing", "raw", "engine"))
    raw_cpu, cpu = raw.cpu - start.cpu, engine.cpu - start.cpu
    met = cpu <= raw_cpu * change.times + change.and_ms and engine.memory < _MOST_MEMORY
    goal = f"+{change.and_ms:.0f} ms" if change.and_ms else f"{change.times:.2f}"
    print(
        f"{change.name:<14}{start.cpu:>6.0f}{raw_cpu:>9.0f}{cpu:>9.0f}{cpu / raw_cpu:>7.2f}{goal:>8}"
        f"{raw.wall - start.wall:>10.0f}{engine.wall - start.wall:>9.0f}"
        f"{raw.memory:>8.0f}{engine.memory:>9.0f}{'' if met else '  missed'}"
    )
    return met


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--run"]:
        side, name, path = arguments[1:]
        _run(side, next(change for change in _CHANGES if change.name == name), Path(path))
        return 0
    parser = argparse.ArgumentParser(prog="bench.migrations", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="?", type=int, default=_GOAL_ROWS, help="the goals are for 1,000,000")
    parser.add_argument("rounds", nargs="?", type=int, choices=range(1, 100), metavar="rounds", default=3)
    parser.add_argument("--why", action="store_true", help="what the engine's retyping spends its CPU on")
    options = parser.parse_args(arguments)
    rows, rounds = options.rows, options.rounds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        original = Path(folder) / "stina.db"
        _migrate(None, original)
        _run_raw((_FILL,), original, (rows,))
        print(f"{rows:,} rows, {original.stat().st_size / 1e6:.0f} MB, SQLite {apsw.sqlite_lib_version()}")
        print(
            f"{'':<14}{'start':>6}{'raw CPU':>9}{'engine':>9}{'ratio':>7}{'goal':>8}"
            f"{'raw wall':>10}{'engine':>9}{'raw MB':>8}{'engine':>9}"
        )
        met = [_is_met(change, original, rounds) for change in _CHANGES]
        if options.why:
            print("CPU of the engine's retyping, ms:", flush=True)
            _cost("why", _CHANGES[-1], original)
    if rows < _GOAL_ROWS:
        print(f"The goals are for {_GOAL_ROWS:,} rows; with fewer the fixed costs weigh more.")
        return 0
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
