"""What one plugin declares: its models, under its own prefix, and its repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import peewee

from .catalog import Check, Index, Search, Table
from .definitions import Key, check_name, column_name, table_of
from .errors import DefinitionError, SchemaError
from .fields import NO_BACKREF, ForeignKeyField, Portable
from .model import Model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .repository import Repository
    from .transfer.here import Merge


class Merging(NamedTuple):
    """How rows of one table are merged with those of another store.

    Attributes:
        using: The plugin's function, or where it is.
        ignoring: Columns that do not make a row another one.
    """

    using: Merge | str | None = None
    ignoring: frozenset[str] = frozenset()


class Schema:
    """The context of `register_schema`: takes the declarations of one plugin.

    Attributes:
        plugin: The plugin's name, which is the prefix of its tables.
        requires: Plugins its distribution requires; foreign keys may point to theirs.
        tables: What was declared, as catalog values.
        adopted: Tables of the original app that the plugin takes over; see `is_adopted()`.
        merging: By full name of a table, how its rows are merged, where the plugin says so.
    """

    def __init__(self, plugin: str, requires: Iterable[str] = ()) -> None:
        self.plugin = plugin
        self.requires = frozenset(requires)
        self.models: list[type[Model]] = []
        self.repositories: list[type[Repository] | str] = []
        self.tables: list[Table] = []
        self.adopted: dict[str, list[frozenset[str]]] = {}
        self.merging: dict[str, Merging] = {}
        self._new: list[type[Model]] = []  # the others are in use by a program's earlier load of this plugin

    def add(self, *models: type[Model], repository: type[Repository] | str | None = None) -> None:
        """Declare *models*, and the *repository* through which everybody else uses them.

        A model named `Note` of the plugin `notes` gets the table `notes_note`.

        Args:
            repository: The class; or where it is, such as "stina_notes.repository:NoteRepository":
                then a program that does not use it does not import it either, which makes
                every start quicker. With `config.strict` it is imported, to see that it is there.

        Raises:
            SchemaError: a name, field, key or reference is not allowed, or
                collides with something declared before; both sides are named.
        """
        for model in models:
            self._claim(model)
        for model in models:
            try:
                table = self._describe(model)
            except DefinitionError as error:
                raise SchemaError(self.plugin, f"{_name(model)}: {error}") from error
            self._check_collisions(model, table)
            self.tables.append(table)
            for field in _foreign_keys(model):
                self._attach(field)
        if repository is not None:
            self.repositories.append(repository)

    def adopts(self, table: str, *columns: str) -> None:
        """Say that the plugin's steps take over the original app's *table*, by its full name.

        Where it is in a file again after that, because the original app was run once
        more, people are told, and can merge it.

        Args:
            columns: Those that it has, to tell it from another program's of that name. Where
                versions of it have few in common, call this for each.
        """
        self.adopted.setdefault(table, []).append(frozenset(columns))

    def is_adopted(self, table: str, columns: Collection[str]) -> bool:
        """Whether a table of this name, with these columns, is one that the plugin takes over."""
        return any(wanted <= set(columns) for wanted in self.adopted.get(table, ()))

    def merges(
        self, model: type[Model], *, using: Merge | str | None = None, ignoring: Iterable[str] = ()
    ) -> None:
        """Say how rows of *model* are merged into a store by `stina db import`.

        Without it a row that is not here is added, and one that is here stays as it is.

        Args:
            using: Called with each row that is not here, as stored values by column, and with
                what finds rows that are; it returns the row as it is to be added, or one
                with the key of a row that is here: then it is taken for that one. The function,
                or where it is, such as "stina_notes.merging:note": then only an import loads it.
            ignoring: Columns that do not make a row that is here another one.

        Raises:
            SchemaError: *model* was not added before, or has no such columns.
        """
        if model not in self.models:
            raise SchemaError(self.plugin, f"{_name(model)} is merged, but was not added; add it before")
        table = self.tables[self.models.index(model)]
        names = frozenset(ignoring)
        unknown = sorted(names - {column.name for column in table.columns} | names & {*table.primary_key})
        if unknown:
            raise SchemaError(
                self.plugin,
                f"{unknown[0]!r} cannot be ignored where rows of {table.name} are merged: it is no column "
                "beside its primary key",
            )
        self.merging[table.name] = Merging(using, names)

    def withdraw(self) -> None:
        """Take back everything declared, also what other plugins' models were told of it."""
        for model in self._new:
            for field in _foreign_keys(model):
                _detach(field)
            model._meta.set_table_name(model._meta.make_table_name())
            model._owner = None
        self._new.clear()
        self.models.clear()
        self.repositories.clear()
        self.tables.clear()
        self.merging.clear()

    def _claim(self, model: type[Model]) -> None:
        if not (isinstance(model, type) and issubclass(model, Model)):
            raise SchemaError(self.plugin, f"{model!r} is no stina_core.Model; derive it from Model")
        if model._owner not in (None, self.plugin):
            raise SchemaError(
                self.plugin,
                f"{_name(model)} already belongs to the plugin {model._owner!r}; {self.plugin!r} wants it too",
            )
        if model in self.models:
            raise SchemaError(self.plugin, f"{_name(model)} is declared twice")
        meta = model._meta
        name = meta.make_table_name()
        try:
            check_name(name, f"the table of {_name(model)}")
        except DefinitionError as error:
            raise SchemaError(self.plugin, str(error)) from error
        full = f"{self.plugin}_{name}"
        if meta.table_name not in (name, full) or meta.schema or meta.database is not Model._meta.database:
            raise SchemaError(
                self.plugin,
                f"{_name(model)} sets table_name, schema or database in its Meta; leave them out: "
                f"the table is {full}, in whichever store is current",
            )
        if model._owner is None:
            meta.set_table_name(full)
            model._owner = self.plugin
            self._new.append(model)
        self.models.append(model)

    def _describe(self, model: type[Model]) -> Table:
        meta = model._meta
        for field in meta.sorted_fields:
            if hasattr(peewee.Model, field.name):
                raise DefinitionError(
                    f"the field {field.name} would hide Model.{field.name}(); give the field another name "
                    f"and keep the column with column_name={field.column_name!r}"
                )
        checks = list(meta.constraints or ())
        indexes = list(meta.indexes or ())
        for part in (*checks, *indexes):
            if not isinstance(part, Check | Index):
                raise DefinitionError(f"{part!r} in Meta is no stina_core.Check or stina_core.Index")
        composite = meta.primary_key
        return table_of(
            meta.table_name,
            {field.name: field for field in meta.sorted_fields},
            key_of=self._key_of,
            checks=checks,
            indexes=indexes,
            primary_key=composite.field_names if isinstance(composite, peewee.CompositeKey) else (),
            without_rowid=bool(meta.without_rowid),
            search=_search_of(model),
            tracked=_is_tracked(model),
        )

    def _key_of(self, field: ForeignKeyField[Any]) -> tuple[str, Key]:
        target = field.rel_model
        if not (isinstance(target, type) and issubclass(target, Model)) or target._owner is None:
            raise DefinitionError(
                f"{field.name} points to {_name(target)}, which no plugin has declared; add that model first"
            )
        if target._owner != self.plugin and target._owner not in self.requires:
            raise DefinitionError(
                f"{field.name} points to {target._meta.table_name} of the plugin {target._owner!r}, but the "
                f"distribution of {self.plugin!r} does not require the one of {target._owner!r}; "
                "add it to its dependencies"
            )
        key = field.rel_field
        if isinstance(key, peewee.CompositeKey):
            raise DefinitionError(
                f"{field.name} points to {_name(target)}, whose key has several columns; only a single one works"
            )
        while isinstance(key, ForeignKeyField):
            key = key.rel_field
        if not isinstance(key, Portable):
            raise DefinitionError(f"{field.name} points to {_name(target)}, whose key is no stina_core field")
        name = column_name(field.rel_field.name, field.rel_field)
        return target._meta.table_name, (name, key.portable_type)

    def _attach(self, field: ForeignKeyField[Any]) -> None:
        """Tell the other model of *field*; if it has a backref, reads of the other model get it."""
        target, backref = field.rel_model, field.wanted_backref
        if field not in target._meta.backrefs:
            field.model._meta.add_ref(field)
        if backref is None or _is_backref_of(field):
            return
        if hasattr(target, backref):
            raise SchemaError(
                self.plugin,
                f"{_name(field.model)}.{field.name} wants the backref {backref!r} on {_name(target)}, which already "
                f"has an attribute of that name ({_origin(target, backref)}); choose another backref",
            )
        field.backref = backref
        setattr(target, backref, peewee.BackrefAccessor(field))

    def _check_collisions(self, model: type[Model], table: Table) -> None:
        names = table.names()
        for other_model, other in zip(self.models, self.tables, strict=False):
            both = names & other.names()
            if both:
                raise SchemaError(
                    self.plugin,
                    f"{_name(model)} and {_name(other_model)} both want the name {min(both)!r}; rename one of them",
                )


