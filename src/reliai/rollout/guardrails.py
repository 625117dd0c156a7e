"""What a candidate must not do worse than the control, and how that is read from a call."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reliai._core.record import CallRecord
    from reliai.records import RecordStore

__all__ = ["Guardrail", "checked_guardrails", "cost", "event", "failure_rate", "latency", "score"]

_ACTIONS: Final = ("rollback", "hold", "observe")
_OURS: Final = frozenset({"GuardRejected", "BudgetExceeded", "RateLimited"})
"""Refusals that say nothing of the variant; an open circuit and a full bulkhead do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """One thing that is compared between the two arms.

    Attributes:
        name: in evidence and audit.
        kind: "event" where calls have it or not; "mean" where its logarithm is averaged.
        max_ratio: candidate to control (> 1): it is promoted when it is surely below this.
        tolerated: candidate to control (> 0): it is rolled back when it is surely above this.
        action: "rollback"; "hold" to only stop the ramp until somebody says so; "observe" to only
            show it.
        read: what a record tells: True or False of an event, a number above 0 of a mean; None
            where it says nothing.
        mature: of one that is about feedback: seconds after which a call is judged by it.
        bad: of such a one: whether a value that was said is bad.
        records: of such a one: the store that it is in; None for the configured one.
    """

    name: str
    kind: Literal["event", "mean"]
    max_ratio: float
    tolerated: float
    action: str
    read: Callable[[CallRecord], float | None]
    mature: float | None = None
    bad: Callable[[Any], Any] | None = None
    records: RecordStore | None = None

    def described(self) -> dict[str, Any]:
        """The settings that decisions are made with, as plain data."""
        names = ("name", "kind", "max_ratio", "tolerated", "action", "mature")
        return {name: getattr(self, name) for name in names}


def failure_rate(
    max_ratio: float = 1.5, *, tolerated: float = 1.0, action: str = "rollback"
) -> Guardrail:
    """Calls that failed, or were answered by a stand-in because the variant had failed.

    Cancelled calls, and those that a check, a budget or a rate limit refused, say nothing.

    Args:
        max_ratio: as many failures as the control's, times this, at most (> 1).
        tolerated: rolled back when there are surely more than the control's times this (> 0).
        action: "rollback", "hold" or "observe".

    Raises:
        ConfigurationError: for a value out of its range.
    """
    return _made("failure_rate", "event", max_ratio, tolerated, action, _failed)


def latency(
    max_ratio: float = 1.2,
    *,
    over: float | None = None,
    tolerated: float | None = None,
    action: str = "rollback",
) -> Guardrail:
    """How long calls that succeed take: the geometric mean, or the share of slow ones.

    Args:
        max_ratio: as long as the control's, times this, at most (> 1).
        over: seconds (> 0) from which a call is slow, to compare the shares of slow calls.
        tolerated: rolled back when it is surely above this; `max_ratio` when it is None, or 1
            with `over`.
        action: "rollback", "hold" or "observe".

    Raises:
        ConfigurationError: for a value out of its range.
    """
    if over is None:
        least = max_ratio if tolerated is None else tolerated
        return _made("latency", "mean", max_ratio, least, action, _duration)
    seconds = _positive("latency", "over", over)

    def slow(record: CallRecord) -> float | None:
        duration = _duration(record)
        return None if duration is None else duration > seconds

    least = 1.0 if tolerated is None else tolerated
    return _made(f"latency_over_{seconds:g}s", "event", max_ratio, least, action, slow)


def cost(
    max_ratio: float = 1.2, *, tolerated: float | None = None, action: str = "rollback"
) -> Guardrail:
    """What calls cost: the geometric mean of the US dollars, of calls whose price is known.

    Args:
        max_ratio: as much as the control's, times this, at most (> 1).
        tolerated: rolled back when it is surely above this; None for `max_ratio`.
        action: "rollback", "hold" or "observe".

    Raises:
        ConfigurationError: for a value out of its range.
    """
    least = max_ratio if tolerated is None else tolerated
    return _made("cost", "mean", max_ratio, least, action, _cost)


