"""The plugin's steps. Append only: a step that was released, and what it calls in `adoption`, is never edited."""

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
    now,
)


def initial(op: Operations) -> None:
    op.create_table(
        "conversation",
        Check("NOT (active AND archived)", name="active_is_not_archived"),
        Index("active", unique=True, where="active"),
        Index("archived", "pinned", "updated_at", "id"),
        Index("created_at", "id"),
        id=IdField(),
        title=TextField(max_length=500, default=""),
        created_at=TimestampField(default=now),
        updated_at=TimestampField(default=now),
        archived=BooleanField(default=False),
        pinned=BooleanField(default=False),
        active=BooleanField(default=False),
    )
    op.create_table(
        "interaction",
        Index("conversation", "created_at", "position", "id", unique=True),
        Index("created_at", "position", "id"),
        id=IdField(),
        conversation=ForeignKeyField("conversation", on_delete="CASCADE", index=False),
        state=EnumField(["running", "complete", "aborted", "error", "interrupted"], default="running"),
        provider=TextField(null=True),
        model=TextField(null=True),
        created_at=TimestampField(default=now),
        position=IntegerField(default=0),
    )
    op.create_table(
        "message",
        Index("interaction", "created_at", "position", "id"),
        without_rowid=True,
        id=IdField(),
        interaction=ForeignKeyField("interaction", on_delete="CASCADE", index=False),
        role=EnumField(["user", "assistant", "instructions", "info", "tool", "debug", "error"]),
        content=TextField(),
        provider=TextField(null=True),
        aborted=BooleanField(default=False),
        debug=BooleanField(default=False),
        metadata=JsonField(null=True),
        created_at=TimestampField(default=now),
        position=IntegerField(default=0),
    )
    op.create_search("message", "content")


def adopt(op: Operations) -> None:
    """Take over what the original app wrote; its tables are dropped."""
    from .adoption import adopt  # a usual start has nothing to adopt

    adopt(op)
