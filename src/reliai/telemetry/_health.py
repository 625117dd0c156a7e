"""What became of all that observers were shown: the numbers that tell whether telemetry works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.lane import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.lane import Counts

__all__ = ["BOUNDS", "Health", "health"]


class Health(NamedTuple):
    """What became of all that one observer was shown, in this process.

    `produced == exported + dropped + pending`, exactly, whenever nothing is being handed over.

    Attributes:
        name: the observer's class, with a number for the second one of it and so on.
        produced: records and events that there were for it.
        exported: those that it took, and that have left it where it keeps a queue of its own.
        dropped: those that were given up; `drops` says why.
        pending: those that wait.
        failures: how often one of its methods raised.
        drops: how many were dropped, by reason: "queue_full", "raised", and what the observer
            itself gives up as "given_up".
        export_seconds: the time that it took on its worker in all; 0.0 for an inline one.
        export_buckets: how many exports took up to each of 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1,
            5 and 10 seconds, and longer; not cumulative.
        redactions: places of captured content that it replaced.
        redaction_failures: contents that it left away because redacting them failed.
    """

    name: str
    produced: int
    exported: int
    dropped: int
    pending: int
    failures: int
    drops: Mapping[str, int]
    export_seconds: float
    export_buckets: tuple[int, ...]
    redactions: int
    redaction_failures: int


def health() -> dict[str, Health]:
    """What became of all that each observer was shown, by the observer's name.

    Those that are gone are included, with what they had been shown until then.
    """
    from reliai._core.hub import hub  # noqa: PLC0415  loads threads and queues

    lanes = {lane.counts.name: lane for lane in hub.lanes()}
    found: dict[str, Health] = {}
    for counts in hub.counts():
        lane = lanes.get(counts.name)
        observer, pending = (None, 0) if lane is None else (lane.observer, lane.pending)
        found[counts.name] = _of(counts, observer, pending)
    return found


def _of(counts: Counts, observer: Any, pending: int) -> Health:
    own = getattr(observer, "counts", None)  # of an observer with a queue of its own
    given_up, waiting = _number(own, "dropped"), _number(own, "pending")
    drops = {"queue_full": counts.refused, "raised": counts.raised, "given_up": given_up}
    exported = counts.exported - given_up - waiting
    dropped = counts.dropped + given_up
    pending += waiting
    return Health(
        counts.name,
        exported + dropped + pending,
        exported,
        dropped,
        pending,
        counts.failures,
        {reason: count for reason, count in drops.items() if count},
        counts.seconds,
        tuple(counts.buckets),
        *(_told(observer, own, name) for name in ("redactions", "redaction_failures")),
    )


def _told(observer: Any, own: Any, name: str) -> int:
    return _number(own, name) or _number(observer, name)


def _number(thing: Any, name: str) -> int:
    value = getattr(thing, name, 0)
    return value if isinstance(value, int) else 0
