"""Asking the meters of a call, before each of its attempts, whether there is anything left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai._core.call import Call

__all__ = ["refusal"]


def refusal(call: Call) -> Exception | None:
    """Why a meter of the call lets no further attempt begin; None to go ahead.

    A meter that has a say offers `admit(call)`, which gives the error that ends the call in place
    of the attempt, or None; and, if it counts those it lets through, `withdraw(call)`, for when
    another one refuses.
    """
    meters: tuple[Any, ...] = call.meters
    for index, meter in enumerate(meters):
        admit = getattr(meter, "admit", None)
        refused: Exception | None = None if admit is None else admit(call)
        if refused is not None:
            for earlier in meters[:index]:
                withdraw = getattr(earlier, "withdraw", None)
                if withdraw is not None:
                    withdraw(call)
            return refused
    return None
