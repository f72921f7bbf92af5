from __future__ import annotations

import hashlib

from stina_core.backends.following import CAPTURE
from stina_core.backends.sqlite.capture_sql import GUARD, triggers_of
from stina_core.catalog import Column, Index, Reference, Table

TABLES = (
    Table("a_text", (Column("id", "text"), Column("title", "text")), ("id",)),
    Table(
        "a_number",
        (Column("id", "integer"), Column("name", "text")),
        ("id",),
        indexes=(Index("name", unique=True),),
    ),
    Table(
        "a_pair",
        (
            Column("a", "blob"),
            Column("b", "real"),
            Column("c", "text", reference=Reference("a_text", "id", "SET NULL")),
        ),
        ("a", "b"),
        indexes=(Index("lower(c)", unique=True, where="c IS NOT NULL", name="c"),),
        without_rowid=True,
    ),
)
KNOWN = {1: "21aa9f27758f60d6"}
"""By `CAPTURE`, the digest of the triggers that are made then."""


def test_other_triggers_come_with_another_number_so_that_old_files_get_them() -> None:
    texts = [GUARD, *(sql for table in TABLES for sql in triggers_of(table).values())]

    digest = hashlib.blake2b("\n".join(texts).encode(), digest_size=8).hexdigest()

    assert KNOWN[CAPTURE] == digest, "raise CAPTURE in backends/following.py and note the new digest here"
