"""Whom a policy can ask in place of the function: other functions, guarded ones, plain values."""

from __future__ import annotations

import copy
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reliai._core.binding import bound_of, new_target
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai._core.target import target_name
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.site import Site

__all__ = ["OtherArgument", "PlainValue", "Target", "Value", "made_target"]


class Value:
    """A plain value as a fallback, where a bare one would be taken for something else.

    Args:
        value: what to answer with.
    """

    def __init__(self, value: object) -> None:
        self.value = value

    def describe(self) -> object:
        """The value as plain data."""
        return plain(self.value)

    def __repr__(self) -> str:
        return f"Value({self.value!r})"


class Target:
    """What can be asked.

    Attributes:
        name: how records name it.
        function: what it calls, when that is another function than the one that failed.
    """

    name: str
    function: object = None

    def ask(self, call: Call, proceed: Proceed) -> Awaitable[Outcome]:
        """Ask it; what is given has to be awaited, and what is raised is the outcome as well."""
        raise NotImplementedError(self.name)


class BareFunction(Target):
    """A function, through the policies inside the one that asks."""

    def __init__(self, site: Site, function: Callable[..., Any]) -> None:
        self._target = new_target(site, function)
        self.function = function
        self.name = self._target.name

    def ask(self, call: Call, proceed: Proceed) -> Awaitable[Outcome]:
        return proceed(call.to(self._target))


class GuardedFunction(Target):
    """A guarded function, through policies of its own; its attempts join this call's record."""

    def __init__(self, site: Site, inner: Site, owner: object) -> None:
        if inner.asynchronous and not site.asynchronous:
            message = (
                f"{inner.name} is asynchronous and cannot stand in for {site.name}, which is not"
            )
            raise ConfigurationError(message)
        if site.asynchronous and not inner.asynchronous:
            message = (
                f"{inner.name} is guarded and synchronous; it would block the event loop of "
                f"{site.name}. Fall back to an `async def`, or to the bare function"
            )
            raise ConfigurationError(message)
        if inner.streaming and not site.streaming:
            message = f"{inner.name} gives a stream; {site.name} gives one value"
            raise ConfigurationError(message)
        self._site = inner
        self._owner = owner
        self.function = inner.function
        self.name = inner.target.name

    async def ask(self, call: Call, proceed: Proceed) -> Outcome:
        inner = call.at(self._site, self._owner)
        return await inner._site.chain(inner)  # noqa: SLF001  in an evaluation one of its own


class PlainValue(Target):
    """A value."""

    name = "value"

    def __init__(self, value: object) -> None:
        self._value = value

    async def ask(self, call: Call, proceed: Proceed) -> Outcome:
        with suppress(Exception):  # what cannot be copied is given as it is
            return Outcome(copy.copy(self._value))
        return Outcome(self._value)


class OtherArgument(Target):
    """The same function with another argument."""

    def __init__(self, parameter: str, value: object) -> None:
        self._parameter = parameter
        self._value = value
        self.name = str(value)

    async def ask(self, call: Call, proceed: Proceed) -> Outcome:
        other = call.with_arguments(**{self._parameter: self._value})
        return await proceed(other.named(self.name))


def made_target(site: Site, target: Any) -> Target:
    """A target for the calls of `site`: from a function, a guarded function or a value.

    Raises:
        ConfigurationError: when it cannot stand in for the site's function.
    """
    if isinstance(target, Value):
        return PlainValue(_validated(site, target.value))
    if callable(target) and not isinstance(target, type):
        _check_arguments(site, target)
        guarded = bound_of(target)
        if guarded is not None:
            return GuardedFunction(site, guarded.site, getattr(target, "__self__", None))
        return BareFunction(site, target)
    _check_value(target)
    return PlainValue(_validated(site, target))


def _check_arguments(site: Site, target: Callable[..., Any]) -> None:
    """A target is asked when all else failed: that it takes other arguments must show before.

    Raises:
        ConfigurationError: when there is no way of calling the site's function that it takes.
    """
    try:
        takes = inspect.signature(target)
    except (TypeError, ValueError):  # some functions written in C tell nothing
        return
    given = site.signature.parameters.values()
    if any(each.kind in {each.VAR_POSITIONAL, each.VAR_KEYWORD} for each in given):
        return
    needed = [each for each in given if each.default is each.empty]
    ways = (needed, list(given))
    if not any(_fits(takes, way, by_name=named) for way in ways for named in (False, True)):
        message = (
            f"{target_name(target)}{takes} cannot stand in for {site.name}{site.signature}: "
            "it gets the same arguments, and cannot take them"
        )
        raise ConfigurationError(message)


def _fits(takes: inspect.Signature, given: list[inspect.Parameter], *, by_name: bool) -> bool:
    """Whether a function takes these arguments: by position where that can be, or by name."""
    named = [
        each.kind is each.KEYWORD_ONLY or (by_name and each.kind is not each.POSITIONAL_ONLY)
        for each in given
    ]
    args = [None] * named.count(False)
    kwargs = {each.name: None for each, name in zip(given, named, strict=True) if name}
    try:
        takes.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _check_value(value: object) -> None:
    """Refuse what was meant as a target and would be handed out as the answer.

    Raises:
        ConfigurationError: for a container of functions, or a call that was not awaited.
    """
    if isinstance(value, list | tuple) and any(callable(each) for each in value):
        message = (
            "a list of functions would itself be the answer; give them one by one, in order: "
            "Fallback(first, second)"
        )
        raise ConfigurationError(message)
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        message = (
            f"an object of {type(value).__name__} would itself be the answer; give the function, "
            "without calling it: Fallback(answer)"
        )
        raise ConfigurationError(message)


def _validated(site: Site, value: object) -> object:
    """A plain value, checked once against the type the function promises.

    Raises:
        ConfigurationError: when it is of another type.
    """
    if site.output is None:
        return value
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  only with output=

    try:
        return TypeAdapter(site.output).validate_python(value)
    except ValidationError as error:
        message = (
            f"Fallback value {value!r} is no {getattr(site.output, '__name__', site.output)} "
            f"({error.error_count()} validation errors), which {site.name} promises by output="
        )
        raise ConfigurationError(message) from None
