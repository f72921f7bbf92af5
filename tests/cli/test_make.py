"""`stina db make`: a model is edited, and the command writes the step that brings old files there."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from stina_core.testing import file_rows
from tests.cli.conftest import DEADLINE, SCRIPT, Run, Site

NEW_MODEL = """
    class Note(Model):
        id = IdField()
        text = TextField(max_length=100)
        stars = IntegerField()
"""
FLAG = re.compile(r"--(?:rename|drop|keep|fill) [^\s;]+")


@pytest.fixture
def source(notes: Site) -> Path:
    """The source of the plugin `notes`, with one step, installed as with 'pip install -e'."""
    return notes.folder / "stina_notes" / "plugin.py"


def edit(source: Path, model: str = NEW_MODEL) -> str:
    """Give the plugin another model, forget that it was imported, and return its source."""
    before = source.read_text()
    start, end = before.index("class Note(Model)"), before.index("class NoteRepository")
    text = f"{before[:start]}{dedent(model).strip()}\n\n{before[end:]}"
    text = text.replace("IdField, Migrations", "IdField, IntegerField, Migrations")
    source.write_text(
        text.replace("note.title for", "note.text for").replace("create(title=", "create(text=")
    )
    forget()
    return source.read_text()


def forget() -> None:
    """Let the next run in this process import the plugin anew, as another process would."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "stina_notes"]:
        del sys.modules[name]


def test_edited_model_is_mended_from_the_first_warning_to_the_rows(
    source: Path, script: Run, store_path: Path
) -> None:
    for title in ("first", "second"):
        assert script("--db", store_path, "notes", "add", title).code == 0
    edit(source)

    warned = script("--db", store_path, "kv", "list")
    asked = script("db", "make", "notes")
    flags = FLAG.findall(asked.err)
    asked_again = script("db", "make", "notes", *flags[0].split())
    fill = FLAG.findall(asked_again.err)[0].replace("VALUE", "3")
    made = script("db", "make", "notes", "More than a title", *flags[0].split(), *fill.split())
    planned = script("--db", store_path, "db", "plan")
    listed = script("--db", store_path, "notes", "list", "--json")
    checked = script("--db", store_path, "db", "check")
    again = script("db", "make", "notes")

    assert warned.code == 0
    assert "the plugin notes is off (quarantined)" in warned.err
    assert "'stina db make notes' writes the step for it" in warned.err
    assert (asked.code, flags) == (
        2,
        ["--rename note.title=note.text", "--drop note.title", "--keep note.title"],
    )
    assert (asked_again.code, fill) == (2, "--fill note.stars=3")
    assert (made.code, made.err) == (
        0,
        "stina: rows that do not fit will refuse this step: note.text has at most 100 characters\n",
    )
    assert made.out.endswith(f"written to {source}, after line 26\n")
    assert "-- notes/0002_more_than_a_title" in planned.out
    assert "RENAME COLUMN" in planned.out
    assert listed.document == [{"title": "first"}, {"title": "second"}]
    assert file_rows(store_path, "SELECT text, stars FROM notes_note ORDER BY id") == [
        ("first", 3),
        ("second", 3),
    ]
    assert (checked.code, again.out) == (0, "the models of notes have not changed\n")


@pytest.mark.parametrize("choice", [0, 1, 2, 3])
def test_every_flag_that_is_offered_works(source: Path, stina: Run, choice: int) -> None:
    edit(
        source,
        """
        class Note(Model):
            id = IdField()
            text = TextField(null=True)
            other = TextField(null=True)
        """,
    )
    asked = stina("db", "make", "notes")
    flag = FLAG.findall(asked.err)[choice]

    made = stina("db", "make", "notes", "given", *flag.split())
    forget()
    again = stina("db", "make", "notes", *(flag.split() if choice == 3 else ()))

    assert (asked.code, made.code, made.err) == (2, 0, "")
    assert again.out == "the models of notes have not changed\n"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--rename", "note.nothing=note.text"], "no step has made note.nothing"),
        (["--rename", "note.title=note.nothing"], "no model has note.nothing"),
        (["--rename", "note.title=note.text", "--drop", "note.title"], "renamed and also be dropped"),
        (
            ["--rename", "note.title=note.text", "--rename", "note.title=note.stars"],
            "two different things of note.title",
        ),
        (["--fill", "note.stars=1", "--fill", "note.stars=2"], "two different things of note.stars"),
        (["--drop", "note.title", "--keep", "note.title"], "both dropped and kept"),
        (["--rename", "note.title=note.text", "--fill", "note.stars=many"], "it takes a whole number"),
    ],
)
def test_wrong_answers_are_one_clear_line(source: Path, stina: Run, flags: list[str], words: str) -> None:
    before = edit(source)

    result = stina("db", "make", "notes", *flags)

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("stina: ")
    assert result.err.count("\n") == 1
    assert words in result.err
    assert source.read_text() == before


