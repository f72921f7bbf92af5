"""What a change of models is in these tests, and models in one expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stina_core import IdField, Model


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"


@dataclass
class Changed:
    """Models before and after.

    Attributes:
        rows: Rows of the old models, by their names.
        after: Queries over the new tables, and what they answer.
        code: Lines the step must have.
    """

    old: Sequence[type[Model]]
    new: Sequence[type[Model]]
    code: tuple[str, ...] = ()
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    after: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)


def model(name: str, meta: dict[str, Any] | None = None, /, **fields: Any) -> type[Model]:
    """Return a model with the key `id`, unless *meta* or *fields* have one."""
    settings = meta or {}
    if "primary_key" not in settings and not any(one.primary_key for one in fields.values()):
        fields = {"id": IdField(), **fields}
    return type(name, (Model,), {**fields, "Meta": type("Meta", (), settings)})


def note(meta: dict[str, Any] | None = None, /, **fields: Any) -> type[Model]:
    """Return a model of the table `notes_note`."""
    return model("Note", meta, **fields)


def of_note(
    old: type[Model],
    new: type[Model],
    *code: str,
    rows: Sequence[dict[str, Any]] = (),
    after: Sequence[tuple[Any, ...]] = (),
    query: str = "SELECT * FROM notes_note ORDER BY id",
    **answers: Any,
) -> Changed:
    """Return a change of one table."""
    found = [{"id": f"k{number}", **row} for number, row in enumerate(rows)]
    if "id" not in old._meta.fields:
        found = [dict(row) for row in rows]
    return Changed([old], [new], code, {"Note": found}, {query: list(after)}, answers)
