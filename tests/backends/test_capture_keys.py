"""Keys come back from the log as the rows have them."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core.backends.base import BrokenText
from stina_core.backends.sqlite.change_key import KEY, SAFE_KEY, key_of, safe_key
from stina_core.catalog import Column, Table

from .replica import database, log, schema

PARTS = Table(
    "t_row",
    (Column("t", "text"), Column("i", "integer"), Column("r", "real"), Column("b", "blob")),
    ("t", "i", "r", "b"),
)
NUMBERS = st.floats(allow_nan=False)
WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS, WHOLE, NUMBERS, st.binary())
def test_a_key_of_several_columns_comes_back_as_it_was(
    text: str, whole: int, number: float, data: bytes
) -> None:
    with database() as connection:
        for sql in schema([PARTS]):
            connection.execute(sql)
        connection.execute("INSERT INTO t_row VALUES (?, ?, ?, ?)", (text, whole, number, data))

        ((_, op, key),) = log(connection)

    assert (op, key) == ("I", (text, whole, number, data))
    assert isinstance(key, tuple)
    assert list(map(type, key)) == [str, int, float, bytes]


@pytest.mark.parametrize(
    ("kind", "value"), [("text", "a"), ("integer", -5), ("real", 0.1), ("blob", b"\xff\x00")]
)
def test_a_key_of_one_column_is_stored_as_it_is(kind: str, value: str | int | float | bytes) -> None:
    single = Table("t_row", (Column("k", kind),), ("k",))  # type: ignore[arg-type]
    with database() as connection:
        for sql in schema([single]):
            connection.execute(sql)
        connection.execute("INSERT INTO t_row VALUES (?)", (value,))

        rows: list[tuple[Any, ...]] = connection.execute(f"SELECT op, {KEY} FROM stina_change").fetchall()

    ((op, stored),) = rows
    assert (op, key_of(op, stored)) == ("I", value)
    assert type(stored) is type(value)


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell")
def test_numbers_that_another_sqlite_wrote_come_back_exactly(tmp_path: Path) -> None:
    numbers = random.Random(7)
    drawn = [struct.unpack("<d", numbers.randbytes(8))[0] for _ in range(3000)]
    values = sorted(
        {one for one in drawn if one == one} | {-1.1545580616824966e232, 1.4523142177899403e308, 5e-324}
    )
    path = tmp_path / "numbers.db"
    connection = apsw.Connection(str(path))
    for sql in (*schema([PARTS]), "CREATE TABLE numbers (r REAL NOT NULL) STRICT"):
        connection.execute(sql)
    with connection:
        connection.executemany("INSERT INTO numbers VALUES (?)", [(one,) for one in values])

    fill = "INSERT INTO t_row SELECT '', 0, r, x'' FROM numbers"
    subprocess.run(["sqlite3", path, fill], check=True, timeout=30)

    assert [key[2] for _, _, key in log(connection) if isinstance(key, tuple)] == values
    connection.close()


# Keys that cannot be read


def test_a_key_that_is_not_utf8_is_read_as_its_bytes() -> None:
    with database() as connection:
        for sql in schema([Table("t_row", (Column("k", "text"),), ("k",)), _named("t_child")]):
            connection.execute(sql)
        connection.execute("INSERT INTO t_row VALUES ('whole'), (CAST(x'61ff' AS TEXT))")
        connection.execute("INSERT INTO t_child VALUES (CAST(x'61ff' AS TEXT), 1, 0.5, x'ff')")
        connection.execute("INSERT INTO t_child VALUES ('b', 2, 0.5, x'ff')")

        with pytest.raises(UnicodeDecodeError):
            connection.execute(f"SELECT {KEY} FROM stina_change").fetchall()
        rows: list[tuple[Any, ...]] = connection.execute(
            f"SELECT op, {SAFE_KEY} FROM stina_change"
        ).fetchall()

    keys = [key_of(op, safe_key(is_text, value)) for op, is_text, value in rows]
    broken = BrokenText(b"a\xff")
    assert keys == ["whole", broken, (broken, 1, 0.5, b"\xff"), ("b", 2, 0.5, b"\xff")]
    assert isinstance(keys[1], BrokenText)
    assert isinstance(keys[2], tuple)
    assert isinstance(keys[2][0], BrokenText)


def _named(name: str) -> Table:
    return Table(name, PARTS.columns, PARTS.primary_key)


@pytest.mark.parametrize(
    "stored", ["", "{", "5", '"ab"', '{"a":1}', '[{"x":1}]', '[{"b":"0"}]', '[{"r":[]}]', "[" * 9999]
)
def test_a_key_that_is_no_array_of_parts_is_broken(stored: str) -> None:
    key = key_of("i", stored)

    assert isinstance(key, BrokenText)
    assert key == stored.encode()


@given(
    st.sampled_from("IUDRTiud?"),
    st.one_of(st.none(), WHOLE, NUMBERS, TEXTS, st.binary(), st.binary().map(BrokenText)),
)
def test_no_stored_key_stops_the_reader(op: str, stored: object) -> None:
    key_of(op, stored)
