"""`stina db import|export`: rows of another file into the store, and all of the store's into a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import click

from .invocation import Invocation, current_invocation, migration_shown, plugins_print_to_stderr
from .output import OutputError, cell, emit, put, warn

if TYPE_CHECKING:
    from ..plugins import Plugins
    from ..transfer import ImportReport, TableReport


@click.command("import")
@click.argument("file", type=click.Path(readable=False, path_type=Path), required=False)
@click.option(
    "--from-old-tables",
    is_flag=True,
    help="Merge the tables that the original app made again in the store itself; then they go.",
)
def import_(file: Path | None, from_old_tables: bool) -> None:
    """Merge FILE into the store.

    FILE is a database of Stina or of the original app, what 'stina db export' wrote, or the original's
    state.json; '-' is standard input. It is only read. Rows that are not here are added, and nothing
    that is here is changed: a row that is another one here is listed. Importing it again adds nothing.
    """
    from .. import transfer
    from .progress import waiting

    if (file is None) is not from_old_tables:
        raise click.UsageError("Name a FILE or give --from-old-tables, one of the two.")
    invocation = current_invocation()
    config = invocation.config()
    plugins = invocation.load_plugins(config)
    words = "merging old tables" if file is None else f"importing {file}"
    with plugins_print_to_stderr(), waiting(words):
        if file is None:
            report = transfer.import_old_tables(config, plugins)
        else:
            with _on_disk(file) as path:
                report = replace(transfer.import_file(config, plugins, path), source=str(file))
    _warn_about(invocation, plugins)
    emit(report, "\n".join(_imported(report)))


@click.command()
@click.argument("file", type=click.Path(readable=False, path_type=Path), required=False)
@click.option("--yes", is_flag=True, help="Replace FILE, if it is there, without being asked.")
def export(file: Path | None, yes: bool) -> None:
    """Write everything of every plugin as JSON Lines, to FILE or to standard output.

    'stina db import' reads it back. It is of one moment, whatever other programs write meanwhile. FILE
    can be read by its owner alone.
    """
    from .. import transfer
    from .documents import count
    from .progress import waiting

    if file is not None:
        _may_replace(file, yes)
    invocation = current_invocation()
    config = invocation.config()
    plugins = invocation.load_plugins(config)
    with ExitStack() as opened:
        with plugins_print_to_stderr(), migration_shown() as progress:
            export = opened.enter_context(transfer.exported(config, plugins, progress))
        _warn_about(invocation, plugins)
        for plugin, tables in export.left.items():
            warn(f"not exported, because the plugin {plugin} is not on: {_of_plugin(tables)}")
        if file is None:
            _write(export)
            return
        with waiting(f"exporting to {file}"):
            transfer.write_export(export, file, config.location)
    emit(
        {"path": config.location, "exported": file.absolute(), "rows": export.rows},
        f"exported {count(export.rows, 'row')} to {file}",
    )


@contextmanager
def _on_disk(file: Path) -> Iterator[Path]:
    """Yield *file*, or for `-` a private file with what standard input has, for as long as it takes."""
    if str(file) != "-":
        yield file
        return
    with NamedTemporaryFile(prefix="stina-import-") as copy:  # 0600
        copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield Path(copy.name)


def _write(lines: Iterable[str]) -> None:
    """Print *lines* as UTF-8, whatever the locale says."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        for line in lines:
            put(line)
        return
    sys.stdout.flush()
    for line in lines:
        try:
            buffer.write(line.encode())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"the output could not be written: {error.strerror}") from error
    buffer.flush()


def _may_replace(file: Path, yes: bool) -> None:
    """Return if there is no *file*, or it may be replaced; otherwise end the command."""
    if yes or not file.is_file():
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{file} is there already; add --yes to replace it without being asked")
    if not click.confirm(f"Replace {file}?", err=True):
        warn("nothing was written")
        raise click.exceptions.Exit(1)


def _warn_about(invocation: Invocation, plugins: Plugins) -> None:
    errors = {plugin.name: plugin.error for plugin in plugins if plugin.error is not None}
    invocation.warn_about([plugin.status() for plugin in plugins], errors)


def _imported(report: ImportReport) -> Iterator[str]:
    from ..transfer import SourceKind
    from .documents import count

    old = report.kind is SourceKind.OLD_TABLES
    if old and not (report.dropped or report.kept):
        yield "the store has no tables of the original app"
        return
    source = ", ".join([*report.dropped, *report.kept]) if old else report.source
    yield f"merged {source}: {count(report.added, 'row')} added"
    for table in report.tables:
        if table.added or table.same or table.merged or table.different or table.left_out:
            yield f"  {table.table}: {', '.join(_counts(table))}"
            yield from _listed("different here, and kept", table.different_keys, table.different)
            yield from _listed("left out", table.left_out_keys, table.left_out)
            yield from (f"    {count(number, 'row')}: {reason}" for reason, number in table.reasons.items())
    for reason, number in report.repairs.items():
        yield f"repaired {count(number, 'value')}: {reason}"
    yield from (
        f"not imported: {name}, {count(rows, 'row')} of nobody" for name, rows in report.unowned.items()
    )
    for plugin, tables in report.missing.items():
        yield f"not imported, because the plugin {plugin} is not on: {_of_plugin(tables)}"
    yield from (f"the table {name} stays: {reason}" for name, reason in report.kept.items())
    if report.dropped:
        yield f"dropped {', '.join(report.dropped)}"
    if report.backup is not None:
        yield f"what was in the store before is kept in {report.backup.path}"


def _counts(table: TableReport) -> Iterator[str]:
    numbers = {
        "added": table.added,
        "the same": table.same,
        "taken for another row": table.merged,
        "different": table.different,
        "left out": table.left_out,
    }
    return (f"{number:,} {word}" for word, number in numbers.items() if number)


def _listed(what: str, keys: tuple[object, ...], number: int) -> Iterator[str]:
    if keys:
        more = f" and {number - len(keys):,} more" if number > len(keys) else ""
        yield f"    {what}: {', '.join(map(cell, keys))}{more}"


def _of_plugin(tables: Mapping[str, int]) -> str:
    from .documents import count

    return ", ".join(f"{table} {count(rows, 'row')}" for table, rows in tables.items())
