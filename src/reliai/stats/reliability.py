"""Agreement of any number of raters, some of whom rated only some things."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._checked import chosen, number
from reliai.stats.agreement import UNDEFINED, Agreement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.stats._arrays import Floats

__all__ = ["krippendorff_alpha"]

_WHERE: Final = "krippendorff_alpha"
_LEVELS: Final = ("nominal", "ordinal", "interval", "ratio")


def krippendorff_alpha(
    ratings: Sequence[Sequence[Any]],
    level: Literal["nominal", "ordinal", "interval", "ratio"] = "nominal",
) -> Agreement:
    """Agreement beyond chance of any number of raters, with ratings missing.

    Krippendorff (2018), Content Analysis, 4th edition, chapter 12: one less the disagreement
    within units over that of all ratings, from the table of coincidences. Units with less than two
    ratings say nothing, and are counted as `dropped`. Takes the square of the number of different
    ratings in memory.

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
    values = list(dict.fromkeys(rating for unit in rated for rating in unit))
    if level != "nominal":
        least = 0.0 if level == "ratio" else -inf
        values = sorted(number(_WHERE, "rating", value, low=least) for value in values)
    table = _coincidences(rated, values)
    seen = table.sum(axis=1)
    observed = float(np.trace(table) / seen.sum())
    if len(values) < 2:
        return Agreement(None, observed, len(rated), dropped, UNDEFINED)
    distance = _distances(level, values, seen)
    expected = float(seen @ distance @ seen) / (float(seen.sum()) - 1.0)
    value = 1.0 - float((table * distance).sum()) / expected
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


def _coincidences(units: list[list[Any]], values: list[Any]) -> Floats:
    """How often each two ratings meet in one unit. Shape (values, values)."""
    place = {value: index for index, value in enumerate(values)}
    table = np.zeros((len(values), len(values)))
    for unit in units:
        at = np.asarray([place[rating] for rating in unit])
        share = 1.0 / (len(unit) - 1)
        np.add.at(table, (at[:, None], at[None, :]), share)
        np.subtract.at(table, (at, at), share)  # a rating does not meet itself
    return table


def _distances(level: str, values: list[Any], seen: Floats) -> Floats:
    """How far apart each two ratings are, squared. Shape (values, values)."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "ordinal":
        middles = np.cumsum(seen) - seen / 2.0
        return np.asarray((middles[:, None] - middles[None, :]) ** 2, dtype=np.float64)
    numbers = np.asarray(values, dtype=np.float64)
    apart = numbers[:, None] - numbers[None, :]
    if level == "ratio":
        both = numbers[:, None] + numbers[None, :]
        apart = np.divide(apart, both, out=np.zeros_like(apart), where=both != 0.0)
    return np.asarray(apart**2, dtype=np.float64)
