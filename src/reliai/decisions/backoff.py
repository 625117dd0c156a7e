"""How long to wait before the next attempt, and when not to try again at all.

Exponents are capped before anything is raised to them, so every delay is finite and none is
negative, whatever the number of the attempt.
"""

from __future__ import annotations

from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Delay", "Stop", "exponential", "full_jitter", "next_delay"]

_MOST_DOUBLINGS: Final = 64  # 2.0 ** 1024 overflows; 64 doublings pass any maximum


class Delay(NamedTuple):
    """Wait, then try again."""

    seconds: float
    source: Literal["backoff", "retry_after"]
    """Who asked for it: our own backoff or the target's Retry-After."""


class Stop(NamedTuple):
    """Do not try again."""

    reason: Literal["wait", "deadline", "budget"]
    """The wait hook said False; the wait would pass the deadline; the retry budget is spent."""


def exponential(attempt: int, base: float = 0.5, maximum: float = 30.0) -> float:
    """The longest wait after an attempt: `base` seconds, doubled each time, up to `maximum`.

    Args:
        attempt: number of the attempt that failed, from 1.
        base: seconds after the first attempt, 0 or more.
        maximum: seconds that are never exceeded.
    """
    return min(base * 2.0 ** min(max(attempt - 1, 0), _MOST_DOUBLINGS), maximum)


def full_jitter(
    attempt: int, random: Callable[[], float], base: float = 0.5, maximum: float = 30.0
) -> float:
    """A wait drawn evenly between 0 and `exponential(attempt)`, so that callers spread out.

    Args:
        attempt: number of the attempt that failed, from 1.
        random: gives numbers in [0, 1).
        base: seconds after the first attempt, 0 or more.
        maximum: seconds that are never exceeded.
    """
    return random() * exponential(attempt, base, maximum)


def next_delay(
    waited: object,
    default: Callable[[], float],
    *,
    retry_after: float | None = None,
    jitter: float = 0.0,
    remaining: float | None = None,
    afford: Callable[[], bool] | None = None,
) -> Delay | Stop:
    """Choose the wait before the next attempt, or say why there is none.

    Args:
        waited: what the wait hook gave: seconds or a timedelta; False stops; None and anything
            that is no wait (negative, NaN, infinite) leave it to `default`.
        default: gives the built-in wait in seconds; asked only when needed.
        retry_after: seconds the target asked for. Never undercut, ignored unless finite and above
            0. A longer wait of our own stands.
        jitter: seconds added to `retry_after`, so that those told the same do not return together.
        remaining: seconds to the deadline, or None. A wait that would reach it stops.
        afford: asks the retry budget; called last, and only when everything else agrees.
    """
    if waited is False:
        return Stop("wait")
    own = _seconds(waited)
    seconds = default() if own is None else own
    source: Literal["backoff", "retry_after"] = "backoff"
    if retry_after is not None and isfinite(retry_after) and retry_after > 0.0:
        if remaining is not None:
            jitter = min(jitter, max(remaining - retry_after, 0.0) / 2)
        if retry_after + jitter > seconds:
            seconds, source = retry_after + jitter, "retry_after"
    if remaining is not None and seconds >= remaining:
        return Stop("deadline")
    if afford is not None and not afford():
        return Stop("budget")
    return Delay(seconds, source)


def _seconds(waited: object) -> float | None:
    if isinstance(waited, timedelta):
        waited = waited.total_seconds()
    if isinstance(waited, bool) or not isinstance(waited, int | float):
        return None
    return float(waited) if isfinite(waited) and waited >= 0.0 else None
