"""What a function's code is, as a text of its own: the same in every process that has that code.

A score is worth comparing only with one that the same code gave, so this goes into the digest of a
scorer. Nothing of it hangs on where the code lies, on comments, on memory addresses or on the
version of Python.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import io
import json
import re
import textwrap
import tokenize
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final

__all__ = ["code_of", "digest_of"]

_DEEPEST: Final = 6
_LONGEST: Final = 1_000_000


def digest_of(data: Any) -> str:
    """The digest of data that JSON can say: "sha256:…"."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def code_of(thing: Any, _level: int = 0, _seen: frozenset[int] = frozenset()) -> Any:
    """What `thing` does, as data that JSON can say.

    Functions are told by their source without comments and docstrings, together with their default
    values, with what they have closed over, and with the functions and constants of their own
    package that they name. Objects are told by what they hold, other libraries' by their names.
    """
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if _level > _DEEPEST or id(thing) in _seen:
        return _name(thing)
    seen, level = _seen | {id(thing)}, _level + 1
    digest = getattr(thing, "digest", None)
    if isinstance(digest, str) and not isinstance(thing, type):
        return {"digest": digest}
    for kinds, tell in _TELLERS:
        if isinstance(thing, kinds):
            return tell(thing, level, seen)
    return _object(thing, level, seen)


def _named(thing: Any, level: int, seen: frozenset[int]) -> Any:  # noqa: ARG001  as the others
    return _name(thing)


def _partial(thing: Any, level: int, seen: frozenset[int]) -> Any:
    held = [thing.func, list(thing.args), dict(thing.keywords)]
    return {"partial": [code_of(each, level, seen) for each in held]}


def _method(thing: Any, level: int, seen: frozenset[int]) -> Any:
    return {"method": [code_of(each, level, seen) for each in (thing.__func__, thing.__self__)]}


def _mapping(thing: Any, level: int, seen: frozenset[int]) -> Any:
    pairs = [[json.dumps(code_of(k, level, seen)), code_of(thing[k], level, seen)] for k in thing]
    return {"mapping": sorted(pairs, key=_first)}


def _list(thing: Any, level: int, seen: frozenset[int]) -> Any:
    return [code_of(each, level, seen) for each in thing]


def _set(thing: Any, level: int, seen: frozenset[int]) -> Any:
    return {"set": sorted(json.dumps(code_of(each, level, seen)) for each in thing)}


def _bytes(thing: Any, level: int, seen: frozenset[int]) -> Any:  # noqa: ARG001  as the others
    return {"bytes": hashlib.sha256(thing).hexdigest()}


def _pattern(thing: Any, level: int, seen: frozenset[int]) -> Any:  # noqa: ARG001  as the others
    return {"pattern": [str(thing.pattern), thing.flags]}


def _object(thing: Any, level: int, seen: frozenset[int]) -> Any:
    told: dict[str, Any] = {"type": _name(type(thing))}
    call = getattr(type(thing), "__call__", None)  # noqa: B004  its code is wanted
    if isinstance(call, FunctionType):
        told["call"] = code_of(call, level, seen)
    state = getattr(thing, "__dict__", None)
    if isinstance(state, dict):
        told["state"] = {name: code_of(value, level, seen) for name, value in state.items()}
    return told


def _function(function: FunctionType, level: int, seen: frozenset[int]) -> Any:
    told: dict[str, Any] = {"source": _source(function)}
    defaults = [*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items())]
    if defaults:
        told["defaults"] = code_of(defaults, level, seen)
    names = function.__code__.co_freevars
    cells = [_content(cell) for cell in function.__closure__ or ()]
    closed = {name: code_of(each, level, seen) for name, each in zip(names, cells, strict=True)}
    if closed:
        told["closed_over"] = closed
    used = {name: code_of(each, level, seen) for name, each in _used(function)}
    if used:
        told["uses"] = used
    return told


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _used(function: FunctionType) -> list[tuple[str, Any]]:
    """The functions and constants of its own package that a function names."""
    package = (function.__module__ or "").partition(".")[0]
    found: list[tuple[str, Any]] = []
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType):
            if (value.__module__ or "").partition(".")[0] == package:
                found.append((name, value))
        elif isinstance(value, str | int | float | tuple | frozenset | re.Pattern):
            found.append((name, value))
    return found


def _names(code: Any) -> set[str]:
    """The names that code has, with that of the functions inside of it."""
    inner = (each for each in code.co_consts if inspect.iscode(each))
    return set(code.co_names).union(*(_names(each) for each in inner))


def _source(function: FunctionType) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(function))[:_LONGEST]
        return _plain(text, function.__name__)
    except (OSError, TypeError, SyntaxError, ValueError, tokenize.TokenError):
        return _compiled(function.__code__)


def _plain(text: str, name: str) -> str:
    """The source without decorators, comments, docstrings and blank lines.

    Raises:
        SyntaxError: when it is no whole statement, as that of a lambda among arguments.
        ValueError: when it is not that of one function alone.
    """
    tree = ast.parse(text)
    node = tree.body[0]
    if name == "<lambda>":
        lambdas = [each for each in ast.walk(tree) if isinstance(each, ast.Lambda)]
        if len(lambdas) != 1:
            raise ValueError
        return ast.get_source_segment(text, lambdas[0]) or text
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or len(tree.body) != 1:
        raise ValueError
    left_out = {line for each in ast.walk(node) for line in _docstring(each)}
    comments = {token.start for token in _tokens(text) if token.type == tokenize.COMMENT}
    columns = dict(sorted(comments, reverse=True))
    kept: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        shown = line[: columns.get(number)].rstrip()
        if number >= node.lineno and number not in left_out and shown:
            kept.append(shown)
    return "\n".join(kept)


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def _docstring(node: ast.AST) -> range:
    """The lines of a docstring that has lines of its own."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return range(0)
    first = node.body[0]
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if not text or first.lineno == node.lineno or len(node.body) == 1:
        return range(0)
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def _compiled(code: Any) -> str:
    """What there is to tell of code whose source is nowhere: this hangs on Python's version."""
    constants = [_compiled(each) if inspect.iscode(each) else repr(each) for each in code.co_consts]
    told = [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _name(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"


def _first(pair: list[Any]) -> str:
    return str(pair[0])


_TELLERS: Final[tuple[tuple[Any, Callable[..., Any]], ...]] = (
    (functools.partial, _partial),
    (MethodType, _method),
    (FunctionType, _function),
    (type | BuiltinFunctionType | ModuleType, _named),
    (Mapping, _mapping),
    (list | tuple, _list),
    (set | frozenset, _set),
    (bytes, _bytes),
    (re.Pattern, _pattern),
)
