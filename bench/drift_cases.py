"""33 files that differ in one thing each from what models want, or only in how they are written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from stina_core import (
    Check,
    CompositeKey,
    EnumField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    Model,
    Schema,
    Search,
    TextField,
    new_id,
)
from stina_core.backends.sqlite.ddl_text import schema_sql
from stina_core.catalog import Table
from stina_core.migrations.drift import Kind


class Folder(Model):
    id = IdField()
    name = TextField(unique=True, collation="NOCASE")


class Note(Model):
    id = IdField()
    title = TextField(max_length=200)
    body = TextField(null=True)
    status = EnumField(["open", "done"], default="open")
    rank = IntegerField(default=0)
    folder = ForeignKeyField(Folder, on_delete="CASCADE")

    class Meta:
        constraints = (Check("rank >= 0 AND (rank < 9 OR title <> '')", name="rank_allowed"),)
        indexes = (
            Index("title", "rank"),
            Index("rank", where="status = 'open'", name="open"),
            Index("lower(title)", name="lower_title"),
        )
        search = Search("title", "body")


def _tag(default: Callable[[], str] | None = None) -> type[Model]:
    class Tag(Model):
        note = ForeignKeyField(Note, on_delete="CASCADE")
        label = TextField(default=default)

        class Meta:
            primary_key = CompositeKey("note", "label")
            without_rowid = True

    return Tag


Tag, TagWithPythonDefault = _tag(), _tag(default=new_id)

Found = tuple[Kind, str, str]
"""A difference without its details: its kind, what is different, and its name."""


@dataclass(frozen=True)
class Case:
    """A file, and what is to be said of it.

    Attributes:
        differences: Neither more nor less than this is right.
        edits: Texts that stand once in the DDL of `Folder`, `Note` and `Tag`, and what the file has instead.
        after: SQL run in the file when everything is made.
        ddl: The whole DDL, where it is not that of the models.
        tag: The model of the third table.
    """

    name: str
    differences: tuple[Found, ...] = ()
    edits: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()
    ddl: tuple[str, ...] = ()
    tag: type[Model] = Tag

    def tables(self) -> list[Table]:
        """What the models want."""
        schema = Schema("notes")
        schema.add(Folder, Note, self.tag)
        return schema.tables

    def make(self, path: Path) -> None:
        """Write the file.

        Raises:
            ValueError: a text to edit is not there exactly once.
        """
        with closing(apsw.Connection(str(path))) as connection, connection:
            for statement in (*(self.ddl or self._edited()), *self.after):
                connection.execute(statement).fetchall()

    def _edited(self) -> list[str]:
        statements = [made[-1] for table in self.tables() for made in schema_sql(table)]
        for old, new in self.edits:
            (place,) = [place for place, one in enumerate(statements) for _ in range(one.count(old))]
            statements[place] = statements[place].replace(old, new)
        return statements


_COMMENT = """ /* it's "(", ' -- */ -- ), it's " (\n\t"""

_BY_HAND = (
    """create table [notes_folder] (
      `id` text not null , [name] text collate "nocase" not null , primary key ( 'id' ) ) strict""",
    "create unique index `notes_folder__name` on [notes_folder] ( [name] asc )",
    """create table notes_note (
      rank integer constraint [whatever,(] default ( ( 0 ) ) not null ,
      id text not null ,
      `title` text constraint `length` check ( ( ( LENGTH ( [title] ) <= 200 ) ) ) not null ,
      [body] text null ,
      'status' text not null check ( ( `status` in ( 'open' , 'done' ) ) ) default ( 'open' ) ,
      folder_id text references [notes_folder] ( `id` ) on update no action on delete cascade not null ,
      check ( ( `rank` >= 0 and ( [rank] < 9 or "title" <> '' ) ) )
      constraint `key` primary key ( [id] ) ) STRICT""",
    "create index [notes_note__folder_id] on `notes_note` ( folder_id )",
    'create index notes_note__title_rank on "notes_note" ( `title` asc , [rank] )',
    "create index `notes_note__open` on notes_note ( [rank] ) where [status] == 'open'",
    "create index [notes_note__lower_title] on [notes_note] ( LOWER ( `title` ) )",
    """create table `notes_tag` (
      label text not null , note_id text not null references `notes_note` on delete cascade ,
      primary key ( [note_id] , `label` ) ) without rowid , strict""",
    'create index if not exists "notes_tag__note_id" on [notes_tag] ( `note_id` )',
)
_COMMENTED = tuple(_COMMENT.join(statement.split()) for statement in _BY_HAND)
_SEARCH = (
    "create virtual table if not exists [notes_note_search] using FTS5 "
    "( title,\n`body`,\ttokenize='unicode61 remove_diacritics 2')"  # FTS5 does not take comments
)

_REFERENCE = '"folder_id" TEXT NOT NULL REFERENCES "notes_folder" ("id") ON DELETE CASCADE,'
_SAME_REFERENCE = (
    "FOREIGN KEY ([folder_id]) REFERENCES notes_folder MATCH SIMPLE ON UPDATE NO ACTION ON DELETE CASCADE "
    "NOT DEFERRABLE"
)
_RANK_CHECK = "rank >= 0 AND (rank < 9 OR title <> '')"
_STATUS_CHECK = """ CONSTRAINT "status_enum" CHECK ("status" IN ('open', 'done'))"""


def _column(kind: Kind, name: str) -> Found:
    return (kind, "column", name)


def _rule(what: str, table: str = "notes_note") -> Found:
    return (Kind.DIFFERENT, what, table)


_MISSING, _DIFFERENT, _EXTRA = Kind

