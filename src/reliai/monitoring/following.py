"""A monitor of the calls in a store: it is fed those that are new each time somebody looks."""

from __future__ import annotations

import json
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.urls import unquoted, without_password
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai.monitoring.monitor import Monitor
    from reliai.records import RecordStore

__all__ = ["Follower", "seq_before", "snapshot_at"]

OVERLAP: Final = 600.0
"""Seconds by which calls may be written in another order than they started in."""

PAGE: Final = 2000
"""Calls read at once."""


class Follower:
    """Feeds stored calls to a monitor.

    Args:
        store: of the calls.
        monitor: that is fed; it should send alerts to nobody, for what it sees is over.
        since: Unix seconds; calls that started before are left out.
        most: calls that are read at the first look at most, the latest; None for all of them.
        watch: whether there will be further looks, and no call may be missing from them.
    """

    def __init__(
        self,
        store: RecordStore,
        monitor: Monitor,
        *,
        since: float,
        most: int | None = None,
        watch: bool = True,
    ) -> None:
        self._store = store
        self._monitor = monitor
        self._since = since
        self._watch = watch
        self._lock = Lock()
        self._seq = seq_before(store, since - OVERLAP)
        if most is not None:
            self._seq = max(self._seq, store.latest(1)[1] - most)
        self.count = 0
        """Calls that were read so far."""
        self.first: float | None = None
        """When the earliest of them started; Unix seconds."""

    def look(self) -> dict[str, Any]:
        """Read on, and say how it stands now: what `Monitor.snapshot` gives."""
        with self._lock:
            while True:
                calls, seq = self._store.after(self._seq, limit=PAGE, settled=self._watch)
                for call in calls:
                    if call.started_at >= self._since:
                        self._take(call)
                if seq == self._seq:
                    return self._monitor.snapshot(clock.active().time())
                self._seq = seq

    def _take(self, call: Any) -> None:
        self.count += 1
        if self.first is None or call.started_at < self.first:
            self.first = call.started_at
        self._monitor.on_end(call)


def seq_before(store: RecordStore, moment: float) -> int:
    """A `seq` before the calls since a moment: calls are written in about the order they end in."""
    low, high = 0, store.latest(1)[1]
    while low < high:
        middle = (low + high) // 2
        found, seq = store.after(middle, limit=1, settled=False)
        if found and found[0].started_at < moment:
            low = seq
        else:
            high = middle
    return low


def snapshot_at(where: str) -> dict[str, Any]:
    """What `Monitor.snapshot` gave in another process.

    Args:
        where: a file of JSON, or the address that a service shows it at.

    Raises:
        ConfigurationError: when it cannot be read, or is something else.
    """
    from http.client import HTTPException  # noqa: PLC0415  when it runs

    remote = where.startswith(("http://", "https://"))
    shown = without_password(where) if remote else where
    if remote and "@" in where.partition("://")[2].partition("/")[0]:
        raise ConfigurationError(f"{shown}: no user and password can be sent; give none")
    try:
        if remote:
            from urllib.request import urlopen  # noqa: PLC0415  when it runs

            with urlopen(where, timeout=10) as answer:  # noqa: S310  it begins with http
                data = json.load(answer)
        else:
            with open(where, encoding="utf-8") as file:  # noqa: PTH123  as it was given
                data = json.load(file)
    except HTTPException as error:  # no address, or no answer of a web server
        raise ConfigurationError(f"{shown}: cannot be read: {unquoted(error)}") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{shown}: cannot be read: {error}") from error
    if not isinstance(data, dict) or "calls" not in data:
        raise ConfigurationError(f"{shown}: is not what monitor.snapshot() gives")
    return data
