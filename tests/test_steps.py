from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import (
    DefinitionError,
    EnumField,
    ForeignKeyField,
    IdField,
    LedgerConflictError,
    Migrations,
    Model,
    Operations,
    SchemaError,
    SchemaTooNewError,
    TextField,
)
from stina_core.definitions import check_frozen
from stina_core.migrations.checksum import checksum, digest
from stina_core.migrations.plan import Entry, plan
from stina_core.migrations.steps import PluginSteps, Step


def declare(
    *ids: str, name: str = "notes", requires: Sequence[str] = (), after: Sequence[str] = ()
) -> Migrations:
    migrations = Migrations(name, requires)
    for id in ids:

        @migrations.step(id, after=after)
        def run(op: Operations) -> None: ...

    return migrations


# Ids and order


@pytest.mark.parametrize(
    "id",
    [
        "",
        "1_a",
        "0001",
        "0001_",
        "0001_A",
        "0001-a",
        "0001_a_",
        "0001__a",
        "00001_a",
        "0001_a b",
        "0001_ä",
        " 0001_a",
    ],
)
def test_step_id_is_four_digits_and_a_name(id: str) -> None:
    with pytest.raises(SchemaError, match="no step id"):
        declare(id)


@pytest.mark.parametrize("second", ["0002_same_number", "0002_b", "0001_lower", "0002_initial"])
def test_step_must_have_a_higher_number_than_the_one_before(second: str) -> None:
    with pytest.raises(SchemaError, match="next higher number"):
        declare("0002_initial", second)


def test_steps_are_kept_in_order_and_may_leave_numbers_out() -> None:
    steps = declare("0001_initial", "0002_due", "0010_later").steps

    assert [str(step) for step in steps] == ["notes/0001_initial", "notes/0002_due", "notes/0010_later"]


@pytest.mark.parametrize("after", ["chat/0001_initial", "0001_initial", "notes/0001_initial", ""])
def test_step_may_come_only_after_steps_of_required_plugins(after: str) -> None:
    with pytest.raises(SchemaError, match="no step of a plugin that 'notes' requires"):
        declare("0001_initial", requires=["kv"], after=[after])


def test_step_after_a_required_plugins_step_is_accepted() -> None:
    (step,) = declare("0001_initial", requires=["chat"], after=["chat/0003_titles"]).steps

    assert step.after == ("chat/0003_titles",)


def test_step_is_a_plain_function() -> None:
    async def asynchronous(op: Operations) -> None: ...

    class Runner:
        def __call__(self, op: Operations) -> None: ...

    wrong: list[Any] = [asynchronous, Runner(), functools.partial(print), print, "text"]
    for run in wrong:
        with pytest.raises(SchemaError, match="plain 'def'"):
            Migrations("notes").step("0001_initial")(run)


# Checksums

WHOLE_LANGUAGE = '''
def f(op, *, size: int = 3) -> None:
    """Doc."""
    x: int = 1
    def inner(a, /, b=2, *c, **d):
        """doc"""
        return f"{a!r:>{b}} {c=} \u00e9 \U0001fa77 {x:>5}" 'x' "y"
    match x:
        case {"a": [1, *rest], **kw} if (y := 3): pass
        case A(b=1) | None: pass
        case _: raise ValueError(b"a", "b", 1j, -0.0, 1e400, ...)
    try:
        with op as z, op: pass
    except* ValueError: pass
    z = [i for i in range(3) if i] + [lambda q=1: q][0](3)
    z[1:2, ::3] @= await_ if x else not y
    global g
    del z
    for a, *b in x: continue
    else: pass
    assert x, "m"
    return {**x, 1: {2}, "k": (yield)}
'''  # the second character is of Unicode 15, which Python 3.11 does not print

STEP = """
def initial(op: Operations) -> None:
    op.create_table("note", id=IdField(), title=TextField(default="it's"))
"""


def digest_of(source: str) -> str:
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    return digest(node)


def test_digest_is_the_same_on_every_python_and_never_changes() -> None:
    assert digest_of(WHOLE_LANGUAGE) == "15fa55392e62a610"
    assert digest_of(STEP) == "f9964bb3e90fa541"


