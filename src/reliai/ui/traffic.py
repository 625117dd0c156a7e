"""What came in: calls of a span in equal parts, with their durations and costs."""

from __future__ import annotations

import math
import time
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from reliai import clock
from reliai.records._tables import calls
from reliai.ui._objectives import of_production

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.records import RecordStore

__all__ = ["Part", "Recent", "Traffic", "traffic_of"]

_PARTS: Final = 60
_KEPT: Final = 32
MOST: Final = 200_000
"""Calls that are looked at; of more, the latest."""

_WIDTHS: Final = (60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)


class Part(NamedTuple):
    """Calls that started within one part of the span.

    Attributes:
        at: when it begins; Unix seconds.
        answered, stand_ins, failed, rejected: how many calls ended so.
        p50, p95: seconds that answers took; None without any.
        cost: US dollars of those whose cost is known; None without any.
    """

    at: float
    answered: int
    stand_ins: int
    failed: int
    rejected: int
    p50: float | None
    p95: float | None
    cost: float | None


class Traffic(NamedTuple):
    """Calls of a span.

    Attributes:
        parts: in their order; empty when there were no calls.
        width: seconds of a part.
        calls: how many in all.
        whole: whether all calls of the span were looked at.
        since: when what was looked at begins.
    """

    parts: list[Part]
    width: float
    calls: int
    whole: bool
    since: float


class Recent:
    """Traffic up to now, reckoned anew the less often the longer it takes.

    Args:
        store: of the calls.
        timer: seconds of a clock that only goes on.
    """

    def __init__(self, store: RecordStore, timer: Callable[[], float] = time.perf_counter) -> None:
        self._store = store
        self._timer = timer
        self._lock = Lock()
        self._known: dict[tuple[float, str | None], tuple[float, Traffic]] = {}

    def of(self, span: float, name: str | None = None) -> Traffic:
        """The calls of the last `span` seconds; twenty times as old as it took to reckon at most.

        On a store where that is a second, the newest calls may be missing for 20 seconds.
        """
        now = clock.active().time()
        with self._lock:
            until, traffic = self._known.get((span, name), (0.0, None))
            if traffic is not None and now < until:
                return traffic
            began = self._timer()
            traffic = traffic_of(self._store, now - span, now, name)
            took = self._timer() - began
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[span, name] = (now + min(60.0, 20 * took), traffic)
        return traffic


def traffic_of(
    store: RecordStore, begin: float, end: float, name: str | None = None, *, most: int = MOST
) -> Traffic:
    """The calls of a span in about sixty parts, without those of experiments and shadows.

    Args:
        store: of the calls.
        begin: Unix seconds.
        end: Unix seconds.
        name: of one function; None for all.
        most: calls that are looked at; of more, the latest.
    """
    columns = calls.c
    wanted = select(columns.started_at, columns.duration, columns.status, columns.cost_usd).where(
        columns.started_at >= begin,
        columns.started_at <= end,
        *of_production(),
        *([columns.name == name] if name else []),
    )
    store.flush(0.5)
    with store._reading() as connection:  # noqa: SLF001  of the house
        latest = wanted.order_by(columns.started_at.desc()).limit(most + 1)
        rows = connection.execute(latest).all()
    whole = len(rows) <= most
    rows = rows[:most]
    width = _width(end - begin)
    if not rows:
        return Traffic([], width, 0, whole, begin)
    since = begin if whole else rows[-1].started_at
    first = math.floor(since / width)
    sorted_in: list[list[tuple[float, str | None, float | None]]] = [
        [] for _ in range(math.floor(end / width) - first + 1)
    ]
    for at, duration, status, cost in rows:
        sorted_in[math.floor(at / width) - first].append((duration, status, cost))
    parts = [_part((first + number) * width, some) for number, some in enumerate(sorted_in)]
    return Traffic(parts, width, len(rows), whole, since)


def _width(span: float) -> float:
    return float(next((width for width in _WIDTHS if width * _PARTS >= span), _WIDTHS[-1]))


def _part(at: float, some: list[tuple[float, str | None, float | None]]) -> Part:
    statuses = [status for _, status, _ in some]
    durations = sorted(d for d, status, _ in some if status in {"success", "degraded"})
    costs = [cost for _, _, cost in some if cost is not None]
    return Part(
        at,
        statuses.count("success"),
        statuses.count("degraded"),
        statuses.count("error"),
        statuses.count("rejected"),
        _quantile(durations, 0.5),
        _quantile(durations, 0.95),
        sum(costs) if costs else None,
    )


def _quantile(ordered: list[float], q: float) -> float | None:
    return ordered[int(q * (len(ordered) - 1))] if ordered else None
