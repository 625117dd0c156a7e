"""What a check is: any function of one value, with a name, a time limit and a fail mode.

Guard runs checks on arguments, Validate on answers. This module knows neither; it imports only
`reliai.errors`.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from functools import update_wrapper
from math import inf
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args, overload

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

__all__ = [
    "DEFAULT_TIMEOUT",
    "Check",
    "CheckVerdict",
    "FunctionCheck",
    "OnError",
    "Replace",
    "Score",
    "Span",
    "as_check",
    "as_checks",
    "check",
]

OnError: TypeAlias = Literal["block", "allow"]
"""What a check that crashes or runs out of time does to the call."""

FailsAs: TypeAlias = Literal["invalid", "refused", "truncated"]
"""What an answer that fails a check is."""

DEFAULT_TIMEOUT = 1.0
"""Seconds an `async def` check may take unless it says otherwise."""

NAME_LIMIT = 80
"""Characters of a check's name; longer ones are cut, since records and messages carry it."""


@dataclass(frozen=True, slots=True)
class Replace:
    """What a check returns to put another value in place of the one it was given."""

    value: Any


@dataclass(frozen=True, slots=True)
class Score:
    """What a check returns to pass and leave a number: it goes into `values` and `checks`."""

    value: float


CheckVerdict: TypeAlias = bool | str | Replace | Score | None
"""What a check returns: None or True passes, False or a reason fails, `Replace(value)` changes,
`Score(number)` passes and puts the number on the record."""

Span: TypeAlias = tuple[int, int, str | None]
"""A part of a text: its start, its end, and what to put in its place, or None: it is forbidden."""


class Check:
    """A rule for one value. Subclass it, or use any function of one value.

    Attributes:
        name: what records, events and errors call it.
        timeout: seconds it may take; None for no limit. A plain function cannot be stopped, so with
            a limit it runs in a worker thread and is left behind when the time is up. Without one
            it runs in place: right for quick rules, wrong for anything that waits.
        on_error: what happens to the call when the check crashes or runs out of time: "block"
            refuses it, "allow" lets it go on and says so with a `check_bypassed` event.
        window: of a stream, how many of the last characters must be held back so that nothing this
            check forbids gets out: the longest text it can object to. 0: any prefix of an accepted
            text is accepted; None: only the whole text can be judged.
        asynchronous: whether calling it gives an awaitable.
        reads_text: whether it judges the text of an answer, and not the value parsed from it.
        reads_messages: whether a Guard that names no parameter for it gives it lists, tuples and
            dictionaries too, such as messages; else it gives it only what is text itself.
        reads_response: whether it is given the provider's `Response`, where there is one; where
            there is none it is given the answer's text, or the value.
        reads_arguments: whether it is fitted to each call by `fitted` before it is asked.
        fails_as: what an answer that fails it is: "invalid" (the model may be asked again),
            "refused" or "truncated" (it is not).
    """

    name: str = ""
    timeout: float | None = None
    on_error: OnError = "block"
    window: int | None = None
    asynchronous: bool = False
    reads_text: bool = False
    reads_messages: bool = False
    reads_response: bool = False
    reads_arguments: bool = False
    fails_as: FailsAs = "invalid"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        if "asynchronous" not in cls.__dict__ and inspect.iscoroutinefunction(cls.__call__):
            cls.asynchronous = True

    def __call__(self, value: Any, /) -> CheckVerdict | Awaitable[CheckVerdict]:
        """Judge `value`."""
        raise NotImplementedError(type(self).__name__)

    def prepare(self) -> None:
        """Build what is costly to build; called once, when a function is decorated.

        Raises:
            ConfigurationError: when it cannot be built.
        """

    def fitted(self, arguments: Mapping[str, Any], /) -> Check:
        """The check for one call; asked for when it `reads_arguments`."""
        return self

    def spans(self, text: str, /) -> Iterable[Span] | None:
        """The parts of a text that the check would replace or forbid, in order, none in another.

        What lets a check that replaces work on a stream piece by piece: with a `window`, it is
        asked of parts of the text, which begin and end anywhere. None: it has no such parts.
        """
        return None

    def stream(self) -> Callable[[str], CheckVerdict] | None:
        """A fresh judge of one stream, called with each piece of text that is new in it.

        For checks that count: they need not see the whole text again with every chunk. None: the
        check is called with as much of the text as its window says.
        """
        return None

    def describe(self) -> dict[str, Any]:
        """The settings as plain data."""
        return {"check": self.name, "timeout": self.timeout, "on_error": self.on_error}

    def __repr__(self) -> str:
        return f"reliai.{type(self).__name__}({self.name!r})"


