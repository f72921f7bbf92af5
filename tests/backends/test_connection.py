from __future__ import annotations

import itertools
import os
import stat
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import pytest

from stina_core import (
    ConfigError,
    Plugins,
    QueryError,
    Store,
    StoreBusyError,
    StoreConfig,
    StoreIOError,
    open_store,
)
from stina_core.backends.sqlite import connection as recipe
from stina_core.backends.sqlite.backend import SqliteBackend
from stina_core.backends.sqlite.connection import (
    APPLICATION_ID,
    WAL_LIMIT,
    connect,
    connect_memory,
    on_network,
)
from stina_core.errors import SchemaTooNewError
from stina_core.testing import file_rows

SETTINGS = {
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "secure_delete": 1,
    "cell_size_check": 1,
    "synchronous": 2,
    "fullfsync": 1,
    "checkpoint_fullfsync": 1,
    "trusted_schema": 0,
    "query_only": 0,
}
FILE_SETTINGS = {"journal_mode": "wal", "journal_size_limit": WAL_LIMIT, "mmap_size": 0}
SWITCHES = {
    apsw.SQLITE_DBCONFIG_DEFENSIVE: 1,
    apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA: 0,
    apsw.SQLITE_DBCONFIG_DQS_DDL: 0,
    apsw.SQLITE_DBCONFIG_DQS_DML: 0,
    apsw.SQLITE_DBCONFIG_ENABLE_QPSG: 1,
    apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION: 0,
}


def connection_of(store: Store) -> apsw.Connection:
    backend = store._backend
    assert isinstance(backend, SqliteBackend)
    return backend.database.connection()


@pytest.fixture(params=["file", "memory"])
def any_store(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    with open_store(store_path if request.param == "file" else ":memory:", plugins=Plugins([])) as opened:
        yield opened


@pytest.fixture
def empty_store(store_path: Path) -> Iterator[Store]:
    with open_store(store_path, plugins=Plugins([])) as opened:
        yield opened


# The recipe


@pytest.mark.parametrize("stable", [True, False])
def test_statement_is_prepared_once_whatever_is_bound_to_its_limit(empty_store: Store, stable: bool) -> None:
    """Without the setting, which is the control, SQLite looks at the limit and prepares the statement each time."""
    connection = connection_of(empty_store)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, int(stable))
    asked: list[str | None] = []

    def allow(_: int, what: str | None, *where: object) -> int:
        asked.append(what)
        return apsw.SQLITE_OK

    connection.authorizer = allow
    cursor = connection.cursor()

    def prepares(limit: int) -> bool:
        asked.clear()
        cursor.execute("SELECT name FROM sqlite_schema WHERE rowid > ? LIMIT ?", (0, limit)).fetchall()
        return bool(asked)

    assert prepares(5)
    assert [prepares(5), prepares(3)] == [not stable, not stable]


def test_every_setting_is_on(any_store: Store) -> None:
    connection = connection_of(any_store)

    assert {name: connection.pragma(name) for name in SETTINGS} == SETTINGS
    assert {switch: connection.config(switch, -1) for switch in SWITCHES} == SWITCHES
    assert connection.limit(apsw.SQLITE_LIMIT_ATTACHED) == 0


def test_file_is_logged_ahead_and_not_mapped(empty_store: Store) -> None:
    connection = connection_of(empty_store)

    assert {name: connection.pragma(name) for name in FILE_SETTINGS} == FILE_SETTINGS


def test_plain_connection_has_few_of_these_settings(store_path: Path) -> None:
    plain = apsw.Connection(str(store_path))

    found = {name: plain.pragma(name) for name in SETTINGS}
    plain.close()

    assert len(SETTINGS.items() - found.items()) >= 6


def test_synchronous_can_be_relaxed_by_configuration(store_path: Path) -> None:
    with open_store(store_path, StoreConfig(synchronous="NORMAL"), plugins=Plugins([])) as store:
        connection = connection_of(store)

        assert connection.pragma("synchronous") == 1
        assert connection.pragma("fullfsync") == 0


def test_schema_cannot_be_edited_behind_sqlites_back(any_store: Store) -> None:
    execute = any_store._backend.execute
    execute("PRAGMA writable_schema = ON")

    with pytest.raises(QueryError, match="may not be modified"):
        execute("DELETE FROM sqlite_schema")

    assert execute("SELECT count(*) FROM sqlite_schema WHERE name = 'stina_ledger'") == [(1,)]


def test_no_other_file_can_be_attached(any_store: Store, tmp_path: Path) -> None:
    with pytest.raises(apsw.SQLError, match="too many attached databases"):
        connection_of(any_store).execute("ATTACH ? AS other", [str(tmp_path / "other.db")])

    assert not (tmp_path / "other.db").exists()


def test_misspelt_column_in_double_quotes_is_an_error_and_no_text(any_store: Store) -> None:
    with pytest.raises(QueryError, match="no such column"):
        any_store._backend.execute('SELECT "plugn" FROM stina_ledger')