def _search_of(model: type[Model]) -> Search | None:
    search = getattr(model._meta, "search", None)
    if search is not None and not isinstance(search, Search):
        raise DefinitionError(f"{search!r} in Meta is no stina_core.Search")
    return search


def _is_tracked(model: type[Model]) -> bool:
    tracked = getattr(model._meta, "tracked", True)
    if not isinstance(tracked, bool):
        raise DefinitionError(
            f"tracked in Meta is {tracked!r}; say True, or False to keep out of the change feed"
        )
    return tracked


def _foreign_keys(model: type[Model]) -> list[ForeignKeyField[Any]]:
    return [field for field in model._meta.sorted_fields if isinstance(field, ForeignKeyField)]


def _is_backref_of(field: ForeignKeyField[Any]) -> bool:
    accessor = vars(field.rel_model).get(field.wanted_backref or NO_BACKREF)
    return isinstance(accessor, peewee.BackrefAccessor) and accessor.field is field


def _detach(field: ForeignKeyField[Any]) -> None:
    if field.wanted_backref is not None and _is_backref_of(field):
        delattr(field.rel_model, field.wanted_backref)
        field.backref = NO_BACKREF
    if field in field.rel_model._meta.backrefs:
        field.model._meta.remove_ref(field)


def _origin(model: type[peewee.Model], name: str) -> str:
    accessor = vars(model).get(name)
    if isinstance(accessor, peewee.BackrefAccessor):
        return f"the backref of {_name(accessor.field.model)}.{accessor.field.name}"
    return "a field or method of its own"


def _name(model: object) -> str:
    if isinstance(model, type):
        return f"{model.__module__}.{model.__name__}"
    return repr(model)
