"""Puts a new step into the source of a plugin: at the end of its `migrate` hook."""

from __future__ import annotations

import ast
import fcntl
import inspect
import io
import os
import re
import tempfile
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE, S_IWUSR
from types import CodeType, FunctionType

from ..errors import SchemaError
from ..plugins import Plugin
from .hook import migrate_of
from .step_code import Draft

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_INDENT = re.compile(r"[ \t]*")
_PASS = re.compile(r"\s*pass\s*(?P<comment>#.*)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file the code goes.

    Attributes:
        file: The file itself, where a link led to it.
        line: After which line, counted from 1.
        indent: What each line of the code begins with.
        unit: What a level of indentation is in this file.
        code: The hook as it was loaded; the step follows the steps of this one.
        prelude: Lines before it.
        replaced: How many lines after *line* go: one, if it is a `pass` that stood for the steps.
    """

    file: Path
    line: int
    indent: str
    unit: str
    code: CodeType
    prelude: str = "\n"
    replaced: int = 0


def place_of(plugin: Plugin) -> Place:
    """Return where the next step of *plugin* belongs.

    Raises:
        SchemaError: its source is installed and not being worked on, cannot be
            read, or `migrate` is no function of a module or class that a step
            can be written into.
    """
    function = migrate_of(plugin)
    if function is None:
        raise SchemaError(plugin.name, f"the plugin {plugin.name} has no migrate hook to put the step into")
    try:
        file = Path(inspect.getsourcefile(function) or function.__code__.co_filename)
        source = _Source(file.resolve(strict=True))
        node = source.function(function)
    except (OSError, TypeError, ValueError, SyntaxError) as error:
        raise SchemaError(
            plugin.name, f"the source of migrate of {plugin.name} cannot be read: {error}"
        ) from error
    if _INSTALLED & {*file.parts, *source.file.parts}:
        raise SchemaError(
            plugin.name,
            f"{file} is an installed copy; install the plugin from its source with 'pip install -e'",
        )
    if node is None:
        raise SchemaError(
            plugin.name,
            f"migrate of {plugin.name} in {file} is no 'def migrate(migrations)' of a module or class, on lines "
            "of its own, whose last line is always reached",
        )
    return source.end_of(node, function)


def insert(made: Draft, place: Place) -> None:
    """Write the step into the file, all at once; whatever else is in it stays as it is.

    One process at a time does so, and only into the hook that the step was
    made for: two at once cannot write two steps of one number.

    Raises:
        SchemaError: the file cannot be written, was changed since it was
            loaded, or would be no Python any more. It is as it was.
    """
    try:
        with _alone(place.file):
            source = _Source(place.file)
            if not _has(compile(source.text, place.file, "exec", dont_inherit=True), place.code):
                raise ValueError("its migrate has changed since it was loaded; run the command again")
            changed = _changed(source, made, place)
            ast.parse(changed)
            _replace(place.file, changed)
    except (OSError, ValueError, SyntaxError) as error:
        raise SchemaError(made.plugin, f"{place.file} was not changed: {error}") from error


def _changed(source: _Source, made: Draft, place: Place) -> bytes:
    newline = "\r\n" if source.lines[0].endswith("\r\n") else "\n"
    before, after = source.lines[: place.line], source.lines[place.line + place.replaced :]
    if not before[-1].endswith(("\n", "\r")):
        before[-1] += newline
    code = f"{place.prelude}{made.code(place.indent, place.unit)}".replace("\n", newline)
    return "".join((*before, code, *after)).encode(source.encoding)


def _has(code: CodeType, wanted: CodeType) -> bool:
    """Whether *wanted* is defined in *code*, on the same lines."""
    inside = (one for one in code.co_consts if isinstance(one, CodeType))
    return any(one == wanted or _has(one, wanted) for one in inside)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Keep others who do the same away from *file*, which they replace: the lock must be that of the present one."""
    if not file.stat().st_mode & S_IWUSR or not os.access(file, os.W_OK):
        raise PermissionError("it is read-only")
    while True:
        with file.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(stream.fileno()), file.stat()):
                yield
                return


class _Source:
    """A file of Python, its lines with the ends they have there.

    Raises:
        OSError, SyntaxError, UnicodeError: it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.text = data = file.read_bytes()
        self.encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        self.lines = list(io.StringIO(data.decode(self.encoding), newline=""))
        self._tree = ast.parse(data)

    def function(self, function: FunctionType) -> ast.FunctionDef | None:
        """Return the definition of *function*, if a step can stand at its end."""
        first = function.__code__.co_firstlineno
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef) and first in _lines(node) and node.name == function.__name__:
                is_fixed = "<locals>" not in function.__qualname__
                return node if is_fixed and _takes_steps(node) and self._has_lines(node.body[0]) else None
        return None

    def end_of(self, node: ast.FunctionDef, function: FunctionType) -> Place:
        """Return the place at the end of the body of *node*, which defines *function*."""
        indent, outer = (self._indent(line) for line in (node.body[0].lineno, node.lineno))
        code = function.__code__
        known = "Operations" in {*function.__globals__, *code.co_varnames, *code.co_cellvars}
        prelude = "" if known else f"{indent}from stina_core import Operations\n\n"
        step = indent.removeprefix(outer)
        only = _PASS.fullmatch(self.lines[node.body[-1].lineno - 1].strip("\f\r\n"))
        if only and _stands_for_steps(node):
            gap = f"{indent}{only['comment']}\n" if only["comment"] else "\n" * (len(node.body) - 1)
            return Place(self.file, node.body[-1].lineno - 1, indent, step, code, gap + prelude, 1)
        return Place(self.file, node.end_lineno or node.lineno, indent, step, code, f"\n{prelude}")

    def _has_lines(self, node: ast.stmt) -> bool:
        """Whether nothing else stands before *node* on its line."""
        return not self.lines[node.lineno - 1].encode()[: node.col_offset].strip()

    def _indent(self, line: int) -> str:
        found = _INDENT.match(self.lines[line - 1].lstrip("\f"))
        return found.group() if found else ""


def _lines(node: ast.FunctionDef) -> range:
    start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return range(start, (node.end_lineno or node.lineno) + 1)


def _stands_for_steps(node: ast.FunctionDef) -> bool:
    """Whether the body of *node* is `pass`, with a docstring before it or not."""
    *first, last = node.body
    return isinstance(last, ast.Pass) and len(first) == (ast.get_docstring(node, clean=False) is not None)


def _takes_steps(node: ast.FunctionDef) -> bool:
    named = {argument.arg for argument in (*node.args.posonlyargs, *node.args.args)}
    return "migrations" in named and not isinstance(node.body[-1], ast.Return | ast.Raise)


def _replace(file: Path, data: bytes) -> None:
    mode = file.stat().st_mode
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    copy = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        copy.chmod(S_IMODE(mode))
        copy.replace(file)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
