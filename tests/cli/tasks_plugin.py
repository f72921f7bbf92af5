"""A plugin `tasks` that a test installs in one version after the other, and takes away again."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Site

_MODULE = """
from pathlib import Path

from stina_core import (
    Check, ForeignKeyField, IdField, Index, IntegerField, Model, Repository, Search, TextField, hookimpl
)

HERE = Path(__file__).parent

class Todo(Model):
    id = IdField()
{fields}

@hookimpl
def register_schema(schema):
    schema.add(Todo)

@hookimpl
def migrate(migrations):
{steps}
"""

_STEP = """
@migrations.step("{number:04}_step")
def step_{number}(op):
{body}
"""

TITLE = "title = TextField()"
MAKE = 'op.create_table("todo", id=IdField(), title=TextField())'


def module(fields: str, *steps: str) -> str:
    """Return the plugin's module: the fields of its only model, and the body of each step."""
    written = [_STEP.format(number=number, body=indent(body, "    ")) for number, body in enumerate(steps, 1)]
    return _MODULE.format(fields=indent(fields, "    "), steps=indent("".join(written), "    "))


def install(
    site: Site, fields: str = TITLE, *steps: str, name: str = "tasks", requires: tuple[str, ...] = ()
) -> None:
    """Install the plugin, or another version of it; without *steps* it has the one that makes the table."""
    source = module(fields, *(steps or (MAKE,)))
    folder = site.folder / f"stina_{name}"
    if not folder.exists():
        site.add(name, plugin=source, requires=requires)
        return
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # it may be of the same second
    (folder / "plugin.py").write_text(source)
    sys.modules.pop(f"stina_{name}.plugin", None)
    importlib.invalidate_caches()


def uninstall(site: Site, name: str = "tasks") -> None:
    """Take the plugin away, as pip does."""
    for part in site.folder.glob(f"stina_{name}*"):
        shutil.rmtree(part)
    for module in (f"stina_{name}", f"stina_{name}.plugin"):
        sys.modules.pop(module, None)
    importlib.invalidate_caches()


def files(path: Path) -> dict[str, bytes]:
    """Return everything beside the store with its contents, but for what says nothing: locks, and the log's index."""
    return {
        str(file.relative_to(path.parent)): file.read_bytes()
        for file in sorted(path.parent.rglob("*"))
        if file.is_file() and not file.name.endswith((".lock", "-shm")) and "site" not in file.parts
    }