def score(
    name: str,
    *,
    below: float,
    max_ratio: float = 1.5,
    tolerated: float = 1.0,
    action: str = "rollback",
) -> Guardrail:
    """Calls whose `reliai.measure(name=…)` was too low.

    Args:
        name: of the value on the record; calls without it say nothing.
        below: the value that is just enough.
        max_ratio: as many low ones as the control's, times this, at most (> 1).
        tolerated: rolled back when there are surely more than the control's times this (> 0).
        action: "rollback", "hold" or "observe".

    Raises:
        ConfigurationError: for a value out of its range.
    """
    if not (isinstance(name, str) and name):
        raise ConfigurationError(f"score({name!r}): must be the name of a measured value")
    if not _is_number(below):
        raise ConfigurationError(f"score(below={below!r}): must be a finite number")

    def low(record: CallRecord) -> float | None:
        value = record.values.get(name)
        return value < below if value is not None and _is_number(value) else None

    return _made(f"score:{name}", "event", max_ratio, tolerated, action, low)


_BY_NAME: Final = {"failure_rate": failure_rate, "latency": latency, "cost": cost}


def checked_guardrails(given: Iterable[Any]) -> tuple[Guardrail, ...]:
    """Guardrails, or the names of those that need no settings.

    Raises:
        ConfigurationError: for a name that is unknown, naming those there are, or one given twice.
    """
    if isinstance(given, str | Guardrail):
        given = (given,)
    made: list[Guardrail] = []
    for each in given:
        known = _BY_NAME.get(each) if isinstance(each, str) else None
        guardrail = known() if known is not None else each
        if not isinstance(guardrail, Guardrail):
            raise ConfigurationError(
                f"Rollout(guardrails=[{each!r}]): is unknown; there are "
                f"{', '.join(map(repr, _BY_NAME))}, or give one with its settings, such as "
                "failure_rate(max_ratio=1.5) or score('faithfulness', below=0.6)"
            )
        if any(guardrail.name == other.name for other in made):
            raise ConfigurationError(
                f"Rollout(guardrails=…): {guardrail.name!r} is there twice; give it once"
            )
        made.append(guardrail)
    return tuple(made)


def event(
    name: str,
    max_ratio: Any,
    tolerated: Any,
    action: Any,
    read: Callable[[CallRecord], float | None],
    **more: Any,
) -> Guardrail:
    """A guardrail on calls that have something, or not.

    Raises:
        ConfigurationError: for a value out of its range.
    """
    return replace(_made(name, "event", max_ratio, tolerated, action, read), **more)


def _made(  # noqa: PLR0917  in the order of the attributes
    name: str,
    kind: Literal["event", "mean"],
    max_ratio: Any,
    tolerated: Any,
    action: Any,
    read: Callable[[CallRecord], float | None],
) -> Guardrail:
    what = name.partition(":")[0].partition("_over")[0]
    most = _positive(what, "max_ratio", max_ratio)
    if most <= 1.0:
        raise ConfigurationError(f"{what}(max_ratio={max_ratio!r}): must be a number above 1")
    least = _positive(what, "tolerated", tolerated)
    if least > most:
        raise ConfigurationError(
            f"{what}(tolerated={tolerated!r}): must be at most max_ratio, which is {most:g}"
        )
    if action not in _ACTIONS:
        raise ConfigurationError(
            f"{what}(action={action!r}): use one of {', '.join(map(repr, _ACTIONS))}"
        )
    return Guardrail(
        name=name, kind=kind, max_ratio=most, tolerated=least, action=action, read=read
    )


def _positive(what: str, name: str, value: Any) -> float:
    if _is_number(value) and value > 0:
        return float(value)
    raise ConfigurationError(f"{what}({name}={value!r}): must be a number above 0")


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _failed(record: CallRecord) -> float | None:
    status = record.status
    if status == "success":
        return False
    if status == "cancelled":
        return None
    error = record.error
    return None if error is not None and error.type.rpartition(".")[2] in _OURS else True


def _duration(record: CallRecord) -> float | None:
    return record.duration if record.status == "success" else None


def _cost(record: CallRecord) -> float | None:
    return record.cost_usd
