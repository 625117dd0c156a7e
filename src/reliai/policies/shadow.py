"""A candidate tried on real requests, beside the function that answers them and unseen by it."""

from __future__ import annotations

import copy
import math
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.binding import Options, bound_of, guard
from reliai._core.chance import chance
from reliai._core.decorator import Policy
from reliai._core.forking import renew_after_fork
from reliai._core.kinds import kind_of
from reliai._core.policy import plain
from reliai._core.target import target_name
from reliai.comparisons import comparator_of
from reliai.decisions.assignment import BUCKETS, bucket
from reliai.decisions.shadow_tally import Tally
from reliai.errors import ConfigurationError, ErrorKind
from reliai.policies._callbacks import checked_function
from reliai.policies._shadow_job import Answer, Desk, Job, Request
from reliai.policies._shadow_report import ShadowReport, ShadowResult, report_of
from reliai.policies._shadow_request import detached, listened
from reliai.policies.budget import Budget
from reliai.policies.timeout import Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from reliai._core.binding import Bound
    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.outcome import Outcome
    from reliai._core.record import CallRecord
    from reliai._core.site import Site
    from reliai.policies._shadow_job import Place

__all__ = ["Shadow", "ShadowReport", "ShadowResult"]

_PURPOSE: Final = "shadow"


