"""The whole extension surface: every hook a plugin may implement.

A plugin is a module (or object) named by an entry point of the group
`stina.plugins`. It implements any of these hooks by functions of the same name
marked with `@hookimpl`. Rules that hold for all of them:

- Hooks are plain functions; `async def`, keyword-only arguments, wrappers and
  names that are not below are refused when the plugin is loaded.
- A hook receives context objects. New needs become new attributes of those, not
  new arguments, so an old plugin keeps working. It may leave arguments out.
- Hooks are called plugin by plugin: first the plugins a plugin depends on
  (from its distribution's `Requires-Dist`), then by name.
- Every call runs inside an error boundary that names the plugin. What an error
  does is said at each hook. With `STINA_STRICT=1` what would switch a plugin off is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pluggy

if TYPE_CHECKING:
    from .changes import Changes
    from .findings import Finding
    from .migrations.steps import Migrations
    from .schema import Schema
    from .store import Store

PROJECT = "stina"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Tools(Protocol):
    """Where a plugin offers functions to the assistant, to MCP clients and to the command line."""

    def add(self, function: _Function) -> _Function:
        """Offer *function*; its type hints are the parameters, its docstring the description.

        A parameter whose type is a Repository class is none of the tool's own: it
        receives that repository of the store the tool runs on, so that a tool needs
        no store of its own.
        """
        ...


class StinaHooks:
    """The hook specifications. `self` is not part of an implementation's arguments."""

    @hookspec
    def register_schema(self, schema: Schema) -> None:
        """Declare the plugin's models and its repository.

        When: once per process, when the plugin is loaded; there is no database yet.
        If it raises, or a declaration breaks a rule: everything this plugin
        declared is withdrawn, the plugin is off, and so are its dependents.

        Example:
            schema.add(Note, repository=NoteRepository)
        """

    @hookspec
    def migrate(self, migrations: Migrations) -> None:
        """Declare the plugin's ordered migration steps; the core runs each of them once.

        When: once per process, when the plugin is loaded; there is no database
        yet. The steps themselves run later, under the migration lock, in one
        transaction, in whichever process opens the store first.
        If declaring raises: as for `register_schema`. If a step raises: this
        plugin's steps are rolled back, the plugin is quarantined, its
        dependents are off, the others start.

        Example:
            @migrations.step("0001_initial")
            def initial(op: Operations) -> None:
                op.create_table("note", id=IdField(), title=TextField())
        """

    @hookspec
    def startup(self, store: Store) -> None:
        """Prepare what the plugin needs while the store is open.

        When: each time a store is opened, after all migrations, in the thread
        that opens it, outside any transaction.
        If it raises: the plugin and its dependents are off in this store.
        """

    @hookspec
    def shutdown(self, store: Store) -> None:
        """Give back what `startup` took.

        When: each time a store is closed, in reverse order, in the closing
        thread, while the store can still be used.
        If it raises: it is logged with the plugin's name; all others still run.
        """

    @hookspec
    def on_change(self, store: Store, changes: Changes) -> None:
        """React to one committed transaction of any program that uses the file.

        When: after the commit, once per transaction, in commit order, for local and for other
        programs' writes alike, outside any transaction, on a thread of the store's. Every
        program that has the store open calls it, so it runs once in each; what must happen
        once in all uses `store.consumer()`. What is committed while no program is open is not
        told. At closing, the store's own commits are still told, for at most two seconds.
        Must understand: a change with `op` RESET (see `Op`).
        What it writes has the transaction it was told of as its `cause`; see `Store.subscribe`.
        If it raises: it is logged with the plugin's name, the others still run; a plugin that
        fails five times in a row is paused, and then told of a RESET. One that does not come
        back holds up nobody else.
        """

    @hookspec
    def register_tools(self, tools: Tools) -> None:
        """Offer functions to the assistant, to MCP clients and to the command line.

        When: a program that offers tools asks for them, after `startup`. (None
        does in this version.)
        If it raises: this plugin's tools are missing and the failure is reported.
        """

    @hookspec
    def seed(self, store: Store, size: int, seed: int) -> None:
        """Write example data: *size* is a scale (1 is some tens of rows), *seed* decides the content.

        When: somebody asks for it (`stina db seed`: small is 1, realistic 50, large 2,500),
        inside one transaction. The same size and seed must write the same data.
        If it raises: nothing of this plugin's data is written; it is reported.
        """

    @hookspec
    def check(self, store: Store) -> Iterable[Finding]:
        """Look at the plugin's own data and return what is wrong with it. Reads only.

        When: `stina doctor` asks, outside any transaction.
        If it raises: the failure itself becomes a finding.
        """
        return ()
