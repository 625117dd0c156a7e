"""A second attempt beside one that takes unusually long; the first good answer is taken."""

from __future__ import annotations

import copy
from math import inf
from typing import TYPE_CHECKING, Any

from reliai._core.complaints import note
from reliai._core.decorator import Policy
from reliai._core.policy import plain
from reliai.decisions.quantile import MovingQuantile
from reliai.decisions.retry_budget import RetryBudget
from reliai.errors import ConfigurationError, ErrorKind
from reliai.policies._race import Race
from reliai.policies._targets import made_target
from reliai.policies.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.outcome import Outcome
    from reliai._core.site import Site
    from reliai.policies._targets import Target
    from reliai.providers import Failure

__all__ = ["Hedge"]

_WARM = 100
"""Calls that have to be seen before a quantile means anything."""
_LEAST = 0.001
"""Seconds to wait at the least where the delay is learned."""
_QUIET = 0.1
"""Hedges a second that need no budget, so that a quiet program may hedge too."""


class Hedge(Policy):
    """Asks again beside an attempt that takes unusually long, and takes the first good answer.

    The others are cancelled and awaited before the answer is given; a synchronous function cannot
    be cancelled, so it runs on a thread of its own and is left behind. Of streams the first to
    yield a chunk wins. When an attempt fails in a way that is worth another, the next one starts at
    once; when it fails for good, all end. When all fail, the first one's error is raised, with a
    note about the others.

    Hedges are paid for: at most `extra_load` of the calls of the last seconds, and by the budget of
    a `Retry` around it. One that cannot be paid is not started, and the others go on.

    Args:
        after: seconds to wait before the second attempt (and between further ones); 0: all at once;
            `math.inf`: only after a failure. None: the time within which `quantile` of the last
            calls answered, once 100 were seen; none is hedged before.
        quantile: share of calls, in (0, 1), that are not hedged where `after` is None.
        max_hedges: further attempts at most (>= 1).
        extra_load: hedges for each call, in (0, 1].
        targets: functions to send the hedges to, in order, in place of the same one again:
            functions, or guarded functions with policies of their own.

    Raises:
        ConfigurationError: for a value out of its range; when a function is decorated that has an
            effect which must not happen twice.
    """

    rank = 80
    repeats = True

    def __init__(
        self,
        after: float | None = None,
        *,
        quantile: float = 0.95,
        max_hedges: int = 1,
        extra_load: float = 0.05,
        targets: Any = (),
    ) -> None:
        self.after = None if after is None else _seconds(after)
        self.quantile = _share("quantile", quantile, below=True)
        self.max_hedges = _count(max_hedges)
        self.extra_load = _share("extra_load", extra_load, below=False)
        self.targets = tuple(targets) if isinstance(targets, list | tuple) else (targets,)
        self._ready: tuple[Target, ...] = ()
        self._seen: dict[str, MovingQuantile] = {}
        self._budget = RetryBudget(ratio=self.extra_load, min_per_second=_QUIET)

    def isolated(self, evaluation: Evaluation) -> None:
        return None

    def describe(self) -> dict[str, Any]:
        names = ("after", "quantile", "max_hedges", "extra_load", "targets")
        return {name: plain(getattr(self, name)) for name in names}

    def bind(self, site: Site) -> Hedge:
        if site.effects == "once":
            message = (
                f"Hedge: {site.name} has an effect that must not happen twice (effects='once'), "
                "and a hedge would call it again; leave Hedge out"
            )
            raise ConfigurationError(message)
        bound = copy.copy(self)
        bound._ready = tuple(made_target(site, target) for target in self.targets)  # noqa: SLF001
        bound._seen = {}  # noqa: SLF001  what one function takes says nothing of another
        return bound

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: while nothing is known, a call is only timed."""

        def enter(call: Call) -> Awaitable[Outcome]:
            if call.ambient.attempts is not None or call.mode == "observe":
                return proceed(call)
            self._budget.deposit(call.started)
            delay = self._delay(call)
            if delay is None:
                return self._timed(call, proceed)
            return self._race(call, proceed, delay)

        return enter

    def _delay(self, call: Call) -> float | None:
        if self.after is not None:
            return self.after
        seen = self._seen.get(call.target)
        if seen is None or seen.count < _WARM:
            return None
        return max(_LEAST, seen.value())

    async def _timed(self, call: Call, proceed: Proceed) -> Outcome:
        began = call.clock.monotonic()
        outcome = await proceed(call)
        if outcome.error is None:
            self._saw(call, call.clock.monotonic() - began)
        return outcome

    def _saw(self, call: Call, seconds: float) -> None:
        seen = self._seen.get(call.target)
        if seen is None:
            seen = self._seen.setdefault(call.target, MovingQuantile(self.quantile))
        seen.add(seconds)

    async def _race(self, call: Call, proceed: Proceed, delay: float) -> Outcome:
        race = Race(call, proceed)
        began = call.clock.monotonic()
        race.start(call.rivalling())
        while True:
            wait = delay if self._may_hedge(race, call) else inf
            try:
                outcome = await race.next_end(None if wait == inf else wait)
            except BaseException:
                await race.end(None)
                raise
            if outcome is None:  # the delay has passed
                self._hedge(race, call, proceed, "slow")
                continue
            failure = outcome.failure
            if race.started > 1 and _was_refused(outcome):
                # By a limit or a budget further inside, which says nothing about the others.
                race.broke = race.broke or not self._ready
            elif outcome.error is None or failure is None or not self._worth_another(failure):
                if outcome.error is None and self.after is None:
                    # What was overtaken took at least as long: leaving it out would only ever
                    # count the quick ones.
                    self._saw(call, call.clock.monotonic() - began)
                return await self._won(race, call, outcome)
            if self._may_hedge(race, call) and self._hedge(race, call, proceed, "failed"):
                continue
            if not race.going:
                return await self._lost(race, call)

    def _worth_another(self, failure: Failure) -> bool:
        """Whether a failure leaves hope: of the same target, or of another one."""
        if failure.control_flow or failure.programming:
            return False
        verdict = failure.verdict
        return verdict.retry or (bool(self._ready) and verdict.fall_back)

    def _may_hedge(self, race: Race, call: Call) -> bool:
        return race.started <= self.max_hedges and not race.broke and call.remaining() != 0

    def _hedge(self, race: Race, call: Call, proceed: Proceed, why: str) -> bool:
        """Start a further attempt, if it can be paid for."""
        now = call.clock.monotonic()
        if not self._budget.withdraw(now) or not _paid_by_retries(call, now):
            race.broke = True
            call.emit("hedge_refused", reason="budget")
            return False
        place = race.started - 1
        if not self._ready:
            race.start(call.rivalling())
        else:
            target = self._ready[place % len(self._ready)]

            def ask(rival: Call) -> Awaitable[Outcome]:
                return target.ask(rival, proceed)

            race.start(call.rivalling(), ask)
        call.emit("hedge", number=race.started - 1, reason=why)
        return True

    async def _won(self, race: Race, call: Call, outcome: Outcome) -> Outcome:
        winner = race.latest
        await race.end(winner)
        if race.started > 1 and outcome.error is None:
            number = race.runs.index(winner)
            call.emit("hedge_won" if number else "hedge_lost", number=number)
        return outcome

    async def _lost(self, race: Race, call: Call) -> Outcome:
        failed = race.failed
        first = next((each for each in failed if not _was_refused(each)), failed[0])
        others = [each for each in failed if each is not first]
        await race.end(None)
        error = first.error
        if others and error is not None:
            names = ", ".join(type(each.error).__name__ for each in others)
            note(
                error, f"reliai: {call.name}: Hedge asked {len(others)} more, which failed: {names}"
            )
        return first


def _was_refused(outcome: Outcome) -> bool:
    """Whether an attempt was never made, for lack of room here."""
    failure = outcome.failure
    return failure is not None and failure.kind is ErrorKind.REJECTED


def _paid_by_retries(call: Call, now: float) -> bool:
    """Whether the budget of a Retry around it pays, too: a hedge is a retry that comes early."""
    for policy in call._site.policies:  # noqa: SLF001  the engine's own
        if isinstance(policy, Retry) and policy.spends is not None:
            return policy.spends.withdraw(now)
    return True


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    message = (
        f"Hedge(after={value!r}): must be a number of seconds of at least 0, math.inf for only "
        "after a failure, or None to learn it"
    )
    raise ConfigurationError(message)


def _share(name: str, value: Any, *, below: bool) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and value > 0 and (value < 1 if below else value <= 1):
        return float(value)
    message = (
        f"Hedge({name}={value!r}): must be a share above 0 and {'below' if below else 'at most'} 1"
    )
    raise ConfigurationError(message)


def _count(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    message = f"Hedge(max_hedges={value!r}): must be a whole number of at least 1"
    raise ConfigurationError(message)