@pytest.mark.parametrize(
    "source",
    [
        """
def initial(op):
    op.create_table("note", id=IdField(), title=TextField(default="it's"))
""",
        """
@anything
def another_name(op: "Operations") -> Any:
    '''A docstring.'''
    # a comment
    op.create_table(
        'note',
        id   = IdField( ),   # another
        title = TextField(default='it\\'s'),
    )
""",
        """
def initial(op: Operations) -> None:
    (op.create_table)("no" "te", id=(IdField()), title=TextField(default=\"\"\"it's\"\"\"))
""",
    ],
)
def test_layout_comments_docstrings_and_names_do_not_change_the_checksum(source: str) -> None:
    assert digest_of(source) == digest_of(STEP)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"note"', '"notes"'),
        ("IdField()", "IdField('x')"),
        ("it's", "it is"),
        ("title=", "name="),
        ("create_table", "drop_table"),
        ("op.", "operations."),
        ("(op:", "(op, other:"),
    ],
)
def test_any_change_of_what_a_step_does_changes_the_checksum(old: str, new: str) -> None:
    assert digest_of(STEP.replace(old, new)) != digest_of(STEP)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("1", "True"),
        ("1", "1.0"),
        ("'1'", "1"),
        ("b'a'", "'a'"),
        ("a.b", "a, b"),
        ("(a, b)", "[a, b]"),
        ("None", "0"),
        ("-1", "1"),
        ("a and b", "a or b"),
        ("x(y)(z)", "x(y, z)"),
        ("'ab'", "'a' + 'b'"),
        ("lambda: 1", "lambda x=1: 1"),
    ],
)
def test_different_expressions_have_different_checksums(one: str, two: str) -> None:
    assert digest_of(f"def f(op): return {one}") != digest_of(f"def f(op): return {two}")


def test_default_arguments_count_and_inner_docstrings_do_not() -> None:
    assert digest_of("def f(op, n=1): g(n)") != digest_of("def f(op, n=2): g(n)")
    assert digest_of("def f(op):\n def g():\n  'doc'\n  h()\n g()") == digest_of(
        "def f(op):\n def g():\n  h()\n g()"
    )
    assert digest_of("def f(op): 'only a docstring'") == digest_of("def f(op): 'another one'")


@given(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.binary())
def test_constants_of_any_value_are_written_in_ascii_and_told_apart(
    text: str, number: int, ratio: float, data: bytes
) -> None:
    source = f"def f(op): return {text!a}, {number!r}, {ratio!r}, {data!r}"

    assert digest_of(source) == digest_of(source)
    assert digest_of(source) != digest_of(source.replace("return ", "return '', "))


def test_checksum_of_a_function_is_that_of_its_source() -> None:
    def initial(op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField(default="it's"))

    assert checksum(initial) == digest_of(STEP)
    assert declare_one(initial).checksum == digest_of(STEP)


def declare_one(run: Callable[[Operations], None]) -> Step:
    migrations = Migrations("notes")
    migrations.step("0001_initial")(run)
    return migrations.steps[0]


def test_comment_and_text_at_the_left_margin_do_not_keep_a_step_from_being_read() -> None:
    def tidy(op: Operations) -> None:
        op.unsafe_sql("""
DELETE FROM notes_note""")

    def untidy(op: Operations) -> None:
        # a comment nobody indented
        op.unsafe_sql("""
DELETE FROM notes_note""")

    assert checksum(tidy) == checksum(untidy)


def test_function_without_source_has_no_checksum() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def initial(op): pass", "<made here>", "exec"), namespace)  # "<string>" may be python -c

    with pytest.raises(OSError, match="source"):
        checksum(namespace["initial"])
    with pytest.raises(OSError, match="plain function"):
        checksum(lambda op: None)


# Frozen definitions


class Color(StrEnum):
    RED = "red"


class Note(Model):
    id = IdField()


def test_enum_class_in_a_step_is_refused_with_the_texts_to_write_instead() -> None:
    with pytest.raises(DefinitionError, match=r"EnumField\(\['red'\]\)"):
        check_frozen({"color": EnumField(Color)})


def test_model_class_in_a_step_is_refused_with_the_form_to_write_instead() -> None:
    with pytest.raises(DefinitionError, match=r'ForeignKeyField\("todo"\)'):
        check_frozen({"note": ForeignKeyField(Note)})


def test_texts_are_frozen() -> None:
    check_frozen({"color": EnumField(["red"]), "note": ForeignKeyField("note"), "title": TextField()})


# Plans


def steps_of(plugin: str, ids: Sequence[str], marks: str = "x", requires: Sequence[str] = ()) -> PluginSteps:
    """Steps whose checksums are their id and a mark."""
    steps = []
    for id in ids:
        step = Step(plugin, id, lambda op: None)
        vars(step)["checksum"] = f"{id}-{marks}"
        steps.append(step)
    return PluginSteps(plugin, "1", frozenset(requires), steps)


def applied(plugin: PluginSteps, count: int) -> list[Entry]:
    return [Entry(step.plugin, step.id, step.checksum) for step in plugin.steps[:count]]


