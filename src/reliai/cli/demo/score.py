"""The numbers of a run."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reliai.cli.demo.phases import OUTAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliai.cli.demo.load import Delivery
    from reliai.cli.demo.phases import Schedule
    from reliai.testing import ReceivedRequest

__all__ = ["Score", "score"]


@dataclass(frozen=True, slots=True)
class Score:
    """What a run came to. Durations are seconds, shares are in [0, 1].

    Attributes:
        calls: how many were made.
        good: the model's own answers: in time, whole, and what was promised.
        degraded: good answers of a fallback.
        late: answers that came after the promised time.
        failed: calls that ended with an error.
        invalid: delivered answers that were not what was promised, or not whole.
        mixed: delivered streams that are not the beginning of exactly one attempt.
        errors: how many of each type of error.
        right: share of right answers among the valid ones of the job where that is known.
        p50, p99: latency of the answers, from the moment each call was due; None: no answer.
        wire_per_call: requests the server saw for each call, outside the outage.
        wire_in_outage: the same during the outage.
        opened: from the begin of the outage to the circuit's opening, for each job.
        recovered: from the end of the outage to the circuit's closing, for each job.
    """

    calls: int
    good: int
    degraded: int
    late: int
    failed: int
    invalid: int
    mixed: int
    errors: dict[str, int]
    right: float | None
    p50: float | None
    p99: float | None
    wire_per_call: float
    wire_in_outage: float
    opened: dict[str, float]
    recovered: dict[str, float]

    @property
    def success_rate(self) -> float:
        """Share of calls that got a good answer, a fallback's included."""
        return (self.good + self.degraded) / self.calls

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "success_rate": self.success_rate}


def score(
    deliveries: Sequence[Delivery],
    requests: Iterable[ReceivedRequest],
    schedule: Schedule,
    promise: float,
    started_at: float,
) -> Score:
    """Count a run.

    Args:
        deliveries: what became of each call.
        requests: what the server saw.
        schedule: what it did.
        promise: seconds within which an answer is of use.
        started_at: Unix seconds of the start.
    """
    verdicts = Counter(delivery.verdict(promise) for delivery in deliveries)
    latencies = sorted(d.latency for d in deliveries if d.error is None)
    begin, end = schedule.span(OUTAGE)
    calls_in_outage = sum(begin <= delivery.due < end for delivery in deliveries)
    arrivals = [request.elapsed for request in requests]
    wire_in_outage = sum(begin <= elapsed < end for elapsed in arrivals)
    known = [d.judged.right for d in deliveries if d.judged.right is not None]
    changes = _changes(deliveries, started_at)
    return Score(
        calls=len(deliveries),
        good=verdicts["good"],
        degraded=verdicts["degraded"],
        late=verdicts["late"],
        failed=verdicts["failed"],
        invalid=sum(d.judged.fault in {"invalid", "cut"} for d in deliveries),
        mixed=sum(d.judged.fault == "mixed" for d in deliveries),
        errors=dict(Counter(d.error for d in deliveries if d.error is not None).most_common()),
        right=sum(known) / len(known) if known else None,
        p50=_quantile(latencies, 0.5),
        p99=_quantile(latencies, 0.99),
        wire_per_call=(len(arrivals) - wire_in_outage) / max(1, len(deliveries) - calls_in_outage),
        wire_in_outage=wire_in_outage / max(1, calls_in_outage),
        opened=_first(changes, "circuit_opened", begin, begin),
        # the server's clock starts a moment before ours, so a circuit may close just before `end`
        recovered=_first(changes, "circuit_closed", begin, end),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile: a latency that was measured."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _changes(deliveries: Iterable[Delivery], started_at: float) -> list[tuple[float, str, str]]:
    """Second of the run, job and kind of every event of a circuit."""
    return sorted(
        (record.started_at + event.at - started_at, record.name, event.kind)
        for record in (delivery.record for delivery in deliveries)
        if record is not None
        for event in record.events
        if event.kind.startswith("circuit_")
    )


def _first(
    changes: Iterable[tuple[float, str, str]], kind: str, after: float, since: float
) -> dict[str, float]:
    """By job, when the first change of a kind came, counted from `since`."""
    found: dict[str, float] = {}
    for at, job, what in changes:
        if what == kind and at >= after:
            found.setdefault(job, max(0.0, at - since))
    return found
