"""Installed plugins for tests: a directory with modules and their metadata, as an installer leaves it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

OURS = {"chat", "kv", "memories", "todos"}
"""The plugins of this repository, which are installed wherever its tests run."""

NOTES = """
from stina_core import IdField, Model, Repository, TextField, hookimpl

class Note(Model):
    id = IdField()
    title = TextField()

class {name}Repository(Repository):
    def add(self, title):
        return Note.create(title=title).id
    def list(self):
        return [note.title for note in Note.select()]

@hookimpl
def register_schema(schema):
    schema.add(Note, repository={name}Repository)

@hookimpl
def migrate(migrations):
    @migrations.step("0001_initial")
    def initial(op):
        op.create_table("note", id=IdField(), title=TextField())
"""
"""A plugin that works; format it with a name for its repository."""


def install(
    site: Path,
    name: str,
    source: str,
    *,
    distribution: str | None = None,
    requires: Sequence[str] = (),
    value: str | None = None,
) -> Path:
    """Put the plugin *name* into the directory *site*, as an installer does.

    Args:
        value: The entry point's value; by default the module `stina_<name>`.

    Returns:
        The directory with METADATA and entry_points.txt.
    """
    distribution = distribution or f"stina-{name}"
    module = distribution.replace("-", "_")
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_text(source)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", "Version: 1.0"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "entry_points.txt").write_text(f"[stina.plugins]\n{name} = {value or module}\n")
    return info


def run_with(sites: Sequence[Path], script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run *script* in a new process in which the plugins of *sites* are installed."""
    path = os.pathsep.join([*map(str, sites), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
