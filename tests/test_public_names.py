from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import stina_core
from stina_core import StinaError, cli, errors, testing
from stina_core.hookspecs import StinaHooks

PACKAGE = Path(stina_core.__file__).parent
BASES = {"StinaError", "PluginError", "MigrationError", "StoreError"}


CORE = {(home, name) for home, names in stina_core._HOMES.items() for name in names}
CLI = {(home, name) for name, home in cli._HOMES.items()}
KIT = {(home, name) for name, home in testing._HOMES.items()}


def imported_for_type_checkers(module: ModuleType) -> set[tuple[str, str]]:
    """Return what *module* imports under TYPE_CHECKING, as pairs of module and name."""
    found: set[tuple[str, str]] = set()
    for node in ast.parse(Path(str(module.__file__)).read_text()).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                assert isinstance(statement, ast.ImportFrom)
                home = "." * statement.level + (statement.module or "")
                found |= {(home, alias.name) for alias in statement.names}
    return found


@pytest.mark.parametrize(("module", "lazy"), [(stina_core, CORE), (cli, CLI), (testing, KIT)])
def test_names_for_type_checkers_and_at_run_time_are_the_same(
    module: ModuleType, lazy: set[tuple[str, str]]
) -> None:
    assert lazy == imported_for_type_checkers(module)


@pytest.mark.parametrize(("module", "lazy"), [(stina_core, CORE), (cli, CLI), (testing, KIT)])
def test_all_lists_every_public_name_once_and_each_resolves(
    module: ModuleType, lazy: set[tuple[str, str]]
) -> None:
    public: list[str] = module.__all__

    assert sorted(set(public) - {"__version__"}) == sorted(name for _, name in lazy)
    assert len(public) == len(set(public))
    assert all(getattr(module, name) is not None for name in public)


def test_completion_in_a_shell_offers_every_public_name() -> None:
    assert set(stina_core.__all__) <= set(dir(stina_core))


def test_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'stina_core' has no attribute 'Sotre'"):
        _ = stina_core.Sotre


def test_version_is_the_one_of_the_distribution() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]

    assert stina_core.__version__ == project["version"]


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "import stina_core, stina_core.cli\n"
        "heavy = {'peewee', 'apsw', 'pluggy', 'structlog', 'click', 'rich', 'asyncio', 'importlib.metadata'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "stina_core.StoreConfig, stina_core.StinaError, stina_core.Cursor, stina_core.new_id\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.splitlines() == ["[]", "[]"]


@pytest.mark.parametrize("hook", [name for name in vars(StinaHooks) if not name.startswith("_")])
def test_every_hook_says_when_it_is_called_and_what_an_error_does(hook: str) -> None:
    text = inspect.getdoc(getattr(StinaHooks, hook)) or ""

    assert re.search(r"^When: ", text, re.MULTILINE)
    assert re.search(r"^If (it|declaring) raises", text, re.MULTILINE)
    assert len(text.splitlines()[0]) > 20


@pytest.mark.parametrize("hook", ["register_schema", "migrate"])
def test_hooks_every_plugin_needs_come_with_an_example(hook: str) -> None:
    assert "Example:" in (inspect.getdoc(getattr(StinaHooks, hook)) or "")


def error_classes() -> list[type[StinaError]]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, StinaError)]


def test_every_error_is_public_drawn_in_the_tree_and_ends_in_error() -> None:
    tree = errors.__doc__ or ""
    for error in error_classes():
        assert error.__name__.endswith("Error")
        assert re.search(rf"\b{error.__name__}\b", tree)
        assert error.__name__ in stina_core.__all__
        assert error.__doc__


def test_every_leaf_stands_below_its_base_in_the_tree() -> None:
    lines = (errors.__doc__ or "").splitlines()
    drawn = [
        (line.index(match[1]), match[1])
        for line in lines
        if (match := re.search(r"(?:── |^    )(\w+Error)", line))
    ]
    parents: dict[str, str] = {}
    above: dict[int, str] = {}
    for depth, name in drawn:
        parents[name] = next((above[one] for one in sorted(above, reverse=True) if one < depth), "Exception")
        above = {one: other for one, other in above.items() if one < depth} | {depth: name}

    assert parents == {error.__name__: error.__bases__[0].__name__ for error in error_classes()}


def test_bases_of_errors_are_never_raised_themselves() -> None:
    made = {
        (file.name, node.func.id)
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BASES
    }

    assert not made
