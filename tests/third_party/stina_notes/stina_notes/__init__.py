from dataclasses import dataclass
from datetime import datetime

from stina_core import IdField, Migrations, Model, Operations, Repository, Schema
from stina_core import TextField, TimestampField, hookimpl, now


class Note(Model):
    id = IdField()
    title = TextField()
    created_at = TimestampField(default=now)


@dataclass(frozen=True, slots=True)
class NoteValue:
    id: str
    title: str
    created_at: datetime


class NoteRepository(Repository):
    def add(self, title: str) -> NoteValue:
        note = Note.create(title=title)
        return NoteValue(note.id, note.title, note.created_at)

    def list(self) -> list[NoteValue]:
        notes = Note.select().order_by(Note.created_at, Note.id)
        return [NoteValue(note.id, note.title, note.created_at) for note in notes]


@hookimpl
def register_schema(schema: Schema) -> None:
    schema.add(Note, repository=NoteRepository)


@hookimpl
def migrate(migrations: Migrations) -> None:
    @migrations.step("0001_initial")
    def initial(op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField(), created_at=TimestampField(default=now))
