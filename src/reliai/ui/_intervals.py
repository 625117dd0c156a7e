"""Intervals as small pictures beside their numbers: a line for the bounds, a dot in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Drawn", "Scale", "scale_for"]

_WIDTH = 160.0
_EDGE = 6.0


class Drawn(NamedTuple):
    """Where the parts of one picture are, in its own units.

    Attributes:
        left, right: of the line.
        dot: of the estimate.
        zero: of the line that marks no difference; None where it is not in the picture.
    """

    left: float
    right: float
    dot: float
    zero: float | None


class Scale(NamedTuple):
    """What the pictures of one column have in common.

    Attributes:
        low, high: the values at their edges.
    """

    low: float
    high: float

    def at(self, value: float) -> float:
        """Where a value is, from the left."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_EDGE + share * (_WIDTH - 2 * _EDGE), 1)

    def drawn(self, estimate: float | None, low: float | None, high: float | None) -> Drawn | None:
        """The picture of an estimate with its bounds; None where there is nothing to draw."""
        if estimate is None:
            return None
        left = estimate if low is None else low
        right = estimate if high is None else high
        zero = self.at(0.0) if self.low < 0.0 < self.high else None
        return Drawn(self.at(left), self.at(right), self.at(estimate), zero)


def scale_for(values: Iterable[float | None], *, around_zero: bool = False) -> Scale:
    """A scale that has room for all values."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if around_zero:
        widest = max(abs(low), abs(high)) or 1.0
        return Scale(-widest, widest)
    if low >= 0.0 and high <= 1.0:
        return Scale(0.0, 1.0)
    return Scale(low, high if high > low else low + 1.0)
