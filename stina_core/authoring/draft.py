"""The next step of a plugin, as code that was tried before anybody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import methodcaller

from ..catalog import Table
from ..errors import DefinitionError, SchemaError, StinaError
from ..migrations.drift import Difference, Kind
from ..plugins import Plugin, Plugins
from ..shapes import Shapes
from .column_code import likeliest_first
from .layout import call, literal
from .leftovers import objects
from .names import step_names
from .questions import Answers, Gone, Question
from .refusals import refusals
from .replay import Replay, replayed
from .settling import check_objects, settled
from .source import Source
from .statements import Statement, operation
from .step_code import Draft, function_of
from .table_code import TableCode


def draft(plugins: Plugins, name: str, answers: Answers, title: str | None = None) -> Draft:
    """Compare what the steps of the plugin *name* make with its models, and write the step between them.

    The step has been run after the others, in memory, and left no difference.

    Args:
        title: Name of the step, without its number; made from what it does if None.

    Raises:
        SchemaError: the plugin is not loaded, or there is a difference that no operation mends.
        DefinitionError: an answer names what is not there, or contradicts another one.
        MigrationError: a step that is there already fails on an empty file.
    """
    plugin = _loaded(plugins, name)
    with replayed(plugins, plugin) as replay:
        drafting = _Drafting(plugin, replay, answers)
        drafting.run()
        if not drafting.questions and not drafting.statements:
            _refuse(name, drafting.unmended())
            return Draft(name)
    if drafting.questions:
        return Draft(name, questions=drafting.first_questions())
    made = drafting.draft(title)
    with replayed(plugins, plugin) as replay:
        try:
            replay.run(function_of(made))
        except StinaError as error:
            raise SchemaError(name, f"{_by_hand(name)}: {error}") from error
        _refuse(name, drafting.unmended(replay))
    return made


class _Drafting:
    def __init__(self, plugin: Plugin, replay: Replay, answers: Answers) -> None:
        assert plugin.schema is not None
        self._plugin = plugin
        self._replay = replay
        self._tables = _parents_first(plugin.schema.tables)
        self._fields = {
            model._meta.table_name: {field.column_name: field for field in model._meta.sorted_fields}
            for model in plugin.schema.models
        }
        self._wanted = replay.opened.backend.ddl.wanted(self._tables)
        self._source = Source(plugin.name)
        self._answers = settled(answers, self._names(replay.found), self._names(self._wanted))
        self.statements: list[Statement] = []
        self.questions: list[Question] = []
        self._staying: set[str] = set()
        self._refusals: list[str] = []

    def run(self) -> None:
        """Collect statements and questions."""
        self._rename()
        found = self._replay.found
        name = self._plugin.name
        check_objects(self._answers, objects(name, found), objects(name, self._wanted))
        later: list[Statement] = []
        filled: set[str] = set()
        converted: set[str] = set()
        for table in self._tables:
            fields = self._fields[table.name]
            if table.name not in found.tables:
                own = self._source.own(table.name)
                for made in self._source.create_table(table, fields):
                    self.statements.append(operation(("create_table", own), made))
                continue
            code = TableCode(self._source, table, fields, self._wanted, found, self._answers)
            now, dropped = code.statements()
            self.statements += now
            later += dropped
            self.questions += [*code.columns.questions, *code.left.questions]
            self._staying |= code.left.staying
            self._refusals += refusals(code)
            filled |= code.columns.filled
            converted |= code.columns.converted
        self.statements += [*later, *self._drop_tables(found)]
        if not self.questions:
            self._refuse_unused(filled, converted)

    def _refuse_unused(self, filled: set[str], converted: set[str]) -> None:
        for name in sorted(self._answers.fills.keys() - filled):
            raise DefinitionError(f"no row needs a value for {name}: the column is neither new nor changed")
        for name in sorted(self._answers.usings.keys() - converted):
            raise DefinitionError(f"{name} is not converted: the column is new or has not changed")

    def first_questions(self) -> tuple[Question, ...]:
        """What is gone; the answers to that may settle the others."""
        gone = tuple(one for one in self.questions if isinstance(one, Gone))
        return gone or tuple(self.questions)

    def draft(self, title: str | None) -> Draft:
        """Return the step."""
        step, function = step_names(self._plugin, title, self.statements[0])
        return Draft(
            self._plugin.name,
            step,
            function,
            tuple(line for statement in self.statements for line in statement.lines),
            tuple(sorted(self._source.names)),
            tuple(sorted(self._source.modules)),
            warnings=tuple(self._refusals),
        )

    def unmended(self, replay: Replay | None = None) -> list[Difference]:
        """Differences that are left, without what is to stay, and without what no model can say."""
        return [one for one in (replay or self._replay).differences() if self._is_ours(one)]

    def _is_ours(self, one: Difference) -> bool:
        kept = {f"{self._plugin.name}_{name}" for name in self._answers.keeps} | self._staying
        tables = {table.name: table.search_name for table in self._tables}
        return one.kind is not Kind.EXTRA or (
            one.name not in kept
            and (
                one.what in ("table", "column")
                or (one.what == "full-text index" and one.name in tables.values())
                or (one.what == "index" and one.table in tables and one.name.startswith(f"{one.table}__"))
            )
        )

    def _rename(self) -> None:
        """Write the renames that were answered, and run them, so that the rest compares what is left."""
        for old, new in self._answers.renames.items():
            table, _, column = old.partition(".")
            what = "rename_column" if column else "rename_table"
            names = [*filter(None, (table, column)), new.rpartition(".")[2]]
            self.statements.append(operation((what, *names[:-1]), call(f"op.{what}", *map(literal, names))))
            self._replay.run(methodcaller(what, *names))

    def _drop_tables(self, found: Shapes) -> list[Statement]:
        made = [table.name for table in self._tables if table.name not in found.tables]
        statements = []
        for name in found.tables:
            own = self._source.own(name)
            if name in self._wanted.tables:
                continue
            if own in self._answers.keeps:
                self._check_kept(name, found)
            elif own in self._answers.drops:
                statements.append(operation(("drop_table", own), call("op.drop_table", literal(own))))
            else:
                self.questions.append(Gone(own, tuple(likeliest_first(own, map(self._source.own, made)))))
        return statements

    def _check_kept(self, name: str, found: Shapes) -> None:
        """Refuse to keep a table that points to a key which will be none: no row of it could be written."""
        for one in found.tables[name].references:
            before, after = found.tables.get(one.table), self._wanted.tables.get(one.table)
            if before and after and one.to == before.key != after.key:
                raise DefinitionError(
                    f"{self._source.own(name)} cannot be kept: it points to the key of {one.table}, which changes"
                )

    def _names(self, shapes: Shapes) -> set[str]:
        """Tables and columns as people name them: `todo`, `todo.note`."""
        own = {self._source.own(name): shape.columns for name, shape in shapes.tables.items()}
        return {*own, *(f"{name}.{column}" for name, columns in own.items() for column in columns)}


def _parents_first(tables: Sequence[Table]) -> list[Table]:
    """Return *tables* so that each comes after those it points to."""
    left, ordered = list(tables), []
    while left:
        waiting = {table.name for table in left}
        ready = [
            table
            for table in left
            if not waiting - {table.name} & {one.reference.table for one in table.columns if one.reference}
        ]
        ordered += ready or left  # what points to each other cannot be made in any order; the trial says so
        left = [table for table in left if table not in ordered]
    return ordered


def _refuse(name: str, left: Sequence[Difference]) -> None:
    if left:
        raise SchemaError(name, f"{_by_hand(name)}: {left[0]}")


def _by_hand(name: str) -> str:
    return f"no operation makes the tables of {name} what its models want; write the step by hand"


def _loaded(plugins: Plugins, name: str) -> Plugin:
    if name not in plugins:
        there = ", ".join(plugin.name for plugin in plugins) or "none"
        raise SchemaError(name, f"there is no plugin {name!r}; installed are: {there}")
    plugin = plugins[name]
    if plugin.schema is None:
        raise SchemaError(name, f"the plugin {name} is off ({plugin.state}): {plugin.reason}")
    return plugin
