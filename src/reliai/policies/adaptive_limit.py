"""As many calls at a time as the target bears: a bulkhead that finds its own size."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from reliai._core.decorator import Policy
from reliai._core.forking import renew_after_fork
from reliai._core.outcome import Outcome
from reliai.decisions.adaptive import AdaptiveLimiter
from reliai.decisions.places import Places
from reliai.errors import BulkheadFull, ConfigurationError, ErrorKind
from reliai.policies._callbacks import checked_mode
from reliai.policies._queueing import queued
from reliai.policies.bulkhead import give_back

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai.clock import Clock

__all__ = ["AdaptiveLimit"]

_OVERLOADS = frozenset({ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED, ErrorKind.TIMEOUT})


class AdaptiveLimit(Policy):
    """Lets as many calls run at the same time as the target bears (*provisional*).

    It begins with `initial`. A call that goes well while at least half of the places are in use
    makes room for a little more: about one more for each round of calls. A rate limit, an overload
    or a timeout takes a tenth away, once for all calls that ran together; so does a target whose
    first chunk (of a stream), or answer, comes twice as late as usual. Cancelled calls and other
    failures teach it nothing. One object is one limit, however many functions it guards; each
    target of a `Fallback` has one of its own.

    Args:
        initial: calls at the same time, to begin with.
        minimum: the fewest (>= 1).
        maximum: the most.
        queue: calls that may wait for a place (>= 0), first come, first served, until their
            deadline.
        latency: whether answers that come late count. Where their length varies much and they are
            no streams, turn it off.
        mode: "enforce", or "observe" to only say what it would have refused.

    Raises:
        ConfigurationError: unless 1 <= minimum <= initial <= maximum, in whole numbers.
    """

    rank = 110

    def __init__(
        self,
        initial: int = 20,
        minimum: int = 1,
        maximum: int = 200,
        *,
        queue: int = 0,
        latency: bool = True,
        mode: str = "enforce",
    ) -> None:
        for name, value in {"initial": initial, "minimum": minimum, "maximum": maximum}.items():
            _whole(name, value, 1)
        if not minimum <= initial <= maximum:
            message = (
                f"AdaptiveLimit(initial={initial!r}, minimum={minimum!r}, maximum={maximum!r}): "
                "must be in this order: minimum <= initial <= maximum"
            )
            raise ConfigurationError(message)
        self.initial = initial
        self.minimum = minimum
        self.maximum = maximum
        self.queue = _whole("queue", queue, 0)
        self.latency = bool(latency)
        self.mode = checked_mode(mode, "AdaptiveLimit")
        self._renew()
        renew_after_fork(self)
        # Times of two clocks cannot be compared, so what was learnt belongs to its clock.
        self._pools: WeakKeyDictionary[Clock, dict[str | None, _Pool]] = WeakKeyDictionary()
        self._quick: tuple[Clock | None, _Pool | None] = (None, None)

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def isolated(self, evaluation: Evaluation) -> AdaptiveLimit:
        return AdaptiveLimit(
            self.initial,
            self.minimum,
            self.maximum,
            queue=self.queue,
            latency=self.latency,
            mode=self.mode,
        )

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: a place that is free needs no queue."""

        def enter(call: Call) -> Awaitable[Outcome]:
            if call.ambient.attempts is not None:  # deactivated
                return proceed(call)
            clock, pool = self._quick  # read once: another thread may replace it
            if clock is not call.clock or pool is None or not call.primary:
                pool = self._pool(call.clock, None if call.primary else call.target)
            if pool.places.take():
                return self._seated(call, proceed, pool)
            return self._wait(call, proceed, pool)

        return enter

    async def _wait(self, call: Call, proceed: Proceed, pool: _Pool) -> Outcome:
        facts = {"running": pool.places.taken, "limit": pool.places.limit}
        if call.observes(self):
            call.emit("adaptive_limit_would_reject", **facts)
            return await proceed(call)
        refusal = await queued(call, pool.places, None)
        if refusal is None:
            return await self._seated(call, proceed, pool)
        call.emit("adaptive_limit_rejected", **facts)
        if isinstance(refusal, Exception):
            return Outcome(error=refusal)
        return Outcome(
            error=BulkheadFull(
                f"{call.name}: {call.target} bears {pool.places.limit} calls at the same time now "
                f"and {self.queue} may wait; the model was not called. Call again when one ended"
            )
        )

    async def _seated(self, call: Call, proceed: Proceed, pool: _Pool) -> Outcome:
        began, running = call.clock.monotonic(), pool.places.taken
        try:
            outcome = await proceed(call)
        except BaseException:
            pool.places.give_back()
            raise
        seconds = call.clock.monotonic() - max(began, call.admitted_at) if self.latency else None
        if outcome.streaming:  # its first chunk was read just now
            outcome.value.on_end(partial(pool.learn, call, running, seconds))
        else:
            pool.learn(call, running, seconds, outcome)
        give_back(outcome, pool.places)
        return outcome

    def _pool(self, time: Clock, target: str | None) -> _Pool:
        pools = self._pools.get(time)
        pool = None if pools is None else pools.get(target)
        if pool is None:
            with self._lock:
                pools = self._pools.setdefault(time, {})
                pool = pools.setdefault(target, _Pool(self))
        if target is None:
            self._quick = time, pool
        return pool

    @property
    def limit(self) -> int:
        """Calls at the same time, as it stands for the function itself."""
        from reliai import clock  # noqa: PLC0415  asked for by people, not by calls

        return self._pool(clock.active(), None).places.limit


class _Pool:
    """The places of one target, and what is known of it."""

    __slots__ = ("limiter", "places")

    def __init__(self, settings: AdaptiveLimit) -> None:
        self.limiter = AdaptiveLimiter(settings.initial, settings.minimum, settings.maximum)
        self.places = Places(settings.initial, settings.queue)

    def learn(self, call: Call, running: int, seconds: float | None, outcome: Outcome) -> None:
        """Take in how a call went."""
        now = call.clock.monotonic()
        if outcome.error is None:
            limit = self.limiter.went_well(now, running, seconds)
        else:
            failure = outcome.failure
            if failure is None or failure.kind not in _OVERLOADS:
                return
            limit = self.limiter.overloaded(now)
        before = self.places.limit
        if limit != before:
            self.places.resize(limit)
            call.emit("adaptive_limit_changed", limit=limit, before=before)


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    message = f"AdaptiveLimit({name}={value!r}): must be a whole number of at least {least}"
    raise ConfigurationError(message)
