"""Metrics of numbers: what `scorers.numeric` gave, over a whole run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from reliai._needs import needed
from reliai.evals.metrics.measuring import Metric, Resampling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["mean_absolute_error", "r_squared", "root_mean_squared_error"]

_NEEDS: Final = ("expected", "predicted")


def mean_absolute_error(score: str = "numeric", **interval: Unpack[Resampling]) -> Metric:
    """The mean distance of what is given from what is expected; less is better.

    Args:
        score: of `scorers.numeric`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """
    return _metric("mae", score, lambda e, p: float(np.mean(np.abs(p - e))), interval)


def root_mean_squared_error(score: str = "numeric", **interval: Unpack[Resampling]) -> Metric:
    """The root of the mean squared distance; less is better, and large errors count more.

    Args:
        score: of `scorers.numeric`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """
    return _metric("rmse", score, lambda e, p: float(np.sqrt(np.mean((p - e) ** 2))), interval)


def r_squared(score: str = "numeric", **interval: Unpack[Resampling]) -> Metric:
    """The share of the variance that is explained, at most 1; below 0: the mean would be better.

    Args:
        score: of `scorers.numeric`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """
    metrics = needed("sklearn.metrics", "evals")

    def value(expected: NDArray[Any], predicted: NDArray[Any]) -> float:
        if len(np.unique(expected)) < 2:
            return math.nan
        return float(metrics.r2_score(expected, predicted))

    return _metric("r2", score, value, interval)


def _metric(name: str, score: str, value: Callable[..., float], interval: Resampling) -> Metric:
    return Metric(name, score, needs=_NEEDS, columns=_columns, value=value, **interval)


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], ...]:
    return tuple(np.asarray([float(row[name]) for row in rows]) for name in _NEEDS)