class FunctionCheck(Check):
    """A function of one value, or another check, under a name and limits of its own."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        name: str | None = None,
        timeout: float | None = None,
        on_error: OnError = "block",
        window: int | None = None,
    ) -> None:
        self._function = function
        self.asynchronous = _is_asynchronous(function)
        self.name = _name(function, name)
        self.timeout = _seconds(timeout, self.name)
        self.on_error = _fail_mode(on_error, self.name)
        self.window = _characters(window, self.name)
        if isinstance(function, Check):
            self._inherit(function)
        elif timeout is None and self.asynchronous:
            self.timeout = DEFAULT_TIMEOUT
        update_wrapper(cast("Any", self), function, updated=())

    def _inherit(self, other: Check) -> None:
        self.reads_text = other.reads_text
        self.reads_response = other.reads_response
        self.reads_arguments = other.reads_arguments
        self.fails_as = other.fails_as
        if self.timeout is None:
            self.timeout = other.timeout
        if self.window is None:
            self.window = other.window

    @property
    def inner(self) -> Check | None:
        """The check that it gives another name or other limits; None around a function."""
        return self._function if isinstance(self._function, Check) else None

    def __call__(self, value: Any, /) -> Any:
        return self._function(value)

    def prepare(self) -> None:
        if isinstance(self._function, Check):
            self._function.prepare()

    def fitted(self, arguments: Mapping[str, Any], /) -> Check:
        fitted = copy.copy(self)
        fitted._function = cast("Check", self._function).fitted(arguments)  # noqa: SLF001  our copy
        return fitted

    def spans(self, text: str, /) -> Iterable[Span] | None:
        return self._function.spans(text) if isinstance(self._function, Check) else None

    def stream(self) -> Callable[[str], CheckVerdict] | None:
        return self._function.stream() if isinstance(self._function, Check) else None

    def __repr__(self) -> str:
        return f"reliai.check({self.name!r})"


@overload
def check(function: Callable[[Any], Any], /) -> FunctionCheck: ...
@overload
def check(
    function: Callable[[Any], Any],
    /,
    *,
    name: str | None = None,
    timeout: float | None = None,
    on_error: OnError = "block",
    window: int | None = None,
) -> FunctionCheck: ...
@overload
def check(
    *,
    name: str | None = None,
    timeout: float | None = None,
    on_error: OnError = "block",
    window: int | None = None,
) -> Callable[[Callable[[Any], Any]], FunctionCheck]: ...
def check(
    function: Callable[[Any], Any] | None = None,
    /,
    *,
    name: str | None = None,
    timeout: float | None = None,
    on_error: OnError = "block",
    window: int | None = None,
) -> FunctionCheck | Callable[[Callable[[Any], Any]], FunctionCheck]:
    """Name a check and set its limits; as a decorator, or around a function or another check.

    Args:
        function: takes one value; returns None or True to pass, False or a reason (a string, shown
            in errors and kept in records) to fail, `Replace(value)` to change it.
        name: what records, events and errors call it; the function's own name by default.
        timeout: seconds (> 0) it may take. With a limit a plain function runs in a worker thread,
            in asynchronous calls too, so it may block there. Default: none for a plain function,
            1 second for an `async def` one.
        on_error: "block" refuses the call when the check crashes or its time is up, "allow" lets
            the call go on and says so with a `check_bypassed` event.
        window: characters of a stream to hold back: the longest text the check can object to.

    Raises:
        ConfigurationError: when an argument is out of its range.
    """

    def named(function: Callable[[Any], Any]) -> FunctionCheck:
        _refuse_what_is_no_check(function)
        return FunctionCheck(function, name=name, timeout=timeout, on_error=on_error, window=window)

    return named if function is None else named(function)


def as_check(thing: object) -> Check:
    """`thing` as a check.

    Raises:
        ConfigurationError: when it is a class, or cannot be called with one value.
    """
    if isinstance(thing, Check):
        return thing
    _refuse_what_is_no_check(thing)
    return FunctionCheck(cast("Callable[[Any], Any]", thing))


def as_checks(things: object, what: str) -> tuple[Check, ...]:
    """One check, or several in a list or a tuple.

    Raises:
        ConfigurationError: when one of them is no check; `what` names the place it was given.
    """
    if isinstance(things, list | tuple):
        several = cast("Iterable[object]", things)
        return tuple(as_check(thing) for thing in several)
    if isinstance(things, Check) or callable(things):
        return (as_check(things),)
    message = f"{what}={things!r}: give a check, or a list of checks"
    raise ConfigurationError(message)


def _refuse_what_is_no_check(thing: object) -> None:
    if isinstance(thing, type):
        fix = f"{thing.__name__}(...)" if issubclass(thing, Check) else f"output={thing.__name__}"
        message = f"{thing.__name__} is a class and no check; did you mean {fix}?"
        raise ConfigurationError(message)
    if not callable(thing):
        message = f"{thing!r} is no check; give a function of one value, such as MaxLength(1000)"
        raise ConfigurationError(message)
    try:
        inspect.signature(thing).bind(None)
    except ValueError:  # some builtins have no signature
        return
    except TypeError:
        message = f"{thing!r} is no check; a check takes exactly one value"
        raise ConfigurationError(message) from None


def _is_asynchronous(function: Callable[..., Any]) -> bool:
    if isinstance(function, Check):
        return function.asynchronous
    called = getattr(type(function), "__call__", None)  # noqa: B004  to look at it, not to call it
    inner = getattr(function, "func", function)  # functools.partial
    return any(inspect.iscoroutinefunction(each) for each in (function, inner, called))


def _name(function: Callable[..., Any], name: object) -> str:
    if name is None:
        inner = getattr(function, "func", function)
        own = function.name if isinstance(function, Check) else getattr(inner, "__name__", None)
        return cut(own or type(function).__name__)
    if isinstance(name, str) and name.strip():
        return cut(name)
    message = f"check(name={name!r}): name must be a text that is not empty"
    raise ConfigurationError(message)


def cut(text: str, limit: int = NAME_LIMIT) -> str:
    """`text`, shortened to `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _seconds(timeout: object, name: str) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout < inf:
        return float(timeout)
    message = f"check {name!r}: timeout={timeout!r} must be a number of seconds above 0, or None"
    raise ConfigurationError(message)


def _fail_mode(on_error: object, name: str) -> OnError:
    if on_error in get_args(OnError):
        return cast("OnError", on_error)
    message = f'check {name!r}: on_error={on_error!r} is unknown; use "block" or "allow"'
    raise ConfigurationError(message)


def _characters(window: object, name: str) -> int | None:
    if window is None or (isinstance(window, int) and not isinstance(window, bool) and window >= 0):
        return window
    message = f"check {name!r}: window={window!r} must be a whole number of characters, or None"
    raise ConfigurationError(message)