@pytest.mark.parametrize("flag", ["note.title", "note.title=", "=note.title"])
def test_answer_that_is_half_of_one_is_wrong_usage(source: Path, stina: Run, flag: str) -> None:
    result = stina("db", "make", "notes", "--rename", flag)

    assert result.code == 2
    assert f"--rename {flag!r} has no '=' with something on both sides" in result.err


def test_step_is_only_printed_if_that_is_wanted(source: Path, stina: Run, stina_home: Path) -> None:
    before = edit(source)
    flags = ("--rename", "note.title=note.text", "--fill", "note.stars=3")

    printed = stina("db", "make", "notes", "more", *flags, "--print")
    document = stina("db", "make", "notes", "more", *flags, "--print", "--json").document
    untouched = source.read_text()
    made = stina("db", "make", "notes", "more", *flags, "--json").document

    assert untouched == before
    assert printed.out.startswith('@migrations.step("0002_more")\ndef more(op: Operations) -> None:\n')
    assert document == {"plugin": "notes", "step": "0002_more", "file": None, "code": printed.out}
    assert made == {**document, "file": str(source)}
    assert "".join(f"    {line}".rstrip() + "\n" for line in printed.out.splitlines()) in source.read_text()
    assert not stina_home.exists()


def test_nothing_changed_is_a_document_too(source: Path, stina: Run) -> None:
    result = stina("db", "make", "notes", "--json")

    assert result.document == {"plugin": "notes", "step": None, "file": None, "code": ""}


def test_plugin_that_is_not_there_or_broken_is_named(source: Path, stina: Run) -> None:
    unknown = stina("db", "make", "nothing")
    source.write_text("import nothing_of_that_name\n")
    forget()
    broken = stina("db", "make", "notes")

    assert (unknown.code, broken.code) == (1, 1)
    assert re.search("there is no plugin 'nothing'; installed are: .*kv, .*notes", unknown.err)
    assert "the plugin notes is off (failed): the plugin 'notes' cannot be imported" in broken.err


