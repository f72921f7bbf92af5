"""Whatever is done to a table, the log tells it."""

from __future__ import annotations

import os

from hypothesis import given, settings

from .captured_tables import Case, cases
from .replica import check

EXAMPLES = int(os.environ.get("STINA_CAPTURE_EXAMPLES", "80"))


@settings(max_examples=EXAMPLES)
@given(cases())
def test_a_replica_of_the_log_is_the_table_after_every_statement(case: Case) -> None:
    check(case)