class Shadow(Policy):
    """Sends a copy of some requests to a candidate once they are answered, and compares.

    The caller gets the function's own answer, unchanged and no later: the candidate starts after
    the call has ended (a stream: after its last chunk), on one of four threads of the process, or,
    for an asynchronous call, as one of eight tasks of its loop. When `max_pending` wait or run,
    more are dropped and counted. Nothing it raises, changes or uses up reaches the call: it runs in
    a copy of the call's context, without its deadline, budgets, collectors and id, and leaves a
    record of its own whose `parent_id` is the call's, with the tag `shadow`.

    The request is copied before the function runs: plain containers (dict, list, tuple, set,
    bytearray) with all that is in them; any other object is the same one for both.

    Functions with an effect are not shadowed, and inside a shadow guarded functions that declare an
    effect, such as every `reliai.tool`, are not called: they raise `GuardRejected`, or a stand-in
    is called in their place.

    Calls that were cancelled, refused by a policy or answered by a stand-in are not shadowed, nor
    any under `deactivated()` or inside another shadow.

    Args:
        candidate: the function to try, with the same arguments; a guarded one brings its policies.
        rate: share of calls, in [0, 1]; the same subject is always in, or always out.
        compare: None or "exact", "json", "numbers", "text", a comparator of `reliai.comparisons`,
            or a function of (primary, candidate) that gives True, False, a number in [0, 1] or the
            reason why they differ.
        noise_baseline: share of the shadowed calls, in [0, 1], that also ask the function again,
            without its policies, to tell a worse candidate from chance.
        spend: what the shadow may cost: US dollars a day (> 0), or a `Budget`. None: no limit. With
            a shared state it is one cap for all processes whose shadows have the same name.
        max_pending: shadows that may wait or run at the same time (>= 1).
        name: for records and events; by default the candidate's.
        timeout: seconds for the candidate, and for each comparison (> 0).
        publish: is given the `ShadowResult` of each shadowed call, with its content.
        stand_ins: for guarded functions with an effect, what to call inside the shadow instead;
            it gets their arguments as they were given.

    Raises:
        ConfigurationError: for a value out of its range; when a function is decorated that has an
            effect, or whose candidate has one, or is asynchronous where the function is not.
    """

    rank = 15

    def __init__(
        self,
        candidate: Callable[..., Any],
        *,
        rate: float = 0.05,
        compare: Any = None,
        noise_baseline: float = 0.0,
        spend: float | Budget | None = None,
        max_pending: int = 64,
        name: str | None = None,
        timeout: float = 60.0,
        publish: Callable[[ShadowResult], Any] | None = None,
        stand_ins: Mapping[Callable[..., Any], Callable[..., Any]] | None = None,
    ) -> None:
        self.candidate = _checked_candidate(candidate)
        self.rate = _share("rate", rate)
        self.compare = compare
        self.noise_baseline = _share("noise_baseline", noise_baseline)
        self.spend = spend
        self.max_pending = _whole("max_pending", max_pending)
        self.name = _checked_name(name) or target_name(candidate)
        self.timeout = _seconds("timeout", timeout)
        self.publish = publish
        self.stand_ins = dict(stand_ins or {})
        self._comparator = comparator_of(compare)
        self._budget = _budget(spend, self.name)
        self._replaced = _by_identity(self.stand_ins)
        self._tally = Tally()
        self._desk: Desk
        self._salt = self.name
        self._place: Callable[[], Place]
        renew_after_fork(self._tally)

    def isolated(self, evaluation: Evaluation) -> None:
        return None

    def describe(self) -> dict[str, Any]:
        names = (
            "candidate",
            "rate",
            "compare",
            "noise_baseline",
            "spend",
            "max_pending",
            "name",
            "timeout",
            "publish",
            "stand_ins",
        )
        return {name: plain(getattr(self, name)) for name in names}

    def bind(self, site: Site) -> Shadow:
        self._check_effects(site)
        checked_function(self.publish, site, "Shadow(publish)")
        if not isinstance(self.compare, str):
            checked_function(self.compare, site, "Shadow(compare)")
        bound = copy.copy(self)
        again = self._twin(site.function, f"{site.name}.again") if self.noise_baseline else None
        bound._desk = Desk(  # noqa: SLF001
            name=self.name,
            candidate=self._twin(self.candidate, None),
            baseline=again,
            comparator=self._comparator,
            publish=self.publish,
            stand_ins=self._replaced,
            timeout=self.timeout,
            tally=self._tally,
        )
        bound._salt = f"{site.name}/{self.name}"  # noqa: SLF001
        if bound._desk.candidate.asynchronous and not site.asynchronous:  # noqa: SLF001
            raise ConfigurationError(
                f"Shadow({self.name}): it is asynchronous and {site.name} is not, so there is no "
                "event loop for it; give a plain function"
            )
        bound._place = _place_for(site)  # noqa: SLF001
        return bound

    def _check_effects(self, site: Site) -> None:
        if site.effects != "none":
            raise ConfigurationError(
                f"Shadow: {site.name} has an effect (effects={site.effects!r}), and a candidate "
                "would have it once more; leave Shadow out"
            )
        guarded = bound_of(self.candidate)
        if guarded is not None and guarded.site.effects != "none":
            raise ConfigurationError(
                f"Shadow({self.name}): the candidate has an effect "
                f"(effects={guarded.site.effects!r}), and nobody asks for what a shadow does; give "
                "a function without one"
            )

    def _twin(self, function: Any, name: str | None) -> Bound:
        """A function behind the shadow's own limits, and behind its policies if it has any."""
        limits: list[Policy] = [Timeout(self.timeout)]
        if self._budget is not None:
            limits.insert(0, self._budget)
        twin = bound_of(guard(function, tuple(limits), Options(name=name)))
        assert twin is not None  # noqa: S101  it was just made
        return twin

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: most calls are not sampled and go right on."""
        rate, draw = self.rate, chance.random

        def enter(call: Call) -> Any:
            subject = call.ambient.subject
            if subject is None:
                if draw() >= rate:
                    return proceed(call)
            elif bucket(str(subject), self._salt, _PURPOSE) >= rate * BUCKETS:
                return proceed(call)
            return self._sampled(call, proceed)

        return enter

    def _sampled(self, call: Call, proceed: Proceed) -> Awaitable[Outcome]:
        here = call.ambient
        if here.shadow is not None or here.attempts is not None or not call.primary:
            return proceed(call)
        if not self._is_wanted(call):
            return proceed(call)
        job = self._job(call)
        return proceed(call) if job is None else self._watched(call, proceed, job)

    def _is_wanted(self, call: Call) -> bool:
        condition = self._tally.condition
        try:
            return condition is None or bool(condition(call._record))  # noqa: SLF001  as below
        except Exception:  # noqa: BLE001  the call goes on, and is not shadowed
            return False

    def _job(self, call: Call) -> Job | None:
        """What is kept of a call to shadow it; None, and counted, when it is not to be."""
        for earlier in call._record._after or ():  # noqa: SLF001  the record is the call's own
            if isinstance(earlier, Job) and earlier.desk is self._desk:
                return earlier  # a further attempt, of a policy around this one
        tally = self._tally
        if tally.pending >= self.max_pending:
            tally.drop()
            call.emit("shadow_dropped", shadow=self.name, pending=self.max_pending)
            return None
        if self._spent(call):
            self._skip(call, "budget")
            return None
        try:
            request = Request(detached(call.args), detached(call.kwargs))
        except Exception:  # noqa: BLE001  another thread changes what is copied
            self._skip(call, "request")
            return None
        return Job(call, self._desk, request, copy_context(), self._place())

    def _spent(self, call: Call) -> bool:
        budget = self._budget
        if budget is None:
            return False
        key = None if budget._key is None else budget._key_of(call)  # noqa: SLF001  one floor
        return any(each.remaining <= 0 for each in budget.snapshot(key).values())

    def _skip(self, call: Call, reason: str, job: Job | None = None) -> None:
        if job is not None and job.leave():  # an earlier attempt, of a policy around this one
            self._tally.take_back(reason)
            job.finish()
        else:
            self._tally.skip(reason)
        call.emit("shadow_skipped", shadow=self.name, reason=reason)

    async def _watched(self, call: Call, proceed: Proceed, job: Job) -> Outcome:
        try:
            outcome = await proceed(call)
        except BaseException:
            self._skip(call, "cancelled", job)
            raise
        if not outcome.streaming:
            self._ended(call, job, outcome, outcome.value, degraded=outcome.degraded)
            return outcome
        answer, degraded = listened(outcome.value), outcome.degraded

        def ended(end: Outcome) -> None:  # must not hold the stream: abandoned, it ends at once
            value = answer() if end.error is None else None
            self._ended(call, job, end, value, degraded=degraded)

        outcome.value.on_end(ended)
        return outcome

    def _ended(self, call: Call, job: Job, outcome: Outcome, value: Any, *, degraded: bool) -> None:
        """The function's part is over: have the shadow begin once the call is."""
        reason = "degraded" if degraded else _why_not(outcome)
        if reason is not None:
            self._skip(call, reason, job)
            return
        job.primary = Answer(detached(value), outcome.error)
        if job.attached:
            return
        if not self._tally.start(self.max_pending):
            call.emit("shadow_dropped", shadow=self.name, pending=self.max_pending)
            return
        job.paired = bool(self.noise_baseline) and chance.random() < self.noise_baseline
        call.emit("shadow_started", shadow=self.name)
        job.attach()

    def only_while(self, condition: Callable[[CallRecord], bool] | None) -> None:
        """Leave out calls for whose record a condition does not hold, or raises; None: no more."""
        self._tally.condition = condition

    def report(self) -> ShadowReport:
        """What became of the shadow in this process so far."""
        return report_of(self.name, self._tally)

    def drain(self, timeout: float = 2.0) -> bool:
        """Wait until nothing waits or runs; False when `timeout` seconds ran out first.

        For the end of a script, and for tests. In an event loop use `adrain`.
        """
        from threading import Lock  # noqa: PLC0415  asked for rarely

        done = Lock()
        done.acquire()
        self._tally.when_idle(done.release)
        return clock.active().wait(done, timeout)

    async def adrain(self, timeout: float = 2.0) -> bool:  # noqa: ASYNC109  as `drain` has it
        """As `drain`, without blocking the event loop."""
        from reliai._core.async_signals import TaskSignal  # noqa: PLC0415  imports asyncio

        done = TaskSignal()
        self._tally.when_idle(done.give)
        return await done.received(timeout)


