"""What `stina doctor` looks at: one pure function per question, from facts to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote

from ..backends.sqlite.connection import WAL_LIMIT
from ..comparing import Deviation
from ..findings import Finding, Severity
from ..plugins import PluginState, PluginStatus
from ..status import SchemaState, StoreReport
from .documents import count, size, tables_left
from .feed_checks import capture, consumers

_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured of one store.

    Attributes:
        file_mode, directory_mode: Permission bits; None where there is none.
        owned: Whether the file belongs to the user of this process.
        on_network: Whether the file is on a network file system.
        log_bytes: Size of the write-ahead log.
        quick_check: SQLite's verdict; `ok` for a file that was not checked.
        broken_references: Rows that point to nothing, by table.
        uncaptured: Tables whose changes may not all be in the change feed.
        core: How the core's own tables differ from what its steps make.
        unchecked: Why a check could not be made, or an empty string.
    """

    report: StoreReport
    file_mode: int | None = None
    directory_mode: int | None = None
    owned: bool = True
    on_network: bool = False
    log_bytes: int = 0
    quick_check: str = "ok"
    broken_references: Mapping[str, int] = field(default_factory=dict)
    uncaptured: tuple[str, ...] = ()
    core: tuple[Deviation, ...] = ()
    unchecked: str = ""


def examine(facts: Facts) -> list[Finding]:
    """Return what all checks find, in the order of `CHECKS`."""
    return [finding for check in CHECKS for finding in check(facts)]


def sqlite(facts: Facts) -> Iterator[Finding]:
    """The library: too old a one is refused before this is reached."""
    yield Finding(_INFO, "sqlite", f"SQLite {facts.report.schema.sqlite_version}")


def schema(facts: Facts) -> Iterator[Finding]:
    """Whether the file can be used, and what its next use does."""
    report = facts.report
    state = report.schema.state
    if state is SchemaState.DAMAGED:
        yield Finding(
            _ERROR,
            report.path,
            report.schema.reason,
            _restore(report) or "there is no backup here; keep the file",
        )
    elif report.schema.reason:
        remedy = {
            SchemaState.TOO_NEW: "update Stina",
            SchemaState.FOREIGN: "choose another file with --db or STINA_DB",
            SchemaState.CONFLICT: _restore(report) or "there is no backup here; keep the file",
        }.get(state, "")
        yield Finding(_ERROR, report.path, report.schema.reason, remedy)
    elif not report.exists:
        yield Finding(_INFO, report.path, "does not exist yet; the first use makes it")
    elif state is SchemaState.UNADOPTED:
        yield Finding(_INFO, report.path, "was not adopted yet; the first use does that, after a backup")
    elif report.pending:
        yield Finding(_INFO, report.path, f"pending: {', '.join(report.pending)}", "the next use runs them")
    else:
        yield Finding(_INFO, report.path, "the schema is up to date")


def _restore(report: StoreReport) -> str:
    """The command that goes back to the newest backup that was checked; empty if there is none."""
    usable = [backup for backup in report.backups if backup.reason != "corrupt"]
    return f"stina db restore {quote(str(usable[-1].path))}" if usable else ""


def permissions(facts: Facts) -> Iterator[Finding]:
    """Who else can read the file or put another in its place."""
    path = facts.report.path
    if facts.file_mode is not None and facts.file_mode & 0o077:
        remedy = f"chmod 600 {quote(path)}"
        yield Finding(_WARNING, path, f"other users may read it (mode {facts.file_mode:04o})", remedy)
    if not facts.owned:
        yield Finding(_WARNING, path, "belongs to another user", "chown it to the user who runs Stina")
    if (
        facts.directory_mode is not None
        and facts.directory_mode & 0o022
        and not facts.directory_mode & 0o1000
    ):
        message = f"other users may replace files in its directory (mode {facts.directory_mode:04o})"
        yield Finding(_WARNING, path, message, "take the right to write from the group and from others")


def journal(facts: Facts) -> Iterator[Finding]:
    """Whether several programs can use the file at once."""
    path, mode = facts.report.path, facts.report.schema.journal_mode
    if facts.on_network:
        message = f"is on a network file system (journal mode {mode}); use it from one machine at a time"
        yield Finding(_WARNING, path, message, "move the store to a local disk")
    elif facts.report.schema.state is SchemaState.CURRENT and mode != "wal":
        yield Finding(
            _WARNING, path, f"the journal mode is {mode}, not wal", "the next use of the store sets it"
        )


