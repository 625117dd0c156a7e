"""What all attempts of a call used together, on its record, once it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.errors import ErrorKind

if TYPE_CHECKING:
    from reliai._core.record import Attempt, CallRecord
    from reliai.providers import Failure

__all__ = ["may_be_billed", "settle_usage"]


def may_be_billed(failure: Failure | None) -> bool:
    """A request that never left costs nothing, and neither does one answered by an error status."""
    if failure is None:
        return True
    if failure.sent is False or failure.programming or failure.control_flow:
        return False
    if failure.kind is ErrorKind.REJECTED:
        return False
    return failure.status is None or failure.kind is ErrorKind.TIMEOUT


def settle_usage(record: CallRecord, *, ok: bool, degraded: bool) -> None:
    """Sum up the attempts of a call that ends, on its record."""
    listed, aside = record._attempts or [], record._aside  # noqa: SLF001  the engine's own
    attempts = listed if aside is None else [*listed, aside]
    for attempt in attempts:
        _judge_silence(attempt)
    states = {attempt.usage_state for attempt in attempts} - {None}
    if not states.isdisjoint(("measured", "estimated")):
        record.usage_state = "measured" if states == {"measured"} else "estimated"
    record.input_tokens = _total(attempt.input_tokens for attempt in attempts)
    record.output_tokens = _total(attempt.output_tokens for attempt in attempts)
    delivered = _delivered(record, ok=ok, degraded=degraded)
    wasted = [attempt for attempt in listed if attempt is not delivered]
    record.cost_usd = _cost(attempts)
    if record.cost_usd is not None and all(attempt.usage_state != "unknown" for attempt in wasted):
        record.wasted_usd = _cost(wasted) or 0.0


def _judge_silence(attempt: Attempt) -> None:
    """The usage of an attempt that told none is unknown, when it may have been billed."""
    if attempt.usage_state is not None or attempt.status is None:
        return
    if attempt.status == "success" or may_be_billed(attempt.failure):
        attempt.usage_state = "unknown"


def _cost(attempts: list[Attempt]) -> float | None:
    """What attempts cost; None when one was billed at a price that nobody knows."""
    if any(attempt.unpriced for attempt in attempts):
        return None
    total: float | None = _total(attempt.cost_usd for attempt in attempts)
    return total


def _delivered(record: CallRecord, *, ok: bool, degraded: bool) -> Attempt | None:
    """The attempt whose answer the caller got, or as much of it as came; None for a stand-in."""
    attempts = record._attempts or ()  # noqa: SLF001  the engine's own
    if not attempts:
        return None
    if not ok:
        return attempts[-1] if record.chunks else None
    answered = next((each for each in reversed(attempts) if each.status == "success"), None)
    if answered is not None and degraded and answered.target != record._target:  # noqa: SLF001
        return None
    return answered


def _total(numbers: Any) -> Any:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
