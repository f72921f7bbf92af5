from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from stina_core import Plugins, open_store
from stina_core.transfer import ImportReport, TableReport, import_file

from .shelf import PLUGINS, config

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the plugin without rows; copying it is quicker than making another one."""
    path = tmp_path_factory.mktemp("blank") / "blank.db"
    open_store(config=config(path), plugins=PLUGINS).close()
    return path


@pytest.fixture
def make(tmp_path: Path, blank: Path) -> Make:
    """Make a store with some rows: `make("a", "INSERT INTO shelf_author ...")`."""

    def made(name: str, *statements: str, plugins: Plugins = PLUGINS, foreign_keys: bool = True) -> Path:
        path = tmp_path / f"{name}.db"
        if plugins is PLUGINS:
            shutil.copyfile(blank, path)
        else:
            open_store(config=config(path), plugins=plugins).close()
        run(path, *statements, foreign_keys=foreign_keys)
        return path

    return made


def run(path: Path, *statements: str, foreign_keys: bool = True) -> None:
    """Run statements on a file as another program would, with or without its rules."""
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")
    connection.execute(f"PRAGMA ignore_check_constraints = {int(not foreign_keys)}")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def merged(into: Path, source: Path, plugins: Plugins = PLUGINS) -> ImportReport:
    """Import *source* into the store at *into*."""
    return import_file(config(into), plugins, source)


def of(report: ImportReport, table: str) -> TableReport:
    """Return what the report says of one table of the plugin."""
    return next(one for one in report.tables if one.table == f"shelf_{table}")
