"""A step is put at the end of the plugin's `migrate`, whatever its source looks like, and nothing else is touched."""

from __future__ import annotations

import importlib.util
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from types import ModuleType, SimpleNamespace

import pytest

from stina_core import Plugins, SchemaError, hookimpl, load_plugins, local_plugin, open_store
from stina_core.authoring.draft import draft
from stina_core.authoring.insertion import insert, place_of
from stina_core.authoring.questions import Answers
from stina_core.authoring.step_code import Draft

from .drafting import STRICT
from .source_shapes import DEPENDENT, SHAPES, UNFIT, WHOLE


class Project:
    """One file of a plugin's source."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, text: str) -> bytes:
        """Write the file in the encoding it says it has; return its bytes."""
        data = text.encode("latin-1" if "latin-1" in text[:80] else "utf-8")
        self.file.write_bytes(data)
        return data

    def load(self) -> Plugins:
        """Import the file anew, as a new process does."""
        name = f"stina_inserted_{self.file.stem}"
        spec = importlib.util.spec_from_file_location(name, self.file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return loaded(getattr(module, "plugin", module))

    def others(self) -> list[str]:
        """What else is in the directory."""
        return [
            one.name for one in self.file.parent.iterdir() if one.name not in (self.file.name, "__pycache__")
        ]

    def insert(self) -> Draft:
        """Draft the next step and put it into the file."""
        plugins = self.load()
        made = draft(plugins, "notes", Answers(), "stars")
        insert(made, place_of(plugins["notes"]))
        return made


def loaded(plugin: object) -> Plugins:
    return load_plugins([local_plugin("notes", plugin)], STRICT)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "source").mkdir()
    yield Project(tmp_path / "source" / "plugin.py")
    sys.modules.pop("stina_inserted_plugin", None)


@pytest.mark.parametrize("shape", SHAPES)
def test_step_runs_once_the_source_is_imported_anew(project: Project, shape: str) -> None:
    before = project.write(SHAPES[shape])

    project.insert()

    plugins = project.load()
    assert [step.id for step in plugins["notes"].steps] == ["0001_initial", "0002_stars"]
    with open_store(":memory:", STRICT, plugins=plugins) as store:
        assert store.outcome.drift == {}
    assert_only_inserted(before, project.file.read_bytes())
    assert project.others() == []


def assert_only_inserted(before: bytes, after: bytes) -> None:
    """The code stands in one place, in the style of the file, and all else is as it was."""
    start = next((place for place, one in enumerate(before) if after[place] != one), len(before))
    assert after[:start] + after[start + len(after) - len(before) :] == before
    if b"\r\n" in before:
        assert after.count(b"\n") == after.count(b"\r\n")
    if b"\n\t" in before:
        assert b"\n    " not in after


@pytest.mark.parametrize("shape", SHAPES)
def test_second_step_comes_after_the_first(project: Project, shape: str) -> None:
    project.write(SHAPES[shape])
    project.insert()
    first = project.file.read_text(encoding="latin-1")
    project.file.write_text(
        first.replace('TextField(default="*")', 'TextField(default="**")', 1), encoding="latin-1", newline=""
    )

    plugins = project.load()
    insert(draft(plugins, "notes", Answers()), place_of(plugins["notes"]))

    ids = [step.id for step in project.load()["notes"].steps]
    assert ids == ["0001_initial", "0002_stars", "0003_alter_column_note_stars"]
    assert project.file.read_bytes().count(b"import Operations") <= 2


@pytest.mark.parametrize("body", ["pass", "...", '"""Steps."""', "'''Steps\n\n  of it.\n    '''"])
def test_first_step_goes_into_a_hook_that_has_none(project: Project, body: str) -> None:
    project.write(
        f"from stina_core import hookimpl\n\n@hookimpl\ndef migrate(migrations):\n    {body}\n\nNAMES = 1\n"
    )
    made = Draft("notes", "0001_initial", "initial", ('op.create_table("note", id=IdField())',), ("IdField",))

    insert(made, place_of(project.load()["notes"]))

    plugins = project.load()
    with open_store(":memory:", STRICT, plugins=plugins) as store:
        assert [str(step) for step in store.outcome.applied][-1:] == ["notes/0001_initial"]


@pytest.mark.parametrize(
    "title",
    ["now", "json", "print", "op", "self", "hookimpl", "inside", "shared", "deep", "local", "initial"],
)
def test_new_step_hides_nothing_from_those_that_are_there(project: Project, title: str) -> None:
    project.write(DEPENDENT)
    plugins = project.load()
    made = draft(plugins, "notes", Answers(), title)

    insert(made, place_of(plugins["notes"]))

    assert (made.step, made.function) == (f"0002_{title}", f"{title}_2")
    with open_store(":memory:", STRICT, plugins=project.load()) as store:
        assert [str(step) for step in store.outcome.applied][-2:] == [
            "notes/0001_initial",
            f"notes/0002_{title}",
        ]
        assert (store.outcome.failed, store.outcome.drift) == ({}, {})


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("pass", ""),
        ("pass  # none yet", "    # none yet\n"),
        ('"""Steps."""\n    pass', '    """Steps."""\n\n'),
        ("# none\n    pass\n    # end", "    # none\n"),
    ],
)
def test_pass_that_stood_for_the_steps_goes(project: Project, body: str, left: str) -> None:
    head = "from stina_core import Operations, hookimpl\n\n\n@hookimpl\ndef migrate(migrations):\n"
    project.write(f"{head}    {body}\n\n\nNAMES = 1\n")
    made = Draft("notes", "0001_initial", "initial", ('op.unsafe_sql("")',))

    insert(made, place_of(project.load()["notes"]))

    tail = "    # end\n" if "# end" in body else ""
    assert project.file.read_text() == f"{head}{left}{made.code('    ')}{tail}\n\nNAMES = 1\n"


def test_pass_among_other_statements_stays(project: Project) -> None:
    project.write(f"{WHOLE}    pass\n")

    project.insert()

    assert "\n    pass\n" in project.file.read_text()


def test_second_step_of_one_number_is_refused(project: Project) -> None:
    project.write(WHOLE)
    plugins = project.load()
    made, place = draft(plugins, "notes", Answers(), "stars"), place_of(plugins["notes"])
    insert(made, place)
    after = project.file.read_bytes()

    with pytest.raises(SchemaError, match=r"was not changed: its migrate has changed since it was loaded"):
        insert(made, place)
    with pytest.raises(SchemaError, match="has changed since it was loaded; run the command again"):
        insert(made, place_of(plugins["notes"]))

    assert project.file.read_bytes() == after
    assert project.others() == []


def test_of_steps_that_are_written_at_once_one_is(project: Project) -> None:
    project.write(WHOLE)
    plugins = project.load()
    made, place = draft(plugins, "notes", Answers(), "stars"), place_of(plugins["notes"])
    together = Barrier(6)

    def write(number: int) -> bool:
        together.wait(timeout=30)
        try:
            insert(made, place)
        except SchemaError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        written = list(pool.map(write, range(6)))

    assert written.count(True) == 1
    assert [step.id for step in project.load()["notes"].steps] == ["0001_initial", "0002_stars"]


def test_file_keeps_its_mode_and_a_link_to_it_stays_one(project: Project, tmp_path: Path) -> None:
    project.write(WHOLE)
    project.file.chmod(0o640)
    link = tmp_path / "plugin.py"
    link.symlink_to(project.file)

    Project(link).insert()

    assert link.is_symlink()
    assert project.file.stat().st_mode & 0o777 == 0o640
    assert [step.id for step in project.load()["notes"].steps] == ["0001_initial", "0002_stars"]
    assert project.others() == []


@contextmanager
def small_files() -> Iterator[None]:
    """Let this process write no file of more than 100 bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_nothing_is_left_behind_when_the_file_cannot_be_written(project: Project) -> None:
    before = project.write(WHOLE)
    plugins = project.load()
    made = draft(plugins, "notes", Answers())

    with small_files(), pytest.raises(SchemaError, match=r"was not changed: .*File too large"):
        insert(made, place_of(plugins["notes"]))

    assert project.file.read_bytes() == before
    assert project.others() == []


