"""Programs that open, write once and close: what they still see themselves, and what is left of the log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stina_core import Cursor, ResyncRequiredError
from stina_core.testing import file_rows, run_python, run_together

from .feed_heard import tokens_of
from .feed_programs import DEADLINE, IMPORTS, ROOT
from .feed_shelf import open_shelf

TIMES = int(os.environ.get("STINA_FEED_TIMES", "1"))

COMMAND = f"""{IMPORTS}
from tests.processes.feed_heard import tokens_of
from stina_core import StoreConfig, hookimpl, load_plugins, local_plugin, open_store
class Listening(feed_shelf.Shelf):
    @hookimpl
    def on_change(self, store, changes):
        print("hook", *tokens_of(changes), changes.origin == store.origin)
    @hookimpl
    def shutdown(self, store):
        print("shutdown")
def run(token):
    config = StoreConfig(strict=True)
    store = open_store(sys.argv[2], config, plugins=load_plugins([local_plugin("shelf", Listening())], config))
    store.subscribe(lambda changes: print("subscriber", *tokens_of(changes)))
    store[feed_shelf.ShelfRepository].add_pair(token)
    store.close()
    print("closed")
"""


def test_command_has_its_own_commit_delivered_before_it_is_closed(store_path: Path) -> None:
    said = run_python(
        f"{COMMAND}\nfor number in range(5): run(f't{{number}}')", ROOT, store_path
    ).splitlines()

    assert len(said) == 20
    for number in range(5):
        *told, shutdown, closed = said[4 * number : 4 * number + 4]
        assert sorted(told) == [f"hook t{number} True", f"subscriber t{number}"]
        assert (shutdown, closed) == ("shutdown", "closed")


def test_commands_at_the_same_time_have_theirs_delivered_in_the_order_of_the_commits(
    store_path: Path,
) -> None:
    open_shelf(store_path).close()
    tokens = [f"t{number}" for number in range(4)]

    outputs = run_together(f"{COMMAND}\nrun(sys.argv[3])", [(ROOT, store_path, token) for token in tokens])

    committed = file_rows(
        store_path,
        """SELECT key ->> 0 FROM stina_change WHERE "table" = 'shelf_half' AND key ->> 1 = 'left' ORDER BY seq""",
    )
    order = [token for (token,) in committed]
    for token, output in zip(tokens, outputs, strict=True):
        heard = [line.split()[1] for line in output.splitlines() if line.startswith("subscriber")]
        assert token in heard
        assert heard == [one for one in order if one in heard]


COMMANDS = 125 * TIMES
PROCESSES = 4
KEPT = 60
PRUNED_AT = 30

SHORT_LIVES = f"""{IMPORTS}
from stina_core.feed import marker, retention
retention.KEPT_ROWS, retention.KEPT_MS, retention.CHUNK = {KEPT}, 0, 10
marker.PRUNE_EVERY = {PRUNED_AT}
most = 0
for number in range({COMMANDS}):
    with feed_shelf.open_shelf(sys.argv[2], synchronous="NORMAL") as store:
        store[feed_shelf.ShelfRepository].add_pair(f"{{sys.argv[3]}}-{{number}}")
        most = max(most, store._backend.execute("SELECT count(*) FROM stina_change")[0][0])
print(most)
"""


def test_log_that_only_short_commands_write_stays_small(store_path: Path) -> None:
    with open_shelf(store_path) as store:
        start = store.cursor()

    places = [(ROOT, store_path, name) for name in "abcd"[:PROCESSES]]
    most = max(int(output) for output in run_together(SHORT_LIVES, places, deadline=DEADLINE * TIMES))

    rows, newest = file_rows(store_path, "SELECT count(*), max(seq) FROM stina_change")[0]
    assert newest - start.seq == 3 * COMMANDS * PROCESSES  # two halves and a marker each
    assert KEPT <= rows <= most <= 2 * (KEPT + PRUNED_AT)
    with open_shelf(store_path) as store:
        with pytest.raises(ResyncRequiredError) as caught:
            next(store.changes(start))
        assert caught.value.reason == "pruned"
        oldest = caught.value.oldest
        assert isinstance(oldest, Cursor)
        kept = list(store.changes(oldest))
    assert all(len(tokens_of(changes)) == 1 for changes in kept)
    assert sum(len(changes) + 1 for changes in kept) in range(rows - 10, rows + 1)


def test_log_grows_where_nobody_prunes_it(store_path: Path) -> None:
    grown = SHORT_LIVES.replace(f"PRUNE_EVERY = {PRUNED_AT}", "PRUNE_EVERY = 10**9")
    grown = grown.replace(f"range({COMMANDS})", "range(80)")

    run_together(grown, [(ROOT, store_path, "a")])

    assert file_rows(
        store_path, "SELECT count(*) > 2 * ? FROM stina_change".replace("?", str(KEPT + PRUNED_AT))
    ) == [(1,)]
