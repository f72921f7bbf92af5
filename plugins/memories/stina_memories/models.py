"""The plugin's table. Private: other plugins and programs use `MemoryRepository`."""

from __future__ import annotations

from stina_core import Check, EnumField, IdField, Index, JsonField, Model, Search, TextField, TimestampField


class Memory(Model):
    """One memory; the table `memories_memory`.

    `digest` is that of the content in its normal form (`texts.digest()`); whoever writes
    `content` writes it too. `conversation_id` is no foreign key: chat is another plugin.
    """

    id = IdField()
    title = TextField(max_length=500)
    content = TextField()
    metadata = JsonField(null=True)
    source = TextField(null=True)
    tags = JsonField(default=[])
    expires_at = TimestampField(null=True)
    actor = EnumField(["user", "assistant", "tool", "plugin"], null=True)
    conversation_id = TextField(null=True)
    digest = TextField()
    created_at = TimestampField()
    updated_at = TimestampField()

    class Meta:
        constraints = (
            Check("title <> ''", name="title_not_empty"),
            Check("content <> ''", name="content_not_empty"),
        )
        indexes = (
            Index("created_at", "id", "expires_at"),  # which are left out is seen without their rows
            Index("digest", "created_at", "id"),
            Index("expires_at", "id", where="expires_at IS NOT NULL"),
        )
        search = Search("title", "content")
