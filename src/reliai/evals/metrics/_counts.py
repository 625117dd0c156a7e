"""Metrics of labels from a confusion matrix: what scikit-learn gives, for hundreds of resamples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["from_counts", "kappa_of", "matthews_of", "mean_of"]


def from_counts(of_counts: Callable[[NDArray[Any]], float]) -> Callable[..., float]:
    """A metric of two columns of labels that are numbers from 0, from one of their counts."""

    def value(expected: NDArray[Any], predicted: NDArray[Any]) -> float:
        size = int(max(expected.max(), predicted.max())) + 1
        flat = np.bincount(expected * size + predicted, minlength=size * size)
        return of_counts(flat.reshape(size, size).astype(float))

    return value


def kappa_of(counts: NDArray[Any]) -> float:
    """Cohen's kappa; NaN for one category."""
    n, given, wanted = counts.sum(), counts.sum(axis=0), counts.sum(axis=1)
    chance = float(given @ wanted) / float(n) ** 2
    return (
        (float(np.trace(counts)) / float(n) - chance) / (1.0 - chance) if chance < 1 else math.nan
    )


def matthews_of(counts: NDArray[Any]) -> float:
    """Matthews' correlation; NaN where only one label is expected."""
    n, given, wanted = float(counts.sum()), counts.sum(axis=0), counts.sum(axis=1)
    spread = n**2 - float(wanted @ wanted)
    if spread == 0.0:
        return math.nan
    below = math.sqrt(spread * (n**2 - float(given @ given)))
    return (float(np.trace(counts)) * n - float(given @ wanted)) / below if below else 0.0


def mean_of(name: str, average: str) -> Callable[[NDArray[Any]], float]:
    """Precision, recall or F1 of the expected labels, averaged."""

    def value(counts: NDArray[Any]) -> float:
        every = counts.sum(axis=1)
        there = every > 0
        right, given, wanted = np.diag(counts)[there], counts.sum(axis=0)[there], every[there]
        above, below = {
            "precision": (right, given),
            "recall": (right, wanted),
            "f1": (2.0 * right, given + wanted),
        }[name]
        if average == "micro":
            return float(above.sum() / below.sum()) if below.sum() else 0.0
        shares = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        return float(np.average(shares, weights=wanted if average == "weighted" else None))

    return value
