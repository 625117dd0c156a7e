"""What the user says of retries, in the form he likes, as functions of the engine's values."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from reliai.errors import ConfigurationError, ErrorKind

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.outcome import Outcome
    from reliai.providers import Failure

__all__ = [
    "Condition",
    "ResultCondition",
    "Wait",
    "error_kinds",
    "result_condition",
    "retry_condition",
    "retry_wait",
]

Condition: TypeAlias = Callable[["Call", "Outcome", "Failure"], bool]
ResultCondition: TypeAlias = Callable[["Call", "Outcome"], bool]
Wait: TypeAlias = Callable[["Call", "Outcome", int], object]


def retry_condition(on: Any) -> Condition | None:
    """Whether an outcome is to be retried; None for the table of verdicts.

    Raises:
        ConfigurationError: when `on` is nothing that can decide.
    """
    if on is None:
        return None
    if _is_tenacity(on, "retry_base"):
        return lambda call, outcome, _: bool(on(_retry_state(call, outcome, call.attempt)))
    types = tuple(on) if isinstance(on, tuple | list | set | frozenset) else (on,)
    if types and all(isinstance(kind, type) and issubclass(kind, Exception) for kind in types):
        return lambda _call, outcome, _failure: isinstance(outcome.error, types)
    if isinstance(on, set | frozenset | list | tuple):
        kinds = error_kinds(on, "Retry(on=…)")
        return lambda _call, _outcome, failure: failure.kind in kinds
    if callable(on) and not isinstance(on, type):
        return lambda _call, outcome, _failure: bool(on(outcome.error))
    message = (
        f"Retry(on={on!r}): use exception types (below Exception), a set of ErrorKind, a function "
        "of the error, or a tenacity retry object"
    )
    raise ConfigurationError(message)


def result_condition(on: Any) -> ResultCondition | None:
    """Whether a value is to be tried again: asked of tenacity's retry objects, which judge both."""
    if not _is_tenacity(on, "retry_base"):
        return None
    return lambda call, outcome: bool(on(_retry_state(call, outcome, call.attempt)))


def error_kinds(kinds: Any, what: str) -> frozenset[ErrorKind]:
    """Kinds of errors given by name or value.

    Raises:
        ConfigurationError: for a name that is no kind.
    """
    try:
        return frozenset(ErrorKind(kind) for kind in kinds)
    except ValueError as error:
        known = ", ".join(ErrorKind)
        message = f"{what}: {error}; the kinds are: {known}"
        raise ConfigurationError(message) from None


def retry_wait(wait: Any) -> Wait | None:
    """The wait before the next attempt, in seconds; None for the default.

    Raises:
        ConfigurationError: when `wait` is nothing that can say how long.
    """
    if wait is None:
        return None
    if _is_tenacity(wait, "wait_base"):
        return lambda call, outcome, made: wait(_retry_state(call, outcome, made))
    if isinstance(wait, int | float) and not isinstance(wait, bool) and 0 <= wait < math.inf:
        seconds = float(wait)
        return lambda _call, _outcome, _made: seconds
    if callable(wait):
        return _wait_function(wait)
    message = (
        f"Retry(wait={wait!r}): use a tenacity wait object, a number of seconds (0 or more), or a "
        "function of the attempt's number"
    )
    raise ConfigurationError(message)


def _wait_function(wait: Callable[..., Any]) -> Wait:
    try:
        first = next(iter(inspect.signature(wait).parameters.values()))
    except (StopIteration, ValueError, TypeError):
        first = None
    if first is not None and first.name == "retry_state":
        return lambda call, outcome, made: wait(_retry_state(call, outcome, made))
    return lambda _call, _outcome, made: wait(made)


def _is_tenacity(thing: object, base: str) -> bool:
    """Whether it is made of tenacity's classes; who made one has loaded tenacity."""
    # `tenacity.retry` is its decorator; the module of that name is found among the modules.
    module = sys.modules.get(f"tenacity.{base.partition('_')[0]}")
    kind = getattr(module, base, None)
    return kind is not None and isinstance(thing, kind)


def _retry_state(call: Call, outcome: Outcome, made: int) -> Any:
    import tenacity  # noqa: PLC0415  only for who uses its objects

    state = tenacity.RetryCallState(tenacity.Retrying(), None, call.args, call.kwargs)
    state.attempt_number = made
    if outcome.error is None:
        state.set_result(outcome.value)
    else:
        error = outcome.error
        state.set_exception((type(error), error, error.__traceback__))
    return state
