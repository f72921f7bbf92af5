"""The plugin's tables. Private: other plugins and programs use the repositories."""

from __future__ import annotations

from stina_core import (
    BooleanField,
    Check,
    EnumField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    JsonField,
    Model,
    Search,
    TextField,
    TimestampField,
    new_id,
    now,
)

from .kinds import TodoStatus

MAX_TITLE = 500


class Project(Model):
    """What todos belong to; the table `todos_project`. `name_key` is the name as names are compared."""

    id = IdField()
    name = TextField(max_length=MAX_TITLE)
    name_key = TextField(unique=True)
    description = TextField(default="")
    archived_at = TimestampField(null=True)
    created_at = TimestampField(default=now)
    updated_at = TimestampField(default=now)

    class Meta:
        constraints = (Check("name <> ''", name="name_not_empty"),)


class Todo(Model):
    """One todo; the table `todos_todo`.

    Derived from other columns, so that an index can serve them: `title_key`, the title
    as titles are compared, and `due_by`, the end of what it is due at. `due_by` is in the
    year 9999 where it is due at nothing, so that those come last. `clock_time` is the time
    of day a repeated todo has where the clocks skipped it and `due_at` had to give way.
    """

    id = IdField()
    title = TextField(max_length=MAX_TITLE)
    title_key = TextField()
    description = TextField(default="")
    status = EnumField(TodoStatus, default=TodoStatus.NOT_STARTED)
    due_at = TimestampField(null=True)
    due_date = TextField(null=True)
    due_by = TimestampField()
    time_zone = TextField(null=True)
    clock_time = TextField(null=True)
    priority = IntegerField(default=0)
    tags = JsonField(default=[])
    project = ForeignKeyField(Project, null=True, on_delete="SET NULL", index=False)
    remind_at = TimestampField(null=True)
    reminded_at = TimestampField(null=True)
    recurrence = TextField(null=True, max_length=500)
    series = TextField(null=True)
    follows = TextField(null=True)
    position = TextField(default=new_id, unique=True)
    metadata = JsonField(null=True)
    source = TextField(null=True)
    icon = TextField(null=True)
    created_at = TimestampField(default=now)
    updated_at = TimestampField(default=now)
    completed_at = TimestampField(null=True)

    class Meta:
        constraints = (
            Check("title <> ''", name="title_not_empty"),
            Check("due_at IS NULL OR due_date IS NULL", name="one_due"),
            Check("due_date IS date(due_date)", name="due_date_is_day"),
            Check("priority BETWEEN 0 AND 4", name="priority_known"),
            Check("json_type(tags) = 'array'", name="tags_list"),
            Check(
                "recurrence IS NULL OR due_at IS NOT NULL OR due_date IS NOT NULL", name="repeats_from_due"
            ),
        )
        indexes = (
            Index("status", "due_by", "created_at", "id"),
            Index("status", "position"),
            Index("project", "status", "due_by", "created_at", "id"),
            Index("project", "status", "position"),
            Index("status", "remind_at", where="remind_at IS NOT NULL AND reminded_at IS NULL"),
            Index("title_key", "updated_at", "id"),
            Index("series", "due_by", "id", where="series IS NOT NULL"),
            Index("follows", where="follows IS NOT NULL"),
        )
        search = Search("title", "description")


class Comment(Model):
    """One comment on a todo; the table `todos_comment`."""

    id = IdField()
    todo = ForeignKeyField(Todo, on_delete="CASCADE", index=False)
    content = TextField()
    created_at = TimestampField(default=now)

    class Meta:
        constraints = (Check("content <> ''", name="content_not_empty"),)
        indexes = (Index("todo", "created_at", "id"),)


class Step(Model):
    """One step of a todo; the table `todos_step`."""

    id = IdField()
    todo = ForeignKeyField(Todo, on_delete="CASCADE", index=False)
    title = TextField(max_length=MAX_TITLE)
    done = BooleanField(default=False)
    position = IntegerField(default=0)
    completed_at = TimestampField(null=True)
    created_at = TimestampField(default=now)
    updated_at = TimestampField(default=now)

    class Meta:
        constraints = (Check("title <> ''", name="title_not_empty"),)
        indexes = (Index("todo", "position", "id"), Index("todo", "done"))
