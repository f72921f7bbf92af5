"""A digest of what a step's function does, whatever its layout.

Comments, formatting, docstrings, annotations of the signature and the
function's name do not count. `ast.dump` differs between Python versions, so the
tree is written out here in a form that is equal on 3.11, 3.12 and 3.13: node
names with their non-empty fields, without the load/store context.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

_SKIPPED = frozenset({"ctx", "type_comment", "kind", "lineno", "col_offset", "end_lineno", "end_col_offset"})


def checksum(function: Callable[..., Any]) -> str:
    """Return the digest of *function*: 16 hexadecimal digits.

    Raises:
        OSError: the source cannot be read, for example from a byte-code-only install.
    """
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    if not isinstance(node, ast.FunctionDef):
        raise OSError(f"{function!r} is no plain function; a step is a 'def'")
    return digest(node)


def digest(function: ast.FunctionDef) -> str:
    """Return the digest of a parsed function."""
    arguments = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    body = function.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        body = body[1:]
    text = "".join((*arguments, *(part for statement in body for part in _write(statement))))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _write(value: object) -> Iterator[str]:
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, child in ast.iter_fields(value):
            if name not in _SKIPPED and child not in (None, []):
                yield f" {name}="
                yield from _write(child)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            yield from _write(item)
        yield "]"
    else:
        yield repr(value)
