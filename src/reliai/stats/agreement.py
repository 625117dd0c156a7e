"""How far raters agree: people, judges, or one judge with itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._checked import chosen
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliai.stats._arrays import Floats

__all__ = ["Agreement", "cohen_kappa", "fleiss_kappa"]

_MOST: Final = 1_000_000_000

UNDEFINED: Final = "undefined (one category): with no variety, agreement cannot be told from chance"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement beyond chance, and as it was seen. Show both: neither says enough by itself.

    Where nearly all answers are the same, raters who agree in 90 % of cases may agree less than
    chance would have them.

    Attributes:
        value: agreement beyond chance: 1 for all of it, 0 for what chance gives, below 0 for less;
            None where it is undefined.
        observed: share of pairs of ratings that are the same, in [0, 1]; None without a pair.
        units: things that were rated twice or more.
        dropped: things that were rated less often, and so say nothing of agreement.
        note: why a number is missing; "" for nothing to say.
    """

    value: float | None
    observed: float | None
    units: int
    dropped: int = 0
    note: str = ""


def cohen_kappa(
    a: Iterable[Any],
    b: Iterable[Any],
    *,
    weights: Literal["linear", "quadratic"] | None = None,
    categories: Sequence[Any] | None = None,
) -> Agreement:
    """Agreement of two raters beyond chance.

    Cohen (1960), Educ. Psychol. Meas. 20, 37-46, and with weights (1968), Psychol. Bull. 70,
    213-220; by statsmodels.

    Args:
        a: shape (n,), the ratings of one rater, any hashable labels; None where there is none.
        b: shape (n,), those of the other, of the same things in the same order.
        weights: None: labels are the same or not; "linear", "quadratic": labels have an order, and
            are the worse the further they are apart in it.
        categories: all labels in their order; None: those seen, sorted.

    Returns:
        The agreement; pairs of which one is missing are left out and counted.

    Raises:
        ConfigurationError: the lengths differ, a label is no category, or weights are asked for
            labels that have no order.

    Example:
        >>> result = cohen_kappa("yes yes no no".split(), "yes no no no".split())
        >>> result.value, result.observed
        (0.5, 0.75)
    """
    where = "cohen_kappa"
    if weights is not None:
        chosen(where, "weights", weights, ("linear", "quadratic"))
    ours, others = list(a), list(b)
    if len(ours) != len(others):
        raise ConfigurationError(f"{where}(b): has {len(others)} ratings, and a has {len(ours)}")
    pairs = [pair for pair in zip(ours, others, strict=True) if None not in pair]
    dropped = len(ours) - len(pairs)
    if not pairs:
        return Agreement(None, None, 0, dropped, "nothing was rated by both")
    seen = {label for pair in pairs for label in pair}
    order = _ordered(where, seen, categories, weights)
    table = np.zeros((len(order), len(order)))
    for first, second in pairs:
        table[order[first], order[second]] += 1.0
    observed = float(np.trace(table)) / len(pairs)
    if len(seen) < 2:
        return Agreement(None, observed, len(pairs), dropped, UNDEFINED)
    kappa = needed("statsmodels.stats.inter_rater").cohens_kappa
    value = float(kappa(table, wt=weights, return_results=False))
    return Agreement(value, observed, len(pairs), dropped)


def fleiss_kappa(
    counts: Sequence[Sequence[int]], *, method: Literal["fleiss", "randolph"] = "fleiss"
) -> Agreement:
    """Agreement beyond chance of several raters, as many for each thing.

    Fleiss (1971), Psychol. Bull. 76, 378-382; with "randolph" (Randolph 2005) chance is taken to
    give each category alike, not as often as it was seen; by statsmodels. Where some things were
    rated by fewer, see `krippendorff_alpha`.

    Args:
        counts: shape (things, categories): how many raters put the thing into the category.
        method: what chance would give.

    Raises:
        ConfigurationError: the things have not as many ratings each, or less than two.

    Example:
        >>> round(fleiss_kappa([[3, 0], [0, 3], [2, 1]]).value, 3)
        0.55
    """
    where = "fleiss_kappa"
    chosen(where, "method", method, ("fleiss", "randolph"))
    table = _counts(where, counts)
    if not table.size:
        return Agreement(None, None, 0, 0, "nothing was rated")
    raters = float(table[0].sum())
    if raters < 2.0 or (table.sum(axis=1) != raters).any():
        raise ConfigurationError(
            f"{where}(counts): must have as many ratings in each row, two or more; for others see "
            "krippendorff_alpha"
        )
    same = (table * (table - 1.0)).sum(axis=1) / (raters * (raters - 1.0))
    observed, units = float(same.mean()), len(table)
    if np.count_nonzero(table.sum(axis=0)) < 2:
        return Agreement(None, observed, units, 0, UNDEFINED)
    kappa = needed("statsmodels.stats.inter_rater").fleiss_kappa
    return Agreement(float(kappa(table, method=method)), observed, units)


def _ordered(
    where: str, seen: set[Any], categories: Sequence[Any] | None, weights: str | None
) -> dict[Any, int]:
    if categories is not None:
        unknown = seen - set(categories)
        if unknown:
            raise ConfigurationError(f"{where}(categories): has no {sorted(map(repr, unknown))}")
        return {label: index for index, label in enumerate(dict.fromkeys(categories))}
    try:
        listed = sorted(seen)
    except TypeError:
        if weights is not None:
            raise ConfigurationError(
                f"{where}(weights={weights!r}): needs labels with an order; give categories="
            ) from None
        listed = list(seen)
    return {label: index for index, label in enumerate(listed)}


def _counts(where: str, counts: Sequence[Sequence[int]]) -> Floats:
    try:
        table = np.asarray(counts, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"{where}(counts): must be a table of counts") from error
    if table.size and table.ndim != 2:
        raise ConfigurationError(f"{where}(counts) of shape {table.shape}: must be a table")
    if not ((table >= 0) & (table <= _MOST) & (table == np.rint(table))).all():
        raise ConfigurationError(f"{where}(counts): must be whole numbers from 0 to {_MOST:,}")
    return table
