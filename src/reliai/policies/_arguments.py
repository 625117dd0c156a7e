"""Where the arguments are that a Guard looks at, and how another value is put in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.policies._callbacks import innermost
from reliai.policies._judging import MISSING

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.site import Site
    from reliai.checks.base import Check

__all__ = ["BY_NAME", "Step", "argument_of", "looked_at", "place_of", "put"]

BY_NAME = 1 << 30
"""The position of an argument that is passed by name only."""


class Step(NamedTuple):
    """One check of one argument."""

    check: Check
    name: str
    position: int
    default: Any
    kind: type | tuple[type, ...] | None
    """The types of the values that it looks at; None for all."""


def put(call: Call, step: Step, value: object) -> Call:
    """The call with another value for the argument that a step looks at."""
    if step.position != BY_NAME and step.name not in call._site.parameters:  # noqa: SLF001
        args = (*call.args[: step.position], value, *call.args[step.position + 1 :])
        return call._copy(args=args, _arguments=None)  # noqa: SLF001  one of `*args`
    return call.with_arguments(**{step.name: value})


def looked_at(check: Check) -> type | tuple[type, ...]:
    """What a check that was given for no parameter in particular looks at."""
    messages = getattr(innermost(check), "reads_messages", False)
    return (str, list, tuple, dict) if messages else str


def place_of(site: Site, name: str) -> tuple[int, Any]:
    """Where an argument stands in a call, and what it is when it is not passed."""
    parameters = list(site.signature.parameters.values())
    for position, parameter in enumerate(parameters):
        if parameter.name == name and name in site.parameters:
            keyword_only = parameter.kind is parameter.KEYWORD_ONLY
            default = MISSING if parameter.default is parameter.empty else parameter.default
            return BY_NAME if keyword_only else position, default
    return BY_NAME, MISSING


def argument_of(call: Call, step: Step) -> Any:
    """The argument a step looks at; MISSING when there is none for it."""
    args = call.args
    if step.position < len(args):
        value = args[step.position]
    else:
        value = call.kwargs.get(step.name, step.default)
    return MISSING if step.kind is not None and not isinstance(value, step.kind) else value
