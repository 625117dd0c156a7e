"""`reliai doctor`: what in an application's guarded functions will hurt later.

Most of it is what `Pipeline.check()` finds for one function; what needs a look at several of them,
or at functions without policies, is found here.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

import reliai
from reliai import clock
from reliai.cli.doctor_code import bare, held, is_guarded, mentions, place, reached
from reliai.cli.doctor_models import models_of
from reliai.cli.doctor_target import Application, Unreadable, load
from reliai.errors import ConfigurationError
from reliai.providers import InnerClient, inner_retries
from reliai.providers.retirements import (
    AHEAD,
    installed_retirements,
    read_retirements,
    retiring,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

__all__ = ["Examination", "Finding", "Unreadable", "examine", "guarded_functions"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        where: file, line and function.
        what: the evidence and what to do.
    """

    where: str
    what: str


@dataclass(slots=True)
class Examination:
    """What came of it.

    Attributes:
        functions: the guarded functions, as places.
        problems: what should be mended.
        notes: what may be meant.
    """

    functions: list[str] = field(default_factory=list[str])
    problems: list[Finding] = field(default_factory=list[Finding])
    notes: list[Finding] = field(default_factory=list[Finding])


def examine(target: str, *, retirements: str | None = None, ahead: int = AHEAD) -> Examination:
    """Import an application and look at its functions.

    Args:
        target: "module", "module:attribute" or "file.py".
        retirements: a file that says when models are retired; it goes before what installed
            packages know.
        ahead: days before it that a retirement is a problem.

    Raises:
        Unreadable: it cannot be imported, nothing in it is guarded, or the file cannot be read.
    """
    application = load(target)
    guarded, others = _functions(application)
    if not guarded and not others:
        raise Unreadable(f"{target} holds no function to look at")
    examined = Examination(sorted(map(place, guarded)))
    for function in guarded:
        for what in _problems(function):
            examined.problems.append(Finding(place(function), what))
    known = {finding.what for finding in examined.problems}
    for message, where in application.warnings:
        if "by itself" not in message and message not in known:  # check() says that one in full
            examined.problems.append(Finding(where, message))
    examined.problems.extend(_retiring(guarded, retirements, ahead))
    examined.notes.extend(_notes(guarded, others))
    return examined


def _retiring(guarded: list[FunctionType], path: str | None, ahead: int) -> Iterator[Finding]:
    """Models that a function names and that are retired soon."""
    try:
        written = {} if path is None else read_retirements(path)
    except ConfigurationError as error:
        raise Unreadable(str(error)) from error
    known = {**installed_retirements(), **written}
    today = datetime.fromtimestamp(clock.active().time(), UTC).date()
    for function in guarded:
        for each in retiring(models_of(function), known, today=today, within=ahead):
            yield Finding(place(function), each.told(today))


def guarded_functions(target: str) -> list[FunctionType]:
    """Import an application and give its guarded functions.

    Args:
        target: as of `examine`.

    Raises:
        Unreadable: it cannot be imported.
    """
    return _functions(load(target))[0]


def _functions(application: Application) -> tuple[list[FunctionType], list[FunctionType]]:
    """The guarded functions of the application, and its other ones."""
    guarded: dict[int, FunctionType] = {}
    others: dict[int, FunctionType] = {}
    names = {module.__name__ for module in application.modules}
    wanted = application.attribute
    for module in application.modules[:1] if wanted else application.modules:
        for function in _in_module(module, wanted):
            if is_guarded(function):
                guarded[id(function)] = function
            elif function.__module__ in names:
                others[id(function)] = function
    return list(guarded.values()), list(others.values())


def _in_module(module: ModuleType, wanted: str | None) -> Iterator[FunctionType]:
    if wanted is not None:
        value: Any = functools.reduce(getattr, wanted.split("."), cast("Any", module))
        values: list[Any] = [getattr(value, "__func__", value)]
    else:
        values = list(vars(module).values())
    for value in values:
        if isinstance(value, FunctionType):
            yield value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            fields = (getattr(each, "__func__", each) for each in list(vars(value).values()))
            yield from (each for each in fields if isinstance(each, FunctionType))


