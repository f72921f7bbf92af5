"""Whatever is in the columns of old tables: the step succeeds, and loses and changes nothing without a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from stina_chat.checks import findings
from stina_core import StoreConfig, open_store
from stina_core.testing.versions import quick_folder

from .adoption_law import check, look
from .any_old_files import TIMES, Cell, Filled, any_old_files, write
from .conftest import PLUGINS
from .old_files import adopted, everything, tables_in

ONE_CLOCK, OTHER_CLOCK = 1_800_000_000_000, 1_900_000_000_000

SAID: tuple[list[Cell], ...] = (["m", "i", "c", "user", "hello", 1], ["n", "i", "c", "system", "x", "soon"])
TELLING = [
    Filled(
        "interaction_messages",
        ("id", "interaction_id", "conversation_id", "role", "content", "ts"),
        True,
        SAID,
    )
]

TWICE = [
    Filled(
        "chat_messages", ("id", "role", "content", "ts"), False, [("a", None, None, None), ("a", 1, "x", 2)]
    )
]


def adopt(tables: list[Filled], folder: Path) -> Path:
    """Write a file, adopt it and hold the law against it."""
    path = folder / "stina.db"
    write(path, tables)
    old = look(path)
    with adopted(path) as store:
        assert findings(store) == []
    check(path, old)
    return path


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@example(TELLING)
@example(TWICE)
@given(any_old_files())
def test_each_old_row_is_a_new_row_or_noted_whatever_was_in_it(tables: list[Filled]) -> None:
    with quick_folder(Path()) as folder:
        path = adopt(tables, folder)
        rows = everything(path)

        with adopted(path) as store:
            assert store.outcome.applied == []

        assert everything(path) == rows


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@example(TWICE)
@given(any_old_files())
def test_what_is_made_follows_from_the_file_unless_no_time_is_in_it(tables: list[Filled]) -> None:
    found = []
    for clock in (ONE_CLOCK, OTHER_CLOCK):
        with pytest.MonkeyPatch.context() as patch, quick_folder(Path()) as folder:
            patch.setattr("stina_core.migrations.row_operations.now_ms", lambda clock=clock: clock)
            path = adopt(tables, folder)
            found.append({name: rows for name, rows in everything(path).items() if name.startswith("chat_")})

    one, other = found
    if any(
        _is_time(cell, column)
        for table in tables
        for row in table.rows
        for column, cell in _cells(table, row)
    ):
        assert one == other
    assert str(one).replace(str(ONE_CLOCK), "") == str(other).replace(str(OTHER_CLOCK), "")


def _cells(table: Filled, row: Any) -> list[tuple[str, Cell]]:
    return list(zip(table.columns, row, strict=True))


def _is_time(cell: Cell, column: str) -> bool:
    """Whether this is a time, in seconds as in milliseconds."""
    return column in TIMES and isinstance(cell, int) and 0 <= cell < 250_000_000_000


def _without_role(note: Callable[..., None]) -> Callable[..., None]:
    return lambda self, column, reason: None if column == "role" else note(self, column, reason)


def test_the_law_sees_a_change_that_nobody_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control, with the step's own look at what it made switched off."""
    from stina_core.migrations.old_rows import OldRow

    monkeypatch.setattr("stina_core.migrations.row_operations.verify", lambda *arguments: None)
    adopt(TELLING, tmp_path)
    (tmp_path / "stina.db").unlink()
    monkeypatch.setattr(OldRow, "note", _without_role(OldRow.note))

    with pytest.raises(AssertionError, match="system"):
        adopt(TELLING, tmp_path)


def test_the_law_sees_a_row_that_nobody_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same."""
    from stina_chat.adoption.messages import Messages

    monkeypatch.setattr("stina_core.migrations.row_operations.verify", lambda *arguments: None)
    monkeypatch.setattr(Messages, "_write", lambda self, *arguments: None)

    with pytest.raises(AssertionError, match="hello"):
        adopt(TELLING, tmp_path)


def test_the_step_itself_refuses_a_change_that_nobody_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stina_core.migrations.old_rows import OldRow

    path = tmp_path / "stina.db"
    write(path, TELLING)
    before = everything(path)
    monkeypatch.setattr(OldRow, "note", _without_role(OldRow.note))

    with open_store(path, StoreConfig(), plugins=PLUGINS) as store:
        assert "another value for a row's role" in str(store.outcome.failed["chat"])

    assert tables_in(path) == ["interaction_messages"]
    assert everything(path)["interaction_messages"] == before["interaction_messages"]
