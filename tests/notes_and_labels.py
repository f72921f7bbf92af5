"""Two plugins, one requiring the other, for the tests of transactions."""

from __future__ import annotations

from pathlib import Path

from stina_core import (
    AutoIdField,
    ForeignKeyField,
    Migrations,
    Model,
    Operations,
    Repository,
    Schema,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
)
from stina_core.testing import file_rows


class Note(Model):
    id = AutoIdField()
    text = TextField(unique=True)


class NoteRepository(Repository):
    def add(self, text: str) -> None:
        Note.create(text=text)

    def add_both(self, first: str, second: str) -> None:
        with self.transaction():
            self.add(first)
            self.add(second)

    def add_or_undo_all(self, text: str) -> None:
        """SQLite then ends the transaction by itself."""
        Note.insert(text=text).on_conflict("ROLLBACK").execute()

    def clear(self) -> None:
        Note.delete().execute()

    def texts(self) -> list[str]:
        return [note.text for note in Note.select().order_by(Note.id)]


class Label(Model):
    id = AutoIdField()
    word = TextField()
    note = ForeignKeyField(Note, deferrable=True)


class LabelRepository(Repository):
    def add(self, word: str, note: int) -> None:
        Label.create(word=word, note=note)

    def words(self) -> list[str]:
        return [label.word for label in Label.select().order_by(Label.id)]


class NotesPlugin:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Note, repository=NoteRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("note", id=AutoIdField(), text=TextField(unique=True))


class LabelsPlugin:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Label, repository=LabelRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table(
                "label",
                id=AutoIdField(),
                word=TextField(),
                note=ForeignKeyField("notes.note", deferrable=True),
            )


PLUGINS = load_plugins(
    [local_plugin("notes", NotesPlugin()), local_plugin("labels", LabelsPlugin(), requires=["notes"])],
    StoreConfig(strict=True),
)
CONFIG = StoreConfig(strict=True, busy_timeout=0.1)
DEADLINE = 20.0
FOREVER = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"


def stored(path: Path) -> list[str]:
    return [row[0] for row in file_rows(path, "SELECT text FROM notes_note ORDER BY id")]


class BlockError(Exception):
    """What a block fails with."""
