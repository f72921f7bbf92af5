"""The base of every model, and which store's database models speak to right now.

Peewee binds a class to one database for the whole process, so two open stores
would write into each other. Here a model asks a context variable at every query:
`store.use()`, a repository method or a transaction sets it. It follows into
`asyncio.to_thread` and is unset in a new thread, where a query fails loudly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import peewee

from .errors import DefinitionError, NotFoundError, StoreClosedError

if TYPE_CHECKING:
    from typing import Self

current_database: ContextVar[peewee.Database | None] = ContextVar("stina_current_database", default=None)


def current() -> peewee.Database:
    """Return the database models speak to here; StoreClosedError if there is none."""
    database = current_database.get()
    if database is None:
        raise StoreClosedError(
            "no store is current here; call a repository's method, or wrap the query in "
            "'with store.use():' or 'with store.transaction():' (each thread needs its own)"
        )
    return database


class _CurrentDatabase(peewee.DatabaseProxy):
    """Stands in for the database of the current store."""

    __slots__ = ()

    def __init__(self) -> None:
        object.__setattr__(self, "_callbacks", [])  # all that Peewee's own constructor does besides `obj`

    @property
    def obj(self) -> peewee.Database:
        return current()

    def attach_callback(self, callback: Any) -> Any:
        """Peewee's fields that adapt to their database ask to be told which it is; here it changes all the time."""
        field = type(callback.__self__).__name__
        raise TypeError(f"peewee.{field} belongs to one database; use the fields of stina_core")

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        return self.obj.atomic(*args, **kwargs)

    def transaction(self, *args: Any, **kwargs: Any) -> Any:
        return self.obj.transaction(*args, **kwargs)

    def savepoint(self) -> Any:
        return self.obj.savepoint()

    def manual_commit(self) -> Any:
        return self.obj.manual_commit()


class using:  # noqa: N801  # a block, as those of contextlib; a generator would cost three times as much
    """Make *database* the one models speak to inside the block, in this context only."""

    __slots__ = ("_database", "_token")

    def __init__(self, database: peewee.Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._token = current_database.set(self._database)

    def __exit__(self, *error: object) -> None:
        current_database.reset(self._token)


@contextmanager
def nowhere() -> Iterator[None]:
    """Keep models from speaking to any store inside the block: a migration step must not use them."""
    token = current_database.set(None)
    try:
        yield
    finally:
        current_database.reset(token)


class NoSuchRowError(NotFoundError, peewee.DoesNotExist):
    """What a model's `get()` raises. Peewee's own message, the SQL with its values, is left out."""

    model: ClassVar[type[Model]]

    def __init__(self, *details: object) -> None:
        super().__init__(self.model._meta.table_name, None)


class Model(peewee.Model):
    """A table of a plugin; private to it. Its table is `<plugin>_<model>` once it was declared.

    `save()` writes only what was changed, and raises NotFoundError when the row
    is gone instead of doing nothing.
    """

    _owner: ClassVar[str | None] = None
    """The plugin that declared this model; `schema.add()` sets it. Underscored: a field may be called `owner`."""

    class Meta:
        database = _CurrentDatabase()
        legacy_table_names = False
        only_save_dirty = True

    @classmethod
    def validate_model(cls) -> None:
        super().validate_model()
        name = f"{cls.__name__}DoesNotExist"
        error = type(name, (NoSuchRowError,), {"model": cls, "__module__": cls.__module__})
        cls.DoesNotExist = error  # type: ignore[attr-defined]
        cls._owner = None  # not inherited: a model made from a declared one is declared on its own
        for field in list(cls._meta.refs):
            cls._meta.remove_ref(field)  # no other model knows of this one until schema.add() accepts it

    @classmethod
    def _refuse_ddl(cls, *arguments: Any, **options: Any) -> NoReturn:
        """Refused: tables are made and changed by migration steps only."""
        raise DefinitionError(
            f"{cls.__name__} cannot make, drop or rebind its table; tables are made and changed by migration steps"
        )

    create_table = drop_table = truncate_table = add_index = bind = bind_ctx = _refuse_ddl

    @classmethod
    def get_by_id(cls, pk: Any) -> Self:
        """Return the row with the key *pk*; NotFoundError if there is none."""
        row = cls.get_or_none(cls._meta.primary_key == pk)
        if row is None:
            raise NotFoundError(cls._meta.table_name, pk)
        return row

    @classmethod
    def delete_by_id(cls, pk: Any) -> int:
        """Delete the row with the key *pk* and return how many there were: 1 or 0."""
        return int(super().delete_by_id(pk))  # type: ignore[no-untyped-call]

    @classmethod
    def get_or_create(cls, **values: Any) -> tuple[Self, bool]:
        """Return the row with these *values* and False, or a new one and True; nobody comes in between.

        Peewee's own looks again when its INSERT fails, but does not know our errors.
        """
        with cls._meta.database.atomic():
            row, made = super().get_or_create(**values)  # type: ignore[no-untyped-call]
        return row, made

    def save(self, force_insert: bool = False, only: Any = None) -> int:
        """Write the changed fields; *force_insert* makes a new row of it.

        Raises:
            NotFoundError: there is no row with this key to update.
        """
        updates = not force_insert and bool(self.dirty_fields)
        count = super().save(force_insert=force_insert, only=only)
        if updates and not count:
            raise NotFoundError(self._meta.table_name, self.get_id())  # type: ignore[no-untyped-call]
        return count
