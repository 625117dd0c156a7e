"""Asking the meters of a call, before each of its attempts, whether there is anything left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call

__all__ = ["refusal"]


def refusal(call: Call) -> Exception | None:
    """Why a meter of the call lets no further attempt begin; None to go ahead.

    A meter that has a say offers `admit(call)`, which gives the error that ends the call in place
    of the attempt, or None.
    """
    for meter in call.meters:
        admit: Callable[[Call], Exception | None] | None = getattr(meter, "admit", None)
        refused = None if admit is None else admit(call)
        if refused is not None:
            return refused
    return None
