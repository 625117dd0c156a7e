"""Another answer when the function has none: other models, guarded functions, plain values."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

from reliai._core.call import checked_parameter
from reliai._core.complaints import follow, note
from reliai._core.decorator import Policy
from reliai._core.frames import empty_frames
from reliai.errors import ConfigurationError, ErrorKind, ReliaiError
from reliai.policies._conditions import error_kinds
from reliai.policies._targets import OtherArgument, PlainValue, Target, Value, made_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome
    from reliai._core.site import Site

__all__ = ["Fallback", "Value"]


class Fallback(Policy):
    """Asks the targets in order when the function fails; their answers are `degraded`.

    A bare function runs through the policies inside Fallback, with circuits and limits of its own;
    a guarded function brings its own policies; a plain value is the answer. Each gets the
    arguments that Fallback itself received.

    Args:
        targets: functions, guarded functions or plain values, in order.
        on: a target (or list of targets) for each kind of failure, for instance
            `{"context_length": big_model}`; other kinds go to `targets`.
        reserve: the share of the time left that the function may not use, kept for the targets;
            0 or more, below 1. Without a deadline there is nothing to share.

    Raises:
        ConfigurationError: without targets, for an unknown kind, or a value out of range.
    """

    rank = 50

    def __init__(
        self, *targets: Any, on: Mapping[Any, Any] | None = None, reserve: float = 0.3
    ) -> None:
        if not targets and not on:
            message = "Fallback() has no target; give a function or a value to fall back to"
            raise ConfigurationError(message)
        number = isinstance(reserve, int | float) and not isinstance(reserve, bool)
        if not number or not 0 <= reserve < 1:
            message = f"Fallback(reserve={reserve!r}): must be a share from 0 to below 1"
            raise ConfigurationError(message)
        self.targets: tuple[Any, ...] = targets
        self.on: dict[ErrorKind, tuple[Any, ...]] = {
            kind: _listed(given)
            for name, given in (on or {}).items()
            for kind in error_kinds([name], "Fallback(on=…)")
        }
        self.reserve = reserve
        self._parameter: str | None = None
        self._keeps = False
        self._ready: tuple[Target, ...] = ()
        self._ready_on: dict[ErrorKind, tuple[Target, ...]] = {}

    @classmethod
    def models(cls, *names: str, parameter: str = "model", reserve: float = 0.3) -> Fallback:
        """The same function with another argument: `Fallback.models("openai:b", "anthropic:c")`.

        Args:
            names: the values to try, in order, in place of the caller's.
            parameter: the function's parameter that takes them.
            reserve: as of `Fallback`.
        """
        made = cls(*(Value(name) for name in names), reserve=reserve)
        made._parameter = parameter
        return made

    def describe(self) -> dict[str, Any]:
        given = super().describe()
        return given if self._parameter is None else {**given, "parameter": self._parameter}

    def bind(self, site: Site) -> Fallback:
        bound = copy.copy(self)
        if self._parameter is not None:
            checked_parameter(site, self._parameter, "Fallback.models(parameter=…)")
            bound._ready = tuple(OtherArgument(self._parameter, t.value) for t in self.targets)  # noqa: SLF001
        else:
            bound._ready = tuple(made_target(site, target) for target in self.targets)  # noqa: SLF001
        bound._ready_on = {  # noqa: SLF001
            kind: tuple(made_target(site, target) for target in targets)
            for kind, targets in self.on.items()
        }
        asked = (*bound._ready, *(each for some in bound._ready_on.values() for each in some))  # noqa: SLF001
        bound._keeps = any(not isinstance(target, PlainValue) for target in asked)  # noqa: SLF001
        return bound

    @property
    def elsewhere(self) -> bool:
        """Whether calls may go to another function, and not only to a value at hand."""
        every = (*self._ready, *(each for some in self._ready_on.values() for each in some))
        return any(not isinstance(target, PlainValue) for target in every)

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        kept = _kept(call) if self._keeps else None
        if call.deadline is None or not self.reserve:
            outcome = await proceed(call)
        else:
            outer = call.cut
            until = call.deadline if outer is None else min(call.deadline, outer[0])
            now = call.clock.monotonic()
            seconds = max(0.0, until - now) * (1 - self.reserve)
            call.cut = (now + seconds, "reserve", seconds)
            outcome = await proceed(call)
            call.cut = outer
        if outcome.error is None:
            return outcome
        if self._in_vain(call, outcome):
            return outcome
        try:
            return await self._fall_back(call, proceed, outcome, kept)
        finally:
            del outcome  # its traceback may reach this frame, see `frames`

    async def _fall_back(
        self, call: Call, proceed: Proceed, first: Outcome, kept: _Arguments | None
    ) -> Outcome:
        record = call._record  # noqa: SLF001  the record is the call's own
        asked_before = record._asked  # noqa: SLF001
        record._asked = (*asked_before, call._target.function)  # noqa: SLF001
        tried: list[str] = []
        outcome = next_outcome = first
        for target in self._targets_for(first):
            if target.function is not None and target.function in record._asked:  # noqa: SLF001
                continue
            kind = str(getattr(outcome.failure, "kind", ErrorKind.UNKNOWN))
            call.emit("fallback", to=target.name, error=kind)
            empty_frames(outcome.error)
            tried.append(target.name)
            record._asked = (*record._asked, target.function)  # noqa: SLF001
            given = call if kept is None else call.given(*_detached(kept))
            next_outcome = await target.ask(given, proceed)
            if next_outcome.error is None:
                next_outcome.degraded = True
                call.answered_by(target.name)
                first = outcome = next_outcome
                break
            refused_twice = _was_refused(outcome) and _was_refused(next_outcome)
            outcome = next_outcome
            if refused_twice or not self._worth_another(call, outcome):
                break
        record._asked = asked_before  # noqa: SLF001
        try:
            return outcome if outcome.error is None else _failed(call, first, outcome, tried)
        finally:
            del outcome, next_outcome, first  # as above

    def _targets_for(self, outcome: Outcome) -> tuple[Target, ...]:
        failure = outcome.failure
        if failure is None:
            return ()
        return self._ready_on.get(failure.kind, self._ready)

    def _in_vain(self, call: Call, outcome: Outcome) -> bool:
        """Whether nobody is to be asked: not after this failure, or we are asked in place of us."""
        return not self._worth_another(call, outcome) or _asked_by_itself(call)

    def _worth_another(self, call: Call, outcome: Outcome) -> bool:
        failure = outcome.failure
        if failure is None or failure.programming or failure.control_flow:
            return False
        once = call._site.effects == "once"  # noqa: SLF001  a fact of the function
        if once and failure.sent is not False and failure.kind in _MAY_HAVE_HAPPENED:
            return False
        named = failure.kind in self._ready_on and not isinstance(outcome.error, ReliaiError)
        return failure.verdict.fall_back or named


def _was_refused(outcome: Outcome) -> bool:
    """Whether a model refused: what two refuse the others need not be asked."""
    failure = outcome.failure
    return failure is not None and failure.kind is ErrorKind.CONTENT_FILTER


_MAY_HAVE_HAPPENED = {ErrorKind.UNKNOWN, ErrorKind.INVALID_OUTPUT}
"""Kinds of failures after which nobody knows whether an effect came about."""

_Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]

_CONTAINERS = frozenset({dict, list, set})


def _kept(call: Call) -> _Arguments | None:
    """The arguments as they are now, when the function could change what is in them."""
    for given in (call.args, call.kwargs.values()):
        for value in given:
            if type(value) in _CONTAINERS:
                kept: _Arguments = _detached((call.args, call.kwargs))
                return kept
    return None


def _detached(value: Any, depth: int = 8) -> Any:
    """A copy of plain containers and the containers in them; anything else as it is."""
    kind = type(value)
    if not depth or (kind not in _CONTAINERS and kind is not tuple):
        return value
    if kind is dict:
        return {key: _detached(item, depth - 1) for key, item in value.items()}
    return kind(_detached(item, depth - 1) for item in value)


def _asked_by_itself(call: Call) -> bool:
    """Whether a call around this one, of the same function, is asking others already.

    A target of that call, such as a guarded function, may stand between the two.
    """
    site, parent = call._site, call.parent  # noqa: SLF001  the engine's own
    while parent is not None:
        asked = parent._record._asked  # noqa: SLF001
        if asked and (parent._site is site or site.function in asked):  # noqa: SLF001
            return True
        parent = parent.parent
    return False


def _failed(call: Call, first: Outcome, last: Outcome, tried: list[str]) -> Outcome:
    """The last target's error, with the function's own behind it."""
    if not tried or last.error is None or last.error is first.error:
        return first
    follow(last.error, first.error)
    note(
        last.error,
        f"reliai: {call.name}: Fallback asked {', '.join(tried)} after "
        f"{type(first.error).__name__}; none answered",
    )
    return last


def _listed(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list | tuple) else (given,)
