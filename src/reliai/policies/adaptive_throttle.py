"""Sparing an overloaded target the calls it would refuse: some are refused here, by chance."""

from __future__ import annotations

from functools import partial
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from reliai._core.chance import chance as _chance
from reliai._core.decorator import Policy
from reliai._core.forking import renew_after_fork
from reliai._core.outcome import Outcome
from reliai.decisions.throttle import Throttle
from reliai.errors import ConfigurationError, ErrorKind, RateLimited
from reliai.policies._callbacks import checked_mode

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai.clock import Clock

__all__ = ["AdaptiveThrottle"]

_REFUSALS = frozenset({ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED})


class AdaptiveThrottle(Policy):
    """Refuses by chance what an overloaded target would refuse anyhow (*provisional*).

    As long as more than one call in `k` is accepted, all pass. Below that they are refused with a
    probability that grows until the target gets `k` calls for each that it accepts. Rate limits and
    overloads count as not accepted; everything else as accepted, but cancelled calls, which do not
    count. Unlike a circuit it never shuts off entirely, so it suits a quota that is shared.

    Args:
        k: calls made for each that is accepted (> 1); 2 lets twice as many through.
        window: seconds that are looked back on (> 0).
        most: the highest probability of a refusal, in (0, 1).
        mode: "enforce", or "observe" to only say what it would have refused.

    Raises:
        ConfigurationError: for a value out of its range.
    """

    rank = 105

    def __init__(
        self, k: float = 2.0, window: float = 120.0, *, most: float = 0.9, mode: str = "enforce"
    ) -> None:
        self.k = _number("k", k, 1.0, inf)
        self.window = _number("window", window, 0.0, inf)
        self.most = _number("most", most, 0.0, 1.0)
        self.mode = checked_mode(mode, "AdaptiveThrottle")
        self._renew()
        renew_after_fork(self)
        # Times of two clocks cannot be compared, so what was counted belongs to its clock.
        self._throttles: WeakKeyDictionary[Clock, dict[str, Throttle]] = WeakKeyDictionary()

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def isolated(self, evaluation: Evaluation) -> AdaptiveThrottle:
        return AdaptiveThrottle(self.k, self.window, most=self.most, mode=self.mode)

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: a refusal needs no coroutine."""

        def enter(call: Call) -> Awaitable[Outcome]:
            if call.ambient.attempts is not None:  # deactivated
                return proceed(call)
            throttle = self._throttle(call)
            chance = throttle.refusal(call.clock.monotonic())
            if not chance:
                return _counted(call, proceed, throttle)
            if call.observes(self):
                call.emit("throttle_would_reject", chance=chance)
                return _counted(call, proceed, throttle)
            call.emit("throttle_rejected", chance=chance)
            return Outcome(
                error=RateLimited(
                    f"{call.name}: {call.target} refuses so many calls that {chance:.0%} are not "
                    "sent to it any more; call less often, or later"
                )
            )

        return enter

    def _throttle(self, call: Call) -> Throttle:
        throttles = self._throttles.get(call.clock)
        target = "" if call.primary else call.target
        known = None if throttles is None else throttles.get(target)
        if known is None:
            with self._lock:
                throttles = self._throttles.setdefault(call.clock, {})
                made = Throttle(self.k, self.window, self.most, _chance.random)
                known = throttles.setdefault(target, made)
        return known


async def _counted(call: Call, proceed: Proceed, throttle: Throttle) -> Outcome:
    return await call.settle(proceed, partial(_count, call, throttle))


def _count(call: Call, throttle: Throttle, outcome: Outcome) -> None:
    failure = None if outcome.error is None else outcome.failure
    if failure is None:
        if outcome.error is None:
            throttle.record(call.clock.monotonic(), accepted=True)
    elif failure.kind not in {ErrorKind.CANCELLED, ErrorKind.REJECTED}:
        accepted = failure.kind not in _REFUSALS
        throttle.record(call.clock.monotonic(), accepted=accepted)


def _number(name: str, value: Any, above: float, below: float) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and above < value < below:
        return float(value)
    most = "" if below == inf else f" and below {below:g}"
    message = f"AdaptiveThrottle({name}={value!r}): must be a number above {above:g}{most}"
    raise ConfigurationError(message)
