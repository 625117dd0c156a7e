"""The value that flows through a pipeline: one logical call, as its policies see it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from reliai._core.outcome import Outcome
from reliai._core.record import CheckResult, Event
from reliai._core.target import Target  # noqa: TC001  made in `named`
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from reliai._core.ambient import Ambient
    from reliai._core.policy import Policy
    from reliai._core.record import Attempt, CallRecord
    from reliai._core.runtime import Runtime
    from reliai._core.site import Site
    from reliai._core.stream import Stream
    from reliai._core.usage import Meter
    from reliai.clock import Clock

__all__ = ["Call", "Limit", "Proceed"]

Proceed: TypeAlias = "Callable[[Call], Awaitable[Outcome]]"
"""The rest of the pipeline. Never raises an `Exception`; may be awaited any number of times."""

Limit: TypeAlias = tuple[float, str, float]
"""A deadline on the monotonic clock, the layer it belongs to, and the seconds it was set with."""

MAX_EVENTS = 256
"""Events a record keeps; what comes after is counted in `events_dropped`."""


class Call:
    """One logical call. Policies change it only through its methods.

    Attributes:
        args, kwargs: the arguments, as they will be passed on.
        deadline: when the whole call must be done, by the monotonic clock; None for no limit.
        clock: where the time comes from.
        ambient: what surrounds the call: `context`, `deactivated`, `mode`.
        meters: what adds up the usage of this call and of those inside it.
    """

    __slots__ = (
        "_arguments",
        "_record",
        "_site",
        "_target",
        "ambient",
        "args",
        "attempt_limit",
        "bound",
        "clock",
        "cut",
        "deadline",
        "first_chunk",
        "hooks",
        "idle",
        "kwargs",
        "layer",
        "limit",
        "meters",
        "mode",
        "own",
        "parent",
        "rival",
        "started",
        "waited",
        "watched",
    )

    limit: float
    own: Attempt
    """The attempt that this object began; unset before."""
    rival: list[Attempt]
    """The attempts that this object and copies of it began, set when others go to the function at
    the same time; unset otherwise."""
    _arguments: Mapping[str, Any] | None

    def __init__(  # noqa: PLR0917  made in one place of the engine, for every call
        self,
        site: Site,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        record: CallRecord,
        ambient: Ambient,
        clock: Clock,
        started: float,
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.ambient = ambient
        self.clock = clock
        self.started = started
        self._record = record
        self._site = site
        self._target: Target = site.target
        self.hooks = hooks = site.hooks()
        self.deadline: float | None = None
        self.cut: Limit | None = None
        self.attempt_limit: float | None = None
        self.first_chunk: float | None = None
        self.idle: float | None = None
        self.bound: float | None = None
        self.waited = 0.0
        self.mode = "enforce"
        self.parent: Call | None = None
        self.meters: tuple[Meter, ...] = ()
        self.watched = ambient.leaf_filter is not None or hooks.watching
        self.layer: str = "inherited"
        self.limit: float = 0.0

    @property
    def id(self) -> str:
        """32 hexadecimal digits, ordered by time, or the id that `context(call_id=)` gave."""
        return self._record.id

    @property
    def name(self) -> str:
        """The guarded function's name."""
        return self._site.name

    @property
    def target(self) -> str:
        """The function this call goes to: the guarded one, or a fallback's."""
        return self._target.name

    @property
    def primary(self) -> bool:
        """Whether it goes to the guarded function itself, not to a stand-in."""
        return self._target.primary

    @property
    def attempt(self) -> int:
        """Number of the current attempt, from 1, over all retries, reasks and targets."""
        return max(1, len(self._record.written_attempts()))

    @property
    def admitted_at(self) -> float:
        """When the last attempt reached the function, by the monotonic clock.

        Durations that judge a provider start here: waiting in our own queues is not charged to it.
        """
        mine: list[Attempt] | None = getattr(self, "rival", None)
        if mine:
            return mine[-1].began
        attempts = self._record.written_attempts()
        return attempts[-1].began if attempts else self.started

    @property
    def exhausted(self) -> int:
        """Identity of an error whose retries a call inside this one has used up; 0 for none."""
        return self._record._exhausted  # noqa: SLF001  the record is the call's own

    @exhausted.setter
    def exhausted(self, identity: int) -> None:
        self._record._exhausted = identity  # noqa: SLF001  the record is the call's own

    def current_attempt(self) -> Attempt:
        """The attempt under way, or the one that gave the answer; else the last one.

        Of several at the same time this call's own, and afterwards the one that won.
        """
        mine: list[Attempt] | None = getattr(self, "rival", None)
        if mine:
            return mine[-1]
        attempts = self._record.written_attempts()
        last = attempts[-1]
        if last.status is None or last.status == "success" or len(attempts) == 1:
            return last
        return next((each for each in reversed(attempts) if each.status == "success"), last)

    def rivalling(self) -> Call:
        """A copy to go to the function at the same time as others, with attempts of its own."""
        copy = self._copy(rival=[], watched=True)
        if hasattr(copy, "own"):
            del copy.own
        return copy

    @property
    def tags(self) -> Mapping[str, str]:
        """The function's tags, with those of `context` over them."""
        return self._record.tags

    @property
    def parent_id(self) -> str | None:
        """The id of the call inside which this one is made."""
        return self._record.parent_id

    @property
    def variant(self) -> str | None:
        """What a rollout chose for this call."""
        return self._record.variant

    @property
    def runtime(self) -> Runtime:
        """How to wait: blocking in a synchronous call, suspending in an asynchronous one."""
        return self._site.runtime

    @property
    def deactivated(self) -> int | None:
        """How many attempts `deactivated()` leaves to the call; None outside of it."""
        return self.ambient.attempts

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments by parameter name, defaults included. Read-only; bound when first asked.

        Raises:
            TypeError: when the arguments do not fit the function's signature.
        """
        known: Mapping[str, Any] | None = getattr(self, "_arguments", None)
        if known is None:
            bound = self._site.signature.bind(*self.args, **self.kwargs)
            bound.apply_defaults()
            known = self._arguments = MappingProxyType(bound.arguments)
        return known

    @property
    def idempotency_key(self) -> str:
        """The same on all attempts: the argument `reliable(idempotency_key=)` names, or the id."""
        parameter = self._site.idempotency_key
        return self.id if parameter is None else str(self.arguments[parameter])

    def remaining(self) -> float | None:
        """Seconds left for the whole call (0 when they have run out); None for no limit."""
        until = self.until
        return None if until is None else max(0.0, until - self.clock.monotonic())

    @property
    def until(self) -> float | None:
        """When the policies of this call must be done, by the monotonic clock."""
        if self.cut is None:
            return self.deadline
        return self.cut[0] if self.deadline is None else min(self.deadline, self.cut[0])

    def observes(self, policy: Policy) -> bool:
        """Whether `policy` must only say what it would have refused."""
        return policy.mode == "observe" or self.mode == "observe"

    def with_arguments(self, **changes: Any) -> Call:
        """The call to proceed with instead, with some arguments changed by parameter name.

        Raises:
            ConfigurationError: for a name that is no parameter of the function.
        """
        site = self._site
        arguments = site.signature.bind(*self.args, **self.kwargs)
        arguments.apply_defaults()  # a gap before a positional argument would end them
        for name, value in changes.items():
            site.put_argument(arguments, name, value)
        return self._copy(args=arguments.args, kwargs=arguments.kwargs, _arguments=None)

    def to(self, target: Target) -> Call:
        """The same call, going to another function."""
        copy = self._copied()
        copy._target = target  # noqa: SLF001  the copy is ours
        return copy

    def at(self, site: Site, owner: object = None) -> Call:
        """The same call, served by another guarded function: of `owner`, when it is a method."""
        trial = self.ambient.evaluation
        if trial is not None:
            site = trial.scope.site_of(site)
        args = self.args if owner is None else (owner, *self.args)
        changes: dict[str, Any] = {"_site": site, "_target": site.target, "args": args}
        # Watched: the shorthand for a first attempt would give it the name of the record's site.
        return self._copy(**changes, _arguments=None, bound=None, watched=True)

    def given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """The same call with other arguments."""
        copy = self._copied()
        copy.args, copy.kwargs, copy._arguments = args, kwargs, None  # noqa: SLF001  as above
        return copy

    def metered(self, meter: Meter) -> Call:
        """The same call, with one more meter that its usage is told to."""
        if meter in self.meters:
            return self
        copy = self._copied()
        copy.meters = (*self.meters, meter)
        return copy

    def answered_by(self, target: str) -> None:
        """Put on the record who gave the answer, when it was not the function called last."""
        self._record._target = target  # noqa: SLF001  the record is the call's own

    def named(self, target: str) -> Call:
        """The same call of the same function, under another target's name."""
        return self._copy(_target=self._target.named(target))

    def _copy(self, **changes: Any) -> Call:
        copy = self._copied()
        for name, value in changes.items():
            setattr(copy, name, value)
        return copy

    def _copied(self) -> Call:
        copy = Call.__new__(Call)
        # Slot by slot in so many words: a loop over their names takes five times as long.
        copy._arguments = getattr(self, "_arguments", None)  # noqa: SLF001  its own
        copy._record = self._record  # noqa: SLF001  its own
        copy._site = self._site  # noqa: SLF001  its own
        copy._target = self._target  # noqa: SLF001  its own
        copy.ambient = self.ambient
        copy.args = self.args
        copy.attempt_limit = self.attempt_limit
        copy.bound = self.bound
        copy.clock = self.clock
        copy.cut = self.cut
        copy.deadline = self.deadline
        copy.first_chunk = self.first_chunk
        copy.hooks = self.hooks
        copy.idle = self.idle
        copy.kwargs = self.kwargs
        copy.layer = self.layer
        copy.limit = self.limit
        copy.meters = self.meters
        copy.mode = self.mode
        copy.parent = self.parent
        copy.started = self.started
        copy.waited = self.waited
        copy.watched = self.watched
        own = getattr(self, "own", None)
        if own is not None:
            copy.own = own
        if hasattr(self, "rival"):
            copy.rival = self.rival
        return copy

    def emit(self, kind: str, /, **attributes: Any) -> None:
        """Add an event to the record and show it to the observers."""
        record = self._record
        if record.duration is not None:
            return
        events = record._events  # noqa: SLF001  the record is the call's own
        if events is None:
            events = record._events = []  # noqa: SLF001
        if len(events) >= MAX_EVENTS:
            last = events[-1]
            dropped = last[2].get("count", 0) if last[0] == "events_dropped" else 1
            events[-1] = ("events_dropped", last[1], {"count": dropped + 1})
            return
        event = (kind, self.clock.monotonic() - self.started, attributes)
        events.append(event)
        if self.hooks.eventing:
            self.hooks.event(self, Event._make(event))

    def check(self, name: str, *, passed: bool, reason: str | None = None) -> None:
        """Add what a check said to the record."""
        record = self._record
        if not record.ended:
            record.checks = (*record.checks, CheckResult(name, passed, reason))

    async def settle(self, proceed: Proceed, done: Callable[[Outcome], None]) -> Outcome:
        """Proceed, and have `done` told the end exactly once.

        The end is the value or the error, or the end of the stream when the value is one. Its error
        may be a `BaseException`: a cancellation, or the `GeneratorExit` of a stream closed early.
        """
        try:
            outcome = await proceed(self)
        except BaseException as error:
            done(Outcome(error=error))
            raise
        if outcome.streaming:
            stream: Stream = outcome.value
            stream.on_end(done)
        else:
            done(outcome)
        return outcome

    def __repr__(self) -> str:
        return f"<reliai.Call {self.id} of {self.name}>"


def checked_parameter(site: Site, name: str, what: str) -> str:
    """`name`, when the site's function has such a parameter.

    Raises:
        ConfigurationError: naming `what` asked for it and which parameters there are.
    """
    if name not in site.parameters and not site.takes_any_keyword:
        known = ", ".join(site.parameters) or "none"
        message = f"{what}: {site.name} has no parameter {name!r}; its parameters are: {known}"
        raise ConfigurationError(message)
    return name