@pytest.mark.parametrize("case", ["installed", "read-only"])
def test_step_that_cannot_be_written_is_printed(
    tmp_path: Path, source: Path, stina: Run, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    edit(source)
    if case == "installed":
        installed = tmp_path / "site-packages"
        (tmp_path / "site").rename(installed)
        source = installed / "stina_notes" / "plugin.py"
        monkeypatch.syspath_prepend(str(installed))
    else:
        source.chmod(0o444)
    before = source.read_text()

    result = stina(
        "db",
        "make",
        "notes",
        "more",
        "--drop",
        "note.title",
        "--fill",
        "note.text=x",
        "--fill",
        "note.stars=1",
    )

    assert result.code == 1
    assert ("is an installed copy" if case == "installed" else "it is read-only") in result.err
    assert result.err.endswith(". This is the step:\n")
    assert result.out.startswith('@migrations.step("0002_more")\n')
    assert source.read_text() == before


def typed(answers: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command with *answers* typed at a terminal."""
    parent, child = pty.openpty()
    try:
        with subprocess.Popen(
            [SCRIPT, *arguments], stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            os.write(parent, answers.encode())
            out, err = process.communicate(timeout=DEADLINE)
            return process.returncode, out, err
    finally:
        os.close(parent)
        os.close(child)


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ("y\n3\n", 'op.rename_column("note", "title", "text")'),
        ("n\ny\nnone\n3\n", 'op.drop_column("note", "title")'),
        ("n\nn\nnone\n3\n", 'table.alter_column("title", TextField(null=True))'),
    ],
)
def test_person_at_a_terminal_is_asked(source: Path, answers: str, line: str) -> None:
    edit(source)

    code, out, err = typed(answers, "db", "make", "notes", "--json")

    assert code == 0
    assert "Is note.text the new name of note.title? [y/N]: " in err
    assert ("Delete note.title and what it holds (a backup is made first)? [y/N]: " in err) is (
        answers[0] == "n"
    )
    assert ('What do rows that are there get as note.text (text; "" is the empty text)? ' in err) is (
        answers[0] == "n"
    )
    assert "What do rows that are there get as note.stars (a whole number)? " in err
    assert line in out.replace('\\"', '"')
    assert line in source.read_text()


def test_answer_that_does_not_do_is_asked_for_again(source: Path) -> None:
    edit(source)

    code, out, err = typed("y\nmany\n\n3\n", "db", "make", "notes", "--json")

    assert code == 0
    assert "what was said for note.stars cannot be stored there; it takes a whole number" in err
    assert err.count("Is note.text the new name of note.title?") == 1
    assert err.count("What do rows that are there get as note.stars") >= 2
    assert "fill=3" in out


def ruled(source: Path) -> None:
    """Let the first step make an index and a CHECK that no model has."""
    text = source.read_text()
    text = text.replace(
        '"note", id=', '"note", Index("title", unique=True), Check("title <> 0", name="no"), id='
    )
    source.write_text(text.replace("import IdField", "import Check, IdField, Index"))
    forget()


def test_index_and_check_without_a_model_are_asked_for(source: Path, stina: Run) -> None:
    ruled(source)

    asked = stina("db", "make", "notes")
    refused = stina("db", "make", "notes", "--keep", "check:note.no", "--keep", "index:note__title")
    made = stina("db", "make", "notes", "less", "--drop", "check:note.no", "--keep", "index:note__title")

    assert asked.code == 2
    assert "index:note__title is in no model any more: say --drop index:note__title or --keep" in asked.err
    assert "say --drop check:note.no or give it to the model too" in asked.err
    assert (refused.code, made.code) == (1, 0)
    assert "drop_check" in made.out
    assert "drop_index" not in made.out


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ("y\ny\n", 0, "Delete check:note.no, which no model has?"),
        ("n\ny\n", 0, "Delete index:note__title, which no model has?"),
        ("n\nn\n", 1, "check:note.no can stay only if the model has it too"),
    ],
)
def test_rule_without_a_model_is_asked_for_at_a_terminal(
    source: Path, answers: str, code: int, words: str
) -> None:
    ruled(source)

    found, out, err = typed(answers, "db", "make", "notes", "--json")

    assert (found, words in err) == (code, True)
    assert ("drop_index" in out) is (answers == "y\ny\n")
    assert ("drop_check" in out) is (code == 0)


TO_JSON = """
class Note(Model):
    id = IdField()
    title = JsonField()
"""


def to_json(source: Path) -> None:
    edit(source, TO_JSON)
    text = source.read_text().replace("import IdField", "import JsonField, IdField")
    source.write_text(
        text.replace("note.text for", "note.title for").replace("create(text=", "create(title=")
    )
    forget()


def test_text_that_becomes_json_is_converted_as_it_is_said(
    source: Path, script: Run, store_path: Path
) -> None:
    assert script("--db", store_path, "notes", "add", "5").code == 0
    to_json(source)

    asked = script("db", "make", "notes")
    (flag,) = re.findall(r"--using .*", asked.err)
    made = script("db", "make", "notes", *shlex.split(flag))
    listed = script("--db", store_path, "notes", "list")

    assert (asked.code, made.code, listed.code) == (2, 0, 0)
    assert file_rows(store_path, "SELECT title FROM notes_note") == [('"5"',)]


def test_conversion_that_is_no_sql_is_asked_for_again(source: Path) -> None:
    to_json(source)

    code, out, err = typed("nothing(\n\n", "db", "make", "notes", "--json")

    assert code == 0
    assert err.count("note.title becomes JSON. Its new value, as SQL? [json_quote") == 2
    assert "using='json_quote(" in out.replace('\\"', '"')


def test_terminal_that_is_closed_writes_nothing(source: Path) -> None:
    before = edit(source)

    code, out, err = typed("\x04", "db", "make", "notes")

    assert (code, out.strip()) == (1, "")
    assert "stopped: there was no answer" in err
    assert source.read_text() == before
