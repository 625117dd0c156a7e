"""One daemon thread that carries alerts to where people look; no call ever waits for it.

Each route has a short queue of its own, so one that is down holds up neither the others nor the
alerts that come later: what cannot be delivered is tried again three times, then given up and
counted, and the next change of state is sent all the same.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from reliai._core.forking import renew_after_fork
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliai.monitoring.alert import Alert

__all__ = ["Route", "RouteCounts", "Routing", "Undelivered"]

_logger = logging.getLogger("reliai")

BACKOFF = (0.5, 2.0, 8.0)
"""Seconds before the second, third and last time that a delivery is tried."""

LONGEST_WAIT = 60.0
"""Seconds that a receiver may ask to wait for at most."""

PATIENCE = 5.0
"""Seconds after which a thread with nothing to do ends."""

CAPACITY = 256
"""Alerts that wait for one route at most; the oldest give way."""

REMEMBERED = 1000
"""Muted alerts kept to look at, and keys remembered."""


class Route(Protocol):
    """Where alerts go. `severities` and `resend` may be left out."""

    severities: frozenset[str] | None
    """Those it wants; None for all."""

    resend: float | None
    """Seconds after which what still fires is sent again; None for never."""

    def send(self, alert: Alert) -> None:
        """Deliver an alert, or raise."""


class Undelivered(Exception):
    """A receiver did not take an alert.

    Attributes:
        again: whether it makes sense to try again.
        wait: seconds that the receiver asked to wait; None when it did not.
    """

    def __init__(self, message: str, *, again: bool = True, wait: float | None = None) -> None:
        super().__init__(message)
        self.again = again
        self.wait = wait


class RouteCounts(NamedTuple):
    """What became of the alerts of one route.

    Attributes:
        sent: delivered, those sent again included.
        retried: times that a delivery was tried again.
        failed: given up after the last try, or refused by the receiver.
        dropped: given up because too many waited.
        skipped: of a severity that the route does not want.
        pending: those that wait.
    """

    sent: int = 0
    retried: int = 0
    failed: int = 0
    dropped: int = 0
    skipped: int = 0
    pending: int = 0


class _Lane:
    """A route with what waits for it."""

    def __init__(self, route: Any) -> None:
        self.route = route
        self.severities: frozenset[str] | None = getattr(route, "severities", None)
        self.resend: float | None = getattr(route, "resend", None)
        self.waiting: deque[Alert] = deque()
        self.counts: Counter[str] = Counter()
        self.tries = 0
        self.due = 0.0
        self.busy = False
        self.firing: dict[str, tuple[Alert, float]] = {}
        self.complained = False

    def idle(self) -> bool:
        return not self.waiting and not self.busy

    def next_due(self) -> float | None:
        """When there is something to do here next; a monotonic time."""
        if self.waiting:
            return self.due
        if self.resend is None or not self.firing:
            return None
        return min(sent for _, sent in self.firing.values()) + self.resend


class Routing:
    """Takes alerts in and has them delivered.

    An alert whose state was told already is left out, so are muted ones; those are kept in
    `recorded`. All of it is counted.

    Args:
        routes: where alerts go: what `reliai.monitoring.alerts` makes, or any object with
            `send(alert)`.
        backoff: seconds to wait before each further try.

    Raises:
        ConfigurationError: for something that is no route.
    """

    def __init__(self, routes: Iterable[Any], *, backoff: Sequence[float] = BACKOFF) -> None:
        one = isinstance(routes, str | bytes) or callable(getattr(routes, "send", None))
        if one or not hasattr(routes, "__iter__"):
            raise ConfigurationError(
                f"alerts={routes!r}: give a list, also of one route: [alerts.log()]"
            )
        self.routes = tuple(routes)
        for route in self.routes:
            if isinstance(route, type) or not callable(getattr(route, "send", None)):
                raise ConfigurationError(
                    f"alerts=[{route!r}]: is no route; use alerts.log(), alerts.slack(url), …, "
                    "or alerts.call(function)"
                )
        self._backoff = tuple(backoff)
        self._states: dict[str, str] = {}
        self.recorded: deque[Alert] = deque(maxlen=REMEMBERED)
        self._closed = False
        self._lanes: list[_Lane] = []
        self._renew()
        renew_after_fork(self)
        _flush_at_exit(self)

    def _renew(self) -> None:
        """Begin anew; in a forked child: what waits is the parent's to send."""
        self._lanes = [_Lane(route) for route in self.routes]
        self._changed = threading.Condition(threading.RLock())  # a signal handler may flush
        self._thread: threading.Thread | None = None
        self.muted = 0
        self.repeated = 0

    @property
    def counts(self) -> RouteCounts:
        """What became of the alerts, over all routes."""
        per_route = self.by_route()
        return RouteCounts(*(sum(numbers) for numbers in zip(*per_route, strict=True)))

    def by_route(self) -> list[RouteCounts]:
        """The same for each route, in order."""
        with self._changed:
            return [
                RouteCounts(**lane.counts, pending=len(lane.waiting) + lane.busy)
                for lane in self._lanes
            ]

    def to_list(self) -> list[dict[str, Any]]:
        """Each route, with what became of its alerts; plain data, without addresses."""
        named = zip(self.routes, self.by_route(), strict=True)
        return [{"route": repr(route), **counts._asdict()} for route, counts in named]

    def put(self, alert: Alert) -> None:
        """Take an alert in; never blocks."""
        with self._changed:
            if alert.muted:
                self.muted += 1
                self.recorded.append(alert)
                return
            if self._states.get(alert.key) == alert.state:
                self.repeated += 1
                return
            self._states.pop(alert.key, None)
            self._states[alert.key] = alert.state
            if len(self._states) > REMEMBERED:
                del self._states[next(iter(self._states))]
            for lane in self._lanes:
                self._enqueue(lane, alert)
            self._start()
            self._changed.notify_all()

    def _enqueue(self, lane: _Lane, alert: Alert) -> None:
        if lane.severities is not None and alert.severity not in lane.severities:
            lane.counts["skipped"] += 1
            return
        if len(lane.waiting) >= CAPACITY:
            lane.waiting.popleft()
            lane.tries = 0
            lane.counts["dropped"] += 1
        lane.firing.pop(alert.key, None)
        lane.waiting.append(alert)

    def _start(self) -> None:
        if self._thread is not None or all(lane.next_due() is None for lane in self._lanes):
            return
        thread = threading.Thread(
            target=_work, args=(weakref.ref(self),), name="reliai-alerts", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            return  # the interpreter is shutting down; flush sends what waits
        self._closed = False
        self._thread = thread

    def step(self, patience: float = PATIENCE) -> bool:
        """Do what is due, or wait up to `patience` seconds for it; say whether to go on."""
        with self._changed:
            now = time.monotonic()
            due = [lane for lane in self._lanes if _is_due(lane, now)]
            if not due and not self._await(now, patience):
                self._thread = None  # the next alert starts another
                return False
        for lane in due:
            self._serve(lane)
        return True

    def _await(self, now: float, patience: float) -> bool:
        """Wait until something may be due; say whether anything ever will be."""
        soon = [when for lane in self._lanes if (when := lane.next_due()) is not None]
        if self._closed and all(lane.idle() for lane in self._lanes):
            return False
        told = self._changed.wait(min([patience, *(max(0.0, when - now) for when in soon)]))
        return told or bool(soon)

    def _serve(self, lane: _Lane) -> None:
        with self._changed:
            if not lane.waiting:
                self._repeat(lane)
            if not lane.waiting:
                return
            alert = lane.waiting.popleft()
            lane.busy = True
        problem: BaseException | None = None
        try:
            lane.route.send(alert)
        except BaseException as error:  # noqa: BLE001  a route that exits must not take us along
            problem = error
        with self._changed:
            lane.busy = False
            if problem is None:
                self._delivered(lane, alert)
            else:
                self._failed(lane, alert, problem)
            self._changed.notify_all()

    def _repeat(self, lane: _Lane) -> None:
        """Send again what still fires, where the receiver would forget it."""
        now = time.monotonic()
        for alert, sent in lane.firing.values():
            if lane.resend is not None and now >= sent + lane.resend:
                lane.firing[alert.key] = (alert, now)
                lane.waiting.append(alert)
                lane.due = 0.0
                return

    def _delivered(self, lane: _Lane, alert: Alert) -> None:
        lane.counts["sent"] += 1
        lane.tries, lane.due = 0, 0.0
        if lane.complained:
            lane.complained = False
            _logger.warning("alerts reach %r again", lane.route)
        newer = any(other.key == alert.key for other in lane.waiting)
        if lane.resend is not None and alert.state == "firing" and not newer:
            lane.firing[alert.key] = (alert, time.monotonic())

    def _failed(self, lane: _Lane, alert: Alert, problem: BaseException) -> None:
        hopeless = isinstance(problem, Undelivered) and not problem.again
        if not lane.complained:
            lane.complained = True
            _logger.warning(
                "alerts do not reach %r: %s; each is tried %d times",
                lane.route,
                problem if isinstance(problem, Undelivered) else type(problem).__name__,
                len(self._backoff) + 1,
            )
        if hopeless or lane.tries >= len(self._backoff):
            lane.counts["failed"] += 1
            lane.tries, lane.due = 0, 0.0
            newer = any(other.key == alert.key for other in lane.waiting)
            if lane.resend is not None and alert.state == "firing" and not newer:
                lane.firing[alert.key] = (alert, time.monotonic())
            return
        asked = problem.wait if isinstance(problem, Undelivered) else None
        wait = max(self._backoff[lane.tries], min(asked or 0.0, LONGEST_WAIT))
        lane.tries += 1
        lane.counts["retried"] += 1
        lane.due = time.monotonic() + wait
        lane.waiting.appendleft(alert)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until all alerts are delivered or given up, at most `timeout` seconds.

        Returns:
            Whether they are.
        """
        until = time.monotonic() + timeout
        with self._changed:
            self._start()
            alone = self._thread is None
            while not alone and not all(lane.idle() for lane in self._lanes):
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        while alone and any(lane.waiting for lane in self._lanes):
            if time.monotonic() >= until:
                return False
            self.step(until - time.monotonic())
        return True

    def close(self, timeout: float = 2.0) -> bool:
        """Flush, and end the thread. A later alert starts another."""
        done = self.flush(timeout)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        return done

    def __repr__(self) -> str:
        return f"<reliai.monitoring.Routing to {list(self.routes)!r}>"


def _is_due(lane: _Lane, now: float) -> bool:
    when = lane.next_due()
    return when is not None and when <= now


def _work(reference: weakref.ref[Routing]) -> None:
    """Serve a routing for as long as somebody holds it."""
    while True:
        routing = reference()
        if routing is None or not routing.step():
            return
        del routing


def _flush_at_exit(routing: Routing) -> None:
    reference = weakref.ref(routing)

    def flush() -> None:
        open_one = reference()
        if open_one is not None:
            open_one.flush(2.0)

    atexit.register(flush)
    weakref.finalize(routing, atexit.unregister, flush).atexit = False
