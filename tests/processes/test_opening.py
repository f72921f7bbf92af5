from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from stina_core.testing import file_rows, run_python, running_python

HERE = Path(__file__).parent
PROCESSES = 8
ROUNDS = 15
STEPS = [
    ("stina", "0001_core"),
    ("stina", "0002_catalog"),
    ("stina", "0003_feed"),
    ("counters", "0001_counter"),
    ("counters", "0002_entry"),
    ("counters", "0003_first"),
]

LEDGER = "SELECT plugin, id FROM stina_ledger ORDER BY rowid"

OPEN = """
sys.path.insert(0, sys.argv[1])
from counters import PLUGINS, STRICT, CounterRepository
from stina_core import open_store
say("ready")
for line in sys.stdin:
    with open_store(line.strip(), STRICT, plugins=PLUGINS) as store:
        store[CounterRepository].increment("runs")
        say("applied", len(store.outcome.applied))
"""


def test_processes_that_open_a_new_file_at_once_migrate_it_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(running_python(OPEN, HERE)) for _ in range(PROCESSES)]
        for process in processes:
            process.hear("ready")
        for number in range(ROUNDS):
            path = tmp_path / f"{number}" / "stina.db"

            for process in processes:
                process.say(str(path))
            applied = [int(process.hear("applied")) for process in processes]

            assert sorted(applied) == [0] * (PROCESSES - 1) + [len(STEPS)]
            assert sorted(file_rows(path, LEDGER)) == sorted(STEPS)
            assert file_rows(path, "SELECT name, value FROM counters_counter") == [("runs", PROCESSES)]
            assert file_rows(path, "PRAGMA journal_mode") == [("wal",)]
        for process in processes:
            process.finish()


KILLED = """
import os, random, select, signal
sys.path.insert(0, sys.argv[1])
import apsw
from counters import PLUGINS, STRICT, CounterRepository
from stina_core import open_store
from stina_core.testing import file_rows

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid

def code(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def opened(path):
    with open_store(path, STRICT, plugins=PLUGINS) as store:
        store[CounterRepository].increment("runs")
        assert store[CounterRepository].value("runs") in (1, 2)

def start_again(path):
    assert code(child(lambda: opened(path))) == 0, path
    steps = file_rows(path, "SELECT plugin, id FROM stina_ledger")
    assert len(steps) == len(set(steps)) == 6, steps
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]

def die_at_statement(path, number):
    count = 0
    def trace(cursor, sql, bindings):
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return True
    apsw.connection_hooks.append(lambda connection: connection.set_exec_trace(trace))
    opened(path)
"""

AT_EVERY_STATEMENT = (
    KILLED
    + """
number = 0
while True:
    number += 1
    path = f"{sys.argv[2]}/{number}.db"
    ended = code(child(lambda: die_at_statement(path, number)))
    assert ended in (0, -signal.SIGKILL), ended
    start_again(path)
    if ended == 0:
        break
print(number)
"""
)

AT_ANY_MOMENT = (
    KILLED
    + """
killed = 0
for number in range(20):
    path = f"{sys.argv[2]}/{number}.db"
    pid = child(lambda: opened(path))
    select.select([], [], [], random.uniform(0, 0.04))
    os.kill(pid, signal.SIGKILL)
    killed += code(pid) == -signal.SIGKILL
    start_again(path)
print(killed)
"""
)


def test_process_killed_at_any_statement_of_its_first_start_harms_no_later_start(tmp_path: Path) -> None:
    statements = int(run_python(AT_EVERY_STATEMENT, HERE, tmp_path))

    assert statements > 40


def test_process_killed_at_any_moment_of_its_first_start_harms_no_later_start(tmp_path: Path) -> None:
    killed = int(run_python(AT_ANY_MOMENT, HERE, tmp_path))

    assert killed > 0