@pytest.mark.parametrize("secure", [True, False])
def test_deleted_text_is_gone_from_the_file(store_path: Path, secure: bool) -> None:
    secret = b"the diary of a plain text"
    with open_store(store_path, plugins=Plugins([])) as store:
        execute = store._backend.execute
        execute("CREATE TABLE t (a TEXT) STRICT")
        if not secure:  # the control: this is what the setting is for
            execute("PRAGMA secure_delete = 0")
        execute("INSERT INTO t VALUES (?)", [secret.decode()])
        execute("PRAGMA wal_checkpoint(TRUNCATE)")
        execute("DELETE FROM t")

    assert (secret not in store_path.read_bytes()) is secure


@pytest.mark.parametrize(("version", "accepted"), [("3.53.9", False), ("3.54.0", True), ("3.100.1", True)])
def test_library_that_loses_commits_is_refused(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, accepted: bool
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)

    if accepted:
        connect_memory("FULL").close()
        connect(str(store_path), busy_timeout=1, synchronous="FULL", create=True).close()
    else:
        with pytest.raises(ConfigError, match=f"SQLite {version}, which can lose committed data"):
            connect_memory("FULL")
        with pytest.raises(ConfigError, match=r"3\.54\.0 or newer"):
            connect(str(store_path), busy_timeout=1, synchronous="FULL", create=True)
        assert not store_path.exists()


# Modes


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o022, 0o000])
def test_only_the_owner_can_read_what_a_store_makes(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "one" / "two" / "stina.db"
    with umask(mask), open_store(path, plugins=Plugins([])) as store:
        store._backend.execute("CREATE TABLE t (a INTEGER) STRICT")
        files = {file.name: mode(file) for file in path.parent.iterdir()}

    assert files == dict.fromkeys(["stina.db", "stina.db-wal", "stina.db-shm", "stina.db.lock"], 0o600)
    assert mode(tmp_path / "one") == mode(tmp_path / "one" / "two") == 0o700


def test_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with open_store(tmp_path / "stina.db", plugins=Plugins([])):
        assert mode(tmp_path) == 0o755


def test_file_open_to_others_is_tightened(store_path: Path) -> None:
    with umask(0o022):
        old = apsw.Connection(str(store_path))
        old.execute("PRAGMA journal_mode = WAL").fetchall()
        old.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT)")
        files = sorted(store_path.parent.glob("stina.db*"))
        before = [mode(file) for file in files]

        with open_store(store_path, plugins=Plugins([])):
            after = [mode(file) for file in files]
        old.close()

    assert [file.name for file in files] == ["stina.db", "stina.db-shm", "stina.db-wal"]
    assert (before, after) == ([0o644] * 3, [0o600] * 3)


# Whose file it is


def test_new_file_carries_the_application_id(empty_store: Store, store_path: Path) -> None:
    assert store_path.is_file()
    assert file_rows(store_path, "PRAGMA application_id") == [(APPLICATION_ID,)]


@pytest.mark.parametrize("foreign", [0x0F055112, -2, 1])
def test_file_of_another_program_is_refused_untouched(store_path: Path, foreign: int) -> None:
    file_rows(store_path, "CREATE TABLE t (a)")
    file_rows(store_path, f"PRAGMA application_id = {foreign}")
    store_path.chmod(0o644)
    before = store_path.read_bytes()

    with pytest.raises(ConfigError, match="belongs to another program"):
        open_store(store_path, plugins=Plugins([]))

    assert store_path.read_bytes() == before
    assert mode(store_path) == 0o644


def test_journal_changes_only_after_the_ledger_was_read(store_path: Path) -> None:
    with open_store(store_path, plugins=Plugins([])):
        pass
    file_rows(store_path, "PRAGMA journal_mode = DELETE")
    file_rows(store_path, "INSERT INTO stina_ledger VALUES ('stina', '9999_later', 'x', 1, 1, 'x', 'x', 1)")
    before = store_path.read_bytes()

    with pytest.raises(SchemaTooNewError):
        open_store(store_path, plugins=Plugins([]))

    assert store_path.read_bytes() == before
    assert file_rows(store_path, "PRAGMA journal_mode") == [("delete",)]


def test_journal_that_cannot_be_switched_is_an_error() -> None:
    connection = connect_memory("FULL")

    with pytest.raises(StoreIOError, match="SQLite answered 'memory'"):
        recipe.set_journal(connection, "/somewhere/stina.db")

    connection.close()


# Network file systems

