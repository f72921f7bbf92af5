"""The plugin's steps. Append only: a step that was released is never edited."""

from __future__ import annotations

from stina_core import JsonField, Operations, TextField, TimestampField


def initial(op: Operations) -> None:
    op.create_table(
        "entry",
        without_rowid=True,
        key=TextField(primary_key=True),
        value=JsonField(),
        updated_at=TimestampField(),
    )


def adopt(op: Operations) -> None:
    """Take over what the original app kept in `state` and `kv`; `adoption.py` says how."""
    from .adoption import adopt  # few starts need it

    adopt(op)
