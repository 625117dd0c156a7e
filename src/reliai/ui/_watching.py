"""Where the page on monitoring has its numbers from: a monitor, a snapshot of one, or the store."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.monitoring import SLO, Monitor
from reliai.monitoring.following import Follower, snapshot_at
from reliai.ui._objectives import Objectives, is_light, is_watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reliai._core.record import CallRecord
    from reliai.records import RecordStore

__all__ = ["Seen", "Watch"]

MOST: Final = 10_000
"""Calls that signals are learnt from at the first look at most."""

_SPAN: Final = 7 * 86_400.0


class Seen(NamedTuple):
    """How things stand.

    Attributes:
        state: what `Monitor.snapshot` gives; None without anything to look at.
        source: where it is from: "monitor", "snapshot", "store", or "" for nothing.
        since: when the earliest call that signals know of started; None where it is not known.
        counted_since: the same for objectives.
        whole: whether objectives counted all calls of their windows.
        why: what keeps it from being seen; empty for nothing.
        pending: whether it is still being read for the first time.
    """

    state: Mapping[str, Any] | None
    source: str
    since: float | None = None
    counted_since: float | None = None
    whole: bool = True
    why: str = ""
    pending: bool = False


class Watch:
    """Looks, each time a page is shown.

    Args:
        store: of call records.
        monitor: a `Monitor`, or where a snapshot of one is; None to look at the store.
        slos: objectives for the calls of the store.
    """

    def __init__(
        self, store: RecordStore | None, monitor: Monitor | str | None, slos: Sequence[SLO]
    ) -> None:
        self._store = store
        self._monitor = monitor
        self._slos = tuple(slos) or (SLO("success"),)
        self._lock = Lock()
        self._reader = ThreadPoolExecutor(1, "reliai-ui-watch")
        self._reading: Future[Seen] | None = None
        self._last: Seen | None = None
        self._following: tuple[Follower, Objectives] | None = None

    def look(self, patience: float = 1.0) -> Seen:
        """How things stand now.

        Args:
            patience: seconds to wait for a store or a snapshot to be read; what was seen last is
                shown when it takes longer, and nothing the first time.

        Raises:
            ConfigurationError: without the extra `monitoring`.
        """
        if isinstance(self._monitor, str):
            return self._read(partial(_of_snapshot, self._monitor), "snapshot", patience)
        if self._monitor is not None:
            return Seen(self._monitor.snapshot(), "monitor")
        if self._store is None:
            return Seen(None, "")
        return self._read(partial(self._of_store, self._store), "store", patience)

    def _read(self, read: Callable[[], Seen], source: str, patience: float) -> Seen:
        """Have it read in the background: one reader, however many look."""
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = self._reader.submit(read)
            reading = self._reading
        try:
            self._last = reading.result(patience)
        except TimeoutError:
            if reading.done():  # the reader itself ran into one
                raise
            return self._last or Seen(None, source, pending=True)
        return self._last

    def _of_store(self, store: RecordStore) -> Seen:
        now = clock.active().time()
        if self._following is None:
            self._following = self._begun(store, now)
        follower, objectives = self._following
        state = follower.look()
        objectives.look(now)
        told = [alert.to_dict() for slo in objectives.slos for alert in slo.firing]
        state = {
            **state,
            "slos": [slo.snapshot(now) for slo in objectives.slos],
            "objectives": [slo.counted() for slo in objectives.slos],
            "alerts": [*state["alerts"], *told],
        }
        return Seen(state, "store", follower.first, objectives.first, objectives.whole)

    def _begun(self, store: RecordStore, now: float) -> tuple[Follower, Objectives]:
        watched = _Watched([slo for slo in self._slos if not is_light(slo)])
        follower = Follower(store, watched, since=now - _SPAN, most=MOST)
        return follower, Objectives(store, self._slos, now)


def _of_snapshot(where: str) -> Seen:
    try:
        return Seen(snapshot_at(where), "snapshot")
    except ConfigurationError as error:
        return Seen(None, "snapshot", why=f"The snapshot cannot be had: {error}")


class _Watched(Monitor):
    """Signals of the calls, and the objectives that read more than columns: judged by another."""

    def __init__(self, slos: Sequence[SLO]) -> None:
        super().__init__(alerts=[])
        self._heavy = slos

    def on_end(self, record: CallRecord) -> None:
        super().on_end(record)
        if self._heavy and is_watched(record):
            for slo in self._heavy:
                slo.observe(record, record.started_at + (record.duration or 0.0))
