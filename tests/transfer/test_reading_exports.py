"""Exports are read back whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import InvalidValueError, LedgerConflictError, Plugins, SchemaTooNewError, StinaError
from stina_core.testing import file_rows
from stina_core.transfer import import_file, line_reader
from stina_core.transfer.lines import decoded, encoded, read_line

from .conftest import Make, merged, of, run
from .shelf import PLUGINS, config, rows
from .test_export import lines
from .test_merge import ALL

HEAD = {"stina": 1, "exported_at": "2026-01-01T00:00:00.000Z"}
STEPS = ["0001_initial", "0002_seen", "0003_adopt"]
AUTHOR = {"id": "a", "name": "Astrid", "seen_at": None}
BOOK = {
    "id": "x",
    "author_id": None,
    "sequel_of_id": None,
    "title": "One",
    "isbn": None,
    "reading": 0,
    "rating": None,
    "pages": 1,
    "cover": None,
    "facts": None,
}


def head(steps: list[str] = STEPS, **others: object) -> dict[str, Any]:
    return {**HEAD, "plugins": {"shelf": {"version": "1", "steps": steps}, **others}}


def row(table: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"table": f"shelf_{table}", "row": values}


def write(folder: Path, *documents: object) -> Path:
    file = folder / "all.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in documents))
    return file


def test_what_was_exported_is_read_back_as_it_was_stored(make: Make, tmp_path: Path) -> None:
    source, store = make("source", *ALL), make("store")
    (tmp_path / "all.jsonl").write_text("".join(lines(source)))

    report = merged(store, tmp_path / "all.jsonl")

    assert (report.kind, report.added) == ("export", 7)
    assert rows(store) == rows(source)
    assert lines(store)[1:] == lines(source)[1:]
    again = merged(store, tmp_path / "all.jsonl")
    assert (again.added, again.different, again.left_out) == (0, 0, 0)


def test_an_export_of_an_older_version_is_brought_up_to_date(make: Make, tmp_path: Path) -> None:
    file = write(
        tmp_path, head(STEPS[:1]), row("author", {"id": "a", "name": "Astrid"}), {"end": {"rows": 1}}
    )
    store = make("store")

    assert of(merged(store, file), "author").added == 1
    assert file_rows(store, "SELECT id, name, seen_at FROM shelf_author") == [("a", "Astrid", None)]


def test_an_export_of_a_newer_version_is_refused(make: Make, tmp_path: Path) -> None:
    store = make("store")
    newer = [
        ([head([*STEPS, "0004_later"]), {"end": {"rows": 0}}], "it has step 0004_later"),
        ([{**head(), "stina": 2}, {"end": {"rows": 0}}], "newer version of Stina"),
    ]
    for documents, message in newer:
        file = write(tmp_path, *documents)
        with pytest.raises(SchemaTooNewError, match=message) as caught:
            merged(store, file)
        assert str(file) in str(caught.value)


def test_an_export_with_another_past_is_refused(make: Make, tmp_path: Path) -> None:
    for steps in (["0001_initial", "0002_other"], STEPS[1:]):
        with pytest.raises(LedgerConflictError):
            merged(make("store"), write(tmp_path, head(steps), {"end": {"rows": 0}}))


def test_rows_of_plugins_that_are_not_here_are_counted_and_left(make: Make, tmp_path: Path) -> None:
    thing = {"table": "other_thing", "row": {"anything": [1, {"a": 2}]}}
    file = write(
        tmp_path,
        head(other={"version": "3", "steps": ["0007_x"]}),
        row("author", AUTHOR),
        thing,
        thing,
        {"end": {"rows": 3}},
    )

    report = merged(make("store"), file)

    assert (report.added, report.missing) == (1, {"other": {"other_thing": 2}})


def test_an_export_is_read_without_any_plugin(make: Make, tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text("".join(lines(make("source", *ALL))))

    report = import_file(config(tmp_path / "bare.db"), Plugins([]), tmp_path / "all.jsonl")

    assert report.missing == {
        "shelf": {"shelf_author": 2, "shelf_book": 2, "shelf_label": 2, "shelf_note": 1}
    }
    assert report.tables == ()


def test_a_row_that_points_to_nothing_is_left_out(make: Make, tmp_path: Path) -> None:
    file = write(tmp_path, head(), row("book", {**BOOK, "author_id": "nobody"}), {"end": {"rows": 1}})

    assert of(merged(make("store"), file), "book").reasons == {
        "the row of shelf_author it points to is nowhere": 1
    }


WRONG: dict[str, tuple[int, list[object], str]] = {
    "no end": (3, [head(), row("author", AUTHOR)], "it is not all there"),
    "another number of rows": (3, [head(), row("author", AUTHOR), {"end": {"rows": 2}}], "there are 1"),
    "something after the end": (3, [head(), {"end": {"rows": 0}}, {"end": {"rows": 0}}], "after the end"),
    "a second head": (2, [head(), head()], "neither a row"),
    "no row": (2, [head(), ["shelf_author"]], "neither a row"),
    "more than a row": (2, [head(), {**row("author", AUTHOR), "more": 1}], "neither a row"),
    "more than an end": (2, [head(), {"end": {"rows": 0, "more": 1}}], "neither a row"),
    "rows that are no number": (2, [head(), {"end": {"rows": "0"}}], "neither a row"),
    "unknown table": (2, [head(), row("reader", {"id": "1"})], "no table 'shelf_reader'"),
    "a table inside SQL": (2, [head(), row('author" --', AUTHOR)], "no table"),
    "a table of the core": (2, [head(), {"table": "stina_ledger", "row": {}}], "no table of a plugin"),
    "a table of nobody": (2, [head(), {"table": "sqlite_schema", "row": {}}], "no table of a plugin"),
    "unknown column": (2, [head(), row("author", {**AUTHOR, "age": 1})], "has no column 'age'"),
    "missing column": (2, [head(), row("author", {"id": "a", "name": "A"})], "a value for 'seen_at'"),
    "NULL where none may be": (2, [head(), row("author", {**AUTHOR, "name": None})], "cannot hold"),
    "no key": (2, [head(), row("author", {**AUTHOR, "id": None})], "cannot hold"),
    "one key twice": (3, [head(), row("author", AUTHOR), row("author", AUTHOR)], "cannot hold"),
    "a broken rule": (2, [head(), row("book", {**BOOK, "pages": 0})], "cannot hold"),
    "a number for a text": (2, [head(), row("author", {**AUTHOR, "name": 7})], "name holds TEXT, not int"),
    "a text for a number": (2, [head(), row("book", {**BOOK, "pages": "7"})], "pages holds INTEGER, not str"),
    "a fraction for a number": (2, [head(), row("book", {**BOOK, "pages": 7.0})], "INTEGER, not float"),
    "true for a number": (2, [head(), row("book", {**BOOK, "pages": True})], "INTEGER, not bool"),
    "a number for a fraction": (2, [head(), row("book", {**BOOK, "rating": 7})], "REAL, not int"),
    "a text for bytes": (2, [head(), row("book", {**BOOK, "cover": "x"})], "BLOB, not str"),
    "a broken text for bytes": (2, [head(), row("book", {**BOOK, "cover": {"$text": "/w=="}})], "BLOB"),
    "bytes for a text": (2, [head(), row("book", {**BOOK, "title": {"$bytes": "AA=="}})], "TEXT"),
    "no base64": (2, [head(), row("book", {**BOOK, "cover": {"$bytes": "?"}})], "cover: "),
    "no number at all": (2, [head(), row("book", {**BOOK, "rating": {"$real": "nan"}})], "no value"),
    "a list": (2, [head(), row("author", {**AUTHOR, "name": ["A"]})], "no value that a column can hold"),
    "too large a number": (2, [head(), row("book", {**BOOK, "pages": 1 << 63})], "cannot hold"),
    "half of a character": (2, [head(), row("author", {**AUTHOR, "name": "\ud83c"})], "cannot hold"),
    "a head without steps": (1, [{**HEAD, "plugins": {"shelf": {}}}], "does not say which steps"),
    "a head without plugins": (1, [HEAD], "no first line"),
    "a version that is none": (1, [{**head(), "stina": True}], "no first line"),
    "an older version than any": (1, [{**head(), "stina": 0}], "no first line"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_line_that_is_wrong_is_named_and_nothing_is_imported(tmp_path: Path, case: str) -> None:
    number, documents, message = WRONG[case]
    file = write(tmp_path, *documents)
    store = tmp_path / "new" / "store.db"

    with pytest.raises(InvalidValueError) as caught:
        merged(store, file)

    assert str(caught.value).startswith(f"{file}, line {number}: ")
    assert message in str(caught.value)
    assert not store.parent.exists()


@pytest.mark.parametrize(
    "text", ["{", "nothing", '{"row": NaN}', '{"row": 1e999}', '{"row": ' + "9" * 5000 + "}", "[" * 100_000]
)
def test_a_line_that_is_no_json_is_named(make: Make, tmp_path: Path, text: str) -> None:
    file = write(tmp_path, head(), row("author", AUTHOR))
    file.write_text(f"{file.read_text()}{text}\n")

    with pytest.raises(InvalidValueError, match="line 3: it is no JSON"):
        merged(make("store"), file)


def test_a_line_that_is_not_utf8_is_named(make: Make, tmp_path: Path) -> None:
    file = write(tmp_path, head())
    file.write_bytes(file.read_bytes() + b'{"table": "\xff"}\n')

    with pytest.raises(InvalidValueError, match="line 2: it is no JSON"):
        merged(make("store"), file)


def test_a_line_without_end_is_not_read_into_memory(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_reader, "LONGEST", 1000)
    file = write(tmp_path, head(), row("author", {**AUTHOR, "name": "A" * 2000}), {"end": {"rows": 1}})

    with pytest.raises(InvalidValueError, match="line 2: it is not all there, or too long"):
        merged(make("store"), file)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, blank: Path) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("whole") / "source.db"
    path.write_bytes(blank.read_bytes())
    run(path, *ALL)
    return path.parent, "".join(lines(path)).encode()


@settings(max_examples=40)
@given(data=st.data())
def test_an_export_that_was_cut_anywhere_is_refused(whole: tuple[Path, bytes], data: st.DataObject) -> None:
    folder, content = whole
    file, store = folder / "cut.jsonl", folder / "cut.db"
    file.write_bytes(content[: data.draw(st.integers(1, len(content) - 1))])

    with pytest.raises(StinaError):
        merged(store, file)

    assert not store.exists()


@settings(max_examples=40)
@given(data=st.data())
def test_an_export_in_which_a_line_is_lost_is_refused(whole: tuple[Path, bytes], data: st.DataObject) -> None:
    folder, content = whole
    file, store = folder / "lost.jsonl", folder / "lost.db"
    every = content.splitlines(keepends=True)
    del every[data.draw(st.integers(0, len(every) - 1))]
    file.write_bytes(b"".join(every))

    with pytest.raises(StinaError):
        merged(store, file)

    assert not store.exists()


VALUES = (
    st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
)


@given(VALUES)
def test_every_value_comes_back_from_a_line_as_it_was(value: Any) -> None:
    found = decoded(read_line(json.dumps({"one": encoded(value)}).encode())["one"])

    assert type(found) is type(value)
    assert found == value


def test_the_plugins_of_the_program_are_not_cut_by_it(make: Make, tmp_path: Path) -> None:
    merged(make("store"), write(tmp_path, head(STEPS[:1]), {"end": {"rows": 0}}))

    assert [step.id for step in PLUGINS["shelf"].steps] == STEPS
    assert PLUGINS["shelf"].schema is not None
