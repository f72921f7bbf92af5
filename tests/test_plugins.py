from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    ForeignKeyField,
    HookError,
    IdField,
    Model,
    PluginError,
    PluginLoadError,
    PluginState,
    Repository,
    Schema,
    SchemaError,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.plugins import Candidate, Plugins

from .declarations import declaring, making, opened, plugin, states, stepping
from .distributions import NOTES, OURS, install, run_with

STATUS = """
import json
from stina_core import open_store
with open_store() as store:
    print(json.dumps({p.name: [p.state, p.reason, p.distribution, p.version, p.tables] for p in store.plugins}))
"""


def status(done: Any) -> dict[str, list[Any]]:
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def loaded(*candidates: Candidate, strict: bool = False, names: set[str] | None = None) -> Plugins:
    chosen = frozenset(names) if names is not None else None
    return load_plugins(candidates, StoreConfig(strict=strict, plugins=chosen))


def raising(error: BaseException) -> Any:
    def load() -> object:
        raise error

    return load


def candidate(name: str, load: Any, distribution: str | None = None) -> Candidate:
    return Candidate(name, distribution or f"stina-{name}", "1", frozenset(), load)


# Installed plugins, in another process


def test_six_plugins_broken_in_six_ways_are_named_and_three_others_work(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name in ("apples", "nuts", "zebras"):
        install(site, name, NOTES.format(name=name.title()))
    hook = "from stina_core import hookimpl\n@hookimpl\n"
    install(site, "bimport", "import a_module_that_is_not_there")
    install(site, "bexit", "import sys\nsys.exit(3)")
    install(site, "battribute", "", value="stina_battribute:plugin")
    install(site, "bsignature", hook + "def register_schema(schema, registry): ...")
    install(site, "bunknown", hook + "def register_schemas(schema): ...")
    foreign = NOTES.format(name="Foreign").replace("title = TextField()", "title = peewee.CharField()")
    install(site, "bforeign", "import peewee\n" + foreign)
    script = (
        STATUS
        + """
from stina_apples import ApplesRepository
from stina_nuts import NutsRepository
from stina_zebras import ZebrasRepository
with open_store() as store:
    for repository in (ApplesRepository, NutsRepository, ZebrasRepository):
        store[repository].add(repository.__name__)
        assert store[repository].list() == [repository.__name__]
print(json.dumps({p.name: [p.state, p.reason, p.distribution, p.version, p.tables] for p in store.plugins}))
"""
    )

    found = status(run_with([site], script))

    assert {name: found[name][:2] for name in found if found[name][0] == "on" and name not in OURS} == {
        "apples": ["on", ""],
        "nuts": ["on", ""],
        "zebras": ["on", ""],
    }
    assert found["apples"][2:] == ["stina-apples", "1.0", ["apples_note"]]
    reasons = {name: reason for name, (state, reason, *_) in found.items() if state == "failed"}
    assert set(reasons) == {"bimport", "bexit", "battribute", "bsignature", "bunknown", "bforeign"}
    assert "No module named 'a_module_that_is_not_there'" in reasons["bimport"]
    assert "cannot be imported: SystemExit: 3" in reasons["bexit"]
    assert "has no attribute 'plugin'" in reasons["battribute"]
    assert "'registry'" in reasons["bsignature"]
    assert "unknown hook 'register_schemas'; did you mean 'register_schema'?" in reasons["bunknown"]
    assert "title is a peewee.CharField" in reasons["bforeign"]
    assert all(name in reason or "stina_" + name in reason for name, reason in reasons.items())


def test_plugins_load_in_the_order_of_their_requirements(tmp_path: Path) -> None:
    site = tmp_path / "site"
    source = "print('loads', __name__)\n" + NOTES
    install(site, "ant", source.format(name="Ant"), requires=["stina_zebra>=1; python_version > '3'"])
    install(site, "mouse", source.format(name="Mouse"), requires=["requests", "stina-ant[fast] >=1,<2"])
    install(site, "zebra", source.format(name="Zebra"), requires=["stina-mouse; extra == 'all'"])

    done = run_with([site], STATUS)

    assert [line for line in done.stdout.splitlines() if line.startswith("loads")] == [
        "loads stina_zebra",
        "loads stina_ant",
        "loads stina_mouse",
    ]
    assert {state for state, *_ in status(done).values()} == {"on"}


def test_two_distributions_with_one_plugin_name_are_both_named_and_neither_loads(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "notes", "raise RuntimeError('imported')", distribution="first-notes")
    install(site, "notes", "raise RuntimeError('imported')", distribution="second-notes")
    install(site, "other", NOTES.format(name="Other"))

    found = status(run_with([site], STATUS))

    assert found["notes"][0] == "failed"
    assert "first-notes and second-notes both bring a plugin 'notes'; uninstall one" in found["notes"][1]
    assert found["other"][0] == "on"


def test_stina_plugins_names_the_only_ones_that_are_imported(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "notes", NOTES.format(name="Notes"))
    install(site, "broken", "raise RuntimeError('imported')")

    found = status(run_with([site], STATUS, STINA_PLUGINS="notes, absent"))
    none = status(run_with([site], STATUS, STINA_PLUGINS=""))

    assert found["notes"][:2] == ["on", ""]
    assert found["broken"][:2] == ["off", "switched off by --no-plugins or STINA_PLUGINS"]
    assert found["absent"][:2] == ["missing", "named in STINA_PLUGINS, but not installed"]
    assert {state for state, *_ in none.values()} == {"off"}


def test_strict_process_ends_with_the_first_broken_plugin(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "broken", "raise RuntimeError('planted')")

    done = run_with([site], STATUS, STINA_STRICT="1")

    assert done.returncode == 1
    assert "PluginLoadError: the plugin 'broken' cannot be imported: RuntimeError: planted" in done.stderr


DAMAGE = [
    ("METADATA", None),
    ("METADATA", b"\xff\n\n\n"),
    ("entry_points.txt", b"[stina.plugins]\nno equals sign\n"),
    ("entry_points.txt", b"[stina.plugins\nbroken = stina_broken\n"),
    ("entry_points.txt", b"[stina.plugins]\nbroken = not a module!\n"),
    ("entry_points.txt", b"[stina.plugins]\n= stina_broken\n"),
    ("entry_points.txt", b"\xff"),
]


@pytest.mark.parametrize(("file", "contents"), DAMAGE)
def test_damaged_distribution_does_not_take_the_others_along(
    tmp_path: Path, file: str, contents: bytes | None
) -> None:
    site = tmp_path / "site"
    install(site, "notes", NOTES.format(name="Notes"))
    damaged = install(site, "broken", "raise RuntimeError('imported')") / file
    damaged.unlink()
    if contents is not None:
        damaged.write_bytes(contents)

    found = status(run_with([site], STATUS))

    assert found["notes"][0] == "on"
    assert {name for name in found if found[name][0] == "on"} <= {"notes", *OURS}


def test_discovery_of_the_standard_library_alone_would_give_no_plugin_at_all(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "notes", NOTES.format(name="Notes"))
    (install(site, "broken", "") / "entry_points.txt").write_text("[stina.plugins]\nno equals sign\n")

    done = run_with(
        [site], "from importlib.metadata import entry_points; entry_points(group='stina.plugins')"
    )

    assert done.returncode == 1
    assert "Error" in done.stderr


# Loading, in this process


@pytest.mark.parametrize("name", ["Notes", "1notes", "my_notes", "my-notes", "nötes", "stina", "sqlite", ""])
def test_plugin_name_outside_the_rule_or_reserved_is_refused(name: str) -> None:
    plugins = loaded(candidate(name, raising(RuntimeError("imported"))), stepping("good", making("a")))

    assert plugins[name].state is PluginState.FAILED
    assert "rename its entry point" in plugins[name].reason
    assert plugins["good"].on


def test_circle_of_requirements_is_named_and_the_rest_loads() -> None:
    plugins = loaded(
        stepping("a", making("x"), requires=("b",)),
        stepping("b", making("x"), requires=("a",)),
        stepping("c", making("x"), requires=("a",)),
        stepping("d", making("x")),
    )

    assert {one.name: one.state for one in plugins} == {
        "a": PluginState.FAILED,
        "b": PluginState.FAILED,
        "c": PluginState.BLOCKED,
        "d": PluginState.ON,
    }
    assert plugins["a"].reason == plugins["b"].reason == "the plugins a and b require each other"
    assert plugins["c"].reason == "needs the plugin 'a', which is failed"


def test_dependents_of_a_plugin_that_is_off_are_blocked_and_not_imported() -> None:
    def child(name: str, requires: str) -> Candidate:
        return Candidate(name, name, "1", frozenset([requires]), raising(RuntimeError("imported")))

    plugins = loaded(
        candidate("parent", raising(ImportError("planted")), "parent"),
        child("child", "parent"),
        child("deep", "child"),
    )

    assert plugins["child"].reason == "needs the plugin 'parent', which is failed"
    assert plugins["deep"].reason == "needs the plugin 'child', which is blocked"
    switched = loaded(stepping("parent", making("a")), child("child", "parent"), names={"child"})
    assert switched["child"].reason == "needs the plugin 'parent', which is off"


def test_switched_off_plugin_is_not_judged() -> None:
    twice = [candidate("notes", raising(RuntimeError("imported")), name) for name in ("one", "two")]

    plugins = loaded(*twice, candidate("Bad", raising(RuntimeError("imported"))), names=set(), strict=True)

    assert {one.name: one.state for one in plugins} == {"notes": PluginState.OFF, "Bad": PluginState.OFF}


class Album(Model):
    id = IdField()


class AlbumRepository(Repository):
    pass


def test_failed_plugin_keeps_none_of_what_it_declared() -> None:
    class Photo(Model):
        id = IdField()
        album = ForeignKeyField(Album, backref="photos")

    class Broken(Model):
        title = TextField()

    albums = local_plugin(
        "albums", plugin(Album, repository=AlbumRepository, migrate=declaring(making("album")))
    )
    photos = local_plugin(
        "photos", plugin(Photo, Broken, migrate=declaring(making("photo"))), requires=("albums",)
    )

    plugins = loaded(albums, photos)

    assert plugins["photos"].state is PluginState.FAILED
    assert "no primary key" in plugins["photos"].reason
    assert (plugins["photos"].tables, list(plugins["photos"].steps), plugins["photos"].hooks) == ((), [], {})
    assert not hasattr(Album, "photos")
    assert plugins["albums"].tables == ("albums_album",)
    assert [one.plugin for one in plugins.steps()] == ["albums"]
    assert isinstance(plugins["photos"].error, SchemaError)


def test_plugin_whose_migrate_hook_raises_keeps_no_tables() -> None:
    def migrate(migrations: Any) -> None:
        raise ValueError("planted")

    class Note(Model):
        id = IdField()

    plugins = loaded(local_plugin("notes", plugin(Note, migrate=migrate)))

    assert plugins["notes"].reason == "migrate of the plugin 'notes' raised ValueError: planted"
    assert isinstance(plugins["notes"].error, HookError)
    assert Note._meta.table_name == "note"


def test_repository_of_two_plugins_is_refused_naming_both() -> None:
    plugins = loaded(
        local_plugin("one", plugin(repository=AlbumRepository)),
        local_plugin("two", plugin(repository=AlbumRepository)),
    )

    assert plugins["one"].on
    assert "AlbumRepository was declared by the plugin 'one'; 'two' wants it too" in plugins["two"].reason
    assert plugins.owner(AlbumRepository) is plugins["one"]


HERE = f"{__name__}:AlbumRepository"


@pytest.mark.parametrize("strict", [True, False])
def test_repository_can_be_declared_by_its_place(monkeypatch: pytest.MonkeyPatch, strict: bool) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[AlbumRepository.__module__])
    plugins = loaded(local_plugin("albums", plugin(repository=HERE)), strict=strict)

    assert plugins.owner(AlbumRepository) is plugins["albums"]
    assert plugins.owner(Repository) is None


