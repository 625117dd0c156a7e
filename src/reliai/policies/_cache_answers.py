"""From an outcome to what a cache keeps of it, and back to the outcome of another call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._core.outcome import Outcome
from reliai.errors import BulkheadFull, CircuitOpen, ConfigurationError, ErrorKind, RateLimited
from reliai.policies._cache_shelf import Facts
from reliai.policies._cache_values import Uncopyable, copied, is_immutable

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai.policies._cache_shelf import Kept

__all__ = ["cost_nothing", "is_complete", "is_transient", "kept_of", "outcome_of"]

_TEXT = frozenset({str, bytes, int, float, bool, type(None), list, tuple, set, frozenset})
_COPIED = Facts(fixed=False)
_INCOMPLETE = frozenset({"length", "content_filter", "refusal", "error", "suspended"})


def kept_of(call: Call, outcome: Outcome) -> Kept | None:
    """A snapshot of an answer; None when it cannot be copied."""
    value = outcome.value
    fixed = type(value) is str or is_immutable(value)
    if not outcome.degraded:
        if fixed:
            return value, None
        facts = _COPIED
    else:
        target = call._record._target  # noqa: SLF001  the call's own
        facts = Facts(fixed=fixed, degraded=True, target=target)
    try:
        return value if fixed else copied(value), facts
    except Uncopyable:
        return None


def is_complete(call: Call, value: Any) -> bool:
    """Whether an answer is all there and is one: neither cut off, nor refused, nor found invalid.

    A provider's response says so itself; of a value made from one the attempt was told.
    """
    record = call._record  # noqa: SLF001  the call's own
    attempts = record._attempts  # noqa: SLF001
    if attempts and call.current_attempt().finish_reason in _INCOMPLETE:
        return False
    events = record._events  # noqa: SLF001
    if events is not None and any(event[0] == "output_would_reject" for event in events):
        return False
    if type(value) in _TEXT:
        return True
    from reliai.providers import looks_like_response, read_response  # noqa: PLC0415  for objects

    response = read_response(value) if looks_like_response(value) else None
    if response is None:
        return True
    return response.finish_reason not in _INCOMPLETE and response.refusal is None


def is_transient(outcome: Outcome) -> bool:
    """Whether a failure is of the kind that passes, so that an older answer may stand in."""
    failure = outcome.failure
    if isinstance(outcome.error, CircuitOpen | BulkheadFull | RateLimited):
        return True
    if failure is None or failure.kind is ErrorKind.INVALID_OUTPUT:
        return False
    return failure.kind is ErrorKind.TIMEOUT or failure.verdict.retry


def outcome_of(call: Call, value: Any, facts: Facts | None) -> Outcome:
    """The answer of another call, as this one's: a copy, or a stream that delivers copies."""
    if facts is None:
        return Outcome(value)
    try:
        return _copied_outcome(call, value, facts)
    except Uncopyable as error:
        message = f"{call.name} gave {error} that can be copied once only; keep no cache of it"
        return Outcome(error=ConfigurationError(message))


def _copied_outcome(call: Call, value: Any, facts: Facts) -> Outcome:
    if facts.stream:
        from reliai.policies._answers import replay  # noqa: PLC0415  for streams only

        outcome = replay(call, list(value) if facts.fixed else copied(list(value)))
    else:
        outcome = Outcome(value if facts.fixed else _copy_for(call, value))
    if facts.degraded:
        outcome.degraded = True
        if facts.target is not None:
            call.answered_by(facts.target)
    return outcome


def _copy_for(call: Call, kept: Any) -> Any:
    value = copied(kept)
    if type(value) not in _TEXT:
        from reliai.providers import looks_like_response  # noqa: PLC0415  for objects only

        if looks_like_response(value):
            _count_as_nothing(call, value)
    return value


def _count_as_nothing(call: Call, response: Any) -> None:
    """See that nobody counts the tokens of a response once more: they were, when it came."""
    from reliai._core.record import Attempt  # noqa: PLC0415  for responses only
    from reliai._core.usage import first_sight  # noqa: PLC0415  the same

    first_sight(call, response)
    aside = call._record._aside = Attempt()  # noqa: SLF001  what the sums on the record are made of
    aside.usage_state, aside.cost_usd = "measured", 0.0


def cost_nothing(call: Call) -> None:
    """Put on the record that the call used nothing: that is known, and not unknown."""
    record = call._record  # noqa: SLF001  the call's own
    record.cost_usd = 0.0
    record.usage_state = "measured"
