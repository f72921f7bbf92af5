from __future__ import annotations

import importlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from stina_core.cli.main import main
from stina_core.log import ROOT

SCRIPT = str(Path(sys.executable).with_name("stina"))
DEADLINE = 60.0


@dataclass(frozen=True)
class Result:
    """How one run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def stina(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command in this process: `stina("db", "path")`."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    root = logging.getLogger(ROOT)
    before = list(root.handlers), root.level, root.propagate
    yield run
    root.handlers[:], root.level, root.propagate = before


@pytest.fixture
def script() -> Run:
    """Run the installed console script in a process of its own."""

    def run(
        *arguments: object,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        **options: Any,
    ) -> Result:
        done = subprocess.run(
            [*prefix, SCRIPT, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            timeout=DEADLINE,
            check=False,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


class Site:
    """A directory of distributions that are installed for one test only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        name: str,
        *,
        plugin: str | None = None,
        commands: str | None = None,
        requires: Sequence[str] = (),
        summary: str = "",
        version: str = "1.2",
    ) -> None:
        """Install `stina-<name>` with the given sources of its modules `plugin` and `commands`."""
        package = self.folder / f"stina_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        points = ""
        for module, source, group, value in (
            ("plugin", plugin, "stina.plugins", f"stina_{name}.plugin"),
            ("commands", commands, "stina.commands", f"stina_{name}.commands:command"),
        ):
            if source is not None:
                (package / f"{module}.py").write_text(dedent(source))
                points += f"[{group}]\n{name} = {value}\n"
        info = self.folder / f"stina_{name}-{version}.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(points)
        header = [f"Metadata-Version: 2.1\nName: stina-{name}\nVersion: {version}\nSummary: {summary}"]
        header += [f"Requires-Dist: {other}" for other in requires]
        (info / "METADATA").write_text(
            "\n".join(header) + "\n\nSummary: not this one, it is the text below.\n"
        )
        importlib.invalidate_caches()

    def add_notes(self) -> None:
        """Install `stina-notes`: one table, and commands of its own."""
        self.add("notes", plugin=NOTES_PLUGIN, commands=NOTES_COMMANDS, summary="Short texts to keep")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty place for distributions, seen by this process and by those it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


NOTES_PLUGIN = """
    from __future__ import annotations

    from stina_core import IdField, Migrations, Model, Operations, Repository, Schema, TextField, hookimpl

    class Note(Model):
        id = IdField()
        title = TextField()

    class NoteRepository(Repository):
        def add(self, title: str) -> str:
            return Note.create(title=title).id

        def titles(self) -> list[str]:
            return [note.title for note in Note.select().order_by(Note.id)]

    @hookimpl
    def register_schema(schema: Schema) -> None:
        schema.add(Note, repository=NoteRepository)

    @hookimpl
    def migrate(migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("note", id=IdField(), title=TextField())
"""

NOTES_COMMANDS = """
    import sys

    import click

    from stina_core.cli import emit, emit_rows, pass_store

    @click.group()
    def command():
        "Write notes."

    @command.command()
    @click.argument("title")
    @pass_store
    def add(store, title):
        from stina_notes.plugin import NoteRepository

        key = store[NoteRepository].add(title)
        emit({"id": key, "title": title}, title)

    @command.command("list")
    @pass_store
    def list_(store):
        from stina_notes.plugin import NoteRepository

        emit_rows([{"title": title} for title in store[NoteRepository].titles()])

    @command.command()
    def crash():
        raise ZeroDivisionError("by nothing")

    @command.command()
    def wait():
        sys.stdout.write("waiting\\n")
        sys.stdout.flush()
        sys.stdin.read()

    @command.command()
    def flood():
        for _ in range(100_000):
            sys.stdout.write("x" * 80 + "\\n")
"""


@pytest.fixture
def notes(site: Site) -> Site:
    """A site with one plugin, `notes`."""
    site.add_notes()
    return site
