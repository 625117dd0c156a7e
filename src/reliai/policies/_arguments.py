"""Where the arguments are that a Guard looks at, and how another value is put in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, get_origin

from reliai.errors import ConfigurationError
from reliai.policies._callbacks import innermost
from reliai.policies._judging import MISSING

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.site import Site
    from reliai.checks.base import Check

__all__ = ["BY_NAME", "Step", "argument_of", "check_sees", "looked_at", "place_of", "put"]

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


_PLAIN = {each.__name__: each for each in (list, dict, tuple, set, int, float, bool, bytes)}
"""Types of which an annotation says for certain that an argument is no text."""


def check_sees(site: Site, checks: tuple[Check, ...]) -> None:
    """See that each check for every text has an argument to look at: else it would pass anything.

    Raises:
        ConfigurationError: when the annotations say of every argument that it is something else.
    """
    parameters = site.signature.parameters
    names = [name for name in site.parameters if name not in {"self", "cls"}]
    for check in checks:
        kinds = looked_at(check)
        if not any(_may_be(parameters[name].annotation, kinds) for name in names):
            name = next(iter(names), "prompt")
            raise ConfigurationError(
                f"Guard({check.name}): it looks at text, and no parameter of {site.name} is text; "
                f"name the one to look at: Guard({name}=…)"
            )


def _may_be(annotation: Any, kinds: type | tuple[type, ...]) -> bool:
    if isinstance(annotation, str):
        plain = _PLAIN.get(annotation.partition("[")[0].strip())
        plain = None if "|" in annotation else plain
    else:
        plain = _PLAIN.get(getattr(get_origin(annotation) or annotation, "__name__", ""))
    return plain is None or issubclass(plain, kinds)


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
