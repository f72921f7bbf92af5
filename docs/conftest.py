"""Runs every Python block of the documentation; `tests/test_docs.py` runs or compares the others."""

from __future__ import annotations

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser()], pattern="*.md").pytest()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.suffix == ".md":  # its blocks build on one another
            item.add_marker(pytest.mark.xdist_group(item.path.name))
