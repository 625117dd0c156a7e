"""What people say of calls as a guardrail: counted for the variant that the call was given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.rollout.guardrails import Guardrail, event

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.record import CallRecord
    from reliai.records import RecordStore

__all__ = ["feedback"]

_DAY: Final = 86_400.0


def feedback(
    name: str,
    bad: Any = 0,
    mature: float = _DAY,
    *,
    max_ratio: float = 1.5,
    tolerated: float = 1.0,
    action: str = "rollback",
    records: RecordStore | None = None,
) -> Guardrail:
    """Calls of which somebody said something bad.

    What is said is read from the record store, whichever process it was said to, and counts for the
    variant that the call was given, and for the shares of that time. A call counts, in either arm,
    once `mature` seconds have passed since it began, and by what was said of it until then: people
    who are quicker to complain of one variant make it look no worse. What is taken back or changed
    later is no longer counted. Of each unit the first such call counts.

    Args:
        name: of the feedback, such as "thumbs".
        bad: the value that is bad, a list of such values, or a function of a value.
        mature: seconds (>= 0) after which a call is judged; 0 counts whatever is said, when it is.
        max_ratio: as many bad ones as the control's, times this, at most (> 1).
        tolerated: rolled back when there are surely more than the control's times this (> 0).
        action: "rollback", "hold" or "observe".
        records: the store that calls and feedback are in; None for the configured one.

    Raises:
        ConfigurationError: for a value out of its range.
    """
    if not (isinstance(name, str) and name):
        raise ConfigurationError(f"feedback({name!r}): must be the name that feedback is given in")
    number = isinstance(mature, int | float) and not isinstance(mature, bool)
    if not (number and math.isfinite(mature) and mature >= 0):
        raise ConfigurationError(f"feedback(mature={mature!r}): must be seconds of at least 0")
    return event(
        f"feedback:{name}",
        *(max_ratio, tolerated, action, _nothing),
        mature=float(mature),
        bad=_judge(bad),
        records=records,
    )


def _nothing(_: CallRecord) -> float:
    """A call that ends has no bad feedback yet."""
    return False


def _judge(bad: Any) -> Callable[[Any], Any]:
    if callable(bad):
        judge: Callable[[Any], Any] = bad
        return judge
    values = list(bad) if isinstance(bad, list | tuple | set | frozenset) else [bad]
    if not values:
        raise ConfigurationError(f"feedback(bad={bad!r}): must say which values are bad")
    return lambda value: value in values
