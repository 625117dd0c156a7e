"""What a function's code refers to: the functions it can reach and the values it holds."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import reliai
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["bare", "held", "is_guarded", "mentions", "place", "reached"]

_MOST = 200  # functions looked at behind one


def is_guarded(value: object) -> bool:
    """Whether reliai's policies stand around a function."""
    try:
        reliai.pipeline_of(value)
    except ConfigurationError:
        return False
    return True


def bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """The user's own function, inside all wrappers."""
    inner: Callable[..., Any] = inspect.unwrap(function)
    return inner


def place(function: Callable[..., Any]) -> str:
    """File, line and name: `app.py:12 answer`."""
    inner = bare(function)
    name = getattr(inner, "__qualname__", repr(inner))
    code = getattr(inner, "__code__", None)
    if code is None:
        return name
    return f"{Path(code.co_filename).name}:{code.co_firstlineno} {name}"


def held(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """What the code names, with the names: globals, closure, and attributes of named modules."""
    inner = bare(function)
    if not isinstance(inner, FunctionType):
        return
    names = _names(inner.__code__)
    for name, cell in zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for name in names:
        value = inner.__globals__.get(name)
        if isinstance(value, ModuleType):
            fields = vars(value)
            yield from ((f"{name}.{each}", fields[each]) for each in names if each in fields)
        elif value is not None:
            yield name, value
    yield from _siblings(inner, names)


def _siblings(function: FunctionType, names: list[str]) -> Iterator[tuple[str, Any]]:
    """Methods of the same class that the code names."""
    owner, _, _ = function.__qualname__.rpartition(".")
    kind = function.__globals__.get(owner)
    if isinstance(kind, type):
        yield from ((f"self.{name}", vars(kind)[name]) for name in names if name in vars(kind))


def reached(function: Callable[..., Any]) -> list[tuple[Callable[..., Any], bool]]:
    """The functions behind one, each with whether it is guarded; behind a guarded one none."""
    found: dict[int, tuple[Callable[..., Any], bool]] = {}
    waiting = [function]
    while waiting and len(found) < _MOST:
        for _, value in held(waiting.pop()):
            if not isinstance(value, FunctionType) or id(value) in found or value is function:
                continue
            if value.__module__.partition(".")[0] == "reliai":
                continue
            guarded = is_guarded(value)
            found[id(value)] = (value, guarded)
            if not guarded:
                waiting.append(value)
    return list(found.values())


def mentions(function: Callable[..., Any], name: str) -> bool:
    """Whether a function, or one that it calls without policies, names something."""
    functions = [function, *(each for each, guarded in reached(function) if not guarded)]
    codes = (getattr(bare(each), "__code__", None) for each in functions)
    return any(name in _names(code) for code in codes if code is not None)


def _names(code: CodeType) -> list[str]:
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    names = [*code.co_names, *(name for each in inner for name in _names(each))]
    return list(dict.fromkeys(names))
