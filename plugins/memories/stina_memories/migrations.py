"""The plugin's steps. Append only: a step that was released is never edited."""

from __future__ import annotations

from stina_core import Check, EnumField, IdField, Index, JsonField, Operations, TextField, TimestampField


def initial(op: Operations) -> None:
    op.create_table(
        "memory",
        Check("title <> ''", name="title_not_empty"),
        Check("content <> ''", name="content_not_empty"),
        Index("created_at", "id", "expires_at"),
        Index("digest", "created_at", "id"),
        Index("expires_at", "id", where="expires_at IS NOT NULL"),
        id=IdField(),
        title=TextField(max_length=500),
        content=TextField(),
        metadata=JsonField(null=True),
        source=TextField(null=True),
        tags=JsonField(default=[]),
        expires_at=TimestampField(null=True),
        actor=EnumField(["user", "assistant", "tool", "plugin"], null=True),
        conversation_id=TextField(null=True),
        digest=TextField(),
        created_at=TimestampField(),
        updated_at=TimestampField(),
    )
    op.create_search("memory", "title", "content")


def adopt(op: Operations) -> None:
    """Take over the memories of the original app; `adoption.py` says how."""
    from .adoption import adopt  # few starts need it

    adopt(op)
