"""Agreement of any number of raters, some of whom rated only some things."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._checked import chosen, number
from reliai.stats.agreement import UNDEFINED, Agreement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.stats._arrays import Codes, Floats

    Distance = Callable[[Floats, Floats], Floats]

__all__ = ["krippendorff_alpha"]

_WHERE: Final = "krippendorff_alpha"
_LEVELS: Final = ("nominal", "ordinal", "interval", "ratio")
_AT_ONCE: Final = 4_000_000


def krippendorff_alpha(
    ratings: Sequence[Sequence[Any]],
    level: Literal["nominal", "ordinal", "interval", "ratio"] = "nominal",
) -> Agreement:
    """Agreement beyond chance of any number of raters, with ratings missing.

    Krippendorff (2018), Content Analysis, 4th edition, chapter 12: one less the disagreement
    within units over that of all ratings. Units with less than two ratings say nothing, and are
    counted as `dropped`. Takes time with the square of the number of different ratings.

    Args:
        ratings: shape (raters, units): a row for each rater; None or NaN for no rating. Numbers,
            or, at the level "nominal", any hashable labels.
        level: "nominal": the same or not; "ordinal": in an order; "interval": differences count;
            "ratio": they count as a share of their size, and none is below 0.

    Raises:
        ConfigurationError: the rows differ in length, or a rating is no number where it must be.

    Example:
        >>> result = krippendorff_alpha([[1, 2, 3, None], [1, 2, 2, 3]])
        >>> round(result.value, 3), result.dropped
        (0.545, 1)
    """
    chosen(_WHERE, "level", level, _LEVELS)
    units = _units(ratings)
    rated = [unit for unit in units if len(unit) > 1]
    dropped = len(units) - len(rated)
    if not rated:
        return Agreement(None, None, 0, dropped, "no unit has two ratings")
    if level != "nominal":
        least = 0.0 if level == "ratio" else -inf
        rated = [[number(_WHERE, "rating", each, low=least) for each in unit] for unit in rated]
    values = list(dict.fromkeys(rating for unit in rated for rating in unit))
    values = values if level == "nominal" else sorted(values)
    place = {value: index for index, value in enumerate(values)}
    indices = [np.asarray([place[rating] for rating in unit], dtype=np.intp) for unit in rated]
    seen = np.bincount(np.concatenate(indices), minlength=len(values)).astype(np.float64)
    observed = 1.0 - _within(_not_the_same, indices, np.arange(len(values), dtype=np.float64))
    distance, at = _scale(level, values, seen)
    expected = _overall(distance, seen, at)
    if not expected:
        return Agreement(None, observed, len(rated), dropped, UNDEFINED)
    value = 1.0 - _within(distance, indices, at) / expected
    return Agreement(value, observed, len(rated), dropped)


def _units(ratings: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The ratings of each unit, without those that are missing."""
    rows = [list(row) for row in ratings]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ConfigurationError(
            f"{_WHERE}(ratings): every rater has a place for every unit, with None for no rating; "
            f"these have {sorted(lengths)}"
        )
    return [
        [each for each in unit if each is not None and each == each]  # noqa: PLR0124  NaN
        for unit in zip(*rows, strict=True)
    ]


def _within(distance: Distance, units: list[Codes], at: Floats) -> float:
    """The mean squared distance of two ratings of one unit."""
    total = sum(
        float(distance(at[unit][:, None], at[unit][None, :]).sum()) / (len(unit) - 1)
        for unit in units
    )
    return total / sum(map(len, units))


def _overall(distance: Distance, seen: Floats, at: Floats) -> float:
    """The mean squared distance of any two ratings, in blocks that fit in memory."""
    total, size = 0.0, max(1, _AT_ONCE // len(at))
    for start in range(0, len(at), size):
        block = slice(start, start + size)
        total += float(seen[block] @ distance(at[block, None], at[None, :]) @ seen)
    ratings = float(seen.sum())
    return total / (ratings * (ratings - 1.0))


def _scale(level: str, values: list[Any], seen: Floats) -> tuple[Distance, Floats]:
    """The squared distance of the level, and where on its scale each value is."""
    if level == "nominal":
        return _not_the_same, np.arange(len(values), dtype=np.float64)
    if level == "ordinal":
        return _squared, np.cumsum(seen) - seen / 2.0
    numbers = np.asarray(values, dtype=np.float64)
    return (_squared if level == "interval" else _squared_share), numbers


def _not_the_same(one: Floats, other: Floats) -> Floats:
    return np.asarray(one != other, dtype=np.float64)


def _squared(one: Floats, other: Floats) -> Floats:
    return np.asarray((one - other) ** 2, dtype=np.float64)


def _squared_share(one: Floats, other: Floats) -> Floats:
    both = one + other
    apart = np.divide(one - other, both, out=np.zeros_like(both), where=both != 0.0)
    return np.asarray(apart**2, dtype=np.float64)
