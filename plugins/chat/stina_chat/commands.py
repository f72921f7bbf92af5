"""The command `stina chats`. Importing it loads no database code, so help stays quick."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from stina_core.cli import confirm, emit, emit_rows, pass_store, yes_option

if TYPE_CHECKING:
    from stina_core import Snippet, Store

    from .values import ConversationValue, ExportedMessage, MessageValue, WholeInteraction

_MAX_INPUT = 64 << 20  # bytes of a message that is read from standard input
_MAX_ECHO = 200  # characters of what was appended
_ROLES = ("user", "assistant", "instructions", "info", "tool", "debug", "error")

_limit = click.IntRange(1, 1000)


@click.group()
def chats() -> None:
    """Conversations, and what was said in them."""


@chats.command("list")
@click.option("--archived", is_flag=True, help="Those that are archived instead.")
@click.option("--limit", type=_limit, default=50, show_default=True, metavar="N", help="How many at most.")
@click.option("--before", metavar="TOKEN", help="The next ones: what was said on stderr the last time.")
@pass_store
def list_conversations(store: Store, archived: bool, limit: int, before: str | None) -> None:
    """List conversations: pinned ones first, then those in which something was last said.

    Where there are more, stderr says how to go on.
    """
    from . import ConversationRepository

    page = store[ConversationRepository].page(archived=archived, before=before, limit=limit)
    emit_rows(page.conversations, ("id", "title", "active", "pinned", "updated_at"), show={
        "title": _title, "active": _mark, "pinned": _mark,
    })  # fmt: skip
    if page.before is not None:
        click.echo(f"(more: --before {page.before})", err=True)


@chats.command("show")
@click.argument("conversation", required=False)
@click.option(
    "--limit", type=_limit, default=30, show_default=True, metavar="N", help="Interactions at most."
)
@click.option("--before", metavar="TOKEN", help="Older ones: what was printed as `before` the last time.")
@pass_store
def show_conversation(store: Store, conversation: str | None, limit: int, before: str | None) -> None:
    """Print what was last said in CONVERSATION, an id; without one in the current conversation.

    With --json it is one conversation as `export` prints it, with the interactions of
    this page, and `before`, which is null where there are no older ones.
    """
    from . import ChatRepository, ConversationRepository
    from .reading import nested

    conversations = store[ConversationRepository]
    found = conversations.current() if conversation is None else conversations.get(conversation)
    page = store[ChatRepository].page(found.id, before=before, limit=limit)
    document = nested(found, page.interactions)
    lines = [_heading(found), *(line for one in page.interactions for line in _lines(one))]
    if page.before is not None:
        lines.append(f"(older: --before {page.before})")
    from dataclasses import fields

    facts = {field.name: getattr(document, field.name) for field in fields(document)}
    emit({**facts, "before": page.before}, "\n".join(lines))


@chats.command("new")
@click.argument("title", default="")
@pass_store
def new_conversation(store: Store, title: str) -> None:
    """Start a conversation, which becomes the current one for every program."""
    from . import ConversationRepository

    _emit_conversation(store[ConversationRepository].start(title))


@chats.command("use")
@click.argument("conversation")
@pass_store
def use_conversation(store: Store, conversation: str) -> None:
    """Make CONVERSATION, an id, the current one for every program."""
    from . import ConversationRepository

    _emit_conversation(store[ConversationRepository].switch(conversation))


@chats.command("rename")
@click.argument("conversation")
@click.argument("title")
@pass_store
def rename_conversation(store: Store, conversation: str, title: str) -> None:
    """Give CONVERSATION, an id, another title; an empty one makes it untitled."""
    from . import ConversationRepository

    _emit_conversation(store[ConversationRepository].rename(conversation, title))


@chats.command("archive")
@click.argument("conversation")
@click.option("--undo", is_flag=True, help="Take it back from the archive.")
@pass_store
def archive_conversation(store: Store, conversation: str, undo: bool) -> None:
    """Put CONVERSATION, an id, away; nothing in it is deleted."""
    from . import ConversationRepository

    _emit_conversation(store[ConversationRepository].archive(conversation, not undo))


@chats.command("pin")
@click.argument("conversation")
@click.option("--undo", is_flag=True, help="Let it be one among the others again.")
@pass_store
def pin_conversation(store: Store, conversation: str, undo: bool) -> None:
    """Let CONVERSATION, an id, come first in lists."""
    from . import ConversationRepository

    _emit_conversation(store[ConversationRepository].pin(conversation, not undo))


@chats.command("append")
@click.argument("text")
@click.option("--to", "conversation", metavar="ID", help="The conversation. [default: the current one]")
@click.option("--interaction", metavar="ID", help="The interaction. [default: a new one]")
@click.option(
    "--role", type=click.Choice(_ROLES), default="user", show_default=True, help="Whose words it is."
)
@pass_store
def append_message(
    store: Store, text: str, conversation: str | None, interaction: str | None, role: str
) -> None:
    """Append TEXT to a conversation. "-" reads it from standard input, its last line end included."""
    from stina_core import InvalidValueError

    from . import ChatRepository
    from .reading import exported_message

    content = _standard_input() if text == "-" else text
    if not content.strip():
        raise InvalidValueError("text", "there is no text; say something")
    message = store[ChatRepository].append_message(
        role, content, conversation_id=conversation, interaction_id=interaction
    )
    emit(exported_message(message), f"{message.role}: {_shortened(message.content)}")


@chats.command("search")
@click.argument("text")
@click.option("--limit", type=_limit, default=20, show_default=True, metavar="N", help="How many at most.")
@click.option("--before", type=int, metavar="PLACE", help="Older ones: the `place` of the last one printed.")
@click.option("--ranked", is_flag=True, help="The best first instead of the newest.")
@pass_store
def search_messages(store: Store, text: str, limit: int, before: int | None, ranked: bool) -> None:
    """Search all messages: words, "a phrase", -without, OR, begin*."""
    from . import ChatRepository
    from .reading import exported_message

    if ranked and before is not None:
        raise click.UsageError("--before goes on in a list by age; it cannot stand with --ranked.")
    chat = store[ChatRepository]
    hits = chat.ranked(text, limit=limit) if ranked else chat.search(text, limit=limit, before=before)
    rows = [
        {
            "conversation_id": hit.conversation_id,
            "title": hit.conversation_title,
            "message": exported_message(hit.message),
            "snippet": hit.snippet,
            "place": hit.place,
        }
        for hit in hits
    ]
    emit_rows(
        rows,
        ("conversation_id", "title", "message", "snippet", "place"),
        show={"title": _title, "message": _said_by, "snippet": _marked},
    )


@chats.command("export")
@click.argument("conversation", required=False)
@pass_store
def export_conversations(store: Store, conversation: str | None) -> None:
    """Print all conversations, or CONVERSATION, with everything in them, as JSON in the order of time."""
    from . import ConversationRepository

    emit(store[ConversationRepository].export(conversation))


@chats.command("delete")
@click.argument("conversation")
@yes_option
@pass_store
def delete_conversation(store: Store, conversation: str, yes: bool) -> None:
    """Delete CONVERSATION, an id, with everything in it."""
    from . import ChatRepository, ConversationRepository

    conversations = store[ConversationRepository]
    found = conversations.get(conversation)
    count = store[ChatRepository].count_messages(found.id)
    confirm(f"Delete {_heading(found)} with its {count:,} message{'' if count == 1 else 's'}?", yes)
    conversations.delete(found.id)
    emit({"id": found.id, "deleted": True}, f"{_heading(found)} is deleted")


def _emit_conversation(one: ConversationValue) -> None:
    emit(one, _heading(one))


def _heading(one: ConversationValue) -> str:
    words = [one.id, _title(one.title)]
    words += [f"[{name}]" for name in ("active", "archived", "pinned") if getattr(one, name)]
    return " ".join(words)


def _lines(one: WholeInteraction) -> list[str]:
    lines = [_line(message) for message in one.messages if not message.debug]
    return lines if one.interaction.state == "complete" else [*lines, f"({one.interaction.state})"]


def _line(message: MessageValue) -> str:
    return f"{message.role}: {message.content}{' …' if message.aborted else ''}"


def _title(title: str) -> str:
    return title or "(untitled)"


def _mark(value: bool) -> str:
    return "yes" if value else ""


def _said_by(message: ExportedMessage) -> str:
    return message.role


def _marked(snippet: Snippet) -> str:
    return "".join(f"[{text}]" if hit else text for text, hit in snippet.parts())


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_ECHO else f"{text[:_MAX_ECHO]}… ({len(text):,} characters)"


def _standard_input() -> str:
    data = sys.stdin.buffer.read(_MAX_INPUT + 1)
    if len(data) > _MAX_INPUT:
        raise click.UsageError(f"Standard input is longer than {_MAX_INPUT:,} bytes.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"Standard input is not UTF-8 text (byte {error.start}).") from None
