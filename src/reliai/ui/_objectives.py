"""Objectives of the calls in a store, counted from a few columns: 100,000 calls take a second."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from sqlalchemy import ColumnElement, Text, or_, select
from sqlalchemy import cast as converted

from reliai._core.record_parts import ErrorInfo
from reliai.monitoring.following import seq_before
from reliai.records._queries import last_written
from reliai.records._tables import calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai._core.record import CallRecord
    from reliai.monitoring import SLO
    from reliai.records import RecordStore

__all__ = ["MOST", "Objectives", "is_light", "is_watched", "of_production"]

MOST: Final = 300_000
"""Calls that are read at the first look at most."""

_CHUNK: Final = 20_000
_LIGHT: Final = frozenset("success full_quality latency first_chunk cost tokens refusal".split())
"""Indicators that read nothing but columns of a call."""

_COLUMNS: Final = (
    calls.c.seq,
    calls.c.name,
    calls.c.started_at,
    calls.c.duration,
    calls.c.status,
    calls.c.cost_usd,
    calls.c.input_tokens,
    calls.c.output_tokens,
    calls.c.time_to_first_chunk,
    calls.c.finish_reason,
    calls.c.error_kind,
    calls.c.error_type,
)


class _Call(NamedTuple):
    """What indicators read of a call."""

    name: str
    duration: float | None
    status: str | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    time_to_first_chunk: float | None
    finish_reason: str | None
    error: ErrorInfo | None
    events: tuple[()] = ()


def is_light(slo: SLO) -> bool:
    """Whether an objective reads nothing but columns of a call."""
    return slo.indicator in _LIGHT and slo.where is None


def is_watched(record: CallRecord) -> bool:
    """Whether a call is one that monitors watch."""
    experiment = record.environment == "eval"
    return record.duration is not None and not experiment and "shadow" not in record.tags


def of_production() -> tuple[ColumnElement[bool], ...]:
    """Calls that ended, and are neither an experiment's nor a shadow's: what monitors watch."""
    columns = calls.c
    tags = converted(columns.tags, Text)
    return (
        columns.duration.is_not(None),
        or_(columns.environment.is_(None), columns.environment != "eval"),
        or_(columns.tags.is_(None), tags.not_like('%"shadow":%')),
    )


class Objectives:
    """Counts the calls of a store for objectives, those that are new at each look.

    Args:
        store: of the calls.
        slos: all are judged; those for which `is_light` holds are counted.
        now: Unix seconds; calls of the longest window before are counted.
    """

    def __init__(self, store: RecordStore, slos: Sequence[SLO], now: float) -> None:
        self.slos = tuple(slos)
        self._light = [slo for slo in self.slos if is_light(slo)]
        self._store = store
        self._lock = Lock()
        longest = max((slo.window for slo in slos), default=0.0)
        begin = seq_before(store, now - longest)
        self._seq = max(begin, store.latest(0)[1] - MOST)
        self.whole = self._seq == begin
        """Whether all calls of the windows were counted, not the latest alone."""
        self.first: float | None = None
        """When the earliest of them started; Unix seconds."""

    def look(self, now: float) -> None:
        """Count what is new, and judge."""
        with self._lock:
            while self._light and self._read():
                pass
            for slo in self.slos:
                slo.judge(now)

    def _read(self) -> bool:
        store = self._store
        with store._reading() as connection:  # noqa: SLF001  of the house
            last = last_written(connection)
            if last <= self._seq or not store._database.settled(connection):  # noqa: SLF001  as above
                return False  # others may still come before the last ones
            chosen = (calls.c.seq > self._seq, calls.c.seq <= last, *of_production())
            wanted = select(*_COLUMNS).where(*chosen).order_by(calls.c.seq).limit(_CHUNK)
            rows = connection.execute(wanted).all()
        for row in rows:
            self._take(row)
        more = len(rows) == _CHUNK
        self._seq = rows[-1].seq if more else last
        return more

    def _take(self, row: Any) -> None:
        if self.first is None or row.started_at < self.first:
            self.first = row.started_at
        kind = row.error_kind
        call = _Call(
            row.name,
            row.duration,
            row.status,
            row.cost_usd,
            row.input_tokens,
            row.output_tokens,
            row.time_to_first_chunk,
            row.finish_reason,
            None if kind is None else ErrorInfo(kind, row.error_type, ""),
        )
        for slo in self._light:
            slo.observe(cast("Any", call), row.started_at + row.duration)
