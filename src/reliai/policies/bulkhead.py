"""At most so many calls at a time: what is slow fills its own compartment and no other."""

from __future__ import annotations

from functools import partial
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any

from reliai._core.decorator import Policy
from reliai._core.forking import renew_after_fork
from reliai._core.outcome import Outcome
from reliai.decisions.places import Places
from reliai.errors import BulkheadFull, ConfigurationError
from reliai.policies._callbacks import checked_mode
from reliai.policies._queueing import queued

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation

__all__ = ["Bulkhead", "give_back"]


class Bulkhead(Policy):
    """Lets at most `limit` calls run at the same time; `queue` more wait, first come, first served.

    One object is one compartment, however many functions it guards; each target of a `Fallback` has
    one of its own. A stream keeps its place until it ends, and a thread that a timeout left behind
    keeps it until it has ended. Time in the queue counts for the caller's deadline and is not
    charged to the provider.

    Args:
        limit: calls at the same time (>= 1).
        queue: calls that may wait for a place (>= 0); who comes then is refused.
        max_wait: seconds to wait at most; None: until the call's deadline. Needs `queue`.
        mode: "enforce", or "observe" to only say what it would have refused.

    Raises:
        ConfigurationError: for a value out of its range.
    """

    rank = 110

    def __init__(
        self,
        limit: int,
        *,
        queue: int = 0,
        max_wait: float | None = None,
        mode: str = "enforce",
    ) -> None:
        self.limit = _whole("limit", limit, 1)
        self.queue = _whole("queue", queue, 0)
        self.max_wait = None if max_wait is None else _seconds(max_wait)
        if max_wait is not None and not queue:
            message = f"Bulkhead(max_wait={max_wait!r}) has nobody wait: give queue=1 or more"
            raise ConfigurationError(message)
        self.mode = checked_mode(mode, "Bulkhead")
        self._places = Places(limit, queue)
        self._of_targets: dict[str, Places] = {}
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def isolated(self, evaluation: Evaluation) -> Bulkhead:
        return Bulkhead(self.limit, queue=self.queue, max_wait=self.max_wait, mode=self.mode)

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: a place that is free needs no queue."""

        def enter(call: Call) -> Awaitable[Outcome]:
            if call.ambient.attempts is not None:  # deactivated
                return proceed(call)
            places = self._places if call.primary else self._places_of(call.target)
            if places.take():
                return _seated(call, proceed, places)
            return self._wait(call, proceed, places)

        return enter

    async def _wait(self, call: Call, proceed: Proceed, places: Places) -> Outcome:
        if call.observes(self):
            call.emit("bulkhead_would_reject", running=places.taken, waiting=places.waiting)
            return await proceed(call)
        refusal = await queued(call, places, self.max_wait)
        if refusal is None:
            return await _seated(call, proceed, places)
        call.emit("bulkhead_rejected", running=places.taken, waiting=places.waiting)
        return Outcome(error=refusal if isinstance(refusal, Exception) else self._full(call))

    def _full(self, call: Call) -> BulkheadFull:
        waited = "" if self.max_wait is None else f", each for at most {self.max_wait:g} s"
        return BulkheadFull(
            f"{call.name}: {self.limit} calls of {call.target} run already and {self.queue} may "
            f"wait{waited}; the model was not called. Call again when one has ended, or raise "
            "limit or queue"
        )

    def _places_of(self, target: str) -> Places:
        with self._lock:
            known = self._of_targets.get(target)
            if known is None:
                known = self._of_targets[target] = Places(self.limit, self.queue)
            return known

    @property
    def running(self) -> int:
        """How many calls have a place now, of all targets."""
        return sum(places.taken for places in self._all())

    @property
    def waiting(self) -> int:
        """How many calls wait for one now, of all targets."""
        return sum(places.waiting for places in self._all())

    def resize(self, limit: int) -> None:
        """Have another number of places. Who has one keeps it; nobody is made to wait.

        Raises:
            ConfigurationError: when `limit` is not a whole number of at least 1.
        """
        self.limit = _whole("limit", limit, 1)
        for places in self._all():
            places.resize(limit)

    def _all(self) -> list[Places]:
        with self._lock:
            return [self._places, *self._of_targets.values()]


async def _seated(call: Call, proceed: Proceed, places: Places) -> Outcome:
    """Go on with a place, and give it back exactly once; `call.settle` in so many words."""
    try:
        outcome = await proceed(call)
    except BaseException:
        places.give_back()
        raise
    give_back(outcome, places)
    return outcome


def give_back(outcome: Outcome, places: Places) -> None:
    """Give a place back when all that was started for the call has ended."""
    if outcome.streaming:
        outcome.value.on_end(partial(_at_the_end, places))
    elif outcome.left is None:
        places.give_back()
    else:
        outcome.left.after(places.give_back)


def _at_the_end(places: Places, _: Outcome) -> None:
    places.give_back()


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    message = f"Bulkhead({name}={value!r}): must be a whole number of at least {least}"
    raise ConfigurationError(message)


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf:
        return float(value)
    message = (
        f"Bulkhead(max_wait={value!r}): must be a number of seconds above 0, or None to wait until "
        "the call's deadline"
    )
    raise ConfigurationError(message)