# --- guarded functions -------------------------------------------------------------------------


def _problems(function: FunctionType) -> Iterator[str]:
    keeps_time = mentions(function, "remaining")
    for sentence in reliai.pipeline_of(function).check():
        # A function that reads remaining() hands it to its client: that client's own limit is moot.
        if not (keeps_time and "reliai.remaining()" in sentence):
            yield sentence
    yield from _without_limit(function)
    yield from _blocking(function)
    yield from _nested(function)


def _without_limit(function: FunctionType) -> Iterator[str]:
    if _policies(function, reliai.Timeout):
        return
    for client in inner_retries(bare(function)):
        patience = "for ever" if client.timeout is None else f"up to {client.timeout:g} s"
        yield (
            f"there is no Timeout, and {client.description} waits {patience} for an answer; "
            "add reliai.Timeout(seconds)"
        )


def _blocking(function: FunctionType) -> Iterator[str]:
    inner = bare(function)
    if not (inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)):
        return
    if any(mentions(function, name) for name in _TO_THREADS):
        return
    for client in inner_retries(inner):
        if client.blocks:
            yield (
                f"{client.description} stops the whole event loop while it waits; use the "
                "asynchronous client and await it, or make this a plain `def`"
            )


_TO_THREADS = ("to_thread", "run_in_executor", "run_sync", "run_in_threadpool")
"""What hands synchronous work to threads."""


def _nested(function: FunctionType) -> Iterator[str]:
    outer = _attempts(function)
    if outer < 2:
        return
    for inner, guarded in reached(function):
        attempts = _attempts(inner) if guarded else 1
        if attempts > 1:
            yield (
                f"Retry({outer}) stands around {place(inner)}, which has Retry({attempts}) of its "
                f"own: up to {outer} * {attempts} = {outer * attempts} attempts; keep one of them"
            )


def _policies(function: FunctionType, kind: type) -> list[Any]:
    policies = reliai.pipeline_of(function).policies
    return [policy for policy in policies if isinstance(policy, kind)]


def _attempts(function: Callable[..., Any]) -> int:
    retries = [p for p in reliai.pipeline_of(function).policies if isinstance(p, reliai.Retry)]
    return max((retry.attempts for retry in retries), default=1)


# --- the others --------------------------------------------------------------------------------


def _notes(guarded: list[FunctionType], others: list[FunctionType]) -> Iterator[Finding]:
    """Functions that use a client with no policy anywhere around it."""
    covered = {id(each) for function in guarded for each in _inside(function)}
    for function in others:
        if id(function) in covered:
            continue
        for client in _clients(function):
            yield Finding(
                place(function),
                f"calls {client.description} with no policy around it; a failure there is retried "
                f"{client.max_retries} times by the SDK and leaves no record. "
                "Decorate it with @reliai.reliable(…)",
            )


def _inside(function: FunctionType) -> Iterator[Callable[..., Any]]:
    """The functions without policies of their own that run under those of this one."""
    targets = [
        target
        for fallback in _policies(function, reliai.Fallback)
        for target in (*fallback.targets, *(each for some in fallback.on.values() for each in some))
        if isinstance(target, FunctionType)
    ]
    for each in (function, *targets):
        yield each
        yield from (inner for inner, is_one in reached(each) if not is_one)


def _clients(function: FunctionType) -> list[InnerClient]:
    """The clients that a function's own code names."""
    found: dict[str, InnerClient] = {}
    for name, value in held(function):
        if isinstance(value, FunctionType | type):
            continue
        for client in inner_retries(functools.partial(_nothing, **{name.replace(".", "_"): value})):
            found[client.description] = client
    return list(found.values())


def _nothing(**values: object) -> None:
    """Stands for a function that holds a value."""
