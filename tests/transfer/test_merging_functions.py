"""A plugin's own word on how its rows are merged: what it may say, and what becomes of a wrong one."""

from __future__ import annotations

import sys

import pytest

from stina_core import HookError, PluginLoadError, Schema, SchemaError, hookimpl, load_plugins, local_plugin
from stina_core.config import StoreConfig
from stina_core.transfer import Here, Row, import_file

from .conftest import Make, merged, of
from .shelf import MODELS, PLUGINS, Author, Book, Note, ShelfPlugin, config, loaded, rows
from .test_merge import ALL


class Failing(ShelfPlugin):
    """Merges authors by a function that a test gives."""

    def __init__(self, using: object) -> None:
        self.using = using

    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(*MODELS)
        schema.merges(Author, using=self.using)  # type: ignore[arg-type]  # some are wrong on purpose


def raising(row: Row, here: Here) -> Row:
    raise ZeroDivisionError("by nothing")


def fleeing(row: Row, here: Here) -> Row:
    raise SystemExit


def shortened(row: Row, here: Here) -> Row:
    return {"id": row["id"]}


def invented(row: Row, here: Here) -> Row:
    return {**row, "id": "nobody"}


def asking_too_much(row: Row, here: Here) -> Row:
    return here.find(colour="red") or row


@pytest.mark.parametrize("using", [raising, fleeing, shortened, invented])
def test_a_function_of_a_plugin_that_fails_ends_the_import_and_nothing_is_changed(
    make: Make, using: object
) -> None:
    store, source = (
        make("store", "INSERT INTO shelf_author (id, name) VALUES ('a', 'Mine')"),
        make("source", *ALL),
    )
    before = rows(store)

    with pytest.raises(HookError, match="the plugin 'shelf'") as caught:
        merged(store, source, loaded(Failing(using)))

    assert caught.value.plugin == "shelf"
    assert "Tove" not in str(caught.value)
    assert rows(store) == before


def test_a_function_that_is_not_there_is_an_error_before_anything_is_opened(make: Make) -> None:
    store, source = make("store"), make("source", *ALL)
    lax = load_plugins(
        [local_plugin("shelf", Failing("tests.transfer.shelf:missing"))], StoreConfig(strict=False)
    )

    with pytest.raises(PluginLoadError, match=r"tests\.transfer\.shelf:missing cannot be imported"):
        merged(store, source, lax)


def test_a_function_is_imported_when_it_is_used_and_no_sooner(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("store")
    plugins = load_plugins([local_plugin("shelf", Failing("this:s"))], StoreConfig(strict=False))

    assert plugins["shelf"].on
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    ("using", "message"),
    [
        ("no place", "is no place of a function for merging"),
        ("tests.transfer.shelf:missing", "cannot be imported"),
        ("tests.transfer.shelf:TABLES", "cannot be called"),
        (7, "cannot be called"),
    ],
)
def test_a_function_that_is_none_is_refused_at_load(using: object, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        loaded(Failing(using))


@pytest.mark.parametrize(
    ("model", "ignoring", "message"),
    [
        (Book, ("colour",), "'colour' cannot be ignored"),
        (Book, ("id",), "'id' cannot be ignored"),
        (Note, ("text",), "was not added"),
    ],
)
def test_a_declaration_that_means_nothing_is_refused(
    model: type[Book], ignoring: tuple[str, ...], message: str
) -> None:
    class Wrong(ShelfPlugin):
        @hookimpl
        def register_schema(self, schema: Schema) -> None:
            schema.add(Author, Book)
            schema.merges(model, ignoring=ignoring)

    with pytest.raises(SchemaError, match=message):
        loaded(Wrong())


def test_without_its_function_the_same_import_leaves_the_row_out(make: Make) -> None:
    """The control of the tests above: it is the function that takes one author for the other."""

    class Plain(ShelfPlugin):
        @hookimpl
        def register_schema(self, schema: Schema) -> None:
            schema.add(*MODELS)

    store = make("store", "INSERT INTO shelf_author (id, name) VALUES ('ours', 'Astrid')")

    report = import_file(config(store), loaded(Plain()), make("source", *ALL))

    assert of(report, "author").reasons == {"another row here has the same name": 1}
    assert of(report, "book").left_out == 1
    assert PLUGINS["shelf"].on
