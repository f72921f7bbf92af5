"""Reads and writes of the memories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stina_core import Repository, new_id, now

from . import finding, queries, similar
from .drafts import Draft, kept
from .models import Memory
from .rules import (
    after_of,
    content_of,
    counted_at,
    hit_place_of,
    horizon_of,
    limit_of,
    moment_of,
    tags_of,
    title_of,
    wanted_of,
)
from .searching import newest, ranked
from .texts import digest
from .values import KEEP, AddedMemory, Keep

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable
    from datetime import datetime

    from stina_core import Actor, JsonLike

    from .values import FoundMemory, MemoryPlace, MemoryValue, SimilarMemory


NO_LIMIT = -1
"""A LIMIT of SQL that is none."""


class MemoryRepository(Repository):
    """What the assistant is to remember, shared by every program that has the store open.

    Semantics:
        - A title has 1 to 500 characters once the white space around it is off. A content
          is kept exactly, and has something else than white space. A tag has 1 to 100
          characters, and is there once. What is no such thing raises InvalidValueError
          that names it, and nothing is written.
        - A memory expires at its `expires_at`. From then on lists and searches leave it
          out, unless they are asked not to. Nothing is deleted but by `delete` and
          `delete_expired`.
        - Newest first is by `created_at`, then by id.
        - Each write is one transaction, or a part of the one around it, and is told once
          it is committed: `add` as an insert of its id, `update` as an update where it
          changes something, `delete` and `delete_expired` as a delete of each id.
          Nothing else is told; that a memory expires changes no row.

    Wherever a moment *at* can be given, it is the present one if it is not.
    """

    def get(self, id: str) -> MemoryValue:
        """Return the memory *id*, also an expired one; NotFoundError if there is none."""
        return queries.by_id.get(id)

    def find(self, id: str) -> MemoryValue | None:
        """Return the memory *id*, also an expired one, or None."""
        return queries.by_id.find(id)

    def has(self, id: str) -> bool:
        """Whether there is a memory *id*, also where what is stored of it cannot be read."""
        return queries.by_id.exists(id)

    def find_by_content(self, text: str) -> MemoryValue | None:
        """Return the memory that *text* means, also an expired one, or None.

        The newest whose content is *text* exactly; else the newest whose content is the
        same but for case, white space and the form of accents; else the newest whose
        content contains *text*, with the same liberty. No character is a wildcard.

        The last is the newest of all where a word of *text* after its first one has Latin
        letters or digits, and at most 2,000 memories have those words. Of other texts (one
        word or a part of it, say) it is the newest of the newest 10,000 memories; in older
        ones they are found at the beginning of words.

        Raises:
            InvalidValueError: *text* is blank.
        """
        wanted = wanted_of(text)
        form = digest(wanted)
        same = queries.with_content.find(form, wanted) or queries.with_digest.find(form, 1)
        if same is not None:
            return same
        id = finding.containing(self.full_text(Memory), wanted)
        return None if id is None else queries.by_id.find(id)

    def count(self, *, include_expired: bool = False, at: datetime | None = None) -> int:
        """Return how many memories `list()` with these arguments has."""
        return queries.page.count(*after_of(None), horizon_of(counted_at(at, include_expired)), NO_LIMIT)

    def add(
        self,
        title: str,
        content: str,
        *,
        metadata: JsonLike = None,
        source: str | None = None,
        tags: Iterable[str] | None = (),
        expires_at: datetime | None = None,
        actor: Actor | None = None,
        conversation_id: str | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        hint: bool = True,
    ) -> AddedMemory:
        """Store a new memory and return it, with those that say almost the same as a hint.

        It is stored whatever is similar to it, the very same content too: to ask somebody
        or to delete one of them is for the caller.

        Args:
            id, created_at, updated_at: For imports. Without them a new id, the present time,
                and the time it was made.
            hint: False leaves out looking for similar ones: for imports, and inside a large
                transaction, whose own rows each look would go through.

        Raises:
            ConstraintError: there is a memory with this *id*.
        """
        moment = now()
        draft = Draft(
            title_of(title),
            content_of(content),
            metadata,
            source,
            tags_of(tags),
            expires_at,
            actor,
            conversation_id,
        )
        made = moment if created_at is None else created_at
        alike = similar.hint(self.full_text(Memory), draft.content) if hint else ()
        (memory,) = queries.new(
            new_id() if id is None else id,
            draft.title,
            draft.content,
            draft.metadata,
            draft.source,
            draft.tags,
            draft.expires_at,
            draft.actor,
            draft.conversation_id,
            draft.digest,
            made,
            made if updated_at is None else updated_at,
        )
        return AddedMemory(memory, alike)

    def update(
        self,
        id: str,
        *,
        title: str | Keep = KEEP,
        content: str | Keep = KEEP,
        metadata: JsonLike | Keep = KEEP,
        source: str | Keep | None = KEEP,
        tags: Iterable[str] | Keep | None = KEEP,
        expires_at: datetime | Keep | None = KEEP,
        actor: Actor | Keep | None = KEEP,
        conversation_id: str | Keep | None = KEEP,
        updated_at: datetime | None = None,
    ) -> MemoryValue:
        """Change what is given of the memory *id*, and return it as it is then.

        What is left out, or `KEEP`, stays; None clears. Title and content cannot be cleared.
        If nothing becomes another, nothing is written and no time changes.

        Args:
            updated_at: When it was changed, for imports; without it the present time.

        Raises:
            NotFoundError: there is no such memory.
        """
        moment = now()
        new_title = title if isinstance(title, Keep) else title_of(title)
        new_content = content if isinstance(content, Keep) else content_of(content)
        new_tags = tags if isinstance(tags, Keep) else tags_of(tags)
        written_at = Memory.updated_at.db_value(updated_at)
        with self.transaction():
            old = queries.by_id.get(id)
            before = Draft.of(old)
            draft = Draft(
                kept(new_title, old.title),
                kept(new_content, old.content),
                kept(metadata, old.metadata),
                kept(source, old.source),
                kept(new_tags, before.tags),
                kept(expires_at, old.expires_at),
                kept(actor, old.actor),
                kept(conversation_id, old.conversation_id),
            )
            changed = draft.stored() != before.stored() or queries.digest_of.get(id) != draft.digest
            if not changed and written_at in (None, Memory.updated_at.db_value(old.updated_at)):
                return old
            (memory,) = queries.rewrite(
                id,
                draft.title,
                draft.content,
                draft.metadata,
                draft.source,
                draft.tags,
                draft.expires_at,
                draft.actor,
                draft.conversation_id,
                draft.digest,
                moment if updated_at is None else updated_at,
            )
        return memory

    def delete(self, id: str) -> bool:
        """Remove the memory *id* and return whether it was there."""
        return bool(queries.remove(id))

    def expired(self, at: datetime | None = None) -> builtins.list[MemoryValue]:
        """Return the memories that have expired, those first that did so first."""
        return queries.ended.list(moment_of(at))

    def delete_expired(self, at: datetime | None = None) -> int:
        """Remove the memories that have expired and return how many there were."""
        return queries.remove_ended(moment_of(at))

    def next_expiry(self, at: datetime | None = None) -> datetime | None:
        """Return when the next memory expires: a list that is shown is to be read anew then."""
        return queries.ends.find(moment_of(at))

    def similar(self, content: str) -> tuple[SimilarMemory, ...]:
        """Return at most three memories whose content is nearly *content*, expired ones too: most similar first.

        Nearly is a similarity of 0.9 and more, by letters up to 400 of them, by words
        in longer texts, of which the first 1,000 count. Case, white space and the form
        of accents do not. One of the same words is always found; others if the full-text
        index ranks them among the best dozen with a few words of *content* together.
        """
        return similar.near_duplicates(self.full_text(Memory), content_of(content))

    def search(
        self,
        text: str,
        *,
        limit: int = 20,
        before: int | None = None,
        include_expired: bool = False,
        at: datetime | None = None,
    ) -> builtins.list[FoundMemory]:
        """Return memories with these words in title or content, those last that were first indexed.

        *text* is what people type into a search box; see `FullTextIndex.newest()`.

        Args:
            before: The `place` of the last hit of the page before.
        """
        moment = counted_at(at, include_expired)
        return newest(self.full_text(Memory), text, limit_of(limit), hit_place_of(before), moment)

    def search_ranked(
        self, text: str, *, limit: int = 20, include_expired: bool = False, at: datetime | None = None
    ) -> builtins.list[FoundMemory]:
        """Return the memories that answer *text* best, best first; only the newest 2,000 hits are weighed."""
        return ranked(self.full_text(Memory), text, limit_of(limit), counted_at(at, include_expired))

    def list(
        self,
        *,
        limit: int | None = None,
        before: MemoryPlace | None = None,
        include_expired: bool = False,
        at: datetime | None = None,
    ) -> builtins.list[MemoryValue]:
        """Return memories, newest first: all that count, or a page of at most *limit*.

        Pages follow one another by place and not by number, so what is added or deleted
        meanwhile neither repeats nor hides any other.

        Args:
            before: The `place` of the last one of the page before; it may be gone by now.
        """
        moment = counted_at(at, include_expired)
        rows = NO_LIMIT if limit is None else limit_of(limit)
        return queries.page.list(*after_of(before), horizon_of(moment), rows)
