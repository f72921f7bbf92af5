"""An index follows the change feed in transactions of its own, and is found out when it is not whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stina_core import (
    ReadOnlyError,
    SchemaTooNewError,
    Search,
    StinaError,
    StoreBusyError,
    TransactionError,
)
from stina_core.backends.sqlite.ddl_text import create_search_sql
from stina_core.catalog import Column, Table
from stina_core.changes import Cursor
from stina_core.search import follower
from stina_core.search.position import Positions

from .shelf import NOTE, Shelf, shelf_at, table_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shelf.db"


@pytest.fixture
def shelf(path: Path) -> Iterator[Shelf]:
    with shelf_at(path) as made:
        yield made


def test_first_search_fills_the_index_in_the_order_of_keys(shelf: Shelf) -> None:
    for key in ("b", "c", "a"):
        shelf.add(key, "word")

    assert shelf.found("word") == ["c", "b", "a"]
    assert shelf.names() == ["search:notes_note"]
    shelf.check()


def test_new_rows_are_found_newest_first_and_changed_ones_keep_their_place(shelf: Shelf) -> None:
    shelf.index.newest("nothing")
    for key in ("b", "c", "a"):
        shelf.add(key, "word")
    shelf.index.newest("word")
    shelf.change("b", "other word")
    shelf.change("a", "other")

    assert shelf.found("word") == ["c", "b"]
    shelf.check()


def test_deleted_and_renamed_rows_are_found_no_more(shelf: Shelf) -> None:
    shelf.add("a", "word")
    shelf.add("b", "word")
    assert shelf.found("word") == ["b", "a"]

    shelf.remove("a")
    shelf.rename("b", "B")

    assert shelf.found("word") == ["B"]
    shelf.check()


def test_page_goes_on_after_the_last_hit_whatever_was_written_meanwhile(shelf: Shelf) -> None:
    for number in range(10):
        shelf.add(f"{number}", "word")
    first = shelf.index.newest("word", 4)
    shelf.add("new", "word")
    shelf.remove(first[-1].key)
    shelf.change("0", "word again")

    second = shelf.index.newest("word", 4, before=first[-1].place)

    assert [hit.key for hit in first + second] == ["9", "8", "7", "6", "5", "4", "3", "2"]


def test_best_hits_come_first(shelf: Shelf) -> None:
    shelf.add("a", "word", "among many others that are not asked for at all")
    shelf.add("b", "word word", "word")
    shelf.add("c", "nothing")

    assert [hit.key for hit in shelf.index.ranked("word")] == ["b", "a"]
    assert [hit.key for hit in shelf.index.ranked("word", 1)] == ["b"]
    assert shelf.index.ranked("word", 0) == shelf.index.newest("word", 0) == []


def test_only_the_newest_hits_are_weighed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stina_core.backends.sqlite.full_text_queries.RANKED", 2)
    shelf.add("a", "word word word")
    shelf.add("b", "word and others")
    shelf.add("c", "word")

    assert [hit.key for hit in shelf.index.ranked("word")] == ["c", "b"]


def test_search_inside_a_transaction_sees_its_own_rows_and_writes_nothing(shelf: Shelf) -> None:
    shelf.add("a", "word")
    shelf.add("b", "word")
    shelf.index.newest("word")
    before = shelf.indexed()

    with shelf.transactions.begin():
        shelf.add("c", "word word word")
        shelf.change("a", "other")
        assert shelf.found("word") == ["c", "b"]
        assert [hit.key for hit in shelf.index.ranked("word")] == ["c", "b"]
        assert shelf.indexed() == before


def test_without_the_changed_rows_beside_the_index_own_rows_would_be_missed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.index.newest("word")
    monkeypatch.setattr(shelf.follower, "missing", list)

    with shelf.transactions.begin():
        shelf.add("a", "word")
        assert shelf.found("word") == []


def test_search_spends_little_on_a_long_backlog_and_finds_all_of_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stina_core.search.index.BUDGET", 0.0)
    monkeypatch.setattr(follower, "BATCH", 3)
    shelf.index.newest("word")
    for key in "abcdefg":
        shelf.add(key, "word")

    assert shelf.found("word") == list("gfedcba")
    assert len(shelf.indexed()) == 3
    assert shelf.found("word") == list("gfedcba")
    assert len(shelf.indexed()) == 6
    assert not shelf.follower.catch_up(0.0)
    assert shelf.follower.catch_up(0.0)


def test_writer_who_never_stops_does_not_keep_the_index_at_work(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.follower.catch_up()
    advance = Positions.advance
    keys = iter(range(100))

    def advance_and_write(self: Positions, cursor: Cursor, now: int) -> None:
        advance(self, cursor, now)
        shelf.add(f"{next(keys)}", "word")

    monkeypatch.setattr(Positions, "advance", advance_and_write)
    shelf.add("first", "word")

    assert shelf.follower.catch_up()
    assert next(keys) == 1


def test_rolled_back_rows_are_never_found(shelf: Shelf) -> None:
    shelf.index.newest("word")
    with suppress(ZeroDivisionError), shelf.transactions.begin():
        shelf.add("a", "word")
        assert shelf.found("word") == ["a"]
        raise ZeroDivisionError

    assert shelf.found("word") == []
    shelf.check()


def test_search_beside_another_writer_finds_what_is_committed_without_waiting_for_it(
    shelf: Shelf, path: Path
) -> None:
    shelf.add("a", "word")
    shelf.index.newest("word")
    shelf.add("b", "word")
    with shelf_at(path) as other, other.transactions.begin():
        other.add("c", "word")
        began = time.monotonic()

        assert shelf.found("word") == ["b", "a"]
        assert [hit.key for hit in shelf.index.ranked("word")] == ["b", "a"]

        assert time.monotonic() - began < 2.0  # and not twice the usual 5 seconds
        assert len(shelf.indexed()) == 1
    assert shelf.found("word") == ["c", "b", "a"]
    shelf.check()


def test_first_search_beside_another_writer_looks_through_the_table(shelf: Shelf, path: Path) -> None:
    shelf.add("b", "word")
    shelf.add("a", "word")
    with shelf_at(path) as other, other.transactions.begin():
        assert shelf.found("word") == ["b", "a"]

    assert shelf.names() == []


@pytest.mark.parametrize("error", [ReadOnlyError("no"), SchemaTooNewError("notes", None, "newer")])
def test_search_that_may_not_write_finds_everything_all_the_same(shelf: Shelf, error: StinaError) -> None:
    shelf.add("a", "word")
    shelf.index.newest("word")
    shelf.add("b", "word")

    def refuse() -> None:
        raise error

    shelf.transactions.session.on_begin = refuse

    assert shelf.found("word") == ["b", "a"]
    assert len(shelf.indexed()) == 1


def test_writer_waits_as_long_as_ever_after_a_hurried_search(path: Path) -> None:
    with shelf_at(path, busy_timeout=0.2) as shelf, shelf_at(path) as other:
        shelf.add("a", "word")
        with other.transactions.begin():
            shelf.index.newest("word")
            began = time.monotonic()
            with pytest.raises(StoreBusyError):
                shelf.add("b", "word")
            assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("place", ["transaction", "snapshot"])
def test_index_is_never_written_inside_somebodys_transaction(shelf: Shelf, place: str) -> None:
    inside = shelf.transactions.begin() if place == "transaction" else shelf.transactions.snapshot(5)
    with inside:
        with pytest.raises(TransactionError, match="outside any transaction"):
            shelf.follower.catch_up()
        with pytest.raises(TransactionError, match="outside any transaction"):
            shelf.follower.follow_up()


def test_search_without_news_writes_nothing(shelf: Shelf) -> None:
    shelf.add("a", "word")
    shelf.index.newest("word")
    shelf.run("INSERT INTO stina_change (\"table\", op, key) VALUES ('others_one', 'I', 1)")
    shelf.ran.clear()

    assert shelf.found("word") == ["a"]
    assert [sql for sql in shelf.ran if not sql.startswith("SELECT")] == []


def test_cursor_goes_on_past_many_changes_of_other_tables(shelf: Shelf) -> None:
    shelf.index.newest("word")
    with shelf.transactions.begin():
        for number in range(follower.LAG):
            shelf.run(
                "INSERT INTO stina_change (\"table\", op, key) VALUES ('others_one', 'I', ?)", (number,)
            )

    shelf.index.newest("word")

    assert shelf.run("SELECT seq FROM stina_cursor") == [(follower.LAG,)]


def test_change_that_leaves_the_texts_alone_does_not_touch_the_index(shelf: Shelf) -> None:
    shelf.add("a", "word")
    shelf.index.newest("word")
    before = shelf.run("SELECT * FROM notes_note_search_data")
    shelf.run("UPDATE notes_note SET done = 1")

    assert shelf.found("word") == ["a"]
    assert shelf.run("SELECT seq FROM stina_cursor") == [(2,)]
    assert shelf.run("SELECT * FROM notes_note_search_data") == before


LOST: dict[str, Callable[[Shelf], object]] = {
    "reset": lambda shelf: shelf.reset(),
    "pruned": lambda shelf: shelf.prune(),
    "restored": lambda shelf: shelf.restore(),
    "forgotten": lambda shelf: shelf.run("DELETE FROM stina_cursor"),
}


@pytest.mark.parametrize("how", LOST)
def test_index_that_lost_its_place_looks_at_every_row_again(shelf: Shelf, how: str) -> None:
    for key in ("a", "b", "c"):
        shelf.add(key, "word")
    shelf.index.newest("word")
    for trigger in ("i", "u", "d", "k"):
        shelf.run(f"DROP TRIGGER notes_note_{trigger}")
    shelf.change("a", "other")
    shelf.remove("b")
    shelf.add("d", "word")
    assert shelf.found("word") == ["c", "b", "a"]  # nobody told it

    for _ in range(2 if how == "pruned" else 0):
        shelf.tell("others_one")
    LOST[how](shelf)

    with shelf.transactions.snapshot(5):
        assert shelf.found("word") == ["d", "c"]
    assert shelf.found("word") == ["d", "c"]
    shelf.check()


def test_index_that_was_made_anew_is_not_taken_for_whole(shelf: Shelf) -> None:
    shelf.add("b", "word")
    shelf.index.newest("word")
    shelf.add("a", "word")
    shelf.index.newest("word")
    assert NOTE.search is not None

    shelf.run("DROP TABLE notes_note_search")
    shelf.run(create_search_sql("notes_note_search", NOTE.search))

    with shelf.transactions.snapshot(5):
        assert shelf.found("word") == ["a", "b"]
    assert shelf.found("word") == ["a", "b"]
    shelf.check()


def test_renamed_table_finds_its_rows_under_its_new_name(shelf: Shelf, path: Path) -> None:
    shelf.add("a", "word")
    shelf.add("b", "word")
    shelf.index.newest("word")
    shelf.run("ALTER TABLE notes_note RENAME TO notes_memo")
    shelf.run("ALTER TABLE notes_note_search RENAME TO notes_memo_search")
    with shelf_at(path, table_of(name="notes_memo")) as renamed:
        assert renamed.found("word") == ["b", "a"]
        renamed.check()


def test_two_indexes_share_the_map_and_do_not_meet(shelf: Shelf, path: Path) -> None:
    with shelf_at(path, table_of(name="others_note")) as other:
        other.make_table()
        shelf.add("a", "word")
        other.add("a", "word other")
        assert (shelf.found("word"), other.found("word")) == (["a"], ["a"])
        shelf.remove("a")
        assert (shelf.found("word"), other.found("word")) == ([], ["a"])
        shelf.reset()
        assert shelf.found("word") == []
        shelf.check()
        other.check()


def test_many_rewritten_rows_make_the_index_anew_and_keep_their_places(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "REMADE", 10)
    keys = [f"{number:02}" for number in reversed(range(20))]
    for key in keys:
        shelf.add(key, "word")
    shelf.found("word")
    shelf.run("UPDATE notes_note SET title = 'other'")
    shelf.reset()
    shelf.ran.clear()

    assert shelf.found("other") == sorted(keys, reverse=True)
    assert any(sql.startswith("DROP TABLE") for sql in shelf.ran)
    shelf.check()


def test_far_behind_with_many_rewritten_rows_is_caught_up_by_a_rebuild(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "REWRITTEN", 3)
    monkeypatch.setattr(follower, "FAR", 10)
    for number in range(20):
        shelf.add(f"{number:02}", "word")
    shelf.found("word")
    shelf.run("DELETE FROM notes_note WHERE id > '04'")
    shelf.ran.clear()

    assert shelf.found("word") == ["04", "03", "02", "01", "00"]
    assert any("rebuild" in sql or sql.startswith("UPDATE stina_cursor SET name") for sql in shelf.ran)
    shelf.check()


@pytest.mark.parametrize("prepared", [True, False])
def test_deleted_words_leave_the_file_at_once_because_the_index_is_prepared_for_it(
    shelf: Shelf, path: Path, prepared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not prepared:
        monkeypatch.setattr(shelf.texts, "prepare", lambda: None)
        monkeypatch.setattr(shelf.texts, "is_prepared", lambda: True)
    shelf.add("a", "xylophone quartz")
    shelf.add("b", "words that stay")
    shelf.found("word")
    shelf.remove("a")
    shelf.follower.catch_up()
    assert len(shelf.indexed()) == 1

    shelf.run("PRAGMA wal_checkpoint(TRUNCATE)")
    shelf.close()
    content = path.read_bytes()

    assert b"stay" in content
    assert (b"xylophone" in content) is not prepared


def test_background_work_is_done_by_one_process_at_a_time(path: Path) -> None:
    now = [1_000_000]
    with (
        shelf_at(path, holder="one", clock=lambda: now[0]) as one,
        shelf_at(path, holder="two", clock=lambda: now[0]) as two,
    ):
        one.add("a", "word")
        assert one.follower.follow_up()
        one.add("b", "word")
        assert not two.follower.follow_up()
        assert len(one.indexed()) == 1
        assert one.follower.follow_up()

        one.add("c", "word")
        now[0] += follower.LEASE - 1
        assert not two.follower.follow_up()
        now[0] += 1
        assert two.follower.follow_up()
        two.check()
        one.add("d", "word")
        assert not one.follower.follow_up()


def test_search_waits_for_no_lease(path: Path) -> None:
    with shelf_at(path, holder="one", clock=lambda: 5) as one, shelf_at(path, holder="two") as two:
        one.follower.follow_up()
        one.add("a", "word")

        assert two.found("word") == ["a"]
        two.check()


def test_background_work_without_news_writes_nothing(shelf: Shelf) -> None:
    shelf.follower.follow_up()
    shelf.ran.clear()

    assert shelf.follower.follow_up()
    assert [sql for sql in shelf.ran if not sql.startswith("SELECT")] == []


def test_table_without_an_index_or_with_a_key_of_two_columns_is_refused() -> None:
    columns = (Column("id", "text"), Column("title", "text"))
    for table in (
        Table("notes_note", columns, ("id",)),
        Table("notes_note", columns, ("id", "title"), search=Search("title")),
    ):
        with pytest.raises(ValueError, match="key of one column"):
            Shelf(Path("nowhere"), table)
