"""SQL that the features share: the table with its rows, and a careless rebuild of it."""

from __future__ import annotations

KEY = "id INTEGER PRIMARY KEY"
NOTE = "note TEXT NOT NULL"
EXTRA = "extra BLOB"  # keeps every value as it is; ANY would do so in STRICT tables only

LAST = 9007199254740993
"""The highest id: one more than a float can tell from its neighbour."""

_ROWS = f"""INSERT INTO case_t (id, note, extra) VALUES
  (1, '007', NULL),
  (2, '', ''),
  (3, 'Åsa 日本 🎉', {LAST}),
  (7, ' two  spaces ', x'00ff00'),
  ({LAST}, 'it''s "quoted", (x', '1.0')"""


def made(
    *parts: str, key: str = KEY, note: str = NOTE, extra: str = EXTRA, options: str = ""
) -> tuple[str, ...]:
    """Return what makes `case_t` with *parts* after its three columns, and five rows that show loss."""
    return (_create("case_t", (key, note, extra, *parts), options), _ROWS)


def remade(
    *parts: str, key: str = KEY, note: str = NOTE, extra: str = EXTRA, options: str = ""
) -> tuple[str, ...]:
    """Return a rebuild of `case_t` that forgets whatever is not in the arguments."""
    return (
        "PRAGMA foreign_keys = OFF",
        _create("case_copy", (key, note, extra, *parts), options),
        "INSERT INTO case_copy SELECT * FROM case_t",
        "DROP TABLE case_t",
        "ALTER TABLE case_copy RENAME TO case_t",
        "PRAGMA foreign_keys = ON",
    )


def _create(name: str, parts: tuple[str, ...], options: str) -> str:
    return f"CREATE TABLE {name} (\n  " + ",\n  ".join(parts) + f"\n) {options}".rstrip()