IDS = [f"{number:04}_{name}" for number, name in enumerate("abcdefgh", 1)]
SOME_STEPS = st.lists(st.sampled_from(IDS), unique=True).map(sorted)


@given(st.dictionaries(st.sampled_from(["chat", "kv", "notes"]), SOME_STEPS), st.data())
def test_after_any_prefix_exactly_the_rest_is_pending_in_order(
    declared: dict[str, list[str]], data: st.DataObject
) -> None:
    plugins = [steps_of(name, ids) for name, ids in declared.items()]
    done = {plugin.plugin: data.draw(st.integers(0, len(plugin.steps))) for plugin in plugins}
    ledger = [entry for plugin in plugins for entry in applied(plugin, done[plugin.plugin])]

    found = plan(plugins, data.draw(st.permutations(ledger)))

    assert not found.refused
    assert not found.orphaned
    assert list(found.pending) == [step for plugin in plugins for step in plugin.steps[done[plugin.plugin] :]]


@given(SOME_STEPS, SOME_STEPS)
def test_any_other_ledger_is_refused_and_nothing_is_pending(declared: list[str], done: list[str]) -> None:
    plugin = steps_of("notes", declared)
    ledger = [Entry("notes", id, f"{id}-x") for id in done]

    found = plan([plugin], ledger)

    if declared[: len(done)] == done:
        assert [step.id for step in found.pending] == declared[len(done) :]
    else:
        assert set(found.refused) == {"notes"}
        assert not found.pending


@given(SOME_STEPS.filter(bool), st.data())
def test_changed_step_is_refused_by_name(ids: list[str], data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from(ids))
    ledger = [Entry("notes", id, f"{id}-{'y' if id == changed else 'x'}") for id in ids]

    error = plan([steps_of("notes", ids)], ledger).refused["notes"]

    assert isinstance(error, LedgerConflictError)
    assert (error.plugin, error.step) == ("notes", changed)
    assert "was changed after it ran" in str(error)


def test_later_step_than_this_code_has_means_a_newer_file() -> None:
    error = plan([steps_of("notes", IDS[:2])], applied(steps_of("notes", IDS[:4]), 4)).refused["notes"]

    assert isinstance(error, SchemaTooNewError)
    assert error.step == "0003_c"
    assert "newer version of notes" in str(error)
    assert "0002_b" in str(error)


def test_file_of_a_plugin_that_now_has_no_steps_is_newer() -> None:
    error = plan([steps_of("notes", [])], applied(steps_of("notes", IDS[:1]), 1)).refused["notes"]

    assert isinstance(error, SchemaTooNewError)


@pytest.mark.parametrize("unknown", ["0002_other", "0002_z", "0003_c2"])
def test_unknown_step_among_the_known_ones_is_a_conflict(unknown: str) -> None:
    ledger = [*applied(steps_of("notes", IDS[:1]), 1), Entry("notes", unknown, "y")]

    error = plan([steps_of("notes", IDS[:3])], ledger).refused["notes"]

    assert type(error) is LedgerConflictError
    assert error.step == unknown


def test_step_inserted_before_one_that_ran_is_refused_as_late() -> None:
    error = plan([steps_of("notes", IDS[:3])], applied(steps_of("notes", [IDS[0], IDS[2]]), 2)).refused[
        "notes"
    ]

    assert isinstance(error, LedgerConflictError)
    assert error.step == "0002_b"
    assert "higher number" in str(error)


def test_one_plugins_conflict_leaves_the_others_pending() -> None:
    bad, good = steps_of("bad", IDS[:1]), steps_of("good", IDS[:2])

    found = plan([bad, good], [Entry("bad", IDS[0], "changed")])

    assert set(found.refused) == {"bad"}
    assert list(found.pending) == list(good.steps)


def test_plugin_the_file_knows_and_nobody_declares_is_orphaned() -> None:
    found = plan(
        [steps_of("notes", IDS[:1])], [Entry("gone", "0001_a", "x"), Entry("notes", "0001_a", "0001_a-x")]
    )

    assert found.orphaned == {"gone"}
    assert not found.pending


def lazy(op: Operations) -> Iterator[None]:
    op.create_table("note", id=IdField())
    yield


def two(op: Operations, more: int) -> None:
    """Take more than a step gets."""


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lazy, "without yield or async"),
        (lambda op: None, "a plain 'def' of its own"),
        (two, "must take one argument"),
        (lambda: None, "a plain 'def' of its own"),
    ],
)
def test_function_that_cannot_be_a_step_is_refused_when_it_is_declared(run: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        Migrations("notes").step("0001_initial")(run)
