"""The lines that mypy checks do what their types say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stina_core import Store

from .typing_cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_lines_that_a_type_checker_knows_run_as_it_says(memory: Store, case: Callable[[], None]) -> None:
    case()