def write_ahead_log(facts: Facts) -> Iterator[Finding]:
    """Whether a reader that never ends keeps the log growing."""
    if facts.log_bytes > WAL_LIMIT:
        message = f"the write-ahead log takes {size(facts.log_bytes)}"
        yield Finding(_WARNING, facts.report.path, message, "end the program that keeps a read open")


def structure(facts: Facts) -> Iterator[Finding]:
    """SQLite's own check of the file, and of its references."""
    path = facts.report.path
    if facts.quick_check != "ok":
        yield Finding(_ERROR, path, "is damaged: SQLite's check does not pass", "stina db restore FILE")
    if facts.unchecked:
        yield Finding(_WARNING, path, f"could not be checked as a whole: {facts.unchecked}")
    for table, rows in facts.broken_references.items():
        back = _restore(facts.report)
        remedy = (
            f"put in the rows that {table} points to or delete those in it, until 'stina db check' passes"
        )
        if back:
            remedy += f"; or go back with {back}"
        yield Finding(_ERROR, table, f"{count(rows, 'row')} point to rows that are not there", remedy)


def plugins(facts: Facts) -> Iterator[Finding]:
    """Plugins that should be on and are not, and those that are gone."""
    for plugin in facts.report.plugins:
        if plugin.state is PluginState.OFF:
            yield Finding(_INFO, plugin.name, f"the plugin is off: {plugin.reason}")
        elif plugin.state is not PluginState.ON:
            message = f"the plugin is off ({plugin.state}): {plugin.reason}"
            yield Finding(_ERROR, plugin.name, message, _remedy(facts.report, plugin))
    for name in facts.report.orphaned:
        message = (
            f"is not installed and has data in the store, which stays: {tables_left(facts.report, name)}"
        )
        remedy = f"install the distribution that brings the plugin {name!r}, or stina db purge {name}"
        yield Finding(_WARNING, name, message, remedy)


def _remedy(report: StoreReport, plugin: PluginStatus) -> str:
    if plugin.state is not PluginState.QUARANTINED:
        return ""
    if plugin.name in report.compared:
        return "stina db check"
    waiting = any(step.startswith(f"{plugin.name}/") for step in report.pending)
    return "stina db migrate -v tries its steps again and shows where they fail" if waiting else ""


def drift(facts: Facts) -> Iterator[Finding]:
    """What somebody else changed; what is harmful to a plugin has put it off, and is said there."""
    for one in facts.core:
        remedy = _restore(facts.report) or "there is no backup here; 'stina db check' says more"
        severity = _ERROR if one.harmful else _INFO
        yield Finding(severity, one.plugin, str(one), remedy if one.harmful else "")
    for one in facts.report.differences:
        if not one.harmful:
            yield Finding(_INFO, one.plugin, str(one))


def repairs(facts: Facts) -> Iterator[Finding]:
    """What adoption or a migration could not take over as it was."""
    for one in facts.report.repairs:
        message = f"{count(one.count, 'value')} of {one.table}.{one.column} had to be repaired: {one.reason}"
        yield Finding(_INFO, one.plugin, message, "stina db status --repairs lists the values as they were")


def leftovers(facts: Facts) -> Iterator[Finding]:
    """What the original app has beside ours, and whether it wrote to its own tables again."""
    merge = "stina db import --from-old-tables merges what is new in it, and the table goes"
    for table in facts.report.old_tables:
        if table.named_by and not table.waiting:
            yield Finding(_INFO, table.name, f"was adopted and is kept: {', '.join(table.named_by)} names it")
        elif table.written_again:
            message = f"{count(table.rows, 'row')} in a table of the original app that {table.plugin} adopted before"
            yield Finding(_WARNING, table.name, message, merge)
        elif not table.plugin:
            message = f"no plugin here owns this table ({count(table.rows, 'row')}); it stays as it is"
            yield Finding(_INFO, table.name, message)
    for file in facts.report.old_files:
        remedy = "stina db import takes what is in it" if file.kind == "state" else ""
        yield Finding(
            _INFO, file.path, f"is a file of the original app ({file.kind}); it stays as it is", remedy
        )


def backups(facts: Facts) -> Iterator[Finding]:
    """Whether there is something to go back to."""
    usable = [backup for backup in facts.report.backups if backup.reason != "corrupt"]
    if usable:
        newest = f"the newest is of {usable[-1].at} ({usable[-1].reason})"
        yield Finding(_INFO, "backups", f"{count(len(usable), 'backup')}; {newest}")
    elif facts.report.exists:
        yield Finding(_WARNING, "backups", "there is no backup of this store", "stina db backup")


CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    sqlite,
    schema,
    permissions,
    journal,
    write_ahead_log,
    structure,
    plugins,
    drift,
    capture,
    consumers,
    repairs,
    leftovers,
    backups,
)
