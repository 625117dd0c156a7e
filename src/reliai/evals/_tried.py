"""A try before it is scored: what a call, the cache, or a call without an end came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.record_parts import ErrorInfo
from reliai.errors import ErrorKind
from reliai.evals._outputs import NotJson, json_form
from reliai.evals.trial import Score, Status, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.outcome import Outcome
    from reliai._core.record import CallRecord
    from reliai.evals._session import Item

__all__ = ["Tried", "kept_of", "timed_out", "tried_of"]


class Tried:
    """A try before it is scored."""

    __slots__ = ("began", "cached", "duration", "error", "output", "record", "retries", "status")

    def __init__(
        self, status: Status, output: Any, began: float, duration: float, retries: int
    ) -> None:
        self.status: Status = status
        self.output = output
        self.began = began
        self.duration = duration
        self.retries = retries
        self.error: ErrorInfo | None = None
        self.record: CallRecord | Mapping[str, Any] | None = None
        self.cached = False

    def trial(self, item: Item, scores: Mapping[str, Score]) -> Trial:
        case = item.case
        cost, tokens_in, tokens_out, call_id = _measured(self.record)
        return Trial(
            case=case.key,
            digest=case.digest,
            repeat=item.repeat,
            status=self.status,
            output=self.output,
            error=self.error,
            started_at=self.began,
            duration=self.duration,
            cost_usd=cost,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            call_id=call_id,
            retries=self.retries,
            cached=self.cached,
            extra=item.extra,
            tags=case.tags,
            group=case.group,
            inclusion_probability=case.inclusion_probability,
            scores=scores,
        )


def timed_out(began: float, duration: float, retries: int) -> Tried:
    """A try that was given up."""
    made = Tried("timeout", None, began, duration, retries)
    seconds = f"{duration:.3g}"
    made.error = ErrorInfo("timeout", "reliai.CallTimeout", f"no answer within {seconds} s")
    return made


def tried_of(outcome: Outcome, began: float, duration: float, retries: int) -> Tried:
    if outcome.error is None:
        status: Status = "degraded" if outcome.degraded else "ok"
        made = Tried(status, None, began, duration, retries)
        try:
            made.output = json_form(outcome.value)
        except Exception as error:  # noqa: BLE001  a foreign model_dump may raise anything
            shown = error if isinstance(error, NotJson) else NotJson(f"no JSON form: {error}")
            made.status = "error"
            made.error = ErrorInfo.of(shown, ErrorKind.INVALID_OUTPUT)
    else:
        failure: Any = outcome.failure
        made = Tried(_STATUS.get(failure.kind, "error"), None, began, duration, retries)
        made.error = ErrorInfo.of(outcome.error, failure.kind)
    made.record = outcome.record
    return made


_STATUS: Final[dict[ErrorKind, Status]] = {
    ErrorKind.TIMEOUT: "timeout",
    ErrorKind.REJECTED: "rejected",
}


def kept_of(item: Item) -> Tried:
    kept = item.kept
    began = clock.active().time()
    made = Tried("ok", kept.get("output"), began, kept["duration"], kept.get("retries", 0))
    made.record = kept
    made.cached = True
    return made


def _measured(record: Any) -> tuple[float | None, int | None, int | None, str | None]:
    if record is None:
        return None, None, None, None
    if isinstance(record, dict):
        get = record.get
        return get("cost_usd"), get("input_tokens"), get("output_tokens"), get("call_id")
    return record.cost_usd, record.input_tokens, record.output_tokens, record.id
