"""The plugin's steps. Append only: a step that was released is never edited."""

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
    Operations,
    TextField,
    TimestampField,
    new_id,
    now,
)


def initial(op: Operations) -> None:
    op.create_table(
        "project",
        Check("name <> ''", name="name_not_empty"),
        id=IdField(),
        name=TextField(max_length=500),
        name_key=TextField(unique=True),
        description=TextField(default=""),
        archived_at=TimestampField(null=True),
        created_at=TimestampField(default=now),
        updated_at=TimestampField(default=now),
    )
    op.create_table(
        "todo",
        Check("title <> ''", name="title_not_empty"),
        Check("due_at IS NULL OR due_date IS NULL", name="one_due"),
        Check("due_date IS date(due_date)", name="due_date_is_day"),
        Check("priority BETWEEN 0 AND 4", name="priority_known"),
        Check("json_type(tags) = 'array'", name="tags_list"),
        Check("recurrence IS NULL OR due_at IS NOT NULL OR due_date IS NOT NULL", name="repeats_from_due"),
        Index("status", "due_by", "created_at", "id"),
        Index("status", "position"),
        Index("project", "status", "due_by", "created_at", "id"),
        Index("project", "status", "position"),
        Index("status", "remind_at", where="remind_at IS NOT NULL AND reminded_at IS NULL"),
        Index("title_key", "updated_at", "id"),
        Index("series", "due_by", "id", where="series IS NOT NULL"),
        Index("follows", where="follows IS NOT NULL"),
        id=IdField(),
        title=TextField(max_length=500),
        title_key=TextField(),
        description=TextField(default=""),
        status=EnumField(["not_started", "in_progress", "completed", "cancelled"], default="not_started"),
        due_at=TimestampField(null=True),
        due_date=TextField(null=True),
        due_by=TimestampField(),
        time_zone=TextField(null=True),
        clock_time=TextField(null=True),
        priority=IntegerField(default=0),
        tags=JsonField(default=[]),
        project=ForeignKeyField("project", null=True, on_delete="SET NULL", index=False),
        remind_at=TimestampField(null=True),
        reminded_at=TimestampField(null=True),
        recurrence=TextField(null=True, max_length=500),
        series=TextField(null=True),
        follows=TextField(null=True),
        position=TextField(default=new_id, unique=True),
        metadata=JsonField(null=True),
        source=TextField(null=True),
        icon=TextField(null=True),
        created_at=TimestampField(default=now),
        updated_at=TimestampField(default=now),
        completed_at=TimestampField(null=True),
    )
    op.create_search("todo", "title", "description")
    op.create_table(
        "comment",
        Check("content <> ''", name="content_not_empty"),
        Index("todo", "created_at", "id"),
        id=IdField(),
        todo=ForeignKeyField("todo", on_delete="CASCADE", index=False),
        content=TextField(),
        created_at=TimestampField(default=now),
    )
    op.create_table(
        "step",
        Check("title <> ''", name="title_not_empty"),
        Index("todo", "position", "id"),
        Index("todo", "done"),
        id=IdField(),
        todo=ForeignKeyField("todo", on_delete="CASCADE", index=False),
        title=TextField(max_length=500),
        done=BooleanField(default=False),
        position=IntegerField(default=0),
        completed_at=TimestampField(null=True),
        created_at=TimestampField(default=now),
        updated_at=TimestampField(default=now),
    )


def adopt(op: Operations) -> None:
    """Take over the todos of the original app; `adoption.py` says how."""
    from .adoption import adopt  # few starts need it

    adopt(op)
