"""From an error to the errors it came from: bounded, and safe where causes go in a circle."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from reliai.providers.reading import attribute, dig

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["alone", "chain", "direct_causes", "members"]

_MOST = 16


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and whatever it may have come from, nearest first.

    Besides `__cause__` and `__context__` these are the members of a group, the `reason` urllib and
    urllib3 keep, and an error handed to another as an argument, as requests does.
    """
    return islice(_walk(error, with_context=True), _MOST)


def alone(error: BaseException) -> bool:
    """Nothing was put on the error, and nothing lies behind it."""
    return (
        error.__context__ is None
        and error.__cause__ is None
        and not error.__dict__
        and not (error.args and isinstance(error.args[0], BaseException))
        and not (len(error.args) > 1 and isinstance(error.args[1], BaseException))
    )


def direct_causes(error: BaseException) -> Iterator[BaseException]:
    """What an error says it came from. A mere `__context__` is left out: it only was there."""
    return islice(_walk(error, with_context=False), 1, _MOST)


def members(error: BaseException) -> Iterator[BaseException]:
    """The errors a group stands for, groups in groups opened; else the error alone."""
    waiting = [error]
    for _ in range(_MOST):
        if not waiting:
            return
        each = waiting.pop(0)
        if isinstance(each, BaseExceptionGroup):
            waiting[:0] = each.exceptions[:_MOST]
        else:
            yield each


def _walk(error: BaseException, *, with_context: bool) -> Iterator[BaseException]:
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions[:_MOST])
        _add(waiting, attribute(each, "reason"))
        _add(waiting, dig(each, "args", 0))
        _add(waiting, dig(each, "args", 1))
        _add(waiting, each.__cause__)
        if with_context and each.__cause__ is None and not each.__suppress_context__:
            _add(waiting, each.__context__)


def _add(waiting: list[BaseException], found: object) -> None:
    if isinstance(found, BaseException):
        waiting.append(found)
