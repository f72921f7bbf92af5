"""The command `stina memories`. Importing it loads no database code, so help stays quick."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from stina_core.cli import confirm, emit, emit_rows, pass_store, yes_option

from .arguments import CLEARED, expiry, given_text, json_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from stina_core import Actor, Store

    from .values import AddedMemory, FoundMemory, MemoryValue

_COLUMNS = ("id", "title", "tags", "expires_at", "updated_at")
_ACTORS = click.Choice(["user", "assistant", "tool", "plugin"])

_all_option = click.option("--all", "every", is_flag=True, help="Also those that have expired.")


def _details(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `add` and `edit` have in common."""
    options = (
        click.option("--metadata", metavar="JSON", help="Anything else about it, as JSON."),
        click.option("--source", metavar="TEXT", help="Where it comes from."),
        click.option("--tag", "tags", metavar="TEXT", multiple=True, help="May be given several times."),
        click.option("--expires", metavar="TIME", help="ISO 8601; a date is that whole day. No zone is local time."),
        click.option("--conversation", metavar="ID", help="The conversation it comes from."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def memories() -> None:
    """What the assistant is to remember."""


@memories.command("add")
@click.argument("title")
@click.argument("content")
@_details
@click.option("--actor", type=_ACTORS, default="user", show_default=True, help="Who wants it remembered.")
@pass_store
def add_memory(
    store: Store,
    title: str,
    content: str,
    metadata: str | None,
    source: str | None,
    tags: tuple[str, ...],
    expires: str | None,
    conversation: str | None,
    actor: Actor,
) -> None:
    """Remember CONTENT under TITLE, and say which memories are almost the same.

    "-" reads CONTENT from standard input, without its last line end. What begins
    with a dash needs "--" before it.
    """
    from . import MemoryRepository

    added = store[MemoryRepository].add(
        title,
        given_text(content),
        metadata=None if metadata is None else json_value(metadata),
        source=source,
        tags=tags,
        expires_at=None if expires is None else expiry(expires),
        actor=actor,
        conversation_id=conversation,
    )
    emit(_added(added), _added_text(added))


@memories.command("list")
@_all_option
@click.option("--limit", type=click.IntRange(1, 1_000_000), metavar="N", help="The newest N only.")
@pass_store
def list_memories(store: Store, every: bool, limit: int | None) -> None:
    """List the memories that have not expired, newest first."""
    from . import MemoryRepository

    emit_rows(store[MemoryRepository].list(limit=limit, include_expired=every), _COLUMNS)


@memories.command("show")
@click.argument("id")
@pass_store
def show_memory(store: Store, id: str) -> None:
    """Print the memory ID."""
    from . import MemoryRepository

    _emit(store[MemoryRepository].get(id))


@memories.command("search")
@click.argument("text")
@click.option("--ranked", is_flag=True, help="The best first; otherwise the newest.")
@_all_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, metavar="N")
@pass_store
def search_memories(store: Store, text: str, ranked: bool, every: bool, limit: int) -> None:
    """List the memories with the words of TEXT in title or content.

    All words must be there; "a phrase", -without, OR and begin* work as in web search.
    """
    from . import MemoryRepository

    repository = store[MemoryRepository]
    search = repository.search_ranked if ranked else repository.search
    found = search(text, limit=limit, include_expired=every)
    emit_rows([_found(one) for one in found], ("id", "title", "snippet"), show={"snippet": _excerpt})


@memories.command("edit")
@click.argument("id")
@click.option("--title", metavar="TEXT")
@click.option(
    "--content", metavar="TEXT", help='"-" reads it from standard input, without its last line end.'
)
@_details
@click.option("--actor", type=_ACTORS, help="Who wants it remembered.")
@click.option(
    "--clear", type=click.Choice(list(CLEARED)), multiple=True, help="Take it away; may be repeated."
)
@pass_store
def edit_memory(
    store: Store,
    id: str,
    title: str | None,
    content: str | None,
    metadata: str | None,
    source: str | None,
    tags: tuple[str, ...],
    expires: str | None,
    conversation: str | None,
    actor: Actor | None,
    clear: tuple[str, ...],
) -> None:
    """Change what the options say of the memory ID, and print it.

    --tag replaces all tags. What no option names stays as it is.
    """
    from . import MemoryRepository

    given: dict[str, Any] = {
        "title": title,
        "content": None if content is None else given_text(content),
        "metadata": None if metadata is None else json_value(metadata),
        "source": source,
        "tags": tags or None,
        "expires_at": None if expires is None else expiry(expires),
        "conversation_id": conversation,
        "actor": actor,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    for name in clear:
        if CLEARED[name] in changes:
            raise click.UsageError(f"--{name.removesuffix('s')} and --clear {name} do not go together.")
        changes[CLEARED[name]] = None
    _emit(store[MemoryRepository].update(id, **changes))


@memories.command("delete")
@click.argument("id", required=False)
@click.option("--expired", is_flag=True, help="All that have expired, instead of one.")
@yes_option
@pass_store
def delete_memory(store: Store, id: str | None, expired: bool, yes: bool) -> None:
    """Delete the memory ID."""
    from stina_core import NotFoundError

    from . import MemoryRepository

    if (id is None) is not expired:
        raise click.UsageError("Give an ID or --expired.")
    if id is None:
        confirm("Delete all memories that have expired?", yes)
        count = store[MemoryRepository].delete_expired()
        emit({"deleted": count}, f"{count} expired {'memory is' if count == 1 else 'memories are'} deleted")
        return
    if not store[MemoryRepository].has(id):
        raise NotFoundError("memories_memory", id)
    confirm(f"Delete the memory {id}?", yes)
    store[MemoryRepository].delete(id)
    emit({"id": id, "deleted": True}, f"{id} is deleted")


def _emit(memory: MemoryValue) -> None:
    facts = {
        "id": memory.id,
        "tags": ", ".join(memory.tags) or None,
        "expires": _time(memory.expires_at),
        "source": memory.source,
        "metadata": None if memory.metadata is None else json.dumps(memory.metadata, ensure_ascii=False),
        "by": memory.actor,
        "conversation": memory.conversation_id,
        "created": _time(memory.created_at),
        "updated": _time(memory.updated_at),
    }
    lines = [f"{name}: {value}" for name, value in facts.items() if value is not None]
    emit(memory, "\n".join([memory.title, *lines, "", memory.content]))


def _time(moment: datetime | None) -> str | None:
    """Return *moment* as tables write it."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _added(added: AddedMemory) -> dict[str, object]:
    similar = [
        {"id": one.memory.id, "title": one.memory.title, "similarity": round(one.similarity, 3)}
        for one in added.similar
    ]
    return {**_whole(added.memory), "similar": similar}


def _added_text(added: AddedMemory) -> str:
    lines = [f"{added.memory.id} {added.memory.title}"]
    lines += [f"{one.similarity:.0%} like {one.memory.id} {one.memory.title}" for one in added.similar]
    return "\n".join(lines)


def _found(found: FoundMemory) -> dict[str, object]:
    snippet = {"text": found.snippet.text, "highlights": found.snippet.highlights}
    return {**_whole(found.memory), "snippet": snippet}


def _excerpt(snippet: dict[str, str]) -> str:
    return snippet["text"]


def _whole(memory: MemoryValue) -> dict[str, object]:
    from dataclasses import fields

    return {field.name: getattr(memory, field.name) for field in fields(memory)}
