"""Checks of what goes in: an argument that fails one never reaches the model."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

from reliai._core.call import checked_parameter
from reliai._core.decorator import Policy
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai.checks.base import Replace, as_check, as_checks
from reliai.errors import ConfigurationError, GuardRejected
from reliai.policies._arguments import (
    BY_NAME,
    Step,
    argument_of,
    check_sees,
    looked_at,
    place_of,
    put,
)
from reliai.policies._callbacks import (
    answer_instead,
    checked_function,
    checked_mode,
    innermost,
    ready,
)
from reliai.policies._judging import MISSING, CheckOverrun, broken, reason_of, verdict_on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from reliai._core.call import Call, Proceed
    from reliai._core.site import Site

__all__ = ["Guard"]

_NoPass: TypeAlias = bool | str | Exception


class Guard(Policy):
    """Rejects a call whose arguments fail a check, before the model is called.

    Args:
        checks: checks of every argument that is text.
        mode: "enforce", or "observe" to let everything pass and say what would have been rejected.
        otherwise: `f(call, error)` giving an answer in place of `GuardRejected`; the call is then
            degraded. It may be `async def` on an asynchronous function.
        parameters: the parameters `checks` look at, in place of every text.
        by_parameter: checks (one, or a list) of the parameter with that name. A parameter that
            shares its name with an argument above goes into `parameters`.

    Raises:
        ConfigurationError: for something that is no check, for an unknown mode, or when a function
            is decorated that has no such parameter.
    """

    rank = 10

    def __init__(
        self,
        *checks: Callable[[Any], Any],
        mode: str = "enforce",
        otherwise: Callable[[Call, GuardRejected], Any] | None = None,
        parameters: Iterable[str] | None = None,
        **by_parameter: Callable[[Any], Any] | list[Any] | tuple[Any, ...],
    ) -> None:
        self.checks = tuple(as_check(check) for check in checks)
        self.by_parameter = {
            name: as_checks(given, f"Guard({name}=…)") for name, given in by_parameter.items()
        }
        self.parameters = _names(parameters)
        self.otherwise = otherwise
        self.mode = checked_mode(mode, "Guard")
        if self.parameters is not None and not self.checks:
            raise ConfigurationError(
                f"Guard(parameters={self.parameters!r}): there is no check for them; "
                "give the checks first: Guard(MaxLength(1000), parameters=['prompt'])"
            )
        if not self.checks and not any(self.by_parameter.values()):
            raise ConfigurationError("Guard() checks nothing; give a check, or leave it out")
        self._steps: tuple[Step, ...] = ()
        self._variadic = False
        self._quick = False
        self._hides = False

    def describe(self) -> dict[str, Any]:
        return {
            "checks": [check.describe() for check in self.checks],
            "by_parameter": {
                name: [check.describe() for check in checks]
                for name, checks in self.by_parameter.items()
            },
            "parameters": plain(self.parameters),
            "otherwise": plain(self.otherwise),
            "mode": self.mode,
        }

    def bind(self, site: Site) -> Guard:
        bound = copy.copy(self)
        bound._steps = tuple(_steps(self, site))  # noqa: SLF001  the copy is ours
        bound._variadic = self._looks_at_all() and len(site.parameters) < len(  # noqa: SLF001
            site.signature.parameters
        )
        if not bound._steps and not bound._variadic:  # noqa: SLF001
            raise ConfigurationError(f"{site.name} has no parameter that Guard could look at")
        if self._looks_at_all() and not bound._variadic:  # noqa: SLF001
            check_sees(site, self.checks)
        used = dict.fromkeys((*(step.check for step in bound._steps), *self.checks))  # noqa: SLF001
        ready(used, site, "Guard")
        checked_function(self.otherwise, site, "Guard(otherwise)", "call, error")
        plain_functions = all(
            not (c.asynchronous or c.reads_arguments) and c.timeout is None for c in used
        )
        bound._hides = any(getattr(innermost(c), "pseudonymizes", False) for c in used)  # noqa: SLF001
        bound._quick = plain_functions and not (bound._variadic or bound._hides)  # noqa: SLF001
        return bound

    def _looks_at_all(self) -> bool:
        return bool(self.checks) and self.parameters is None

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        steps = self._all_steps(call)
        if self._hides:
            return await self._look_and_hide(call, proceed, steps)
        return await self._look(call, proceed, steps, 0)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: a call that simply passes goes on without a coroutine of ours."""
        steps, look = self._steps, self._look

        def enter(call: Call) -> Awaitable[Outcome]:
            # The path of nearly every call. What does not simply pass is gone into by `_look`.
            args, kwargs = call.args, call.kwargs
            given = len(args)
            index = 0
            for check, name, position, default, kind in steps:
                value = args[position] if position < given else kwargs.get(name, default)
                if value is MISSING or (kind is not None and not isinstance(value, kind)):
                    index += 1
                    continue
                try:
                    verdict = check(value)
                except Exception:  # noqa: BLE001  a check's fault is not the call's
                    # Asked again in a coroutine, whose frame lets go of its caller's: the frame of
                    # a plain function would make a cycle of the error and the outcome.
                    return look(call, proceed, steps, index)
                if verdict is not None and verdict is not True:
                    return look(call, proceed, steps, index, verdict)
                index += 1
            return proceed(call)

        def enter_slowly(call: Call) -> Awaitable[Outcome]:
            return self.run(call, proceed)

        return enter if self._quick else enter_slowly

    def _all_steps(self, call: Call) -> tuple[Step, ...]:
        """The steps, with those for the arguments that `*args` and `**kwargs` took in."""
        if not self._variadic:
            return self._steps
        known = {step.name for step in self._steps}
        positions = 1 + max(
            (step.position for step in self._steps if step.position != BY_NAME), default=-1
        )
        more = [
            Step(check, f"argument {position}", position, MISSING, looked_at(check))
            for position in range(positions, len(call.args))
            for check in self.checks
        ]
        more += [
            Step(check, name, BY_NAME, MISSING, looked_at(check))
            for name in call.kwargs
            if name not in known
            for check in self.checks
        ]
        return (*self._steps, *more)

    async def _look(
        self,
        call: Call,
        proceed: Proceed,
        steps: tuple[Step, ...],
        first: int,
        verdict: Any = MISSING,
    ) -> Outcome:
        """Go through the steps from `first` on; its verdict may be known already."""
        observing = call.observes(self)
        original = call
        for step in steps[first:]:
            value = argument_of(call, step)
            if value is MISSING:
                continue
            found = await verdict_on(call, step.check, value, verdict)
            verdict = MISSING
            if found is None or found is True:
                continue
            if isinstance(found, CheckOverrun) and found.deadline is not None:
                return Outcome(error=found.deadline)
            if isinstance(found, Replace):
                try:
                    call = self._replace(call, step, found, observing=observing)
                except TypeError as error:  # arguments that do not fit the function
                    return Outcome(error=error)
                continue
            rejection = self.refused(call, step, found, observing=observing)
            if rejection is not None:
                return await self._rejected(original, rejection)
        return await proceed(call)

    async def _look_and_hide(
        self, call: Call, proceed: Proceed, steps: tuple[Step, ...]
    ) -> Outcome:
        """Go through the steps; where pseudonyms are given they are given to all at once.

        The checks before them in each parameter's list see what was passed, those after them the
        pseudonyms.
        """
        from reliai.policies import _pseudonymizing  # noqa: PLC0415  only who has such a check

        before, hiding, after = _pseudonymizing.in_order(steps)

        async def hide(call: Call) -> Outcome:
            hidden = await _pseudonymizing.hidden(self, call, hiding)
            if isinstance(hidden, GuardRejected):
                return await self._rejected(call, hidden)
            if isinstance(hidden, Exception):
                return Outcome(error=hidden)

            async def go_on(call: Call) -> Outcome:
                return await self._look(call, proceed, after, 0)

            return await hidden.answered(go_on)

        return await self._look(call, hide, before, 0)

    async def _rejected(self, call: Call, error: GuardRejected) -> Outcome:
        if self.otherwise is None:
            return Outcome(error=error)
        return await answer_instead(call, self.otherwise, error, "Guard")

    def _replace(self, call: Call, step: Step, found: Replace, *, observing: bool) -> Call:
        check = step.check
        call.check(check.name, passed=True, reason="it would change it" if observing else "changed")
        if observing:
            call.emit("guard_would_replace", check=check.name, parameter=step.name)
            return call
        call.emit("guard_replaced", check=check.name, parameter=step.name)
        return put(call, step, found.value)

    def refused(
        self, call: Call, step: Step, found: _NoPass, *, observing: bool
    ) -> GuardRejected | None:
        """The error for a verdict that is not a pass; None when the call may go on all the same."""
        check, where = step.check, {"check": step.check.name, "parameter": step.name}
        cause = found if isinstance(found, Exception) else None
        if isinstance(found, Exception):
            reason = broken(call, check, found, parameter=step.name)
            if reason is None:
                return None
        else:
            reason = reason_of(found)
        call.check(check.name, passed=False, reason=reason or None)
        if observing:
            call.emit("guard_would_reject", **where, reason=reason)
            return None
        call.emit("guard_rejected", **where, reason=reason)
        error = GuardRejected(
            f"{call.name}: argument {step.name!r} was rejected by {check.name}"
            f"{': ' + reason if reason else ''}. The model was not called",
            check=check.name,
            parameter=step.name,
        )
        error.__cause__ = cause
        return error


def _names(parameters: Iterable[str] | None) -> tuple[str, ...] | None:
    if parameters is None:
        return None
    names = (parameters,) if isinstance(parameters, str) else tuple(parameters)
    if not names or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f"Guard(parameters={parameters!r}): name at least one parameter, or leave it out"
        )
    return names


def _steps(guard: Guard, site: Site) -> Iterator[Step]:
    """Each check of each parameter, in the order of the function's parameters."""
    for name in guard.by_parameter:
        checked_parameter(site, name, f"Guard({name}=…)")
    for name in guard.parameters or ():
        checked_parameter(site, name, "Guard(parameters=…)")
    everything = guard.checks and guard.parameters is None
    extra = [name for name in guard.by_parameter if name not in site.parameters]
    extra += [name for name in guard.parameters or () if name not in (*site.parameters, *extra)]
    for name in (*site.parameters, *extra):
        position, default = place_of(site, name)
        for check in guard.by_parameter.get(name, ()):
            yield Step(check, name, position, default, None)
        if everything or name in (guard.parameters or ()):
            for check in guard.checks:
                kind = looked_at(check) if guard.parameters is None else None
                yield Step(check, name, position, default, kind)
