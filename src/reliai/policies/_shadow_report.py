"""What a shadow tells: a report of all its calls, and the result of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.decisions.shadow_tally import Tally

__all__ = ["ShadowReport", "ShadowResult", "report_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowResult:
    """One shadowed call, with its content: for `Shadow(publish=)` alone.

    Attributes:
        call_id: the id of the call that was shadowed.
        status: "matched", "mismatched", "compare_error", "candidate_failed" or "primary_failed"
            (whatever became of the candidate then).
        primary, candidate: their answers; None where there was none. Of a stream its text, or a
            `reliai.Response` for a provider's events.
        primary_error, candidate_error: the exceptions in place of answers.
        compare_error: what the comparator raised.
        score: how alike they are, in [0, 1], where the comparator gave a number.
        reason: why they differ, where the comparator gave a reason.
        baseline_matched: whether the primary, asked again, gave its own answer; None where it was
            not asked again.
        primary_seconds, candidate_seconds: how long they took.
    """

    call_id: str
    status: str
    primary: Any = None
    candidate: Any = None
    primary_error: BaseException | None = None
    candidate_error: BaseException | None = None
    compare_error: BaseException | None = None
    score: float | None = None
    reason: str | None = None
    baseline_matched: bool | None = None
    primary_seconds: float = 0.0
    candidate_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """What became of a shadow in this process, without any content.

    Each sampled call is one of `started`, `dropped` and `skipped`.

    Attributes:
        name: the shadow's name.
        started: calls whose candidate was started.
        dropped: calls that came while `max_pending` others waited or ran.
        skipped: calls that were not to be shadowed; `skipped_for` says how many for which reason:
            "budget", "cancelled", "degraded", "rejected" or "request" (it could not be copied).
        pending: those of `started` that wait or run now.
        failed: candidates that gave no answer; `failures` says how many by kind of failure.
        primary_failed: of `started`, calls in which the primary gave no answer.
        compared: pairs of answers; each is one of `matched`, `mismatched` and `compare_errors`.
        mean_score: mean of the numbers that the comparator gave; None where it gave none.
        pairs: comparisons in which the primary was asked again.
        candidate_differs, primary_differs: pairs in which only the one, or only the other, gave
            another answer.
        e_value: the evidence in them that the candidate differs more than the primary does from
            itself; 1 for none.
        verdict: "worse" with an e-value of 20 or more, otherwise "no difference seen" (at least
            100 pairs, and an e-value of at most 1) or "undecided".
        mismatching: ids of the last 20 calls with another answer.
        primary_seconds, candidate_seconds: means over the compared answers; None without any.
        cost_usd: what the shadow's calls cost, as far as is known; None where nothing is.
        publish_errors: results that `publish` failed to take.
    """

    name: str
    started: int
    dropped: int
    skipped: int
    skipped_for: Mapping[str, int]
    pending: int
    failed: int
    failures: Mapping[str, int]
    primary_failed: int
    compared: int
    matched: int
    mismatched: int
    compare_errors: int
    mean_score: float | None
    pairs: int
    candidate_differs: int
    primary_differs: int
    e_value: float
    verdict: str
    mismatching: tuple[str, ...]
    primary_seconds: float | None
    candidate_seconds: float | None
    cost_usd: float | None
    publish_errors: int


def report_of(name: str, tally: Tally) -> ShadowReport:
    """The report of a tally, as it stands now."""
    with tally.lock:
        compared = tally.same + tally.different + tally.unjudged
        scored, score = tally.scores
        primary, candidate = tally.seconds
        return ShadowReport(
            name=name,
            started=tally.started,
            dropped=tally.dropped,
            skipped=tally.skipped.total(),
            skipped_for=dict(tally.skipped),
            pending=tally.pending,
            failed=tally.failures.total(),
            failures=dict(tally.failures),
            primary_failed=tally.primary_failed,
            compared=compared,
            matched=tally.same,
            mismatched=tally.different,
            compare_errors=tally.unjudged,
            mean_score=score / scored if scored else None,
            pairs=tally.evidence.pairs,
            candidate_differs=tally.evidence.candidate_differs,
            primary_differs=tally.evidence.primary_differs,
            e_value=tally.evidence.e_value,
            verdict=tally.evidence.verdict,
            mismatching=tuple(tally.lately),
            primary_seconds=primary / compared if compared else None,
            candidate_seconds=candidate / compared if compared else None,
            cost_usd=tally.usd,
            publish_errors=tally.unpublished,
        )
