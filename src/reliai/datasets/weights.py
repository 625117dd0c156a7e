"""How many calls a case stands for, from the chances with which they were captured. Floor 5.

Rules capture errors always and a hundredth of the rest, so a dataset is not the traffic. Each call
that was captured stands for one over its chance of being captured; a case for all of its calls.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.datasets.case import Source

__all__ = ["CHANCE", "inclusion_of"]

CHANCE: Final = "inclusion_probability"
"""The field of a source's detail that holds the chance with which its call was captured."""


def inclusion_of(sources: Iterable[Source]) -> float | None:
    """The inclusion probability of a case that came from these calls.

    A call that several rules had a chance to take counts once, with the largest chance. Two calls
    with the same content are one case that stands for both: of two calls captured with a chance of
    0.01 each it stands for 200, so its own is 0.005.

    Args:
        sources: of a case.

    Returns:
        One over the number of calls that the case stands for, in (0, 1]; None when no source tells
        its chance.
    """
    chances: dict[str | None, float] = {}
    for source in sources:
        chance = source.detail.get(CHANCE)
        if isinstance(chance, int | float) and isfinite(chance) and 0 < chance <= 1:
            chances[source.id] = max(float(chance), chances.get(source.id, 0.0))
    if not chances:
        return None
    return 1.0 / sum(1.0 / chance for chance in chances.values())