def test_read_only_file_is_left_alone(project: Project) -> None:
    before = project.write(WHOLE)
    project.file.chmod(0o444)

    with pytest.raises(SchemaError, match=r"plugin\.py was not changed: it is read-only"):
        project.insert()

    assert project.file.read_bytes() == before
    assert project.others() == []


def test_character_that_the_encoding_of_the_file_lacks_is_an_error(project: Project) -> None:
    before = project.write("# coding: latin-1\n" + WHOLE.replace('"*"', '"\\u2605"'))

    with pytest.raises(SchemaError, match=r"was not changed: .* codec can't encode"):
        project.insert()

    assert project.file.read_bytes() == before


def refused(plugins: Plugins) -> str:
    with pytest.raises(SchemaError) as caught:
        place_of(plugins["notes"])
    assert caught.value.plugin == "notes"
    return str(caught.value)


@pytest.mark.parametrize("parts", [("site-packages",), ("lib", "dist-packages", "stina_notes")])
def test_installed_copy_is_refused(tmp_path: Path, parts: tuple[str, ...]) -> None:
    folder = tmp_path.joinpath(*parts)
    folder.mkdir(parents=True)
    installed = Project(folder / "plugin.py")
    installed.write(WHOLE)
    link = tmp_path / "linked.py"
    link.symlink_to(installed.file)

    for project in (installed, Project(link)):
        message = refused(project.load())
        assert "is an installed copy; install the plugin from its source with 'pip install -e'" in message


def test_link_from_an_installed_place_to_a_source_is_refused_too(project: Project, tmp_path: Path) -> None:
    project.write(WHOLE)
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "plugin.py").symlink_to(project.file)

    assert "is an installed copy" in refused(Project(folder / "plugin.py").load())


def test_source_that_is_gone_or_broken_is_refused(project: Project) -> None:
    project.write(WHOLE)
    plugins = project.load()
    project.write(WHOLE.replace("class Note", "class Note Note"))
    broken = refused(plugins)
    project.file.write_bytes(WHOLE.replace("title", "\xff").encode("latin-1"))
    undecodable = refused(plugins)
    project.file.unlink()
    gone = refused(plugins)

    for message in (broken, undecodable, gone):
        assert message.startswith("the source of migrate of notes cannot be read: ")


@pytest.mark.parametrize("shape", UNFIT)
def test_hook_that_no_step_fits_into_is_refused(project: Project, shape: str) -> None:
    project.write(f"from stina_core import hookimpl\n\n{UNFIT[shape]}")

    assert "is no 'def migrate(migrations)' of a module or class" in refused(project.load())


def test_hook_without_source_is_refused() -> None:
    module = ModuleType("made")
    exec("@hookimpl\ndef migrate(migrations):\n    pass\n", {"hookimpl": hookimpl}, vars(module))

    assert "the source of migrate of notes cannot be read" in refused(loaded(module))


def test_plugin_without_the_hook_is_refused() -> None:
    def startup(store: object) -> None: ...

    assert "the plugin notes has no migrate hook" in refused(
        loaded(SimpleNamespace(startup=hookimpl(startup)))
    )
