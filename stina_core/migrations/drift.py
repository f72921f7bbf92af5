"""Where a file's schema is not what the models want. Pure: two schemas in, differences out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeVar

from ..shapes import ColumnShape, Part, ReferenceShape, Shapes, TableShape

_T = TypeVar("_T")

_CAPTURING = ("stina_capture_", "stina_change_guard")


class Kind(StrEnum):
    """What a difference means for the plugin."""

    MISSING = "missing"
    """Wanted and not in the file: the plugin cannot work."""
    DIFFERENT = "different"
    """In the file in another form: what the plugin relies on does not hold."""
    EXTRA = "extra"
    """Only in the file, and in nobody's way."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One difference.

    Attributes:
        table: The table it belongs to, or the object's own name.
        what: `table`, `column`, `check`, `index` and so on.
        name: What is different, `table.column` for a column.
        detail: What is wanted and what there is, in words.
    """

    kind: Kind
    table: str
    what: str
    name: str
    detail: str = ""

    def __str__(self) -> str:
        words = f"{self.what} {self.name} is {_IN_WORDS[self.kind]}"
        return f"{words}: {self.detail}" if self.detail else words


_IN_WORDS = {
    Kind.MISSING: "missing",
    Kind.DIFFERENT: "not as it should be",
    Kind.EXTRA: "only in the file",
}


def compare(wanted: Shapes, found: Shapes) -> list[Difference]:
    """Return how *found* differs from *wanted*, what matters most first."""
    differences = [
        *_tables(wanted.tables, found.tables),
        *_parts("index", _of_tables(wanted.indexes, found.tables), found.indexes),
        *_parts("full-text index", wanted.searches, found.searches),
        *_parts("trigger", wanted.triggers, found.triggers),
        *_parts("view", wanted.views, found.views),
    ]
    order = list(Kind)
    return sorted(differences, key=lambda one: (order.index(one.kind), one.table, one.what, one.name))


def drift_message(
    plugin: str, differences: Sequence[Difference], *, undone: bool = False, as_noted: bool = False
) -> str:
    """Return what is said to people of a plugin whose tables are not what its models want.

    Args:
        undone: It is so after its steps ran, which were undone for that.
        as_noted: The models are those that the tables were last found to fit, so the tables are what changed.
    """
    named = "; ".join(map(str, differences[:3]))
    more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
    if undone:
        return (
            f"the steps of {plugin} do not make what its models want: {named}{more}. They were undone; "
            f"'stina db make {plugin}' writes the step that is missing"
        )
    wanted = f"the tables of {plugin} in this file are not what its models want: {named}{more}"
    if as_noted:
        return (
            f"{wanted}. Another program changed them: 'stina db check' lists all, and "
            "'stina db restore FILE' brings back a backup"
        )
    return (
        f"{wanted}. 'stina db check' lists all; if a model was changed, 'stina db make {plugin}' "
        "writes the step for it"
    )


def harmful(differences: Iterable[Difference]) -> list[Difference]:
    """Return those with which a plugin cannot work."""
    return [one for one in differences if one.kind is not Kind.EXTRA]


def _uncaptured(triggers: Mapping[str, Part]) -> dict[str, Part]:
    """Leave out the triggers that capture changes: no step makes them, and opening a file mends them."""
    return {name: part for name, part in triggers.items() if not name.startswith(_CAPTURING)}


def of_plugin(plugin: str, shapes: Shapes) -> Shapes:
    """Return what of *shapes* is called as a plugin's own objects are, or hangs on one of its tables.

    The core's own triggers are left out: it makes and mends them itself.
    """

    def own(name: str) -> bool:
        return name.startswith(f"{plugin}_")

    def parts(named: Mapping[str, Part]) -> dict[str, Part]:
        return {
            name: part
            for name, part in named.items()
            if (own(name) or own(part.table)) and (plugin == "stina" or not name.startswith("stina_"))
        }

    return Shapes(
        {name: table for name, table in shapes.tables.items() if own(name)},
        parts(shapes.indexes),
        parts(shapes.searches),
        _uncaptured(parts(shapes.triggers)),
        parts(shapes.views),
    )


def _tables(wanted: Mapping[str, TableShape], found: Mapping[str, TableShape]) -> Iterator[Difference]:
    for name, before, after in _paired(wanted, found):
        if after is None:
            yield Difference(Kind.MISSING, name, "table", name)
        elif before is None:
            yield Difference(Kind.EXTRA, name, "table", name)
        else:
            yield from _columns(name, before.columns, after.columns)
            yield from _rules(name, before, after)


def _columns(
    table: str, wanted: Mapping[str, ColumnShape], found: Mapping[str, ColumnShape]
) -> Iterator[Difference]:
    for name, before, after in _paired(wanted, found):
        full = f"{table}.{name}"
        if after is None:
            yield Difference(Kind.MISSING, table, "column", full)
        elif before is None:
            if after.optional:
                yield Difference(Kind.EXTRA, table, "column", full)
            else:
                detail = "only in the file, and no row can be written without it"
                yield Difference(Kind.DIFFERENT, table, "column", full, detail)
        else:
            for one in fields(ColumnShape):
                want, have = getattr(before, one.name), getattr(after, one.name)
                if want != have:
                    yield Difference(Kind.DIFFERENT, table, "column", full, _against(one.name, want, have))


def _rules(table: str, wanted: TableShape, found: TableShape) -> Iterator[Difference]:
    if wanted.key != found.key:
        detail = f"{', '.join(wanted.key)} wanted, {', '.join(found.key) or 'none'} found"
        yield Difference(Kind.DIFFERENT, table, "primary key", table, detail)
    for option in sorted(wanted.options ^ found.options):
        detail = "wanted, not found" if option in wanted.options else "found, not wanted"
        yield Difference(Kind.DIFFERENT, table, option.upper(), table, detail)
    extra = found.columns.keys() - wanted.columns.keys()
    for what, want, have in (
        ("check", wanted.checks, found.checks),
        ("unique", wanted.uniques, found.uniques),
        ("foreign key", wanted.references, found.references),
    ):
        for one in sorted(map(_written, want - have)):
            yield Difference(Kind.DIFFERENT, table, what, table, f"({one}) wanted, not found")
        here = (one for one in have - want if not _is_about(extra, one, found))
        for one in sorted(map(_written, here)):
            yield Difference(Kind.DIFFERENT, table, what, table, f"({one}) found, not wanted")


def _of_tables(parts: Mapping[str, Part], tables: Collection[str]) -> dict[str, Part]:
    """Leave out what belongs to a missing table, which is reported itself."""
    return {name: part for name, part in parts.items() if part.table in tables}


def _parts(what: str, wanted: Mapping[str, Part], found: Mapping[str, Part]) -> Iterator[Difference]:
    for name, before, after in _paired(wanted, found):
        if after is None:
            yield Difference(Kind.MISSING, before.table if before else name, what, name)
        elif before is None:
            yield Difference(Kind.EXTRA, after.table, what, name)
        elif before.text != after.text:
            yield Difference(
                Kind.DIFFERENT, after.table, what, name, f"{before.text} wanted, {after.text} found"
            )


def _paired(wanted: Mapping[str, _T], found: Mapping[str, _T]) -> Iterator[tuple[str, _T | None, _T | None]]:
    for name in sorted({*wanted, *found}):
        yield name, wanted.get(name), found.get(name)


def _against(what: str, wanted: object, found: object) -> str:
    if what == "null":
        return "NULL is allowed, which is not wanted" if found else "NULL is wanted, and not allowed"
    return f"{what} {wanted or 'none'} wanted, {found or 'none'} found"


def _is_about(
    columns: Collection[str], rule: str | tuple[str, ...] | ReferenceShape, table: TableShape
) -> bool:
    """Whether *rule* speaks of *columns* alone: then it is as much in the way as they are."""
    named = (
        rule.columns if isinstance(rule, ReferenceShape) else rule.split() if isinstance(rule, str) else rule
    )
    words = set(named) & table.columns.keys()
    return bool(words) and words <= set(columns)


def _written(one: object) -> str:
    if isinstance(one, ReferenceShape):
        rules = f"on delete {one.on_delete}, on update {one.on_update}{', deferred' * one.deferred}"
        return f"{_written(one.columns)} to {one.table}.{_written(one.to)}, {rules}"
    if isinstance(one, tuple):
        return ", ".join(map(str, one))
    return str(one)
