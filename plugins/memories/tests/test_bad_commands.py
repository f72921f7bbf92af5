from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .conftest import nested

if TYPE_CHECKING:
    from stina_core.testing import StinaCommand

COMMANDS: list[tuple[list[str | bytes], bytes, int]] = [
    (["add", "", "c"], b"", 1),
    (["add", "t", " "], b"", 1),
    (["add", "t", "-"], b"\n", 1),
    (["add", b"\xff", "c"], b"", 1),
    (["add", "t", b"\xed\xa0\xbd"], b"", 1),
    (["add", "t", "c", "--metadata", json.dumps(nested(101))], b"", 1),
    (["add", "t", "c", "--metadata", "{open"], b"", 2),
    (["add", "t", "c", "--metadata", "NaN"], b"", 2),
    (["add", "t", "c", "--metadata", "9" * 5000], b"", 2),
    (["add", "t", "c", "--metadata", "[" * 100_000], b"", 2),
    (["add", "t", "c", "--expires", "tomorrow"], b"", 2),
    (["add", "t", "c", "--expires", "9999-12-31"], b"", 2),
    (["add", "t", "c", "--actor", "nobody"], b"", 2),
    (["add", "t", "-"], b"\xff\xfe", 2),
    (["add", "t", "-"], b"x" * ((16 << 20) + 1), 2),
    (["add", "t", "-c"], b"", 2),
    (["edit", "a", "--content", ""], b"", 1),
    (["edit", "a", "--clear", "title"], b"", 2),
    (["edit", "a", "--clear", "tags", "--tag", "x"], b"", 2),
    (["delete", "a", "--expired"], b"", 2),
    (["list", "--limit", "0"], b"", 2),
    (["search", b"\xff"], b"", 1),
]


def shown(value: object) -> str:
    return type(value).__name__


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(("arguments", "stdin", "code"), COMMANDS, ids=shown)
def test_the_command_refuses_bad_input_in_few_words(
    stina: StinaCommand, arguments: list[str | bytes], stdin: bytes, code: int
) -> None:
    result = stina(*arguments, stdin=stdin)

    assert (result.code, result.out) == (code, "")
    assert result.err
    assert "should not happen" not in result.err
