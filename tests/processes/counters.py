"""A plugin for the scripts of these tests, which put this directory on their path."""

from __future__ import annotations

from stina_core import (
    AutoIdField,
    IntegerField,
    Migrations,
    Model,
    Operations,
    Repository,
    Schema,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
)


class Counter(Model):
    name = TextField(primary_key=True)
    value = IntegerField()


class Entry(Model):
    id = AutoIdField()
    number = IntegerField()
    side = TextField()


class CounterRepository(Repository):
    def value(self, name: str) -> int:
        return Counter.get_by_id(name).value

    def increment(self, name: str) -> None:
        """Read, then write: exact only because a transaction holds the lock from its start."""
        with self.transaction():
            value = self.value(name)
            Counter.update(value=value + 1).where(Counter.name == name).execute()

    def write_left(self, number: int) -> None:
        Entry.create(number=number, side="left")

    def write_right(self, number: int) -> None:
        Entry.create(number=number, side="right")

    def write_both(self, number: int) -> None:
        with self.transaction():
            self.write_left(number)
            self.write_right(number)

    def sides(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for entry in Entry.select().order_by(Entry.id):
            found.setdefault(entry.number, []).append(entry.side)
        return found


class Counters:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Counter, Entry, repository=CounterRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_counter")
        def counter(op: Operations) -> None:
            op.create_table("counter", name=TextField(primary_key=True), value=IntegerField())

        @migrations.step("0002_entry")
        def entry(op: Operations) -> None:
            op.create_table("entry", id=AutoIdField(), number=IntegerField(), side=TextField())

        @migrations.step("0003_first")
        def first(op: Operations) -> None:
            op.insert("counter", [{"name": "runs", "value": 0}])


PLUGINS = load_plugins([local_plugin("counters", Counters())], StoreConfig(strict=True))
STRICT = StoreConfig(strict=True)