def test_place_of_a_repository_is_imported_only_where_faults_are_looked_for() -> None:
    nowhere = local_plugin("albums", plugin(repository="nowhere.at_all:Albums"))

    assert loaded(nowhere)["albums"].on
    with pytest.raises(SchemaError, match="Albums cannot be imported: ModuleNotFoundError"):
        loaded(nowhere, strict=True)
    with pytest.raises(SchemaError, match="derive it from Repository"):
        loaded(local_plugin("albums", plugin(repository="stina_core:Model")), strict=True)


def test_place_of_a_repository_of_two_plugins_is_refused() -> None:
    plugins = loaded(*(local_plugin(name, plugin(repository=HERE)) for name in ("one", "two")))

    assert f"{HERE} was declared by the plugin 'one'; 'two' wants it too" in plugins["two"].reason


@pytest.mark.parametrize("place", ["AlbumRepository", "a.b:", ":A", "a b:C", "a:B.C", "a..b:C"])
def test_what_is_no_place_of_a_repository_is_refused(place: str) -> None:
    plugins = loaded(local_plugin("notes", plugin(repository=place)))

    assert "it is written 'package.module:Class'" in plugins["notes"].reason


@pytest.mark.parametrize("repository", [object, Album])
def test_something_that_is_no_repository_is_refused(repository: Any) -> None:
    plugins = loaded(local_plugin("notes", plugin(repository=repository)))

    assert "derive it from Repository" in plugins["notes"].reason


