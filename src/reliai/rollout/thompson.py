"""Which of several variants is likely to be the best one, and what share each gets by that."""

from __future__ import annotations

from math import exp, lgamma, log, pi, prod, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

from reliai.decisions.assignment import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Pooled", "chances_of_lowest", "shares_by"]

_POINTS: Final = 128
"""Points at which the chances of each variant are computed."""
_WIDE: Final = 8.0
"""Standard errors around a mean beyond which nothing is likely."""


class Pooled(NamedTuple):
    """What a variant came to over batches in which it had different shares.

    Each call counts as often as there were calls like it: one over the share that it was given with
    (inverse propensity weights), so that a batch in which everything was worse weighs the same for
    all variants, whichever had most of its calls.

    Attributes:
        weight: sum of the weights of the calls.
        total: weighted sum of their values.
        squared: sum of the squared weights.
        spread: weighted sum of the squared deviations from their batch's mean.
        calls: how many calls.
    """

    weight: float = 0.0
    total: float = 0.0
    squared: float = 0.0
    spread: float = 0.0
    calls: float = 0.0

    def with_batch(self, share: float, n: float, total: float, squares: float) -> Pooled:
        """With one more batch.

        Args:
            share: of the variant in it.
            n: calls of the variant.
            total: sum of their values.
            squares: sum of their squares.
        """
        if n < 1 or share <= 0:
            return self
        weight = 1.0 / share
        variance = max(0.0, squares - total * total / n) / (n - 1) if n > 1 else 0.0
        return Pooled(
            self.weight + weight * n,
            self.total + weight * total,
            self.squared + weight * weight * n,
            self.spread + weight * weight * n * variance,
            self.calls + n,
        )

    def aged(self, discount: float) -> Pooled:
        """The same a batch later, when it weighs less."""
        return self._replace(
            weight=self.weight * discount,
            total=self.total * discount,
            squared=self.squared * discount * discount,
            spread=self.spread * discount * discount,
        )

    @property
    def mean(self) -> float | None:
        """Of all traffic, had all of it been the variant's; None without a call."""
        return self.total / self.weight if self.weight else None

    @property
    def error(self) -> float:
        """The mean's standard error."""
        return sqrt(self.spread) / self.weight if self.weight else 0.0

    @property
    def worth(self) -> float:
        """How many equally weighted calls tell as much."""
        return self.weight * self.weight / self.squared if self.squared else 0.0


class _Curve(NamedTuple):
    """Where a variant's mean may be."""

    low: float
    high: float
    density: Callable[[float], float]


def chances_of_lowest(kind: str, pooled: Sequence[Pooled]) -> list[float]:
    """The chance of each variant to have the lowest mean, given what was seen; they add up to 1.

    Args:
        kind: "event" for shares of calls, which may be anything from 0 to 1 at first, or "mean".
        pooled: what was seen; of means at least one call each.
    """
    curves = [(_event if kind == "event" else _mean)(each) for each in pooled]
    points = sorted(
        {
            each.low + (each.high - each.low) * number / _POINTS
            for each in curves
            for number in range(_POINTS + 1)
        }
    )
    densities = [[each.density(point) for point in points] for each in curves]
    above = [_above(points, each) for each in densities]
    chances = [0.0] * len(curves)
    before = [0.0] * len(curves)
    for at, point in enumerate(points):
        for number, each in enumerate(densities):
            others = prod(one[at] for other, one in enumerate(above) if other != number)
            here = each[at] * others
            if at:
                chances[number] += (here + before[number]) / 2 * (point - points[at - 1])
            before[number] = here
    whole = sum(chances)
    return [each / whole for each in chances]


def _event(pooled: Pooled) -> _Curve:
    """Beta(1 + events, 1 + others)."""
    events = (pooled.mean or 0.0) * pooled.worth
    a, b = 1.0 + events, 1.0 + pooled.worth - events
    middle, error = a / (a + b), sqrt(a * b / (a + b + 1.0)) / (a + b)
    scale = lgamma(a + b) - lgamma(a) - lgamma(b)

    def density(x: float) -> float:
        if not 0.0 < x < 1.0:  # an end has a chance where nothing was seen against it
            return exp(scale) if (x <= 0.0 and a == 1.0) or (x >= 1.0 and b == 1.0) else 0.0
        return exp(scale + (a - 1.0) * log(x) + (b - 1.0) * log(1.0 - x))

    return _Curve(max(0.0, middle - _WIDE * error), min(1.0, middle + _WIDE * error), density)


def _mean(pooled: Pooled) -> _Curve:
    middle = pooled.mean or 0.0
    error = max(pooled.error, 1e-9 * max(1.0, abs(middle)))

    def density(x: float) -> float:
        z = (x - middle) / error
        return exp(-z * z / 2) / (error * sqrt(2 * pi)) if abs(z) < 4 * _WIDE else 0.0

    return _Curve(middle - _WIDE * error, middle + _WIDE * error, density)


def _above(points: Sequence[float], densities: Sequence[float]) -> list[float]:
    """The chance to be above each point."""
    sums, total = [0.0], 0.0
    for at in range(1, len(points)):
        total += (densities[at] + densities[at - 1]) / 2 * (points[at] - points[at - 1])
        sums.append(total)
    return [1.0 - each / total for each in sums]


def shares_by(chances: Mapping[str, float], floors: Mapping[str, float]) -> dict[str, int]:
    """What each variant gets, in millionths: its floor, and of the rest by its chance.

    Args:
        chances: by variant; they add up to 1.
        floors: the least that each gets, as a share.
    """
    rest = 1.0 - sum(floors.values())
    made = {
        name: int((floors[name] + rest * chance) * BUCKETS + 1e-6)
        for name, chance in chances.items()
    }
    most = max(made, key=lambda name: chances[name])
    made[most] += BUCKETS - sum(made.values())
    return made
