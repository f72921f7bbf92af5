"""What the step `0002_adopt` does. Frozen: files were made by it, so it is never edited.

What it knows of titles, tags and digests is written out here and not taken from
the rest of the plugin, which goes on changing.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from stina_core import OldRow, Operations, SameColumns

Stored: TypeAlias = dict[str, str | int | None]

OLD = "memories"

_ALWAYS = ("id", "content", "metadata", "source", "created_at", "updated_at")
"""Columns the original's table had in every version."""

_SAME: SameColumns = {
    "title": "title",
    "content": "content",
    "metadata": "metadata",
    "source": "source",
    "tags": ("tags", lambda tags: "[]" if tags is None else tags),
    "valid_until": "expires_at",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""By old column, what has its value now; `title`, `tags` and `valid_until` came later."""

_BATCH = 2_000
_MAX_TITLE = 500
_MAX_MADE_TITLE = 80
_MAX_TAG = 100
_MAX_TAGS_BYTES = 1 << 20


def adopt(op: Operations) -> None:
    """Make a memory of each row of the original's table, which is dropped once all of them are found."""
    if not op.has_table(OLD, *_ALWAYS):
        return  # there is none, or it is another program's
    _Adoption(op).run()
    same = {column: new for column, new in _SAME.items() if op.has_table(OLD, column)}
    op.retire(OLD, into="memory", same=same)


class _Adoption:
    """The rows on their way.

    Those without any time wait for the end: they get the newest one of the table,
    which is the same whenever the same file is adopted.
    """

    def __init__(self, op: Operations) -> None:
        self._op = op
        self._batch: list[Stored] = []
        self._undated: list[Stored] = []
        self._newest: int | None = None

    def run(self) -> None:
        taken: set[str] = set()
        others: list[str] | None = None
        for row in self._op.old_rows(OLD):
            id = row.id()
            if others is None:  # the same for every row
                others = _unknown_columns(row)
            if id in taken:
                row.leave_out("another row has the same id")
                continue
            taken.add(id)
            self._take(row, memory_of(row, id))
            for column in others:
                if row.raw(column) is not None:
                    row.note(column, "a memory has no place for it")
        self._end()

    def _take(self, row: OldRow, memory: Stored) -> None:
        created, updated = _time(row, "created_at"), _time(row, "updated_at")
        if created is None and updated is None:
            self._undated.append(memory)
            return
        pair = [time for time in (created, updated) if time is not None]
        self._newest = max(pair if self._newest is None else [*pair, self._newest])
        self._put(memory, pair[0], pair[-1])

    def _put(self, memory: Stored, created: int, updated: int) -> None:
        self._batch.append({**memory, "created_at": created, "updated_at": updated})
        if len(self._batch) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._op.insert("memory", self._batch)
        self._batch.clear()

    def _end(self) -> None:
        for memory in self._undated:
            time = self._op.now if self._newest is None else self._newest
            self._put(memory, time, time)
        self._flush()


def memory_of(row: OldRow, id: str) -> Stored:
    """Return what becomes of a row, but for its times; what is stored otherwise than it was is noted."""
    old_title, old_content = row.text("title") or "", row.text("content") or ""
    content = old_content
    if not content.strip():
        titled = bool(old_title.strip())
        content = old_title if titled else "(empty)"
        row.note("content", f"it was empty{'; the title was taken' if titled else ', and so was the title'}")
    return {
        "id": id,
        "title": _title(row, old_title, old_content),
        "content": content,
        "metadata": row.document("metadata"),
        "source": row.text("source"),
        "tags": _tags(row),
        "expires_at": row.time("valid_until"),
        "actor": None,
        "conversation_id": None,
        "digest": digest(content),
    }


def _time(row: OldRow, column: str) -> int | None:
    if row.raw(column) is None:
        row.note(column, "there was no time; the other one of the row was taken, or the newest one")
    return row.time(column)


def _title(row: OldRow, old: str, content: str) -> str:
    title = old.strip()
    if not title:
        why = "it was empty" if "title" in row else "memories had no titles yet"
        row.note(
            "title", f"{why}; {'it was made of the content' if content.strip() else 'nor is there a content'}"
        )
        return _made_title(content.strip())
    if len(title) > _MAX_TITLE:
        row.note("title", f"it was cut to {_MAX_TITLE} characters")
        return title[:_MAX_TITLE].rstrip()
    if title != old:
        row.note("title", "the white space around it was taken off")
    return title


def _made_title(content: str) -> str:
    """Return the first line of a content without white space around it; of none "(untitled)"."""
    if not content:
        return "(untitled)"
    line = content.splitlines()[0].rstrip()
    return line if len(line) <= _MAX_MADE_TITLE else f"{line[: _MAX_MADE_TITLE - 1].rstrip()}…"


def _tags(row: OldRow) -> str:
    """Return the tags as JSON text: exactly as it was, where each is a tag and there once."""
    text = row.text("tags")
    if text is None:
        return "[]"
    found = _list(text)
    if found is None:
        row.note("tags", "it was no list of texts")
        return "[]"
    tags = list(dict.fromkeys(filter(None, map(_tag, found))))
    if tags != found:
        row.note("tags", f"what was no text of 1 to {_MAX_TAG} characters, or there already, was changed")
        text = json.dumps(tags, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > _MAX_TAGS_BYTES:
        row.note("tags", "it was too long")
        return "[]"
    return text


def _list(text: str) -> list[object] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _tag(item: object) -> str:
    """Return what is left of a tag; half of a character cannot be stored."""
    if not isinstance(item, str):
        return ""
    whole = item.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.strip()[:_MAX_TAG].rstrip()


def _unknown_columns(row: OldRow) -> list[str]:
    """Return the columns the original's table never had; another program may have added some."""
    return sorted({*row.columns} - {*_ALWAYS, *_SAME})


def digest(content: str) -> str:
    """Return what stands for the normal form of *content* in the index."""
    form = " ".join(_composed(_folded(_composed(content))).split())
    return hashlib.blake2b(form.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(one if len(one) == 1 else letter for letter in text if (one := letter.casefold()))
