"""The documentation is executed: what Sybil does not run is run or compared here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = sorted((ROOT / "docs").rglob("*.md"))
READMES = [ROOT / "README.md", *sorted((ROOT / "plugins").glob("*/README.md"))]
PAGES = [*READMES, ROOT / "AGENTS.md", *GUIDES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def console_sessions() -> list[tuple[str, str]]:
    return [(str(page.relative_to(ROOT)), block) for page in PAGES for block in blocks(page, "console")]


@pytest.mark.parametrize(("page", "session"), console_sessions())
def test_console_session_prints_what_the_page_says(page: str, session: str, stina_home: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")

        ran = subprocess.run(
            command, shell=True, env=environment, capture_output=True, text=True, check=False
        )

        assert ran.returncode == 0, ran.stderr
        pattern = re.escape(expected.rstrip()).replace(re.escape("..."), ".*")
        assert re.fullmatch(pattern, ran.stdout.rstrip(), re.DOTALL), f"{command}\n{ran.stdout}"


@pytest.mark.parametrize("page", READMES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_of_a_readme_runs(page: Path) -> None:
    found = blocks(page, "python")

    assert found
    for block in found:
        exec(compile(block, page, "exec"), {})


def test_there_is_no_block_that_nothing_runs_or_compares() -> None:
    def languages(pages: list[Path]) -> set[str]:
        return {
            language
            for page in pages
            for language in re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE)
        }

    assert languages(READMES) == {"sh", "console", "python"}
    assert languages(GUIDES) == {"python", "toml"}


def test_third_party_plugin_is_the_one_the_page_shows() -> None:
    page = ROOT / "docs" / "patterns.md"
    plugin = ROOT / "tests" / "third_party" / "stina_notes"

    assert blocks(page, "python")[0] == (plugin / "stina_notes" / "__init__.py").read_text()
    assert blocks(page, "toml")[0] == (plugin / "pyproject.toml").read_text()


def test_third_party_plugin_has_at_most_fifty_lines() -> None:
    source = (ROOT / "tests" / "third_party" / "stina_notes" / "stina_notes" / "__init__.py").read_text()

    assert len(source.splitlines()) <= 50


def test_every_proof_a_page_names_exists() -> None:
    missing = [
        (page.name, path)
        for page in PAGES
        for path in re.findall(r"`((?:tests|plugins)/[\w/.]+)`", page.read_text())
        if not ((ROOT / path).exists() or (page.parent / path).exists())
    ]

    assert missing == []


def test_readme_begins_with_the_two_lines_that_set_everything_up() -> None:
    run, test = blocks(ROOT / "README.md", "sh")[0].splitlines()

    assert run.endswith("uv run stina")
    assert test.endswith("uv run pytest")
    assert (ROOT / "README.md").read_text().index("uv run pytest") < 1500