def test_plugin_without_the_step_that_makes_its_tables_is_off_with_the_command_that_writes_it(
    store_path: Path,
) -> None:
    class Note(Model):
        id = IdField()

    with opened(store_path, local_plugin("notes", plugin(Note))) as store:
        (status,) = store.plugins
        assert status.state is PluginState.QUARANTINED
        assert "table notes_note is missing" in status.reason
        assert "'stina db make notes' writes the step" in status.reason


def test_step_whose_source_is_missing_is_refused() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def initial(op): pass", "<made here>", "exec"), namespace)  # "<string>" may be python -c

    plugins = loaded(stepping("notes", namespace["initial"]))

    assert "the source of step notes/0001_step cannot be read" in plugins["notes"].reason


@pytest.mark.parametrize(
    "error", [ImportError("x"), SystemExit(2), SyntaxError("x"), RecursionError(), AssertionError()]
)
def test_whatever_an_import_raises_switches_only_that_plugin_off(error: BaseException) -> None:
    plugins = loaded(candidate("bad", raising(error)), stepping("good", making("a")))

    assert type(error).__name__ in plugins["bad"].reason
    assert isinstance(plugins["bad"].error, PluginLoadError)
    assert plugins["bad"].error.__cause__ is error
    assert plugins["good"].on


