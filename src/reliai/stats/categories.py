"""Whether words come as often as they did: chi-square, with the size of the difference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.stats._checked import number, share
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ChiSquare", "chi_square"]

_FEWEST: Final = 5.0
"""Of what must be expected of a category, or it is put together with others."""


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """How the frequencies of categories differ from those of a reference.

    Attributes:
        statistic: chi-square of the table of both.
        degrees: of freedom; 0 where nothing can be told.
        p_value: of no difference; 1 where nothing can be told.
        effect: Cohen's w, the square root of the sum of (q - p)² / p: 0.1 is small, 0.3 medium,
            0.5 large. It does not depend on how many values there are.
        cramers_v: of the table of both; it shrinks as the reference grows.
        moved: whether the p-value is at most alpha and the effect at least the least that matters.
        new: categories that the reference does not have, the most frequent first.
        rose, fell: the category whose share rose or fell most; None for none.
        merged: categories that were put together because too few were expected.
        n_reference, n_current: values on either side.
    """

    statistic: float
    degrees: int
    p_value: float
    effect: float
    cramers_v: float
    moved: bool
    new: tuple[str, ...]
    rose: str | None
    fell: str | None
    merged: int
    n_reference: int
    n_current: int


def chi_square(
    reference: Mapping[str, int],
    current: Mapping[str, int],
    *,
    alpha: float = 0.001,
    effect: float = 0.1,
) -> ChiSquare:
    """Whether categories come as often as in a reference.

    Pearson's test of homogeneity of the two rows. Categories of which fewer than 5 are expected on
    either side are put together, those that only the current values have among them. With many
    values the test finds differences that do not matter, so an effect is asked for as well.

    Pearson (1900), Philosophical Magazine 50, 157-175; Cohen (1988), Statistical Power Analysis,
    chapter 7.

    Args:
        reference: how often each category came in good health.
        current: how often each comes now.
        alpha: share of false alarms, in (0, 1).
        effect: the least that matters, from 0 up.

    Raises:
        ConfigurationError: a count is below 0, or an argument out of its range.

    Example:
        >>> found = chi_square({"stop": 950, "length": 50}, {"stop": 430, "length": 70})
        >>> found.moved, found.rose
        (True, 'length')
    """
    where = "chi_square"
    share(where, "alpha", alpha)
    least = number(where, "effect", effect, low=0.0)
    for name, counts in (("reference", reference), ("current", current)):
        wrong = next((each for each, count in counts.items() if count < 0), None)
        if wrong is not None:
            raise ConfigurationError(f"{where}({name}[{wrong!r}]={counts[wrong]!r}): is below 0")
    m, n = sum(reference.values()), sum(current.values())
    only = {each: count for each, count in current.items() if count and not reference.get(each)}
    new = tuple(sorted(only, key=lambda each: -only[each]))
    if not m or not n:
        return ChiSquare(0.0, 0, 1.0, 0.0, 0.0, False, new, None, None, 0, m, n)  # noqa: FBT003  a field
    cells, merged = _cells(reference, current, m, n)
    statistic, size = 0.0, 0.0
    for old, now in cells:
        both = (old + now) / (m + n)
        statistic += (old - m * both) ** 2 / (m * both) + (now - n * both) ** 2 / (n * both)
        size += (now / n - old / m) ** 2 / max(old / m, 1 / m)
    degrees = len(cells) - 1
    p_value = _chance(round(statistic, 9), degrees) if degrees > 0 else 1.0
    rose, fell = _extremes(reference, current, m, n)
    return ChiSquare(
        statistic,
        degrees,
        p_value,
        sqrt(size),
        sqrt(statistic / (m + n)),
        p_value <= alpha and sqrt(size) >= least,
        new,
        rose,
        fell,
        merged,
        m,
        n,
    )


def _cells(
    reference: Mapping[str, int], current: Mapping[str, int], m: int, n: int
) -> tuple[list[tuple[int, int]], int]:
    """Counts of both by category, the rare ones put together; how many these are."""
    kept: list[tuple[int, int]] = []
    rare_old = rare_new = merged = 0
    for each in {**reference, **current}:
        old, now = reference.get(each, 0), current.get(each, 0)
        if min(m, n) * (old + now) / (m + n) < _FEWEST:
            rare_old, rare_new, merged = rare_old + old, rare_new + now, merged + 1
        else:
            kept.append((old, now))
    if rare_old + rare_new:
        if kept and min(m, n) * (rare_old + rare_new) / (m + n) < _FEWEST:
            smallest = min(range(len(kept)), key=lambda place: sum(kept[place]))
            old, now = kept[smallest]
            kept[smallest] = (old + rare_old, now + rare_new)
        else:
            kept.append((rare_old, rare_new))
    return kept, merged


def _extremes(
    reference: Mapping[str, int], current: Mapping[str, int], m: int, n: int
) -> tuple[str | None, str | None]:
    moves: dict[str, float] = {
        each: current.get(each, 0) / n - reference.get(each, 0) / m
        for each in {**reference, **current}
    }
    rose = max(moves, key=moves.__getitem__)
    fell = min(moves, key=moves.__getitem__)
    return rose if moves[rose] > 0 else None, fell if moves[fell] < 0 else None


@lru_cache(maxsize=256)
def _chance(statistic: float, degrees: int) -> float:
    chi2: Any = needed("scipy.stats").chi2
    return float(chi2.sf(statistic, degrees))
