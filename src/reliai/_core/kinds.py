"""Of what kind a function is, and what keeps its kind when it is wrapped."""

from __future__ import annotations

import functools
import inspect
import re
import types
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "generator_like", "kind_of"]

KINDS = ("sync", "async", "generator", "async_generator")

_AWAITED = re.compile(r"(?:[\w.]*\.)?(Awaitable|Coroutine|Task|Future)\s*(\[|$)")
_ITERATED = re.compile(r"(?:[\w.]*\.)?(AsyncIterator|AsyncIterable|AsyncGenerator)\s*(\[|$)")


def kind_of(function: Callable[..., Any], declared: str | None = None) -> str:
    """One of `KINDS`; what returns an awaitable is known by its annotation or by `declared`.

    Raises:
        ConfigurationError: when `declared` is none of them.
    """
    if declared is not None:
        if declared not in KINDS:
            message = f"kind={declared!r} is unknown; use one of {', '.join(map(repr, KINDS))}"
            raise ConfigurationError(message)
        return declared
    code = _body(function)
    if inspect.isasyncgenfunction(code):
        return "async_generator"
    if inspect.iscoroutinefunction(code):
        return "async"
    if inspect.isgeneratorfunction(code):
        return "generator"
    if _promises(code, _AWAITED, "__await__"):
        return "async"
    return "async_generator" if _promises(code, _ITERATED, "__aiter__") else "sync"


def _body(function: Any) -> Any:
    """The function that will run: of a partial its `func`, of an object its `__call__`."""
    while isinstance(function, functools.partial | functools.partialmethod):
        function = function.func
    if inspect.isroutine(function) or isinstance(function, type):
        return function
    return getattr(type(function), "__call__", function)  # noqa: B004


def _promises(function: Any, names: re.Pattern[str], method: str) -> bool:
    """Whether the annotated result is a class with `method`; an unknown one goes by its name."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    named = _named(function, annotation) if isinstance(annotation, str) else annotation
    if named is None:
        return isinstance(annotation, str) and names.match(annotation) is not None
    named = getattr(named, "__origin__", None) or named
    return isinstance(named, type) and hasattr(named, method)


def _named(function: Any, annotation: str) -> Any:
    """What an annotation that is text means in the function's module; None when not to be found."""
    first, *rest = annotation.partition("[")[0].strip().split(".")
    found = getattr(function, "__globals__", {}).get(first)
    for name in rest:
        found = getattr(found, name, None)
    return found


def generator_like(function: Callable[..., Any], *, asynchronous: bool) -> Callable[..., Any]:
    """A plain function that `inspect` takes for a generator function.

    A guarded generator function returns its stream at once, so it captures the caller's context;
    frameworks that ask what kind of function it is must still see the kind that went in.
    """
    assert isinstance(function, types.FunctionType)  # noqa: S101  made by us
    flag = inspect.CO_ASYNC_GENERATOR if asynchronous else inspect.CO_GENERATOR
    code = function.__code__
    return types.FunctionType(
        code.replace(co_flags=code.co_flags | flag),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
