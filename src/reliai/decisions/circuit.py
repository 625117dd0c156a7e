"""A circuit: lets calls through while their target is well, and spares it while it is ill.

The circuit breaker asks it for a permit before each call and records the result afterwards:

    closed ──(too many failures)──▶ open ──(the break is over)──▶ half_open
    half_open ──(the probes did well)──▶ closed, or else open for twice as long
    isolated: an operator said no; only `close()` leads out of it

A permit is a number that belongs to one closed spell or to one probe. Results with an older permit
come late: they are dropped and counted, so nothing that started before a break decides what
follows it. State changes come back as `Change`; the caller tells whoever listens, outside the lock.
"""

from __future__ import annotations

from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Final

from reliai._core.forking import renew_after_fork
from reliai.decisions.circuit_settings import CircuitSettings, Detector
from reliai.decisions.circuit_values import Admission, Change, Snapshot, Standing, State
from reliai.decisions.circuit_window import carried_over, window_for
from reliai.decisions.probes import Probes
from reliai.errors import BreakerVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from reliai.decisions.window import Window

__all__ = [
    "Admission",
    "Change",
    "Circuit",
    "CircuitSettings",
    "Detector",
    "Snapshot",
    "Standing",
    "State",
]

_FAILURE: Final = BreakerVerdict.FAILURE
_NONE: Final = BreakerVerdict.NONE
_MOST_DOUBLINGS: Final = 64  # 2.0 ** 1024 overflows


