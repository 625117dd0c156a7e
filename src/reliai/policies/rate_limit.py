"""So many calls, or tokens, a second: a provider's quota kept before it has to say no."""

from __future__ import annotations

import copy
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from reliai import clock
from reliai._core.complaints import warn_once
from reliai._core.decorator import Policy
from reliai._core.limits import nearest, overrun
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai._core.settings import settings
from reliai.decisions.bucket import Buckets, TokenBucket
from reliai.errors import ConfigurationError, RateLimited
from reliai.policies._callbacks import checked_function, checked_mode
from reliai.policies._keys import check_key_fits, key_of
from reliai.policies._sharing import (
    apart,
    checked_name,
    given_state,
    name_at,
    shown_state,
    state_in_use,
)
from reliai.policies._weights import Weigher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.site import Site
    from reliai.clock import Clock

__all__ = ["RateLimit"]

Priority: TypeAlias = "Callable[[Call], Any]"


class RateLimit(Policy):
    """Lets calls through at a rate, with bursts up to `burst`: a token bucket that begins full.

    Inside `Retry` every attempt takes from it, as it does from the provider's quota. One object is
    one bucket, however many functions it guards; each key, and each target of a `Fallback`, has one
    of its own. What a call takes is given back when it is cancelled before the model is called.

    With a shared state the limit holds for all processes together. Each takes from its share of one
    bucket, which is cut anew each 0.2 s, so a call waits for no store; processes that were all idle
    may each use a whole burst before they hear of one another, and make up for it afterwards. While
    the store is away each goes on with the share that it had of late.

    Args:
        rate: calls, or tokens of `cost`, that each `per` seconds allow (> 0).
        per: seconds `rate` is counted over (> 0).
        burst: the most that can be used at once (> 0); `rate` by default, and at least 1 call.
        cost: what a call takes from the bucket. None: 1. "tokens": its tokens, estimated from the
            length of its text and from answers so far, and corrected when the answer tells. A
            function of the call: its estimate of the tokens, corrected the same way.
        correct: False when `cost` is no estimate of tokens but a weight that stays as it is.
        max_wait: seconds a call may wait for its turn; 0: it is refused at once. Who waits is
            served in the order of arrival, and never beyond the call's deadline.
        key: keeps buckets apart: "subject", "tenant", "arg:NAME", a tuple of these, or a function
            of the call. At most 10,000 that are not full are kept.
        reserve: share of the burst, in [0, 1), that only calls of high `priority` may use
            (*provisional*).
        priority: a function of the call that says whether it is of high priority, or "tag:NAME":
            whether that tag is "high" (*provisional*).
        name: what processes that share it know it by; by default the name of the function that it
            was put on first. Limits of one name and one rate are one limit in the fleet.
        state: where processes share it, a URL or a state; by default what `configure(state=)` says.
        mode: "enforce", or "observe" to only say what it would have refused.

    Raises:
        ConfigurationError: for a value out of its range, or values that contradict each other.
    """

    rank = 100

    def __init__(
        self,
        rate: float,
        per: float = 1.0,
        *,
        burst: float | None = None,
        cost: Any = None,
        correct: bool = True,
        max_wait: float = 0.0,
        key: Any = None,
        reserve: float = 0.0,
        priority: Any = None,
        name: str | None = None,
        state: Any = None,
        mode: str = "enforce",
    ) -> None:
        self.rate = _above_0("rate", rate, "what `per` seconds allow")
        self.per = _above_0("per", per, "seconds")
        self.burst = max(1.0, self.rate) if burst is None else _above_0("burst", burst, "tokens")
        self.cost = cost
        self.correct = bool(correct)
        self.max_wait = _checked_wait(max_wait)
        self.key = key
        self.reserve = _checked_reserve(reserve, priority)
        self.priority = priority
        self.name = checked_name("RateLimit", name)
        self.mode = checked_mode(mode, "RateLimit")
        self._weigher = Weigher(cost, self.burst, correct=self.correct)
        self._high = _priority_of(priority)
        self._key = key_of(key, "RateLimit(key)")
        self._keep = self.reserve * self.burst
        self._each_second = self.rate / self.per
        # Times of two clocks cannot be compared, so what was taken belongs to its clock.
        self._buckets: WeakKeyDictionary[Clock, Buckets] = WeakKeyDictionary()
        self._quick: tuple[Clock | None, TokenBucket | None, object] = (None, None, None)
        self._state = given_state(state)
        self._place = self.name

    def bind(self, site: Site) -> RateLimit:
        check_key_fits(self.key, site, "RateLimit(key)")
        for name in ("cost", "priority"):
            if callable(getattr(self, name)):
                checked_function(getattr(self, name), site, f"RateLimit({name})")
        if self._place is None:
            self._place = name_at(site, RateLimit)
        self._buckets_by(clock.active())
        return self

    def isolated(self, evaluation: Evaluation) -> RateLimit:
        made = copy.copy(self)
        made._weigher = Weigher(self.cost, self.burst, correct=self.correct)  # noqa: SLF001  the copy is ours
        made._buckets, made._quick = WeakKeyDictionary(), (None, None, None)  # noqa: SLF001
        made._state = apart()  # noqa: SLF001
        return made

    def describe(self) -> dict[str, Any]:
        names = "rate per burst cost correct max_wait key reserve priority name mode".split()
        given = {name: plain(getattr(self, name)) for name in names}
        return {**given, "state": shown_state(self._state)}

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: a call that is let through at once needs no coroutine of ours."""
        simple = self._key is None and self.cost is None and self._high is None

        def enter(call: Call) -> Awaitable[Outcome]:
            if call.ambient.attempts is not None:  # deactivated
                return proceed(call)
            time, bucket, seen = self._quick
            if (
                simple
                and time is call.clock
                and bucket is not None
                and seen is settings.state
                and call.primary
            ):
                if bucket.take(call.clock.monotonic(), 1.0) <= 0.0:
                    return proceed(call)
                return self._short(call, proceed, bucket, 1.0)
            return self._limited(call, proceed)

        return enter

    async def _limited(self, call: Call, proceed: Proceed) -> Outcome:
        try:
            weight = self._weigher.weight(call)
            buckets = self._buckets_by(call.clock)
            bucket = self._bucket(call, buckets)
            keep = self._keep if self._high is not None and not self._high(call) else 0.0
        except Exception as error:  # noqa: BLE001  a user's function; its mistake is the outcome
            return Outcome(error=error)
        if buckets.sharing is not None and not buckets.sharing.introduced:
            await buckets.sharing.introduce(call)
        if weight > self.burst - keep:
            return self._refused(call, bucket, weight, None) or await proceed(call)
        if bucket.take(call.clock.monotonic(), weight, 0.0, keep) <= 0.0:
            return await self._corrected(call, proceed, bucket, weight)
        return await self._short(call, proceed, bucket, weight, keep)

    async def _short(
        self, call: Call, proceed: Proceed, bucket: TokenBucket, weight: float, keep: float = 0.0
    ) -> Outcome:
        """What a call does that the bucket has not enough for: wait for its turn, or be refused."""
        now, until = call.clock.monotonic(), call.until
        left = inf if until is None else until - now
        longest = min(self.max_wait, left)
        wait = bucket.take(now, weight, longest, keep)
        if wait > longest:
            if self.max_wait >= wait and not call.observes(self):
                return Outcome(error=overrun(call, nearest(call, now)))  # its time ends before
            return self._refused(call, bucket, weight, wait) or await proceed(call)
        if wait > 0.0:
            call.emit("rate_limit_wait", seconds=wait)
            try:
                await call.runtime.sleep(wait)
            except BaseException:
                bucket.correct(call.clock.monotonic(), -weight)
                raise
        return await self._corrected(call, proceed, bucket, weight)

    async def _corrected(
        self, call: Call, proceed: Proceed, bucket: TokenBucket, weight: float
    ) -> Outcome:
        """Go on, and put right afterwards what was taken by an estimate."""
        if not self._weigher.estimates:
            return await proceed(call)
        return await self._weigher.settled(call, proceed, bucket, weight)

    def _refused(
        self, call: Call, bucket: TokenBucket, weight: float, wait: float | None
    ) -> Outcome | None:
        """The refusal; None when it is only to be said."""
        level = bucket.level(call.clock.monotonic())
        facts = {"cost": weight, "level": round(level, 3), "retry_after": wait}
        if call.observes(self):
            call.emit("rate_limit_would_reject", **facts)
            return None
        call.emit("rate_limit_rejected", **facts)
        allowed = f"{self.rate:g} each {self.per:g} s, {self.burst:g} at once"
        if wait is None:
            says = f"it takes {weight:g}, which is never let through; raise burst or ask for less"
        else:
            says = f"it takes {weight:g}, {max(level, 0.0):g} are left; call again in {wait:.3g} s"
        message = f"{call.name}: over the rate limit of {call.target} ({allowed}): {says}"
        return Outcome(error=RateLimited(message, retry_after=wait))

    def _buckets_by(self, time: Clock) -> Buckets:
        """The buckets for a clock, in step with other processes where a state is set."""
        buckets = self._buckets.get(time)
        if buckets is None:
            made = Buckets(self._each_second, self.burst)
            buckets = self._buckets.setdefault(time, made)
        if buckets.seen is not settings.state:
            self._share(buckets, time)
        return buckets

    def _share(self, buckets: Buckets, time: Clock) -> None:
        state = state_in_use(self._state)
        buckets.seen = settings.state
        if state is None or self._place is None:
            buckets.sharing = None
        elif buckets.sharing is None or buckets.sharing.state is not state:
            from reliai.policies._rate_sharing import RateSharing  # noqa: PLC0415  fleets only

            buckets.sharing = RateSharing(buckets, self._place, state, time)

    def _bucket(self, call: Call, buckets: Buckets) -> TokenBucket:
        key: Hashable = None
        try:
            key = None if self._key is None else self._key(call)
            hash(key)
        except Exception as error:  # noqa: BLE001  a user's function, or what it gave, unhashable
            key = None
            warn_once(
                f"rate limit key:{call.name}",
                f"RateLimit(key={self.key!r}) gave no key for a call of {call.name} ({error!r}); "
                "the call counts for the bucket without a key",
            )
        place = None if call.primary else call.target
        bucket = buckets.bucket((place, key), call.clock.monotonic())
        if place is None and key is None:
            self._quick = call.clock, bucket, buckets.seen
        return bucket


def _priority_of(priority: Any) -> Priority | None:
    if isinstance(priority, str) and priority.startswith("tag:") and len(priority) > len("tag:"):
        name = priority.removeprefix("tag:")
        return lambda call: call.tags.get(name) == "high"
    if priority is None or (callable(priority) and not isinstance(priority, type)):
        return priority
    message = f"RateLimit(priority={priority!r}): give a function of the call, or 'tag:NAME'"
    raise ConfigurationError(message)


def _above_0(name: str, value: Any, unit: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf:
        return float(value)
    message = f"RateLimit({name}={value!r}): must be a number above 0, {unit}"
    raise ConfigurationError(message)


def _checked_wait(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    message = (
        f"RateLimit(max_wait={value!r}): must be a number of seconds of at least 0; math.inf waits "
        "until the call's deadline"
    )
    raise ConfigurationError(message)


def _checked_reserve(value: Any, priority: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        message = f"RateLimit(reserve={value!r}): must be a share of the burst, from 0 to below 1"
        raise ConfigurationError(message)
    if bool(value) != (priority is not None):
        message = (
            f"RateLimit(reserve={value!r}, priority={priority!r}): what is reserved and for whom "
            "go together; give both or neither"
        )
        raise ConfigurationError(message)
    return float(value)