def test_interrupt_while_plugins_load_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        loaded(candidate("slow", raising(KeyboardInterrupt())))


@pytest.mark.parametrize(
    "bad",
    [
        candidate("bad", raising(ImportError("planted"))),
        local_plugin("bad", object()),
        local_plugin("Bad", plugin()),
        local_plugin("bad", plugin(repository=object)),  # type: ignore[arg-type]
    ],
)
def test_strict_loading_raises_the_plugins_error(bad: Candidate) -> None:
    with pytest.raises(PluginError) as caught:
        loaded(stepping("good", making("a")), bad, strict=True)

    assert caught.value.plugin == bad.name


def test_strict_loading_raises_when_a_wanted_plugin_is_missing() -> None:
    with pytest.raises(PluginLoadError, match="'absent' is named in STINA_PLUGINS, but not installed"):
        loaded(stepping("good", making("a")), names={"good", "absent"}, strict=True)


def test_error_a_plugin_raises_on_purpose_is_its_reason_unchanged() -> None:
    def register_schema(schema: Schema) -> None:
        raise SchemaError("notes", "set NOTES_KEY first")

    plugins = loaded(local_plugin("notes", plugin(register_schema=register_schema)))

    assert plugins["notes"].reason == "set NOTES_KEY first"


# Startup and shutdown


