"""A fork while another thread imports: Python would leave the module's lock taken in the child, for ever."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from stina_core.testing import run_python

from .feed_programs import IMPORTS, ROOT

FORKING = """
import importlib, os, signal, threading
import stina_core.store
from stina_core.backends.sqlite import forking
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "without":
    forking._is_importing = lambda: False
def import_it():
    import slow
importing = threading.Thread(target=import_it)
importing.start()
while "slow" not in sys.modules: pass
child = os.fork()
if not child:
    signal.setitimer(signal.ITIMER_REAL, 0.5)  # for the control
    import slow
    os._exit(0)
importing.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

BUSY = """
from stina_core.backends.sqlite import forking
while not forking.count: pass  # no fork has begun
{}
"""


@pytest.mark.parametrize(
    ("waits", "until", "status"),
    [("with", "", 0), ("without", "while forking.count & 1: pass  # it is not over", -signal.SIGALRM)],
)
def test_module_that_another_thread_was_importing_can_be_imported_in_the_child(
    tmp_path: Path, waits: str, until: str, status: int
) -> None:
    """The control shows the child that waits for a thread it does not have."""
    Path(tmp_path, "slow.py").write_text(BUSY.format(until))

    assert run_python(FORKING, tmp_path, waits).strip() == str(status)


FOLLOWING = f"""{IMPORTS}
import threading, structlog, apsw
imported = []
def note(event, arguments):
    if event == "import" and threading.current_thread().name.startswith("stina-"):
        imported.append(arguments[0])
sys.addaudithook(note)
with feed_shelf.open_shelf(sys.argv[2], "forking") as store:
    told, reset = threading.Event(), threading.Event()
    def tell(changes):
        told.set()
        if changes[0].op == "reset": reset.set()
    store.subscribe(tell)
    store[feed_shelf.ShelfRepository].add_pair("a")
    assert told.wait(30)
    shell = apsw.Connection(sys.argv[2])
    for (name,) in shell.execute("SELECT name FROM sqlite_schema WHERE name GLOB 'stina_capture_*'").fetchall():
        shell.execute(f'DROP TRIGGER "{{name}}"')
    shell.close()
    assert reset.wait(30)
print(imported)
"""


def test_threads_of_the_feed_import_nothing_themselves(store_path: Path) -> None:
    """Also not when they mend; only a first record of the log would, and that is imported here."""
    assert run_python(FOLLOWING, ROOT, store_path).strip() == "[]"
