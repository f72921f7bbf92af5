"""A plugin with a history of six steps: parents and children, a trigger, renames, a column that goes, a rewrite."""

from __future__ import annotations

from enum import StrEnum

from stina_core import (
    BooleanField,
    Check,
    EnumField,
    ForeignKeyField,
    IdField,
    IntegerField,
    JsonField,
    Migrations,
    Model,
    Operations,
    Schema,
    TextField,
    TimestampField,
    hookimpl,
)


class Priority(StrEnum):
    LOW = "low"
    HIGH = "high"


class List(Model):
    id = IdField()
    name = TextField(unique=True)


class Task(Model):
    id = IdField()
    list = ForeignKeyField(List, on_delete="CASCADE")
    label = TextField(max_length=200)
    done = BooleanField(default=False)
    priority = EnumField(Priority, default=Priority.LOW)
    made_at = TimestampField()
    position = IntegerField(default=0, index=True)

    class Meta:
        constraints = (Check("length(label) > 0", name="label_not_empty"),)


class Remark(Model):
    id = IdField()
    task = ForeignKeyField(Task, on_delete="CASCADE")
    parent = ForeignKeyField("self", null=True)
    content = JsonField(null=True)


class Setting(Model):
    name = TextField(primary_key=True)
    value = TextField()


def first(op: Operations) -> None:
    op.create_table("list", id=IdField(), name=TextField(unique=True), colour=TextField(default="red"))
    op.create_table(
        "task",
        Check("length(title) > 0", name="label_not_empty"),
        id=IdField(),
        list=ForeignKeyField("list", on_delete="CASCADE"),
        title=TextField(max_length=200),
        done=BooleanField(default=False),
        priority=EnumField(["low", "high"], default="low"),
        made_at=TimestampField(),
    )
    op.create_table(
        "note",
        id=IdField(),
        task=ForeignKeyField("task", on_delete="CASCADE"),
        parent=ForeignKeyField("self", null=True),
        content=JsonField(null=True),
    )


def position(op: Operations) -> None:
    op.add_column("task", position=IntegerField(default=0, index=True))


def trigger(op: Operations) -> None:
    op.unsafe_sql(
        "CREATE TRIGGER tasks_done AFTER UPDATE OF done ON tasks_task BEGIN "
        "UPDATE tasks_task SET position = -1 WHERE id = new.id; END"
    )


def rename(op: Operations) -> None:
    op.rename_column("task", "title", "label")
    op.rename_table("note", "remark")


def setting(op: Operations) -> None:
    op.create_table("setting", name=TextField(primary_key=True), value=TextField())
    op.insert("setting", [{"name": "view", "value": "board"}, {"name": "sort", "value": "position"}])
    op.drop_column("list", "colour")


def number(op: Operations) -> None:
    op.unsafe_sql("UPDATE tasks_task SET position = 10 * position WHERE position BETWEEN -1000 AND 1000")


STEPS = (first, position, trigger, rename, setting, number)


class Tasks:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(List, Task, Remark, Setting)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        for place, step in enumerate(STEPS, 1):
            migrations.step(f"{place:04}_{step.__name__}")(step)
