"""Puts a new step into the source of a plugin: at the end of its `migrate` hook."""

from __future__ import annotations

import ast
import inspect
import io
import os
import re
import tempfile
import tokenize
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE, S_IWUSR
from types import FunctionType
from typing import Any

from ..errors import SchemaError
from ..plugins import Plugin
from .step_code import Draft

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_INDENT = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file the code goes.

    Attributes:
        file: The file itself, where a link led to it.
        line: After which line, counted from 1.
        indent: What each line of the code begins with.
        unit: What a level of indentation is in this file.
        prelude: Lines it needs before it.
    """

    file: Path
    line: int
    indent: str
    unit: str
    prelude: str = ""


def place_of(plugin: Plugin) -> Place:
    """Return where the next step of *plugin* belongs.

    Raises:
        SchemaError: its source is installed and not being worked on, cannot be
            read, or `migrate` is no function of a module or class that a step
            can be written into.
    """
    hook = plugin.hooks.get("migrate")
    if hook is None:
        raise SchemaError(plugin.name, f"the plugin {plugin.name} has no migrate hook to put the step into")
    function: Any = inspect.unwrap(getattr(hook.function, "__func__", hook.function))
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

    Raises:
        SchemaError: the file cannot be written, or would be no Python any more.
            It is as it was.
    """
    try:
        source = _Source(place.file)
        newline = "\r\n" if source.lines[0].endswith("\r\n") else "\n"
        before = source.lines[: place.line]
        if not before[-1].endswith(("\n", "\r")):
            before[-1] += newline
        code = f"\n{place.prelude}{made.code(place.indent, place.unit)}".replace("\n", newline)
        changed = "".join((*before, code, *source.lines[place.line :])).encode(source.encoding)
        ast.parse(changed)
        _replace(place.file, changed)
    except (OSError, ValueError, SyntaxError) as error:
        raise SchemaError(made.plugin, f"{place.file} was not changed: {error}") from error


class _Source:
    """A file of Python, its lines with the ends they have there.

    Raises:
        OSError, SyntaxError, UnicodeError: it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        data = file.read_bytes()
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
        return Place(self.file, node.end_lineno or node.lineno, indent, indent.removeprefix(outer), prelude)

    def _has_lines(self, node: ast.stmt) -> bool:
        """Whether nothing else stands before *node* on its line."""
        return not self.lines[node.lineno - 1].encode()[: node.col_offset].strip()

    def _indent(self, line: int) -> str:
        found = _INDENT.match(self.lines[line - 1].lstrip("\f"))
        return found.group() if found else ""


def _lines(node: ast.FunctionDef) -> range:
    start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return range(start, (node.end_lineno or node.lineno) + 1)


def _takes_steps(node: ast.FunctionDef) -> bool:
    named = {argument.arg for argument in (*node.args.posonlyargs, *node.args.args)}
    return "migrations" in named and not isinstance(node.body[-1], ast.Return | ast.Raise)


def _replace(file: Path, data: bytes) -> None:
    mode = file.stat().st_mode
    if not mode & S_IWUSR or not os.access(file, os.W_OK):
        raise PermissionError("it is read-only")
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
