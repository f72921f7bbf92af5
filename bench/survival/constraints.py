"""CHECKs in all their spellings, and UNIQUE."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from .feature import Feature
from .probes import accepts, refuses
from .schemas import NOTE, made, remade

_LOW, _HIGH = "low INTEGER DEFAULT 1", "high INTEGER DEFAULT 2"
_N = "n INTEGER"
_FILL = "UPDATE case_t SET n = id % 10"


def _holds(column: str, good: str, bad: str, because: str = "CHECK") -> Callable[[apsw.Connection], bool]:
    """Return a probe: a row with *good* in *column* is taken, one with *bad* is not."""

    def survived(connection: apsw.Connection) -> bool:
        insert = f"INSERT INTO case_t (id, {column}) VALUES"
        return accepts(connection, f"{insert} (50, {good})") and refuses(
            connection, f"{insert} (51, {bad})", because
        )

    return survived


_in_order = _holds("note, low, high", "'x', 1, 1", "'y', 2, 1")

CONSTRAINTS = (
    Feature(
        "inline CHECK",
        (*made(f"{_N} CHECK (n < 100)"), _FILL),
        _holds("note, n", "'x', 99", "'y', 100"),
        remade(_N),
    ),
    Feature(
        "table CHECK",
        made(_LOW, _HIGH, "CHECK (low <= high)"),
        _in_order,
        remade(_LOW, _HIGH),
    ),
    Feature(
        "table CHECK written without a space",
        made(_LOW, _HIGH, "CHECK(low <= high)"),
        _in_order,
        remade(_LOW, _HIGH),
    ),
    Feature(
        "named CHECK",
        made(_LOW, _HIGH, "CONSTRAINT case_order CHECK (low <= high)"),
        _holds("note, low, high", "'x', 1, 1", "'y', 2, 1", "case_order"),
        remade(_LOW, _HIGH, "CHECK (low <= high)"),
    ),
    Feature(
        "CHECK with nested call and comma",
        (*made(f"{_N} CHECK (max(abs(n), 3) < 100)"), _FILL),
        _holds("note, n", "'x', -99", "'y', -100"),
        remade(f"{_N} CHECK (max(n, 3) < 100)"),
    ),
    Feature(
        "CHECK on the altered column mentioning IS NOT NULL",
        made(note=f"{NOTE} CHECK (note IS NOT NULL AND note <> 'never')"),
        _holds("note", "'x'", "'never'"),
        remade(),
    ),
    Feature(
        "CHECK json_valid",
        (*made("data TEXT CHECK (json_valid(data))"), "UPDATE case_t SET data = json_array(id, note)"),
        _holds("note, data", """'x', '{"a": [1, 2]}'""", "'y', '{a'"),
        remade("data TEXT"),
    ),
    Feature(
        "table UNIQUE",
        (*made(_N, "UNIQUE (note, n)"), _FILL),
        _holds("note, n", "'007', 2", "'007', 1", "UNIQUE"),
        remade(_N),
    ),
)