def _place_for(site: Site) -> Callable[[], Place]:
    """What gives the place where the shadow of a call runs; loaded when decorating."""
    if site.asynchronous:
        from reliai.policies._shadow_tasks import lane  # noqa: PLC0415  imports asyncio

        return lane
    from reliai.policies._shadow_threads import pool  # noqa: PLC0415  only where it is needed

    return pool


def _why_not(outcome: Outcome) -> str | None:
    """Why a call that ended so is not shadowed; None when it is."""
    error = outcome.error
    if error is None:
        return None
    if not isinstance(error, Exception):
        return "cancelled"
    failure = outcome.failure
    return "rejected" if failure is not None and failure.kind is ErrorKind.REJECTED else None


def _checked_candidate(candidate: Any) -> Any:
    if isinstance(candidate, Policy | type) or not callable(candidate):
        raise ConfigurationError(f"Shadow({candidate!r}): the candidate must be a function")
    kind_of(getattr(candidate, "__func__", candidate))
    return candidate


def _checked_name(name: Any) -> str | None:
    if name is None or (isinstance(name, str) and name):
        return name
    raise ConfigurationError(f"Shadow(name={name!r}): must be a text that is not empty, or None")


def _share(name: str, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ConfigurationError(f"Shadow({name}={value!r}): must be a share in [0, 1]")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ConfigurationError(f"Shadow({name}={value!r}): must be a whole number of at least 1")


def _seconds(name: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 < value < math.inf:
        return float(value)
    raise ConfigurationError(f"Shadow({name}={value!r}): must be a number of seconds above 0")


def _budget(spend: Any, name: str) -> Budget | None:
    if spend is None or isinstance(spend, Budget):
        return spend
    number = isinstance(spend, int | float) and not isinstance(spend, bool)
    if number and 0 < spend < math.inf:
        return Budget(usd=float(spend), name=f"shadow:{name}")
    raise ConfigurationError(
        f"Shadow(spend={spend!r}): must be US dollars a day above 0, a Budget, or None"
    )


def _by_identity(stand_ins: Mapping[Any, Any]) -> dict[int, Callable[..., Any]]:
    found: dict[int, Callable[..., Any]] = {}
    for function, stand_in in stand_ins.items():
        guarded = bound_of(function)
        if guarded is None or guarded.site.effects == "none" or not callable(stand_in):
            name = getattr(function, "__qualname__", repr(function))
            raise ConfigurationError(
                f"Shadow(stand_ins={{{name}: …}}): must name a guarded function that declares an "
                "effect, and a function to call in its place"
            )
        found[id(guarded.site.function)] = stand_in
    return found