CASES = (
    Case("no change"),
    Case("same with other quoting, spacing, comments", ddl=(*_COMMENTED, _SEARCH)),
    Case("python default only", tag=TagWithPythonDefault),
    Case(
        "new table",
        ((_MISSING, "table", "notes_tag"),),
        after=("DROP TABLE notes_tag",),
    ),
    Case(
        "type changed",
        (_column(_DIFFERENT, "notes_note.rank"),),
        edits=(('"rank" INTEGER', '"rank" REAL'),),
    ),
    Case("length changed", (_rule("check"), _rule("check")), edits=(("<= 200", "<= 100"),)),
    Case(
        "NOT NULL to NULL",
        (_column(_DIFFERENT, "notes_note.body"),),
        edits=(('"body" TEXT', '"body" TEXT NOT NULL'),),
    ),
    Case("SQL default added", (_column(_DIFFERENT, "notes_note.rank"),), edits=((" DEFAULT 0", ""),)),
    Case("column CHECK", (_rule("check"),), edits=((_STATUS_CHECK, ""),)),
    Case(
        "table CHECK",
        (_rule("check"),),
        edits=((f',\n  CONSTRAINT "rank_allowed" CHECK ({_RANK_CHECK})', ""),),
    ),
    Case("CHECK changed", (_rule("check"), _rule("check")), edits=(("title <> ''", "title <> ' '"),)),
    Case(
        "table UNIQUE",
        (_rule("unique"),),
        edits=(('PRIMARY KEY ("id"),', 'PRIMARY KEY ("id"),\n  UNIQUE ("title", "rank"),'),),
    ),
    Case(
        "unique column",
        ((_DIFFERENT, "index", "notes_folder__name"),),
        edits=(("CREATE UNIQUE INDEX", "CREATE INDEX"),),
    ),
    Case(
        "index only in the file",
        ((_EXTRA, "index", "notes_note__body"),),
        after=("CREATE INDEX notes_note__body ON notes_note (body)",),
    ),
    Case(
        "renamed column",
        (_column(_MISSING, "notes_note.body"), _column(_EXTRA, "notes_note.content")),
        after=("ALTER TABLE notes_note RENAME COLUMN body TO content",),
    ),
    Case(
        "added",
        (_column(_MISSING, "notes_note.body"),),
        after=("ALTER TABLE notes_note DROP COLUMN body",),
    ),
    Case(
        "dropped",
        (_column(_EXTRA, "notes_note.mood"),),
        after=("ALTER TABLE notes_note ADD COLUMN mood TEXT",),
    ),
    Case(
        "generated column only in the file",
        (_column(_EXTRA, "notes_note.loud"),),
        after=("ALTER TABLE notes_note ADD COLUMN loud TEXT GENERATED ALWAYS AS (upper(title)) VIRTUAL",),
    ),
    Case(
        "same FK",
        edits=(
            (_REFERENCE, '"folder_id" TEXT NOT NULL,'),
            (f"CHECK ({_RANK_CHECK})", f"CHECK ({_RANK_CHECK}),\n  {_SAME_REFERENCE}"),
        ),
    ),
    Case("FK missing", (_rule("foreign key"),), edits=((_REFERENCE, '"folder_id" TEXT NOT NULL,'),)),
    Case(
        "ON DELETE changed",
        (_rule("foreign key"), _rule("foreign key")),
        edits=((_REFERENCE, _REFERENCE.replace("CASCADE", "RESTRICT")),),
    ),
    Case(
        "primary key changed",
        (_rule("primary key", "notes_folder"),),
        edits=(('COLLATE NOCASE,\n  PRIMARY KEY ("id")', 'COLLATE NOCASE,\n  PRIMARY KEY ("name")'),),
    ),
    Case(
        "composite key",
        (_rule("primary key", "notes_tag"),),
        edits=(('PRIMARY KEY ("note_id", "label")', 'PRIMARY KEY ("note_id")'),),
    ),
    Case(
        "partial index missing",
        ((_MISSING, "index", "notes_note__open"),),
        after=("DROP INDEX notes_note__open",),
    ),
    Case(
        "partial index with another WHERE",
        ((_DIFFERENT, "index", "notes_note__open"),),
        edits=(("WHERE status = 'open'", "WHERE status = 'done'"),),
    ),
    Case(
        "STRICT wanted",
        (_rule("STRICT", "notes_folder"),),
        edits=(
            ('COLLATE NOCASE,\n  PRIMARY KEY ("id")\n) STRICT', 'COLLATE NOCASE,\n  PRIMARY KEY ("id")\n)'),
        ),
    ),
    Case(
        "WITHOUT ROWID wanted",
        (_rule("WITHOUT ROWID", "notes_tag"),),
        edits=(("STRICT, WITHOUT ROWID", "STRICT"),),
    ),
    Case(
        "SQL index missing",
        ((_MISSING, "index", "notes_note__lower_title"),),
        after=("DROP INDEX notes_note__lower_title",),
    ),
    Case("COLLATE", (_column(_DIFFERENT, "notes_folder.name"),), edits=((" COLLATE NOCASE", ""),)),
    Case(
        "FTS table missing",
        ((_MISSING, "full-text index", "notes_note_search"),),
        after=("DROP TABLE notes_note_search",),
    ),
    Case(
        "extra table",
        ((_EXTRA, "table", "notes_old"),),
        after=("CREATE TABLE notes_old (id INTEGER PRIMARY KEY)",),
    ),
    Case(
        "trigger only in the file",
        ((_EXTRA, "trigger", "notes_note_loud"),),
        after=("CREATE TRIGGER notes_note_loud AFTER INSERT ON notes_note BEGIN SELECT 1; END",),
    ),
    Case(
        "view only in the file",
        ((_EXTRA, "view", "notes_titles"),),
        after=("CREATE VIEW notes_titles AS SELECT title FROM notes_note",),
    ),
)
