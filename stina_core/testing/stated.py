"""What an author states about the steps of a plugin, and whether there is what the names say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .states import opened, owner
from .versions import Versions


@dataclass(frozen=True, slots=True)
class Stated:
    """What the steps of *plugin* do on purpose, by full names: `notes_note`, `notes_note.title`.

    Attributes:
        tables, columns: The new name of each one that SQL renames.
        rewritten: Tables and columns, by their old names, that are changed, merged or dropped.
        varying: Columns that get another value in every run.
    """

    plugin: str
    tables: Mapping[str, str]
    columns: Mapping[str, str]
    rewritten: Collection[str]
    varying: Collection[str]

    def short(self, name: str) -> str:
        """Return the full *name* as the author writes it."""
        return name.removeprefix(f"{self.plugin}_")


def stated(
    versions: Versions,
    *,
    renamed_tables: Mapping[str, str],
    renamed_columns: Mapping[str, str],
    rewritten: Collection[str],
    varying: Collection[str],
) -> Stated:
    """Check what the author wrote, names with the plugin's prefix or without it.

    Raises:
        AssertionError: a name is that of no table or column at any version, or
            something else than names was written.
    """
    nothing = not (renamed_tables or renamed_columns or rewritten or varying)
    tables, columns = (set(), set()) if nothing else _all_names(versions)
    names = _Names(versions.name, tables, columns)
    return Stated(
        versions.name,
        names.pairs("renamed_tables", renamed_tables, tables),
        names.pairs("renamed_columns", renamed_columns, names.halfway),
        names.every("rewritten", rewritten, tables | columns),
        names.every("varying", varying, columns),
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """The tables and columns that *plugin* has at any version."""

    plugin: str
    tables: Set[str]
    columns: Set[str]

    @property
    def halfway(self) -> set[str]:
        """Also those there may be inside a step, which renames a table and then its columns."""
        names = {column.partition(".")[2] for column in self.columns}
        return {f"{table}.{name}" for table in self.tables for name in names}

    def pairs(self, attribute: str, pairs: object, known: Set[str]) -> dict[str, str]:
        assert isinstance(pairs, Mapping), f"{attribute} is {pairs!r}; write {{'old': 'new'}}"
        old = self.every(attribute, list(pairs), known)
        return dict(zip(old, self.every(attribute, list(pairs.values()), known), strict=True))

    def every(self, attribute: str, names: object, known: Set[str]) -> list[str]:
        wrong = f"{attribute} is {names!r}, which is no collection of names; write {{{names!r}}}"
        assert not isinstance(names, str), wrong
        assert isinstance(names, Collection), wrong
        return [self._full(attribute, name, known) for name in names]

    def _full(self, attribute: str, name: object, known: Set[str]) -> str:
        for full in (f"{self.plugin}_{name}", str(name)):
            if full in known:
                return full
        there = sorted(one.removeprefix(f"{self.plugin}_") for one in known & (self.tables | self.columns))
        raise AssertionError(
            f"{attribute} says {name!r}, which is there at no version; there are {', '.join(there)}"
        )


def _all_names(versions: Versions) -> tuple[set[str], set[str]]:
    """Return the tables, and the columns, that the plugin has at any version."""
    tables: set[str] = set()
    columns: set[str] = set()
    with TemporaryDirectory(prefix="stina-tests-") as folder:
        for version in range(versions.newest + 1):
            path = Path(folder) / f"{version}.db"
            versions.make(path, version)
            with opened(path) as connection:
                for table, column in connection.execute(
                    "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
                    "WHERE t.schema = 'main' AND t.type = 'table'"
                ):
                    if owner(table) == versions.name:
                        tables.add(table)
                        columns.add(f"{table}.{column}")
    return tables, columns
