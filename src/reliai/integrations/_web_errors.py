"""What reliai's errors are to who sent the request: a status, a code and a plain sentence.

Nothing of the inside is told: no names of functions and circuits, no limits, no content.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.errors import (
    BudgetExceeded,
    BulkheadFull,
    CallTimeout,
    CircuitOpen,
    GuardRejected,
    OutputInvalid,
    OutputRefused,
    RateLimited,
    ReliaiError,
    StreamInterrupted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ANSWERS", "FAILED", "Answer", "answer_to", "headers_of"]


class Answer(NamedTuple):
    """What is said of an error."""

    status: int
    code: str
    detail: str


ANSWERS: Final[Mapping[type[ReliaiError], Answer]] = {
    CircuitOpen: Answer(503, "unavailable", "The model is not available now; try again later."),
    BulkheadFull: Answer(503, "overloaded", "Too many requests are being served; try again later."),
    RateLimited: Answer(429, "rate_limited", "Too many requests were made; try again later."),
    BudgetExceeded: Answer(429, "budget_exceeded", "The budget for requests is spent."),
    CallTimeout: Answer(504, "timeout", "The model did not answer in time."),
    GuardRejected: Answer(422, "input_rejected", "The input is not allowed."),
    OutputRefused: Answer(422, "refused", "The model refused to answer."),
    OutputInvalid: Answer(502, "invalid_answer", "The model gave no usable answer."),
    StreamInterrupted: Answer(502, "interrupted", "The answer broke off."),
}

FAILED: Final = Answer(500, "failed", "The answer could not be given.")
"""What is said of any other error."""


def answer_to(error: BaseException) -> Answer:
    """What to say of an error; of an interrupted stream, why it was."""
    for each in type(error).__mro__:
        found = ANSWERS.get(each)
        if found is not None:
            return found
    return FAILED


def headers_of(error: BaseException) -> dict[str, str]:
    """`Retry-After`, in whole seconds, where the error knows it."""
    seconds: Any = getattr(error, "retry_after", None)
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return {}
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
