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
import sys
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from enum import Enum
from numbers import Number
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final
from uuid import UUID

from reliai._core.binding import bound_of
from reliai.evals._fitted import learned
from reliai.prompts import Prompt, PromptVersion

__all__ = ["code_of", "digest_of"]

_DEEPEST: Final = 6
_LONGEST: Final = 1_000_000
_MODULES: Final = 3
"""Modules in a chain of names: `app.prompts.SYSTEM` has two."""
_CONSTANTS: Final = (str, int, float, tuple, frozenset, re.Pattern, Prompt, PromptVersion)


def digest_of(data: Any) -> str:
    """The digest of data that JSON can say: "sha256:…"."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def code_of(thing: Any) -> Any:
    """What `thing` does, as data that JSON can say.

    Functions are told by their source without comments and docstrings, together with their default
    values, with what they have closed over, and with the functions and constants that they name,
    of modules too (`prompts.SYSTEM`), unless they are of an installed package; guarded ones by the
    function that is guarded. Lists and dictionaries of a module count where their names are those
    of constants. Objects are told by what they hold, and whatever belongs to Python or to an
    installed package by its name; trained models of these by what they have learned, too.
    """
    inner = thing.func if isinstance(thing, functools.partial) else thing
    return _Telling(_package(inner)).tell(thing, 0, frozenset())


class _Telling:
    """How things are told that the code of one package deals with."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._told: set[int] = set()

    def tell(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        if thing is None or isinstance(thing, bool | int | float | str):
            return thing
        if level > _DEEPEST or id(thing) in seen:
            return _name(thing)
        digest = None if isinstance(thing, type) else getattr(thing, "digest", None)
        if isinstance(digest, str):
            return {"digest": digest}
        for kinds, tell in _TELLERS:
            if isinstance(thing, kinds):
                return tell(self, thing, level + 1, seen | {id(thing)})
        return self.object(thing, level + 1, seen | {id(thing)})

    def all(self, things: Iterable[Any], level: int, seen: frozenset[int]) -> list[Any]:
        return [self.tell(each, level, seen) for each in things]

    def named(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        return _name(thing)

    def partial(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        return {"partial": self.all((thing.func, thing.args, thing.keywords), level, seen)}

    def method(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        return {"method": self.all((thing.__func__, thing.__self__), level, seen)}

    def mapping(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        pairs = ((json.dumps(self.tell(key, level, seen)), thing[key]) for key in thing)
        told = ([key, self.tell(value, level, seen)] for key, value in pairs)
        return {"mapping": sorted(told, key=_first)}

    def set(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        return {"set": sorted(json.dumps(each) for each in self.all(thing, level, seen))}

    def bytes(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        return {"bytes": hashlib.sha256(thing).hexdigest()}

    def pattern(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        return {"pattern": [str(thing.pattern), thing.flags]}

    def value(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        return {"value": f"{_name(type(thing))} {thing}"}

    def object(self, thing: Any, level: int, seen: frozenset[int]) -> Any:
        told: dict[str, Any] = {"type": _name(type(thing))}
        if hasattr(thing, "tobytes") and hasattr(thing, "dtype"):  # an array, by its content
            told["bytes"] = hashlib.sha256(thing.tobytes()).hexdigest()
            return {**told, "dtype": str(thing.dtype), "shape": list(thing.shape)}
        if not self.owns(type(thing)):
            what = learned(thing)
            return told if what is None else {**told, "learned": what}
        call = getattr(type(thing), "__call__", None)  # noqa: B004  its code is wanted
        if isinstance(call, FunctionType):
            told["call"] = self.tell(call, level, seen)
        state = getattr(thing, "__dict__", None)
        if isinstance(state, dict):
            told["state"] = {name: self.tell(each, level, seen) for name, each in state.items()}
        return told

    def owns(self, thing: Any) -> bool:
        """Whether a thing is told by what it is, and not by its name."""
        package = _package(thing)
        return package in {self.package, "reliai"} or not _installed(package)

    def function(self, function: FunctionType, level: int, seen: frozenset[int]) -> Any:
        guarded = bound_of(function)
        if guarded is not None:
            return self.tell(guarded.site.function, level, seen)
        if not self.owns(function):
            return _name(function)
        if id(function) in self._told:  # else functions that use each other are told ever again
            return {"again": _name(function)}
        self._told.add(id(function))
        told: dict[str, Any] = {"source": _source(function)}
        defaults = [
            *(function.__defaults__ or ()),
            *sorted((function.__kwdefaults__ or {}).items()),
        ]
        if defaults:
            told["defaults"] = self.all(defaults, level, seen)
        names = function.__code__.co_freevars
        cells = zip(names, function.__closure__ or (), strict=True)
        closed = {name: self.tell(_content(cell), level, seen) for name, cell in cells}
        if closed:
            told["closed_over"] = closed
        used = {name: self.tell(each, level, seen) for name, each in _used(function)}
        if used:
            told["uses"] = used
        return told


def _package(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return (getattr(named, "__module__", None) or "").partition(".")[0]


@functools.lru_cache(512)
def _installed(package: str) -> bool:
    """Whether a package is Python's, or was installed: its code is known by its name."""
    if package in sys.stdlib_module_names and package != "__main__":
        return True
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _used(function: FunctionType) -> list[tuple[str, Any]]:
    """The functions and constants that a function names, but for those of installed packages."""
    package = (function.__module__ or "").partition(".")[0]
    names = sorted(name for name in _names(function.__code__) if not name.startswith("__"))
    found: list[tuple[str, Any]] = []
    for name in names:
        found += _reached(name, function.__globals__.get(name), names, package, _MODULES)
    return found


def _reached(
    name: str, value: Any, names: list[str], package: str, left: int
) -> Iterator[tuple[str, Any]]:
    """What a name stands for, if it counts; of a module what else the function names."""
    if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001  there is no other name
        value = value.__wrapped__
    if isinstance(value, ModuleType):
        if left and _is_followed(value.__name__, package):
            for each in names:
                held = vars(value).get(each)
                yield from _reached(f"{name}.{each}", held, names, package, left - 1)
    elif isinstance(value, FunctionType):
        if _is_followed(value.__module__ or "", package):
            yield name, value
    elif isinstance(value, _CONSTANTS) or (
        isinstance(value, list | dict | set) and name.rpartition(".")[2].isupper()
    ):
        yield name, value


def _is_followed(module: str, package: str) -> bool:
    """Whether code of a module counts for a function of that package."""
    root = module.partition(".")[0]
    return root == package or (root != "reliai" and not _installed(root))


def _names(code: Any) -> set[str]:
    """The names that code has, with that of the functions inside of it."""
    inner = (each for each in code.co_consts if inspect.iscode(each))
    return set(code.co_names).union(*(_names(each) for each in inner))


def _source(function: FunctionType) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(function.__code__))[:_LONGEST]
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
    (functools.partial, _Telling.partial),
    (MethodType, _Telling.method),
    (FunctionType, _Telling.function),
    (type | BuiltinFunctionType | ModuleType, _Telling.named),
    (Mapping, _Telling.mapping),
    ((list, tuple), _Telling.all),
    ((set, frozenset), _Telling.set),
    (bytes, _Telling.bytes),
    ((Enum, Number, date, time, timedelta, PurePath, UUID, range), _Telling.value),
    (re.Pattern, _Telling.pattern),
)
