"""The plugin's table. Private: other plugins and programs use `KvRepository`."""

from __future__ import annotations

from stina_core import JsonField, Model, TextField, TimestampField


class Entry(Model):
    """One key with its value; the table `kv_entry`, stored in the order of the keys."""

    key = TextField(primary_key=True)
    value = JsonField()
    updated_at = TimestampField()

    class Meta:
        without_rowid = True
