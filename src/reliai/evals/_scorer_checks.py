"""What may be a scorer: its name, its parameters, and what its code says of it."""

from __future__ import annotations

import inspect
import re
from functools import partial
from typing import Any, Final

from reliai.errors import ConfigurationError

__all__ = ["check_parameters", "checked_name", "checked_statuses", "is_async", "reads_expected"]

_NAME: Final = re.compile(r"[^\W\d][\w.-]*")
_TAKEN: Final = re.compile(r"latency_p\d+(\.\d+)?|cost_usd|tokens|failure_rate|throughput")


def checked_name(name: Any) -> str:
    """The name of a score, when it can be one.

    Raises:
        ConfigurationError: when a gate could not name it, or takes it for something else.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"scorer(name={name!r}): must begin with a letter, and have letters, digits, '_', '.' "
            "and '-' only"
        )
    if _TAKEN.fullmatch(name):
        raise ConfigurationError(
            f"scorer(name={name!r}): is what a gate calls a figure of the run; take another name"
        )
    return name


def checked_statuses(given: Any) -> tuple[str, ...]:
    statuses = (given,) if isinstance(given, str) else tuple(given)
    wrong = [each for each in statuses if each not in {"ok", "degraded", "rejected"}]
    if wrong:
        raise ConfigurationError(
            f"scorer(statuses={given!r}): must be of 'degraded' and 'rejected'; other trials have "
            "no output"
        )
    return statuses


def check_parameters(function: Any, name: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise ConfigurationError(
            f"scorer {name!r}{signature}: must take (output, case) by position; {error}"
        ) from error


def is_async(function: Any) -> bool:
    inner = function.func if isinstance(function, partial) else function
    call = getattr(inner, "__call__", None)  # noqa: B004  an object may be called too
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(call)


def reads_expected(function: Any) -> bool:
    inner = function.func if isinstance(function, partial) else function
    inner = inspect.unwrap(inner)
    code = getattr(inner, "__code__", None) or getattr(type(inner).__call__, "__code__", None)
    names = () if code is None else code.co_names
    return "expected" in names and "MISSING" not in names
