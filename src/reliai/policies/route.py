"""Which variant of a function, a prompt or a model a call gets: what a rollout chooses for it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from reliai._core.binding import bound_of
from reliai._core.call import checked_parameter
from reliai._core.complaints import warn_once
from reliai._core.decorator import Policy
from reliai._core.delivery import deliver
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai.decisions.choice import Choice
from reliai.errors import ConfigurationError
from reliai.policies._keys import check_key_fits, key_of
from reliai.policies._targets import Target, made_target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.record import CallRecord
    from reliai._core.site import Site
    from reliai.decisions.choice import Chooser

__all__ = ["Route"]

_MOST: Final = 64
"""Functions of a chooser that does not say its variants in advance, kept ready for calls."""


class Route(Policy):
    """Sends each call to the variant that a rollout chooses for its unit.

    The variant is a function, called with the same arguments: a bare one through the policies
    inside Route, with circuits and limits of its own; a guarded one brings its own policies. With
    `into=` it is a value, such as a prompt or the name of a model, and takes the place of that
    argument. The record tells the variant (of several rollouts the innermost one's), and an event
    `route` for each which rollout it was and why.

    In an evaluation the function itself is called; in a shadow a variant is chosen and not counted.

    Args:
        rollout: a `reliai.rollout.Rollout`, or any object with `choose(unit) -> Choice`. It may
            have `unit` (as `key=` of other policies; the subject when it has none), `variants`
            (the values by name, checked when decorating), and `ended(choice, record)`, which is
            told of each call's end.
        into: the parameter that the chosen value is given to; None where it is a function.

    Raises:
        ConfigurationError: when the object does not choose; when a function is decorated that has
            no such parameter, or that a variant cannot stand in for.
    """

    rank = 12

    def __init__(self, rollout: Chooser, into: str | None = None) -> None:
        if not callable(getattr(rollout, "choose", None)) or isinstance(rollout, type):
            raise ConfigurationError(
                f"Route({rollout!r}): must be a rollout, or another object with choose(unit)"
            )
        if into is not None and not (isinstance(into, str) and into):
            raise ConfigurationError(f"Route(into={into!r}): must be the name of a parameter")
        self.rollout = rollout
        self.into = into
        self._unit = getattr(rollout, "unit", "subject")
        self._key = key_of(self._unit, "Route(unit)")
        self._name: str | None = getattr(rollout, "name", None)
        self._told: Callable[[Choice, CallRecord], None] | None = getattr(rollout, "ended", None)
        self._targets: dict[int, tuple[Any, Target | None]] = {}
        self._site: Site
        self._give: Callable[[Call, Any], Call]

    def isolated(self, evaluation: Evaluation) -> None:
        return None

    def describe(self) -> dict[str, Any]:
        return {"rollout": plain(self.rollout), "into": self.into}

    def bind(self, site: Site) -> Route:
        bound = copy.copy(self)
        bound._site, bound._targets = site, {}  # noqa: SLF001  the copy is ours
        check_key_fits(self._unit, site, "Route(unit)")
        if self.into is not None:
            checked_parameter(site, self.into, "Route(into=…)")
            bound._give = _giver(site, self.into)  # noqa: SLF001  as above
            return bound
        variants = getattr(self.rollout, "variants", None)
        for name, value in (variants if isinstance(variants, Mapping) else {}).items():
            bound._target_of(name, value)  # noqa: SLF001
        return bound

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        return await self.link(proceed)(call)

    def link(self, proceed: Proceed) -> Proceed:
        """`run` for the engine: a call goes on to its variant without a coroutine of ours."""

        def enter(call: Call) -> Awaitable[Outcome]:
            choice = self._choice(call)
            if choice is None:
                return proceed(call)
            self._note(call, choice)
            try:
                return self._onwards(call, choice, proceed)
            except Exception as error:  # noqa: BLE001  becomes the outcome
                return _failed(error)

        return enter

    def _choice(self, call: Call) -> Choice | None:
        """What is chosen; None, and said once, when the object that chooses fails."""
        try:
            unit = None if self._key is None else self._key(call)
        except Exception as error:  # noqa: BLE001  a call is not lost for want of a unit
            warn_once(
                f"route:unit:{id(self._told)}:{type(error).__name__}",
                f"Route: the unit of a call of {call.name} could not be told "
                f"({type(error).__name__}), so it is counted as one without a unit",
            )
            unit = None
        try:
            choice = self.rollout.choose(unit)
            if isinstance(choice, Choice):
                return choice
            what = f"gave {type(choice).__name__} and no Choice"
        except Exception as error:  # noqa: BLE001  nor for want of a choice
            what = f"raised {type(error).__name__}"
        warn_once(
            f"route:choose:{id(self.rollout)}",
            f"Route: choose() of {type(self.rollout).__name__} {what}; "
            f"{call.name} itself is called, with its arguments as they are",
        )
        return None

    def _note(self, call: Call, choice: Choice) -> None:
        record, here = call._record, call.ambient  # noqa: SLF001  the record is the call's own
        record.variant = choice.name
        call.emit(
            "route",
            rollout=self._name,
            variant=choice.name,
            reason=choice.reason,
            version=choice.version,
            share=choice.share,
            phase=choice.phase,
            place=choice.place,
        )
        told = self._told
        if told is None or here.shadow is not None or here.evaluation is not None:
            return
        ending = partial(deliver, self.rollout, told, choice, record)
        after = record._after  # noqa: SLF001
        if after is None:
            record._after = [ending]  # noqa: SLF001
        elif not any(isinstance(each, partial) and each.args[1:2] == (told,) for each in after):
            record._after = [*after, ending]  # noqa: SLF001
        # Otherwise a further attempt, of a policy around this one: the call counts once.

    def _onwards(self, call: Call, choice: Choice, proceed: Proceed) -> Awaitable[Outcome]:
        if self.into is not None:
            return proceed(self._give(call, choice.value))
        known = self._targets.get(id(choice.value))
        target = self._target_of(choice.name, choice.value) if known is None else known[1]
        return proceed(call) if target is None else target.ask(call, proceed)

    def _target_of(self, name: str, value: Any) -> Target | None:
        """What a variant is called by; None for the function itself.

        Raises:
            ConfigurationError: when it is no function that can stand in for it.
        """
        guarded = bound_of(value) if callable(value) else None
        function = value if guarded is None else guarded.site.function
        target: Target | None = None
        if function is not self._site.function:
            if not callable(value) or isinstance(value, type):
                raise ConfigurationError(
                    f"Route: the variant {name!r} is of type {type(value).__name__} and no "
                    "function; say which argument it is for: Route(rollout, into='parameter')"
                )
            target = made_target(self._site, value)
        if len(self._targets) < _MOST:
            self._targets[id(value)] = (value, target)  # the value too: ids are given again
        return target


def _giver(site: Site, name: str) -> Callable[[Call, Any], Call]:
    """What puts a value in the place of an argument: by its place, for binding takes 10 µs."""
    parameters = site.signature.parameters
    parameter = parameters.get(name)
    if parameter is not None and parameter.kind in {
        parameter.POSITIONAL_ONLY,  # those not given have no place of their own
        parameter.VAR_KEYWORD,
    }:
        return lambda call, value: call.with_arguments(**{name: value})
    named = parameter is None or parameter.kind is parameter.KEYWORD_ONLY
    place = sys.maxsize if named else list(parameters).index(name)

    def give(call: Call, value: Any) -> Call:
        args, kwargs = call.args, call.kwargs
        if place < len(args):
            return call.given((*args[:place], value, *args[place + 1 :]), kwargs)
        return call.given(args, {**kwargs, name: value})

    return give


async def _failed(error: Exception) -> Outcome:
    return Outcome(error=error)
