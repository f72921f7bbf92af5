"""What a start costs in statements, and when it looks again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import (
    BooleanField,
    DriftError,
    EnumField,
    ForeignKeyField,
    IdField,
    LedgerConflictError,
    Model,
    Operations,
    PluginState,
    StoreConfig,
    TextField,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.migrations import checksum, drift
from stina_core.testing import file_rows

from ..declarations import declaring, making, opened, plugin, states, stepping


class Memo(Model):
    id = IdField()
    title = TextField(default="")


class MemoWithMore(Model):
    id = IdField()
    title = TextField(default="")
    more = TextField(null=True)

    class Meta:
        table_name = "memo"


MEMOS = local_plugin("memos", plugin(Memo, migrate=declaring(making("memo"))))


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect every statement that connections opened inside the block run."""
    seen: list[str] = []

    def note(cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        seen.append(sql)
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = note

    apsw.connection_hooks.append(watch)
    try:
        yield seen
    finally:
        apsw.connection_hooks.remove(watch)


def reads(seen: list[str]) -> list[str]:
    """Leave out the settings of a connection, of which the first read of the file is the last."""
    return [
        sql for sql in seen if not sql.lower().startswith(("pragma", "select count(*) from sqlite_schema"))
    ]


def test_start_with_nothing_pending_is_one_select(store_path: Path) -> None:
    opened(store_path, MEMOS).close()

    with statements() as seen:
        opened(store_path, MEMOS).close()

    assert len(reads(seen)) == 1, reads(seen)
    assert reads(seen)[0].startswith("SELECT")


def test_start_with_nothing_pending_reads_no_source_and_compares_no_schema(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(store_path, MEMOS).close()
    monkeypatch.setattr(checksum, "checksum", None)
    monkeypatch.setattr(drift, "compare", None)

    with opened(store_path, MEMOS) as store:
        assert states(store) == {"memos": PluginState.ON}


def test_schema_changed_by_another_program_is_compared_once(store_path: Path) -> None:
    opened(store_path, MEMOS).close()
    file_rows(store_path, "CREATE INDEX memos_own ON memos_memo (title)")

    with opened(store_path, MEMOS) as store:
        assert [str(one) for one in store.outcome.drift["memos"]] == ["index memos_own is only in the file"]
    with statements() as seen:
        opened(store_path, MEMOS).close()

    assert len(reads(seen)) == 1


def test_table_changed_by_another_program_puts_its_plugin_off_until_it_is_mended(store_path: Path) -> None:
    opened(store_path, MEMOS, stepping("good", making("a"))).close()
    file_rows(store_path, "ALTER TABLE memos_memo RENAME COLUMN title TO headline")

    for _ in range(2):
        with opened(store_path, MEMOS, stepping("good", making("a"))) as store:
            assert isinstance(store.outcome.failed["memos"], DriftError)
            assert "column memos_memo.title is missing" in str(store.outcome.failed["memos"])
            assert states(store) == {"good": PluginState.ON, "memos": PluginState.QUARANTINED}

    file_rows(store_path, "ALTER TABLE memos_memo RENAME COLUMN headline TO title")
    with opened(store_path, MEMOS) as store:
        assert states(store) == {"memos": PluginState.ON}


def test_step_edited_after_it_ran_is_noticed_at_the_next_start(store_path: Path) -> None:
    def first(op: Operations) -> None:
        op.create_table("memo", id=IdField(), title=TextField(default=""))

    def edited(op: Operations) -> None:
        op.create_table("memo", id=IdField(), title=TextField(default="other"))

    opened(store_path, stepping("memos", first)).close()

    with opened(store_path, stepping("memos", edited)) as store:
        assert isinstance(store.outcome.failed["memos"], LedgerConflictError)


def test_step_with_another_layout_is_the_same_step(store_path: Path) -> None:
    def first(op: Operations) -> None:
        op.create_table("memo", id=IdField(), title=TextField(default=""))

    def laid_out(op: Operations) -> None:
        """Say what it does."""
        op.create_table(
            "memo",  # its first table
            id=IdField(),
            title=TextField(default=""),
        )

    opened(store_path, stepping("memos", first)).close()

    with opened(store_path, stepping("memos", laid_out), strict=True) as store:
        assert states(store) == {"memos": PluginState.ON}


def test_model_changed_without_a_step_is_named_with_the_command_that_writes_it(store_path: Path) -> None:
    opened(store_path, MEMOS).close()
    changed = local_plugin("memos", plugin(renamed(MemoWithMore), migrate=declaring(making("memo"))))

    with opened(store_path, changed) as store:
        reason = store.plugins[0].reason

    assert "column memos_memo.more is missing" in reason
    assert "'stina db make memos' writes the step" in reason


@pytest.mark.parametrize(
    "old",
    [
        TextField(null=True),
        BooleanField(default=False),
        EnumField(["a", "b"], null=True),
        ForeignKeyField("self", null=True, index=False, column_name="old"),
    ],
    ids=lambda field: type(field).__name__,
)
def test_field_removed_without_a_step_is_named_at_every_start_and_the_plugin_works(
    store_path: Path, caplog: pytest.LogCaptureFixture, old: Any
) -> None:
    def make(op: Operations) -> None:
        op.create_table("memo", id=IdField(), title=TextField(default=""), old=old)

    candidate = local_plugin("memos", plugin(Memo, migrate=declaring(make)))

    for _ in range(2):
        caplog.clear()
        with opened(store_path, candidate, strict=True) as store:
            assert [one.name for one in store.outcome.drift["memos"]] == ["memos_memo.old"]
        assert "schema.drift" in caplog.text


def renamed(model: type[Model]) -> type[Model]:
    """Give *model* the table of Memo."""
    return type("Memo", (Model,), {name: field.clone() for name, field in model._meta.fields.items()})


SOURCE = """
def first(op):
    op.create_table("memo", id=IdField(), title=TextField(default=""))
"""


def test_source_replaced_under_a_running_program_is_not_taken_for_what_it_runs(
    store_path: Path, tmp_path: Path
) -> None:
    source = tmp_path / "steps.py"
    source.write_text(SOURCE)
    namespace = {"IdField": IdField, "TextField": TextField}
    exec(compile(SOURCE, source, "exec"), namespace)
    candidates = [stepping("memos", namespace["first"]), stepping("good", making("a"))]
    plugins = load_plugins(candidates, StoreConfig())
    source.write_text(SOURCE.replace("memo", "note"))

    with open_store(store_path, plugins=plugins) as store:
        assert "was replaced while this program runs; start the program again" in str(store.errors["memos"])
        assert states(store) == {"good": PluginState.ON, "memos": PluginState.QUARANTINED}

    ran = file_rows(store_path, "SELECT plugin FROM stina_ledger WHERE plugin <> 'stina'")
    assert ran == [("good",)]


def test_drift_is_noticed_also_at_a_start_in_which_another_plugin_migrates(store_path: Path) -> None:
    opened(store_path, stepping("ant", making("a")), MEMOS).close()
    file_rows(store_path, "ALTER TABLE memos_memo DROP COLUMN title")

    for _ in range(2):
        with opened(store_path, stepping("ant", making("a"), making("b")), MEMOS) as store:
            assert states(store) == {"ant": PluginState.ON, "memos": PluginState.QUARANTINED}
