from __future__ import annotations

import fcntl
import gc
import logging
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stina_core import (
    AutoIdField,
    ConfigError,
    HookError,
    Migrations,
    Model,
    Operations,
    Plugins,
    PluginState,
    PluginUnavailableError,
    Repository,
    Schema,
    StepFailedError,
    Store,
    StoreBusyError,
    StoreClosedError,
    StoreConfig,
    StoreCorruptError,
    StoreIOError,
    TextField,
    UnsafeOpenError,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.backends.sqlite import backend
from stina_core.testing import file_rows, plugins_of

DEADLINE = 20.0
NONE = Plugins([])


class Page(Model):
    id = AutoIdField()
    text = TextField()


class PageRepository(Repository):
    def add(self, text: str) -> None:
        Page.create(text=text)

    def texts(self) -> list[str]:
        return [page.text for page in Page.select().order_by(Page.id)]


class Diary:
    """A plugin whose step, startup and shutdown do what a test wants."""

    def __init__(
        self,
        step: Callable[[Operations], object] = lambda op: None,
        startup: Callable[[Store], object] = lambda store: None,
        shutdown: Callable[[Store], object] = lambda store: None,
    ) -> None:
        self.step, self.start, self.stop = step, startup, shutdown

    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Page, repository=PageRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("page", id=AutoIdField(), text=TextField())
            self.step(op)

    @hookimpl
    def startup(self, store: Store) -> None:
        self.start(store)

    @hookimpl
    def shutdown(self, store: Store) -> None:
        self.stop(store)


def hooks(**functions: Callable[[Store], object]) -> SimpleNamespace:
    """A plugin without tables, whose hooks are *functions*."""

    def hook(function: Callable[[Store], object]) -> Callable[[Store], None]:
        def call(store: Store) -> None:
            function(store)

        return hookimpl(call)

    return SimpleNamespace(**{name: hook(function) for name, function in functions.items()})


def diary(**acts: Callable[[Any], object]) -> Plugins:
    return plugins_of(diary=Diary(**acts))


# Where


def test_argument_comes_before_configuration_environment_and_home(
    tmp_path: Path, stina_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(path: str | Path | None = None, config: StoreConfig | None = None) -> str:
        with open_store(path, config, plugins=NONE) as store:
            return store.path

    configured = StoreConfig(path=str(tmp_path / "config.db"))

    assert opened() == str(stina_home / "stina.db")
    assert opened(config=StoreConfig()) == str(stina_home / "stina.db")
    monkeypatch.setenv("STINA_DB", str(tmp_path / "environment.db"))
    assert opened() == str(tmp_path / "environment.db")
    assert opened(config=StoreConfig()) == str(tmp_path / "environment.db")
    assert opened(config=configured) == str(tmp_path / "config.db")
    assert opened(tmp_path / "argument.db", configured) == str(tmp_path / "argument.db")
    assert opened(str(tmp_path / "text.db")) == str(tmp_path / "text.db")
    assert opened(":memory:", configured) == ":memory:"
    assert {file.name for file in tmp_path.glob("*.db")} == {
        "environment.db",
        "config.db",
        "argument.db",
        "text.db",
    }


def test_relative_path_means_the_directory_at_that_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("here.db", plugins=diary()) as store:
        monkeypatch.chdir("/")
        thread = threading.Thread(target=lambda: store[PageRepository].add("of another connection"))
        thread.start()
        thread.join(DEADLINE)

        assert store[PageRepository].texts() == ["of another connection"]
    assert store.path == str(tmp_path / "here.db")


def test_directories_that_are_missing_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "stina.db"

    with open_store(path, plugins=NONE):
        assert path.is_file()


def test_empty_file_becomes_a_store(store_path: Path) -> None:
    store_path.touch()

    with open_store(store_path, plugins=diary()) as store:
        store[PageRepository].add("first")

    assert file_rows(store_path, "SELECT text FROM diary_page") == [("first",)]


@pytest.mark.parametrize("name", ["", "file/stina.db"])
def test_place_where_no_file_can_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreIOError, match=r"is a directory|Not a directory|where a directory must be"):
        open_store(tmp_path / name, plugins=NONE)


# The lock around opening


def lock_is_free(path: Path) -> bool:
    handle = os.open(f"{path}.lock", os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def test_lock_is_held_while_steps_run_and_given_back_before_startup(store_path: Path) -> None:
    seen: list[tuple[str, bool]] = []
    plugins = diary(
        step=lambda op: seen.append(("step", lock_is_free(store_path))),
        startup=lambda store: seen.append(("startup", lock_is_free(store_path))),
    )

    with open_store(store_path, plugins=plugins):
        pass

    assert seen == [("step", False), ("startup", True)]
    assert stat.S_IMODE(Path(f"{store_path}.lock").stat().st_mode) == 0o600


def test_store_that_another_program_opens_for_too_long_is_busy(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "LOCK_TIMEOUT", 0.05)
    handle = os.open(f"{store_path}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)

    with pytest.raises(StoreBusyError, match="is opening or migrating this store"):
        open_store(store_path, plugins=NONE)

    os.close(handle)
    with open_store(store_path, plugins=NONE):
        assert lock_is_free(store_path)


def test_threads_that_open_a_new_file_at_once_migrate_it_once(store_path: Path) -> None:
    runs: list[int] = []
    plugins = diary(step=lambda op: runs.append(1))
    start = threading.Barrier(4)
    failed: list[BaseException] = []

    def work() -> None:
        start.wait(DEADLINE)
        try:
            with open_store(store_path, StoreConfig(strict=True), plugins=plugins) as store:
                store[PageRepository].add("one of four")
        except BaseException as error:  # noqa: BLE001, the test asks for all of them
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)

    assert failed == []
    assert runs == [1]
    assert file_rows(store_path, "SELECT count(*) FROM diary_page") == [(4,)]


# The end


def test_block_closes_its_store(store_path: Path) -> None:
    with open_store(store_path, plugins=diary()) as store:
        repository = store[PageRepository]
        assert repr(store) == f"<Store {store_path}>"

    assert store.closed
    assert repr(store) == f"<Store {store_path} (closed)>"
    acts: list[Callable[[], object]] = [
        repository.texts,
        lambda: store[PageRepository],
        lambda: store.find(PageRepository),
        store.transaction,
        store.snapshot,
        store.use,
    ]
    for act in acts:
        with pytest.raises(StoreClosedError, match="open it again"):
            act()


def test_close_may_be_called_again(store_path: Path) -> None:
    stopped: list[str] = []
    store = open_store(store_path, plugins=diary(shutdown=lambda store: stopped.append("once")))

    store.close()
    store.close()
    with store:
        pass

    assert stopped == ["once"]


def test_store_is_closed_when_its_block_fails(store_path: Path) -> None:
    store = open_store(store_path, plugins=NONE)

    def fail() -> None:
        with store:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert store.closed
    assert handles_below(store_path.parent) == []


def test_closing_leaves_one_file_with_everything_in_it(store_path: Path) -> None:
    with open_store(store_path, plugins=diary()) as store:
        store[PageRepository].add("first")

    assert sorted(file.name for file in store_path.parent.glob("stina.db*")) == ["stina.db", "stina.db.lock"]
    assert file_rows(store_path, "SELECT text FROM diary_page") == [("first",)]


# When opening fails


def handles_below(folder: Path) -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [name for name in found if name.startswith(str(folder))]


def divide(value: object) -> None:
    raise ZeroDivisionError


def press_ctrl_c(value: object) -> None:
    raise KeyboardInterrupt


STRICT = StoreConfig(strict=True)


@pytest.mark.parametrize(
    ("prepare", "plugins", "error"),
    [
        (lambda path: path.write_bytes(b"no database " * 99), NONE, StoreCorruptError),
        (lambda path: file_rows(path, "PRAGMA application_id = 7"), NONE, ConfigError),
        (lambda path: None, plugins_of(diary=Diary(step=divide)), StepFailedError),
        (lambda path: None, plugins_of(diary=Diary(step=press_ctrl_c)), KeyboardInterrupt),
        (lambda path: None, plugins_of(diary=Diary(startup=divide)), HookError),
        (lambda path: None, plugins_of(diary=Diary(startup=press_ctrl_c)), KeyboardInterrupt),
    ],
    ids=["corrupt", "foreign", "step", "step interrupted", "startup", "startup interrupted"],
)
def test_store_that_fails_to_open_leaves_nothing_open(
    store_path: Path, prepare: Callable[[Path], object], plugins: Plugins, error: type[BaseException]
) -> None:
    prepare(store_path)

    with pytest.raises(error):
        open_store(store_path, STRICT, plugins=plugins)

    assert handles_below(store_path.parent) == []
    assert lock_is_free(store_path)
    assert store_path.read_bytes() is not None  # no guard refuses it
    if error not in (StoreCorruptError, ConfigError):
        with open_store(store_path, plugins=NONE) as store, store.transaction():
            assert not store.closed


def test_plugins_that_started_are_stopped_when_a_later_one_fails(store_path: Path) -> None:
    log: list[str] = []
    plugins = plugins_of(
        a=hooks(startup=lambda store: log.append("a up"), shutdown=lambda store: log.append("a down")),
        b=hooks(startup=lambda store: log.append("b up"), shutdown=lambda store: log.append("b down")),
        c=hooks(startup=divide, shutdown=lambda store: log.append("c down")),
    )

    with pytest.raises(HookError):
        open_store(store_path, STRICT, plugins=plugins)

    assert log == ["a up", "b up", "b down", "a down"]


# Plugins in a store


def test_status_of_every_plugin_can_be_asked_before_and_after_the_end(store_path: Path) -> None:
    with open_store(store_path, plugins=diary()) as store:
        found = store.plugins

    assert [(one.name, one.state, one.tables, one.reason) for one in found] == [
        ("diary", PluginState.ON, ("diary_page",), "")
    ]
    assert store.plugins == found


def test_plugin_that_is_off_in_one_store_is_on_in_the_next(tmp_path: Path) -> None:
    starts: list[Store] = []

    def fail_once(store: Store) -> None:
        starts.append(store)
        if len(starts) == 1:
            raise ZeroDivisionError

    plugins = diary(startup=fail_once)

    with open_store(tmp_path / "a.db", plugins=plugins) as first:
        assert [one.state for one in first.plugins] == [PluginState.FAILED]
        assert first.find(PageRepository) is None
        with pytest.raises(PluginUnavailableError, match="raised ZeroDivisionError") as caught:
            first[PageRepository]
        assert isinstance(caught.value.__cause__, HookError)
    with open_store(tmp_path / "b.db", plugins=plugins) as second:
        assert [one.state for one in second.plugins] == [PluginState.ON]
        assert second[PageRepository].texts() == []


def test_repository_is_made_once_for_each_store(tmp_path: Path) -> None:
    plugins = diary()
    with (
        open_store(tmp_path / "a.db", plugins=plugins) as a,
        open_store(tmp_path / "b.db", plugins=plugins) as b,
    ):
        assert a[PageRepository] is a[PageRepository]
        assert a.find(PageRepository) is a[PageRepository]
        assert a[PageRepository] is not b[PageRepository]


def test_startup_and_shutdown_can_use_the_store(store_path: Path) -> None:
    plugins = diary(
        startup=lambda store: store[PageRepository].add("started"),
        shutdown=lambda store: store[PageRepository].add("stopped"),
    )

    with open_store(store_path, plugins=plugins) as store:
        assert store[PageRepository].texts() == ["started"]

    assert file_rows(store_path, "SELECT text FROM diary_page ORDER BY id") == [("started",), ("stopped",)]


def test_startup_that_leaves_a_transaction_open_is_undone_and_named(store_path: Path) -> None:
    """Otherwise all later writes of the thread would belong to it, and be lost at the end."""

    def begin(store: Store) -> None:
        store.transaction().__enter__()
        store.transaction().__enter__()
        store._backend.execute("INSERT INTO diary_page (text) VALUES ('half')")

    helper = hooks(startup=begin)
    plugins = load_plugins(
        [local_plugin("diary", Diary()), local_plugin("helper", helper, requires=["diary"])], StoreConfig()
    )

    with open_store(store_path, plugins=plugins) as store:
        states = {one.name: (one.state, one.reason) for one in store.plugins}
        store[PageRepository].add("whole")

    assert states["diary"] == (PluginState.ON, "")
    assert states["helper"][0] is PluginState.FAILED
    assert "left a transaction open" in states["helper"][1]
    assert file_rows(store_path, "SELECT text FROM diary_page") == [("whole",)]


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_shutdown_that_fails_is_logged_and_the_store_still_closes(
    store_path: Path, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    def fail(store: Store) -> None:
        raise error

    with (
        caplog.at_level(logging.ERROR, logger="stina"),
        open_store(store_path, plugins=diary(shutdown=fail)) as store,
    ):
        pass

    assert store.closed
    assert handles_below(store_path.parent) == []
    assert "hook.failed" in caplog.text
    assert "diary" in caplog.text


def test_interrupt_in_a_shutdown_still_closes_the_store(store_path: Path) -> None:
    store = open_store(store_path, plugins=diary(shutdown=press_ctrl_c))

    with pytest.raises(KeyboardInterrupt):
        store.close()

    assert store.closed
    assert handles_below(store_path.parent) == []


def test_shutdown_may_close_the_store_itself(store_path: Path) -> None:
    stopped: list[str] = []

    def close(store: Store) -> None:
        stopped.append("diary")
        store.close()

    store = open_store(store_path, plugins=diary(shutdown=close))
    store.close()

    assert stopped == ["diary"]
    assert store.closed


def test_memory_store_lives_as_long_as_it_is_open() -> None:
    plugins = diary()
    with open_store(":memory:", plugins=plugins) as store:
        store[PageRepository].add("first")
        assert store[PageRepository].texts() == ["first"]

    with open_store(":memory:", plugins=plugins) as store:
        assert store[PageRepository].texts() == []


def test_second_close_does_not_close_the_store_under_a_shutdown_hook(store_path: Path) -> None:
    said: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def stop(store: Store) -> None:
        inside.set()
        assert go_on.wait(DEADLINE)
        said.extend(store[PageRepository].texts())

    store = open_store(store_path, plugins=plugins_of(diary=Diary(shutdown=stop)))
    store[PageRepository].add("still there")
    closing = threading.Thread(target=store.close)
    closing.start()
    assert inside.wait(DEADLINE)

    store.close()
    go_on.set()
    closing.join(DEADLINE)

    assert said == ["still there"]
    assert store.closed


def test_store_that_is_dropped_without_close_lets_go_of_its_file(store_path: Path) -> None:
    store = open_store(store_path, plugins=NONE)
    with pytest.raises(UnsafeOpenError):
        store_path.read_bytes()

    del store
    gc.collect()

    assert store_path.read_bytes().startswith(b"SQLite format 3")


def test_startup_that_closes_the_store_is_off_and_the_store_stays_open(store_path: Path) -> None:
    with open_store(
        store_path, plugins=plugins_of(diary=Diary(startup=lambda store: store.close()))
    ) as store:
        (status,) = store.plugins
        assert status.state is PluginState.FAILED
        assert "cannot close it" in status.reason
        assert isinstance(store.errors["diary"], HookError)
        assert not store.closed