def lifecycle(name: str, calls: list[str], *requires: str, start: Any = None, stop: Any = None) -> Candidate:
    def startup(store: Store) -> None:
        calls.append(f"start {name}")
        if start is not None:
            raise start

    def shutdown(store: Store) -> None:
        assert not store.closed
        calls.append(f"stop {name}")
        if stop is not None:
            raise stop

    return local_plugin(name, plugin(startup=startup, shutdown=shutdown), requires=requires)


def test_plugins_start_in_order_and_stop_in_reverse(store_path: Path) -> None:
    calls: list[str] = []

    with opened(store_path, lifecycle("b", calls, "c"), lifecycle("a", calls), lifecycle("c", calls)):
        calls.append("open")

    assert calls == ["start a", "start c", "start b", "open", "stop b", "stop c", "stop a"]


@pytest.mark.parametrize("error", [RuntimeError("planted"), SystemExit(1)])
def test_plugin_that_fails_to_start_is_off_with_its_dependents_and_the_others_start(
    store_path: Path, error: BaseException
) -> None:
    calls: list[str] = []
    candidates = [
        lifecycle("a", calls),
        lifecycle("bad", calls, start=error),
        lifecycle("child", calls, "bad"),
        lifecycle("deep", calls, "child"),
        lifecycle("z", calls),
    ]

    with opened(store_path, *candidates) as store:
        assert states(store) == {
            "a": PluginState.ON,
            "bad": PluginState.FAILED,
            "child": PluginState.BLOCKED,
            "deep": PluginState.BLOCKED,
            "z": PluginState.ON,
        }
        reasons = {one.name: one.reason for one in store.plugins}
        assert reasons["bad"].startswith(f"startup of the plugin 'bad' raised {type(error).__name__}")
        assert reasons["child"] == "needs the plugin 'bad', which is failed"

    assert calls == ["start a", "start bad", "start z", "stop z", "stop a"]


def test_plugin_that_fails_to_start_once_is_not_off_for_the_next_store(store_path: Path) -> None:
    errors = [RuntimeError("planted")]

    def startup(store: Store) -> None:
        if errors:
            raise errors.pop()

    plugins = loaded(local_plugin("notes", plugin(startup=startup)))

    with open_store(store_path, StoreConfig(), plugins=plugins) as store:
        assert states(store) == {"notes": PluginState.FAILED}
    with open_store(store_path, StoreConfig(), plugins=plugins) as store:
        assert states(store) == {"notes": PluginState.ON}


def test_plugin_that_fails_to_stop_does_not_keep_the_others_from_it(
    store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    store = opened(
        store_path,
        lifecycle("a", calls),
        lifecycle("bad", calls, stop=OSError("planted")),
        lifecycle("z", calls),
    )

    store.close()

    assert store.closed
    assert calls[3:] == ["stop z", "stop bad", "stop a"]
    assert "event='hook.failed' plugin='bad' hook='shutdown'" in caplog.text


def test_strict_store_raises_what_startup_raised(store_path: Path) -> None:
    calls: list[str] = []

    with pytest.raises(HookError, match="startup of the plugin 'bad' raised RuntimeError: planted") as caught:
        opened(
            store_path,
            lifecycle("a", calls),
            lifecycle("bad", calls, start=RuntimeError("planted")),
            strict=True,
        )

    assert caught.value.plugin == "bad"
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert calls == ["start a", "start bad", "stop a"]


def test_hook_of_a_plugin_may_be_a_method() -> None:
    class Notes:
        def __init__(self) -> None:
            self.seen: list[str] = []

        @hookimpl
        def register_schema(self, schema: Schema) -> None:
            self.seen.append(schema.plugin)

    notes = Notes()

    loaded(local_plugin("notes", notes), strict=True)

    assert notes.seen == ["notes"]
