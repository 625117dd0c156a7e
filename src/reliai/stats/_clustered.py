"""The mean of values that come in groups, and its standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reliai.stats._arrays import codes, totals
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from reliai.stats._arrays import Floats

__all__ = ["FEW", "Mean", "few", "mean_of", "t_quantile"]

FEW = 10
"""Groups below which the interval is too narrow, if anything."""


class Mean(NamedTuple):
    """A mean with its standard error.

    `units` are what varies independently: the values, or the sum of each group where there are
    groups; `freedom` is their number less 1.
    """

    mean: float
    standard_error: float | None
    units: Floats
    clusters: int | None

    @property
    def freedom(self) -> int:
        return len(self.units) - 1


def mean_of(where: str, values: Floats, cluster: Iterable[Any] | None) -> Mean:
    """The mean of one value or more; its standard error is None for one value, or one group.

    Without groups `s / sqrt(n)`. With groups the root of `G / (G - 1)` times the sum over the
    groups of their squared summed deviations, divided by n (CR1): what the cluster-robust
    regression on a constant gives (Liang and Zeger 1986, Biometrika 73, 13-22). It is one line
    here; statsmodels, which the tests hold it to, takes seconds to import.
    """
    n = len(values)
    mean = float(values.mean())
    if cluster is None:
        error = float(values.std(ddof=1)) / n**0.5 if n > 1 else None
        return Mean(mean, error, values, None)
    groups, count = codes(where, "cluster", cluster, n)
    error = None
    if count > 1:
        off = totals(groups, count, values - mean)
        error = float(np.sqrt((off @ off) * count / (count - 1))) / n
    return Mean(mean, error, totals(groups, count, values), count)


def t_quantile(probability: float, freedom: int) -> float:
    """Student's t at a probability."""
    return float(needed("scipy.special").stdtrit(freedom, probability))


def few(clusters: int | None) -> str:
    """What to say of few groups, if there are few."""
    if clusters is None or clusters >= FEW:
        return ""
    return f"only {clusters} clusters: with fewer than {FEW} the interval may be too narrow"