MOUNTS = """
22 28 0:21 / /proc rw - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/root rw
40 28 0:40 / /mnt/share rw - nfs4 server:/export rw
41 28 0:41 / /mnt/share/local rw - ext4 /dev/sdb rw
42 28 0:42 / /mnt/with\\040space\\011tab rw - cifs //server/share rw
43 28 0:43 / /mnt/twice rw - nfs server:/a rw
44 43 0:44 / /mnt/twice rw - tmpfs tmpfs rw
45 28 0:45 / /mnt/odd rw - fuse.sshfs user@host: rw
46 28 0:46 / /mnt/disk rw - fuseblk /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/stina/stina.db", False),
        ("/mnt/share/stina.db", True),
        ("/mnt/share/deep/er/stina.db", True),
        ("/mnt/share/local/stina.db", False),
        ("/mnt/sharepoint/stina.db", False),
        ("/mnt/with space\ttab/stina.db", True),
        ("/mnt/twice/stina.db", False),
        ("/mnt/odd/stina.db", True),
        ("/mnt/disk/stina.db", False),
    ],
)
def test_network_file_system_is_told_by_its_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, expected: bool
) -> None:
    monkeypatch.setattr(recipe, "_MOUNTS", tmp_path / "mountinfo")
    (tmp_path / "mountinfo").write_text(MOUNTS.lstrip())

    assert on_network(path) is expected


def test_system_without_a_mount_list_counts_as_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_MOUNTS", tmp_path / "missing")

    assert on_network(str(tmp_path)) is False


def test_this_machines_own_mount_list_can_be_read(tmp_path: Path) -> None:
    assert on_network(str(tmp_path)) is False


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"28 1 0:1 / / rw - ext4 /dev/root rw\n29 28 0:2 / {tmp_path} rw - nfs server:/ rw\n")
    monkeypatch.setattr(recipe, "_MOUNTS", mounts)


@pytest.mark.usefixtures("network")
def test_store_on_a_network_keeps_the_rollback_journal_and_works(store_path: Path) -> None:
    with open_store(store_path, plugins=Plugins([])) as store:
        execute = store._backend.execute
        execute("CREATE TABLE t (a INTEGER) STRICT")
        with store.transaction():
            execute("INSERT INTO t VALUES (1)")
            with suppress(ZeroDivisionError), store.transaction():
                execute("INSERT INTO t VALUES (2)")
                raise ZeroDivisionError
        with store.snapshot():
            assert execute("SELECT a FROM t") == [(1,)]

        assert execute("PRAGMA journal_mode") == [("delete",)]


@pytest.mark.usefixtures("network")
def test_file_that_is_logged_ahead_already_stays_so(store_path: Path) -> None:
    file_rows(store_path, "PRAGMA journal_mode = WAL")

    with open_store(store_path, plugins=Plugins([])) as store:
        assert connection_of(store).pragma("journal_mode") == "wal"


@pytest.mark.usefixtures("network")
def test_commit_that_readers_keep_waiting_is_busy_and_undone(store_path: Path) -> None:
    """Only without a write-ahead log can a COMMIT itself be refused."""
    with open_store(store_path, StoreConfig(busy_timeout=0.05), plugins=Plugins([])) as store:
        store._backend.execute("CREATE TABLE t (a INTEGER) STRICT")
        reader = apsw.Connection(str(store_path))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchall()

        fired: list[int] = []
        transaction = store.transaction()
        transaction.__enter__()
        transaction.after_commit(lambda: fired.append(1))
        store._backend.execute("INSERT INTO t VALUES (1)")

        with pytest.raises(StoreBusyError):
            transaction.__exit__(None, None, None)
        reader.close()

        assert fired == []
        assert store._backend.execute("SELECT count(*) FROM t") == [(0,)]
        store._backend.execute("INSERT INTO t VALUES (2)")


# Waiting


@pytest.mark.parametrize("timeout", [0.0, 0.3])
def test_waiting_for_the_lock_takes_the_timeout_and_writes_nothing(store_path: Path, timeout: float) -> None:
    config = StoreConfig(busy_timeout=timeout)
    with open_store(store_path, config, plugins=Plugins([])) as store:
        store._backend.execute("CREATE TABLE t (a INTEGER) STRICT")
        holder = apsw.Connection(str(store_path))
        holder.execute("BEGIN IMMEDIATE")
        started = time.monotonic()

        with pytest.raises(StoreBusyError, match="nothing was written, try again"):
            store._backend.execute("INSERT INTO t VALUES (1)")

        waited = time.monotonic() - started
        holder.close()
        assert timeout <= waited < timeout + 2
        assert store._backend.execute("SELECT count(*) FROM t") == [(0,)]


def test_waiter_looks_again_in_short_constant_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100)
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(time, "sleep", slept.append)
    connection = connect_memory("FULL")
    wait = recipe._busy_handler(weakref.ref(connection), 500)

    for _ in range(2):  # the second wait starts its time anew
        answers = [wait(tries) for tries in range(520)]

        assert answers.index(False) == 500
    connection.close()
    assert len(slept) == 1000
    assert all(0.001 < step < 0.002 for step in slept)
    assert len(set(slept)) > 100


def test_waiter_gives_up_once_its_connection_is_gone() -> None:
    connection = connect_memory("FULL")
    wait = recipe._busy_handler(weakref.ref(connection), 60)

    assert wait(0)
    connection.close()
    del connection
    assert not wait(1)
