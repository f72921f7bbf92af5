"""The plugin's tables. Private: other plugins and programs use `ChatRepository`."""

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
    now,
)

from .kinds import Role, State

MAX_TITLE = 500  # characters: a title stands on one line of a list


class Conversation(Model):
    """One conversation; at most one is active."""

    id = IdField()
    title = TextField(max_length=MAX_TITLE, default="")
    created_at = TimestampField(default=now)
    updated_at = TimestampField(default=now)
    archived = BooleanField(default=False)
    pinned = BooleanField(default=False)
    active = BooleanField(default=False)

    class Meta:
        constraints = (Check("NOT (active AND archived)", name="active_is_not_archived"),)
        indexes = (
            Index("active", unique=True, where="active"),
            Index("archived", "pinned", "updated_at", "id"),
            Index("created_at", "id"),
        )


class Interaction(Model):
    """One turn of a conversation.

    `position` orders those of one time that the original app wrote, whose ids say nothing; all others have 0.
    """

    id = IdField()
    conversation = ForeignKeyField(Conversation, on_delete="CASCADE", index=False)
    state = EnumField(State, default=State.RUNNING)
    provider = TextField(null=True)
    model = TextField(null=True)
    created_at = TimestampField(default=now)
    position = IntegerField(default=0)

    class Meta:
        indexes = (
            # Unique, which the id makes it anyway: SQLite then knows that it orders the messages of a join, too.
            Index("conversation", "created_at", "position", "id", unique=True),
            Index("created_at", "position", "id"),
        )


class Message(Model):
    """One message. Which conversation it is in, its interaction says; `position` is as in an interaction."""

    id = IdField()
    interaction = ForeignKeyField(Interaction, on_delete="CASCADE", index=False)
    role = EnumField(Role)
    content = TextField()
    provider = TextField(null=True)
    aborted = BooleanField(default=False)
    debug = BooleanField(default=False)
    metadata = JsonField(null=True)
    created_at = TimestampField(default=now)
    position = IntegerField(default=0)

    class Meta:
        without_rowid = True
        indexes = (Index("interaction", "created_at", "position", "id"),)
        search = Search("content")
