"""A digest of what a step's function does, whatever its layout.

Comments, formatting, docstrings, annotations of arguments and results and the
function's own name do not count. `ast.dump` differs between Python versions, so
the tree is written out here in a form that is equal on 3.11, 3.12 and 3.13: node
names with their non-empty fields, without the load/store context, texts in ASCII.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

_SKIPPED = frozenset({"ctx", "type_comment", "kind", "lineno", "col_offset", "end_lineno", "end_col_offset"})
_WITH_DOCSTRING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def checksum(function: Callable[..., Any]) -> str:
    """Return the digest of *function*: 16 hexadecimal digits.

    Raises:
        OSError: the source cannot be read, for example from a byte-code-only install.
    """
    source = inspect.getsource(function)
    if source[
        0
    ].isspace():  # inside something; removing the indentation would change texts over several lines
        source = f"if True:\n{source}"
    node: ast.AST = ast.parse(source).body[0]
    if isinstance(node, ast.If):
        node = node.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise OSError(f"{function!r} is no plain function; a step is a 'def'")
    return digest(node)


def digest(function: ast.FunctionDef) -> str:
    """Return the digest of a parsed function."""
    text = "".join((*_write(function.args), *_write(_without_docstring(function.body))))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(value: object) -> Iterator[str]:
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, child in ast.iter_fields(value):
            if name == "body" and isinstance(value, _WITH_DOCSTRING):
                child = _without_docstring(child)
            elif isinstance(value, ast.JoinedStr):
                child = [part for part in child if not _is_empty_text(part)]  # Python 3.12 adds some
            if name not in _SKIPPED and child not in (None, []) and not _is_hint(value, name):
                yield f" {name}="
                yield from _write(child)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            yield from _write(item)
        yield "]"
    else:
        yield ascii(value)  # which characters repr() shows as they are changes with Python's Unicode


def _is_hint(node: ast.AST, field: str) -> bool:
    return field == "returns" or (field == "annotation" and isinstance(node, ast.arg))


def _is_empty_text(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and part.value == ""


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:]
    return body
