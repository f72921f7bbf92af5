from dataclasses import dataclass
from datetime import datetime

from peewee import BaseQuery
from stina_core import IdField, Migrations, Model, Operations, Repository, Schema
from stina_core import TextField, TimestampField, hookimpl, now, query, returning


class Note(Model):
    id = IdField()
    title = TextField()
    created_at = TimestampField(default=now)


@dataclass(frozen=True, slots=True)
class NoteValue:
    id: str
    title: str
    created_at: datetime


@query(NoteValue)
def every_note() -> BaseQuery:
    return Note.select().order_by(Note.created_at, Note.id)


@returning(NoteValue)
def new_note(title: str) -> BaseQuery:
    return Note.insert(title=title).returning(Note)


class NoteRepository(Repository):
    def add(self, title: str) -> NoteValue:
        (note,) = new_note(title)
        return note

    def list(self) -> list[NoteValue]:
        return every_note.list()


@hookimpl
def register_schema(schema: Schema) -> None:
    schema.add(Note, repository=NoteRepository)


@hookimpl
def migrate(migrations: Migrations) -> None:
    @migrations.step("0001_initial")
    def initial(op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField(), created_at=TimestampField(default=now))
