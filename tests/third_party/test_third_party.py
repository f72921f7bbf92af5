"""Somebody else's plugin: built as a wheel and installed beside ours, away from this checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTES = Path(__file__).parent / "stina_notes"
OURS = {
    "stina": None,
    "stina_chat": "stina_chat",
    "stina_core": "stina_core",
    "stina_kv": "stina_kv",
    "stina_memories": "stina_memories",
    "stina_todos": "stina_todos",
}


@dataclass(frozen=True)
class Installation:
    """A fresh virtual environment with every wheel in it, and a directory to run from."""

    wheels: Path
    environment: Path
    place: Path

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment and return what it printed."""
        return run(str(self.environment / "bin" / program), *arguments, place=self.place)

    def document(self, *arguments: str) -> Any:
        """Run `stina ... --json` and return its document."""
        return json.loads(self.run("stina", *arguments, "--json"))


def uv() -> str:
    """Return the `uv` executable: of this environment, of the shell, or the one that runs us."""
    found: str | None
    try:
        from uv import find_uv_bin

        found = str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv") or os.environ.get("UV")
    assert found, (
        "uv builds and installs the wheels, and is nowhere to be found: install it with 'pip install uv'"
    )
    return found


def run(*command: str, place: Path) -> str:
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}
    done = subprocess.run(
        command,
        cwd=place,
        env={name: value for name, value in os.environ.items() if name not in hidden},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (
        f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    place = tmp_path_factory.mktemp("third_party")
    found = Installation(place / "wheels", place / "environment", place / "elsewhere")
    found.place.mkdir()
    shutil.copytree(NOTES, place / "stina_notes")
    out = ("--wheel", "--quiet", "--out-dir", str(found.wheels))
    run(uv(), "build", "--all-packages", *out, place=ROOT)
    run(uv(), "build", *out, place=place / "stina_notes")
    run(uv(), "venv", "--quiet", "--python", sys.executable, str(found.environment), place=place)
    wheels = sorted(str(wheel) for wheel in found.wheels.glob("*.whl"))
    run(uv(), "pip", "install", "--quiet", "--python", str(found.environment), *wheels, place=place)
    return found


def test_wheels_contain_only_their_own_package(installation: Installation) -> None:
    wheels = {wheel.name.partition("-")[0]: wheel for wheel in installation.wheels.glob("*.whl")}

    assert set(wheels) == {*OURS, "stina_notes"}
    for name, package in {**OURS, "stina_notes": "stina_notes"}.items():
        with zipfile.ZipFile(wheels[name]) as wheel:
            files = [file for file in wheel.namelist() if not file.endswith("/")]
        tops = {file.partition("/")[0] for file in files}
        assert {top for top in tops if not top.endswith(".dist-info")} == ({package} if package else set())
        assert not [file for file in files if "/tests/" in file or file.endswith(".pyc")]
        assert (f"{package}/py.typed" in files) == (name in OURS and package is not None)


def test_installed_command_finds_the_third_party_plugin(installation: Installation) -> None:
    plugins = {plugin["name"]: plugin for plugin in installation.document("plugins")}

    assert plugins["notes"] == {
        "name": "notes",
        "distribution": "stina-notes",
        "version": "0.1.0",
        "state": "on",
        "tables": ["notes_note"],
        "reason": "",
    }
    assert plugins["kv"]["state"] == "on"


def test_third_party_repository_works_in_a_program_of_its_own(
    installation: Installation, stina_home: Path
) -> None:
    script = """
import stina_core, stina_notes, sys
from stina_core import open_store
from stina_notes import NoteRepository
with open_store() as store:
    print(store.path)
    if sys.argv[1:]:
        store[NoteRepository].add(sys.argv[1])
    print([note.title for note in store[NoteRepository].list()])
print(stina_core.__file__, stina_notes.__file__)
"""
    installation.run("python", "-c", script, "Buy milk")

    path, titles, files = installation.run("python", "-c", script).splitlines()

    assert path == str(stina_home / "stina.db")
    assert titles == "['Buy milk']"
    assert all(file.startswith(str(installation.environment)) for file in files.split())


def test_installed_kv_command_keeps_a_value(installation: Installation) -> None:
    installation.run("stina", "kv", "set", "greeting", "Hello")

    entry = installation.document("kv", "get", "greeting")

    assert (entry["key"], entry["value"]) == ("greeting", "Hello")


def test_package_of_a_third_party_is_checked_with_our_types(installation: Installation) -> None:
    script = installation.place / "typed.py"
    script.write_text(
        "from typing import assert_type\n"
        "from stina_core import open_store\n"
        "from stina_kv import KvRepository\n"
        "with open_store() as store:\n"
        "    assert_type(store[KvRepository], KvRepository)\n"
    )

    checked = run(
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir=/dev/null",
        f"--python-executable={installation.environment / 'bin' / 'python'}",
        str(script),
        place=installation.place,
    )

    assert "no issues found" in checked
