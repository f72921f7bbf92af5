"""The triggers that write every change of a table into the log. Only texts: no database.

They use no function that SQLite 3.40 lacks, and none of ours: whatever program
writes to the file runs them.
"""

from __future__ import annotations

from ...catalog import Column, Table, sql_literal
from .capture_conflicts import Conflicts
from .capture_key import changed, key_sql, letter, same

LOG = "stina_change"
PREFIX = "stina_capture_"
GUARD_NAME = "stina_change_guard"

GUARD = (
    f'CREATE TRIGGER "{GUARD_NAME}" BEFORE DELETE ON "{LOG}" '
    f'WHEN OLD."seq" = (SELECT max("seq") FROM "{LOG}") BEGIN\n'
    "  SELECT RAISE(ABORT, 'the newest change stays, or its number would be given out again');\n"
    "END"
)
"""Keeps the newest row of the log: SQLite numbers the next one after the greatest number there is."""


def triggers_of(table: Table) -> dict[str, str]:
    """Return the CREATE statements of the triggers that *table* is to have, by name; none if it is untracked.

    They stand in the order in which they are to be made: of several triggers
    for one event SQLite runs the newest first, and what a REPLACE removed is
    then logged before the row that replaced it. Readers must not rely on that.
    """
    if not table.tracked:
        return {}
    key = _key(table)
    made = {
        "insert": ("AFTER INSERT", "", [_log(table, "I", "NEW")]),
        "update": ("AFTER UPDATE", same(key), [_log(table, "U", "NEW")]),
        "rekey": (
            f"AFTER UPDATE{_of_key(table)}",
            changed(key),
            [_log(table, "D", "OLD"), _log(table, "I", "NEW")],
        ),
        "delete": ("AFTER DELETE", "", [_log(table, "D", "OLD")]),
    }
    conflicts = Conflicts(table, key)
    if conflicts.possible:
        made |= conflicts.triggers(_log_gone(table, conflicts))
    return {
        f"{PREFIX}{table.name}_{what}": _trigger(f"{PREFIX}{table.name}_{what}", table.name, *parts)
        for what, parts in made.items()
    }


def _trigger(name: str, table: str, event: str, when: str, statements: list[str]) -> str:
    condition = f" WHEN {when}" if when else ""
    body = "".join(f"  {statement};\n" for statement in statements)
    return f'CREATE TRIGGER "{name}" {event} ON "{table}"{condition} BEGIN\n{body}END'


def _log(table: Table, op: str, row: str) -> str:
    key = _key(table)
    values = f"{sql_literal(table.name)}, '{letter(op, key)}', {key_sql(key, row)}"
    return f'INSERT INTO "{LOG}" ("table", "op", "key") VALUES ({values})'


def _log_gone(table: Table, conflicts: Conflicts) -> str:
    values = f"{sql_literal(table.name)}, '{letter('D', _key(table))}', c.\"key\""
    return f'INSERT INTO "{LOG}" ("table", "op", "key") SELECT DISTINCT {values} {conflicts.gone()}'


def _key(table: Table) -> list[Column]:
    columns = {column.name: column for column in table.columns}
    return [columns[name] for name in table.primary_key]


def _of_key(table: Table) -> str:
    """The columns whose assignment can change the key; nothing where it is the row id, which has other names."""
    key = _key(table)
    if len(key) == 1 and key[0].type == "integer" and not table.without_rowid:
        return ""
    return " OF " + ", ".join(f'"{column.name}"' for column in key)
