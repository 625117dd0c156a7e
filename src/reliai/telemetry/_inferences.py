"""What one call asked of models: its attempts, sorted by the target they went to. Pure.

An inference is all attempts at one target of which anything says that it is a model. What several
attempts used is added up, for all of it is billed.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reliai.telemetry.names import provider_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reliai._core.record import Attempt, CallRecord, ErrorInfo

__all__ = [
    "REFUSALS",
    "Inference",
    "attempt_error",
    "delivered",
    "error_type",
    "inferences",
    "scores_of",
]

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BudgetExceeded": "budget_exceeded",
        "BulkheadFull": "bulkhead_full",
        "CircuitOpen": "circuit_open",
        "GuardRejected": "guard_rejected",
        "RateLimited": "rate_limit",
    }
)
"""What `error.type` says of reliai's own refusals; of all else it is the kind of error."""

OPERATION: Final = "chat"


def error_type(error: ErrorInfo | None) -> str | None:
    """One word for what went wrong, out of few: a kind, a refusal, or the exception's type."""
    if error is None:
        return None
    if error.kind == "rejected":
        return REFUSALS.get(error.type.rpartition(".")[2], "rejected")
    return error.type if error.kind == "unknown" else error.kind


@dataclass(slots=True)
class Inference:
    """All attempts of a call at one target that is a model.

    Attributes:
        target: how records name it.
        attempts: in the order they started.
        alone: whether the call could go to no other target: then it is this inference.
        request_model: the model asked for; None where nobody knows.
        started_at, duration: from the start of its first attempt to the end of its last one.
        error: one word for how it failed; None when an attempt succeeded.
    """

    target: str
    attempts: list[Attempt]
    alone: bool
    request_model: str | None
    started_at: float
    duration: float
    error: str | None

    @property
    def operation(self) -> str:
        """What was asked of the model."""
        return OPERATION

    @property
    def provider(self) -> str | None:
        """Who served it, in the conventions' words."""
        found = _last(attempt.provider for attempt in self.attempts)
        return None if found is None else provider_name(found)

    @property
    def response_model(self) -> str | None:
        """The model that answered."""
        return _last(attempt.model for attempt in self.attempts)

    @property
    def response_id(self) -> str | None:
        """The id of the last answer."""
        return _last(attempt.response_id for attempt in self.attempts)

    @property
    def finish_reason(self) -> str | None:
        """Why the answer stopped; "error" when there was to be one and none came."""
        if self.error is not None:
            return "error"
        return _last(attempt.finish_reason for attempt in self.attempts)

    @property
    def request(self) -> Mapping[str, Any]:
        """What is known of the requests besides; of several attempts the last word."""
        known: dict[str, Any] = {}
        for attempt in self.attempts:
            known |= attempt.request or {}
        if known.get("choice_count") == 1:
            del known["choice_count"]
        return known

    @property
    def input_tokens(self) -> int | None:
        """Of all attempts that told, those from a cache included."""
        return _sum(attempt.input_tokens for attempt in self.attempts)

    @property
    def output_tokens(self) -> int | None:
        """Of all attempts that told, reasoning included."""
        return _sum(attempt.output_tokens for attempt in self.attempts)

    @property
    def cached_tokens(self) -> int | None:
        """Those of the input that were read from a cache."""
        return _sum(attempt.cached_tokens for attempt in self.attempts)

    @property
    def cache_write_tokens(self) -> int | None:
        """Those of the input that were written to a cache."""
        return _sum(attempt.cache_write_tokens for attempt in self.attempts)

    @property
    def cost_usd(self) -> float | None:
        """What its attempts cost; None where the price of one is not known."""
        if any(attempt.unpriced for attempt in self.attempts):
            return None
        known = [each.cost_usd for each in self.attempts if each.cost_usd is not None]
        return sum(known) if known else None


def inferences(record: CallRecord) -> list[Inference]:
    """What an ended call asked of models; nothing when it was no call of a model."""
    by_target: dict[str, list[Attempt]] = {}
    for attempt in record.attempts:
        by_target.setdefault(attempt.target, []).append(attempt)
    alone = len(by_target) == 1 and not _spreads(record)
    found = []
    for target, attempts in by_target.items():
        model = _last(attempt.model_requested for attempt in attempts)
        if model is None and attempts[0].number == 1:
            model = record.model_requested
        if _is_model(record, attempts, model):
            found.append(_inference(record, target, attempts, model, alone=alone))
    return found


def _spreads(record: CallRecord) -> bool:
    site = getattr(record, "_site", None)
    return bool(site is not None and site.spreads)


def _is_model(record: CallRecord, attempts: list[Attempt], model: str | None) -> bool:
    """Whether attempts asked a model: one answered, or all failed that were to ask one."""
    if any(_answered(attempt) for attempt in attempts):
        return True
    # A function that succeeded and read no answer leaves the model to guarded ones inside it.
    failed = all(attempt.status != "success" for attempt in attempts)
    return model is not None and failed and not getattr(record, "_inner", False)


def _answered(attempt: Attempt) -> bool:
    """Whether an answer of a model was read in it."""
    told = attempt.usage_state in {"measured", "estimated"}
    return bool(attempt.model or attempt.provider or told)


def _inference(
    record: CallRecord, target: str, attempts: list[Attempt], model: str | None, *, alone: bool
) -> Inference:
    started = attempts[0].started_at
    end = max(each.started_at + (each.duration or 0.0) for each in attempts)
    succeeded = any(attempt.status == "success" for attempt in attempts)
    error = None if succeeded else attempt_error(attempts[-1])
    if alone and error is None:
        error = error_type(record.error)
    return Inference(target, attempts, alone, model, started, end - started, error)


def attempt_error(attempt: Attempt) -> str | None:
    """One word for how an attempt failed; None when it did not."""
    if attempt.status == "cancelled":
        return "cancelled"
    return error_type(attempt.error)


def delivered(record: CallRecord) -> Attempt | None:
    """The attempt whose answer the caller got, or as much of it as came; None for none."""
    attempts = record.attempts
    if not attempts:
        return None
    if record.status not in {"success", "degraded"}:
        return attempts[-1] if record.chunks else None
    answered = next((each for each in reversed(attempts) if each.status == "success"), None)
    if answered is not None and record.status == "degraded" and answered.target != record.target:
        return None
    return answered


def scores_of(record: CallRecord) -> Iterator[tuple[str, float]]:
    """The numbers that checks gave, with the checks' names."""
    for check in record.checks:
        value = record.values.get(check.name.lower())
        scored = check.passed and (check.reason or "").startswith("score ")
        if scored and isinstance(value, int | float):
            yield check.name, float(value)


def _last(values: Iterable[str | None]) -> str | None:
    found = None
    for value in values:
        found = value or found
    return found


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
