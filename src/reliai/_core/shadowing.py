"""What the engine knows of shadows: calls that nobody waits for, made to see how they would go.

Nothing that has an effect may happen in one. So a function that declares an effect looks, before
any of its policies does anything, whether it is called in a shadow.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.outcome import Outcome
from reliai.errors import GuardRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai._core.call import Call, Proceed

__all__ = ["Shadowing", "fenced"]


class Shadowing(NamedTuple):
    """What calls shadow.

    Attributes:
        name: the shadow's name.
        parent_id: the id of the call that they shadow.
        stand_ins: what is called in place of functions that have an effect, by their identity.
    """

    name: str
    parent_id: str
    stand_ins: Mapping[int, Callable[..., Any]]


def fenced(proceed: Proceed, function: Callable[..., Any]) -> Proceed:
    """`proceed`, but in a shadow: there `function` is not called, and a stand-in is if it has one.

    The refusal is one of our own: nobody retries it, no fallback is asked, no circuit learns of it.
    """

    def enter(call: Call) -> Any:
        shadow = call.ambient.shadow
        if shadow is None:
            return proceed(call)
        stand_in = shadow.stand_ins.get(id(function))
        if stand_in is None:
            return Outcome(error=_refusal(call, shadow))
        return _stood_in(call, stand_in)

    return enter


async def _stood_in(call: Call, stand_in: Callable[..., Any]) -> Outcome:
    try:
        value = stand_in(*call.args, **call.kwargs)
        if call.runtime.asynchronous and inspect.isawaitable(value):
            value = await value
    except Exception as error:  # noqa: BLE001  becomes the outcome
        return Outcome(error=error)
    return Outcome(value)


def _refusal(call: Call, shadow: Shadowing) -> GuardRejected:
    return GuardRejected(
        f"{call.name} has an effect, so it is not called inside the shadow {shadow.name!r}, whose "
        "calls nobody asked for. To have the shadow go on, give "
        "Shadow(stand_ins={function: what to call in its place})",
        check="shadow",
    )