class Circuit:
    """One circuit, safe to use from any number of threads and event loops.

    Args:
        name: what the circuit protects, for errors and health pages.
        settings: thresholds and times.
        target: which target of a fallback it belongs to.
        key: which of the caller's keys it belongs to.
    """

    __slots__ = (
        "__weakref__",
        "_break_ends",
        "_detector",
        "_failed_attempts",
        "_ignored",
        "_in_a_row",
        "_late",
        "_lock",
        "_only_paused",
        "_opened_at",
        "_probes",
        "_rejected",
        "_serial",
        "_slow_call",
        "_window",
        "changed",
        "generation",
        "key",
        "label",
        "name",
        "permit",
        "settings",
        "state",
        "target",
    )

    def __init__(
        self,
        name: str,
        settings: CircuitSettings | None = None,
        *,
        target: str | None = None,
        key: Hashable = None,
    ) -> None:
        self.name = name
        self.target = target
        self.key = key
        self.label = name if target is None else f"{name}/{target}"
        """How errors and events name it; the key may be personal."""
        self.settings = settings or CircuitSettings()
        self.changed: Callable[[], None] | None = None
        """Called when a call has changed it, outside the lock; tells the fleet."""
        self.state: State = "closed"
        self.generation = 0
        self.permit = 1
        """The permit of a closed circuit, free to take without a lock; 0 unless closed: `admit`."""
        self._serial = 1
        self._renew()
        renew_after_fork(self)
        self._window: Window = window_for(self.settings)
        self._probes = Probes()
        self._detector = self.settings.fresh_detector()
        self._slow_call = self.settings.slowest
        self._ignored = self._rejected = self._late = 0
        self._in_a_row = self._failed_attempts = 0
        self._opened_at: float | None = None
        self._break_ends = -inf
        self._only_paused = False

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def admit(self, now: float) -> Admission:
        """Ask to let a call through; the first call after a break becomes a probe.

        Every admission that was not refused ends in one `record` (or `release`).
        """
        with self._lock:
            if self.permit:
                return Admission(self.permit)
            if self.state == "isolated":
                return self._refuse(None)
            change = None
            if self.state == "open":
                if now < self._break_ends:
                    return self._refuse(self._break_ends - now)
                if self._only_paused:
                    change = self._let_through("pause_over")
                    return Admission(self.permit, None, change)
                change = self._half_open(now)
            if not self._probes.has_place(self.settings) and not self._drop_hung(now):
                return self._refuse(self._probes.wait(now, self._break()))
            self._serial += 1
            self._probes.out[self._serial] = now
            return Admission(self._serial, None, change)

    def refusal(self, now: float) -> float:
        """Refuse a call during a break; what an open circuit answers nearly always.

        Returns:
            Seconds left of the break, or 0.0 when `admit` has to decide.
        """
        with self._lock:
            if self.state == "open" and now < self._break_ends:
                self._rejected += 1
                return self._break_ends - now
        return 0.0

    def record(
        self, permit: int, now: float, verdict: BreakerVerdict, duration: float = 0.0
    ) -> Change | None:
        """Settle an admitted call.

        Args:
            permit: as `permit` or `admit` gave it.
            now: when the call ended.
            verdict: none gives a probe's place back and teaches nothing.
            duration: how long the target took, in seconds.
        """
        with self._lock:
            if permit != self.permit:
                return self._record_probe(permit, now, verdict, duration)
            if verdict is _NONE:
                self._ignored += 1
                return None
            failed = verdict is _FAILURE
            slow = duration > self._slow_call
            window = self._window
            window.record(now, failed, slow)
            if failed:
                self._in_a_row += 1
            else:
                self._in_a_row = 0
            if window.failures or window.slow:
                reason = self.settings.tripped(self._window, self._in_a_row)
                if reason is not None:
                    return self._open(now, self._break(), reason, self._rate())
            if self._detector is not None:
                return self._detect(now, failed or slow)
            return None

    def release(self, permit: int) -> None:
        """Give back a probe's place without a verdict. Any other permit, or twice: nothing."""
        with self._lock:
            self._ignored += self._probes.take(permit)

    def open_for_at_least(self, permit: int, now: float, seconds: float) -> Change | None:
        """Settle a call that its target refused for `seconds` (a rate limit's Retry-After).

        The target is not ill, so this is a pause: a closed circuit opens for that long (at most
        `max_open_for`) and no more, and is closed again afterwards, with all it had counted. A
        half-open one goes back to half open, and the break does not double. An open circuit is
        prolonged, even by a late result. Seconds that are not finite and above 0 open nothing.
        """
        with self._lock:
            current = permit == self.permit or self._probes.take(permit)
            self._ignored += current
            self._late += not current
            if not 0.0 < seconds < inf:
                return None
            seconds = min(seconds, self.settings.max_open_for)
            if self.state == "open":
                self._break_ends = max(self._break_ends, now + seconds)
                return None
            if not current:
                return None
            paused = self.state == "closed"
            change = self._open(now, seconds, "rate_limited")
            self._only_paused = paused
            return change

    def isolate(self) -> Change | None:
        """Refuse every call until `close()`. None when it did so already."""
        with self._lock:
            if self.state == "isolated":
                return None
            self._enter("isolated")
            self._opened_at = None
            return Change("isolated", "operator")

    def close(self) -> Change | None:
        """Let calls through again, with nothing counted. None when it was closed already."""
        with self._lock:
            if self.state != "closed":
                return self._close("operator")
            self._forget()
            return None

    def update(self, settings: CircuitSettings, now: float) -> None:
        """Adopt other settings. What was counted stays, unless `window` gives way to `calls`.

        A break that has begun ends when it would have; probes that are out become late.
        """
        with self._lock:
            old, self.settings = self.settings, settings
            self._window.roll(now)
            self._window = carried_over(self._window, settings)
            self._slow_call = settings.slowest
            self._probes.clear()
            if settings.detector != old.detector:
                self._detector = settings.fresh_detector()

    def count_in(self, make: Callable[[Window], Window]) -> None:
        """Count in the window that `make` gives from now on: the same one changed, or another."""
        with self._lock:
            self._window = make(self._window)

    def reconsider(self, now: float) -> Change | None:
        """Open if the window says so by now: more may have been counted in it than came here."""
        with self._lock:
            if self.state != "closed":
                return None
            self._window.roll(now)
            reason = self.settings.tripped(self._window, self._in_a_row)
            return None if reason is None else self._open(now, self._break(), reason, self._rate())

    def standing(self, now: float) -> Standing:
        """What another circuit needs to stand where this one does."""
        with self._lock:
            left = max(0.0, self._break_ends - now)
            return Standing(self.state, left, self._failed_attempts, self._only_paused)

    def stand(self, standing: Standing, now: float) -> Change | None:
        """Stand where another circuit does; None when it stood there already."""
        with self._lock:
            state = "open" if standing.state == "half_open" else standing.state
            if state == "closed":
                if self.state == "closed":
                    return None
                return self._let_through("fleet") if standing.only_paused else self._close("fleet")
            moved = state != self.state
            change: Change | None = None
            if state == "isolated":
                self._enter("isolated")
                change = Change("isolated", "fleet")
            else:
                change = self._open(now, standing.seconds, "fleet")
            self._failed_attempts = standing.failed_attempts
            self._only_paused = standing.only_paused
            return change if moved else None

    def retry_after(self, now: float) -> float | None:
        """Seconds until a call may pass: 0.0 when one may now, None when isolated."""
        with self._lock:
            return self._retry_after(now)

    def is_needed(self, now: float) -> bool:
        """Whether forgetting this circuit would let calls through that it holds back."""
        with self._lock:
            return self.state == "isolated" or now < self._break_ends

    def snapshot(self, now: float) -> Snapshot:
        """All it knows, consistent in itself."""
        with self._lock:
            self._window.roll(now)
            seen = self._probes if self.state == "half_open" else self._window
            return Snapshot(
                name=self.name,
                target=self.target,
                key=self.key,
                state=self.state,
                calls=seen.calls,
                failures=seen.failures,
                slow=seen.slow,
                ignored=self._ignored,
                rejected=self._rejected,
                late=self._late,
                rate=self._rate() if self.state != "half_open" else None,
                opened_at=self._opened_at,
                retry_after=self._retry_after(now),
                generation=self.generation,
            )

    # All below is called with the lock held.

    def _refuse(self, retry_after: float | None) -> Admission:
        self._rejected += 1
        return Admission(0, retry_after)

    def _record_probe(
        self, permit: int, now: float, verdict: BreakerVerdict, duration: float
    ) -> Change | None:
        if not self._probes.take(permit):
            self._late += 1
            return None
        if verdict is _NONE:
            self._ignored += 1
            return None
        well = self._probes.record(
            self.settings, failed=verdict is _FAILURE, slow=duration > self._slow_call
        )
        if well is None:
            return None
        if well:
            return self._close("probes_passed")
        self._failed_attempts += 1
        rate = self._probes.failures / self.settings.probes
        return self._open(now, self._break(), "probe_failed", rate)

    def _detect(self, now: float, bad: bool) -> Change | None:  # noqa: FBT001
        try:
            if self._detector is None or not self._detector.update(bad):
                return None
        except Exception as error:  # noqa: BLE001  anyone's detector must not fail the call
            self._detector = None
            return Change("detector_failed", type(error).__name__)
        return self._open(now, self._break(), "detector", self._rate())

    def _drop_hung(self, now: float) -> bool:
        # A probe that never reports must not keep the circuit half open for ever. The break grows,
        # or a target slower than `open_for` could never report in time.
        if not self._probes.drop_hung(now, self._break()):
            return False
        self._failed_attempts += 1
        self._break_ends = now + self._break()
        return True

    def _break(self) -> float:
        doublings = min(self._failed_attempts, _MOST_DOUBLINGS)
        return min(self.settings.open_for * 2.0**doublings, self.settings.max_open_for)

    def _open(self, now: float, seconds: float, reason: str, rate: float | None = None) -> Change:
        self._enter("open")
        self._opened_at = now
        self._break_ends = now + seconds
        self._only_paused = False
        return Change("opened", reason, rate, seconds)

    def _half_open(self, now: float) -> Change:
        self._enter("half_open")
        self._break_ends = now + self._break()
        return Change("half_open", "break_over")

    def _close(self, reason: str) -> Change:
        change = self._let_through(reason)
        self._forget()
        return change

    def _let_through(self, reason: str) -> Change:
        self._enter("closed")
        self._opened_at = None
        self._failed_attempts = 0
        self._serial += 1
        self.permit = self._serial
        return Change("closed", reason)

    def _enter(self, state: State) -> None:
        self.state = state
        self.permit = 0
        self.generation += 1
        self._break_ends = -inf
        self._probes.clear()

    def _forget(self) -> None:
        self._window.clear()
        self._in_a_row = 0
        self._detector = self.settings.fresh_detector()

    def _rate(self) -> float | None:
        calls = self._window.calls
        return self._window.failures / calls if calls >= self.settings.min_calls else None

    def _retry_after(self, now: float) -> float | None:
        if self.state == "isolated":
            return None
        if self.state != "half_open":
            return max(0.0, self._break_ends - now)
        if self._probes.has_place(self.settings):
            return 0.0
        return self._probes.wait(now, self._break())
