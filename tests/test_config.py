from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from stina_core import ConfigError, Plugins, StoreBusyError, StoreConfig, open_store
from stina_core.backends.sqlite import backend
from stina_core.backends.sqlite.lock import file_lock
from stina_core.config import Settings
from stina_core.testing import file_rows


def test_argument_beats_own_path_beats_environment_beats_home(
    tmp_path: Path, stina_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert StoreConfig().located().path == str(stina_home / "stina.db")

    monkeypatch.setenv("STINA_DB", str(tmp_path / "env.db"))
    assert StoreConfig().located().path == str(tmp_path / "env.db")
    assert StoreConfig.from_env().path == str(tmp_path / "env.db")

    own = StoreConfig(path=str(tmp_path / "own.db"))
    assert own.located().path == str(tmp_path / "own.db")
    assert own.located(tmp_path / "argument.db").path == str(tmp_path / "argument.db")
    assert StoreConfig.from_env(tmp_path / "argument.db").path == str(tmp_path / "argument.db")


def test_own_home_beats_stina_home_beats_the_users(
    tmp_path: Path, stina_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert StoreConfig(home=tmp_path / "own").located().path == str(tmp_path / "own" / "stina.db")
    assert StoreConfig().located().path == str(stina_home / "stina.db")

    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("STINA_HOME")
        else:
            monkeypatch.setenv("STINA_HOME", value)
        assert StoreConfig().located().path == str(tmp_path / "user" / ".stina" / "stina.db")


def test_memory_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STINA_DB", ":memory:")

    assert StoreConfig.from_env().in_memory
    assert StoreConfig().located(":memory:").in_memory
    assert not StoreConfig().located("memory.db").in_memory


def test_relative_path_and_tilde_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert StoreConfig().located("x.db").path == str(tmp_path / "x.db")
    assert StoreConfig().located("~/x.db").path == str(tmp_path / "x.db")
    monkeypatch.setenv("STINA_DB", "~/y.db")
    assert StoreConfig.from_env().path == str(tmp_path / "y.db")
    monkeypatch.delenv("STINA_DB")
    monkeypatch.setenv("STINA_HOME", "~/place")
    assert StoreConfig.from_env().path == str(tmp_path / "place" / "stina.db")


def test_path_may_be_bytes_as_the_system_has_them(tmp_path: Path) -> None:
    class Place:
        def __fspath__(self) -> bytes:
            return bytes(tmp_path / "ö.db")

    place: Any = Place()

    assert StoreConfig().located(place).path == str(tmp_path / "ö.db")


def test_file_has_one_place_however_many_links_lead_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "real"
    (real / "deeper").mkdir(parents=True)
    (tmp_path / "folder").symlink_to(real, target_is_directory=True)
    (tmp_path / "inside").symlink_to(real / "deeper", target_is_directory=True)
    (tmp_path / "link.db").symlink_to(Path("folder", "stina.db"))

    for path in ("folder/stina.db", "link.db", "inside/../stina.db"):  # the last is not ./stina.db
        assert StoreConfig().located(tmp_path / path).path == str(real / "stina.db")
    monkeypatch.setenv("STINA_HOME", str(tmp_path / "folder"))
    assert StoreConfig.from_env().path == str(real / "stina.db")
    monkeypatch.setenv("STINA_HOME", str(tmp_path))
    (tmp_path / "stina.db").symlink_to(tmp_path / "link.db")
    assert StoreConfig.from_env().path == str(real / "stina.db")


def test_link_and_real_name_take_the_same_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    link.symlink_to(real)
    monkeypatch.setattr(backend, "LOCK_TIMEOUT", 0.05)

    with file_lock(str(real), 1), pytest.raises(StoreBusyError):
        open_store(link, plugins=Plugins([]))
    with open_store(link, plugins=Plugins([])) as store:
        with store.transaction():
            assert file_rows(link, "SELECT count(*) FROM stina_ledger") == [(3,)]

        assert store.path == str(real)
        assert {file.name for file in tmp_path.iterdir()} == {
            "link.db",
            *(f"real.db{suffix}" for suffix in ("", "-shm", "-wal", ".lock")),
        }


def test_link_to_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(os.fsdecode(b"\xff.db"))

    with pytest.raises(ConfigError, match="UTF-8"):
        StoreConfig().located(tmp_path / "link.db")


@pytest.mark.parametrize("path", ["", "  ", "\n", "a\0b", "\0", "x\ud800.db", "~nobody-of-that-name/x.db"])
def test_path_that_cannot_be_one_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        StoreConfig().located(path)
    with pytest.raises(ConfigError):
        open_store(path, plugins=Plugins([]))


@pytest.mark.parametrize("path", ["", " "])
def test_empty_path_is_refused_wherever_it_comes_from(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="empty"):
        StoreConfig(path=path)
    monkeypatch.setenv("STINA_DB", path)
    with pytest.raises(ConfigError, match="empty"):
        StoreConfig.from_env()


def test_working_directory_that_is_gone_is_a_config_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(ConfigError, match="cannot be found"):
        StoreConfig().located("x.db")


def test_home_that_cannot_be_found_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STINA_HOME", "~nobody-of-that-name")

    with pytest.raises(ConfigError, match="STINA_HOME"):
        StoreConfig.from_env()


@pytest.mark.parametrize(
    ("text", "strict"),
    [("1", True), ("true", True), (" YES ", True), ("0", False), ("", False), ("no", False)],
)
def test_strict_is_read_from_the_environment(
    text: str, strict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_STRICT", text)

    assert StoreConfig.from_env().strict is strict


@pytest.mark.parametrize("text", ["2", "on please", "-1", "tru"])
def test_strict_that_is_neither_yes_nor_no_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STINA_STRICT", text)

    with pytest.raises(ConfigError, match="STINA_STRICT"):
        StoreConfig.from_env()


@pytest.mark.parametrize(
    ("text", "names"),
    [(None, None), ("", set()), (" , ,", set()), ("kv", {"kv"}), (" kv , notes,kv", {"kv", "notes"})],
)
def test_plugins_are_read_from_the_environment(
    text: str | None, names: set[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        monkeypatch.setenv("STINA_PLUGINS", text)

    assert StoreConfig.from_env().plugins == names


def test_setting_that_is_given_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_DB", str(tmp_path / "env.db"))
    monkeypatch.setenv("STINA_PLUGINS", "kv")
    monkeypatch.setenv("STINA_STRICT", "1")

    plain = StoreConfig.from_env(origin="tui")
    given = StoreConfig.from_env(tmp_path / "x.db", plugins=None, strict=False, busy_timeout=1)

    assert (plain.origin, plain.plugins, plain.strict) == ("tui", frozenset({"kv"}), True)
    assert plain.path == str(tmp_path / "env.db")
    assert (given.plugins, given.strict, given.busy_timeout) == (None, False, 1)
    assert given.path == str(tmp_path / "x.db")
    with pytest.raises(ConfigError, match="backups_kept"):
        StoreConfig.from_env(backups_kept=0)


def test_home_that_is_given_wins_over_stina_home(tmp_path: Path) -> None:
    assert StoreConfig.from_env(home=tmp_path / "own").path == str(tmp_path / "own" / "stina.db")


def test_every_field_but_the_path_can_be_given_by_name() -> None:
    assert set(Settings.__annotations__) == {field.name for field in fields(StoreConfig)} - {"path"}


def test_configuration_built_directly_takes_only_the_location_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_DB", str(tmp_path / "env.db"))
    monkeypatch.setenv("STINA_PLUGINS", "kv")
    monkeypatch.setenv("STINA_STRICT", "1")

    config = StoreConfig(origin="tui").located()

    assert (config.path, config.plugins, config.strict) == (str(tmp_path / "env.db"), None, False)


@pytest.mark.parametrize(
    "settings",
    [
        {"synchronous": "OFF"},
        {"busy_timeout": -1},
        {"busy_timeout": float("nan")},
        {"busy_timeout": 4000},
        {"backups_kept": 0},
    ],
)
def test_setting_out_of_its_range_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        StoreConfig(**settings)


def test_settings_cannot_be_changed_and_have_no_place_before_they_are_located() -> None:
    config = StoreConfig()

    with pytest.raises(AttributeError):
        config.strict = True  # type: ignore[misc]
    with pytest.raises(ConfigError, match="located"):
        _ = config.location
