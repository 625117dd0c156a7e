"""Metrics of stated confidence: whether it tells right from wrong, and whether it is true."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from reliai._needs import needed
from reliai.evals.metrics.measuring import Metric, Resampling
from reliai.stats import calibration_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["auc", "brier", "calibration", "log_loss"]

_NEEDS: Final = ("expected", "predicted", "confidence")

CONVENTION: Final = "bins of equal width, closed on the left, the last one on both sides"


def auc(
    score: str = "classification", *, positive: str | None = None, **interval: Unpack[Resampling]
) -> Metric:
    """The area under the ROC curve, in [0, 1]: 0.5 for a confidence that tells nothing.

    Args:
        score: of `scorers.classification`, with a confidence or probabilities.
        positive: the label whose probability is looked at. None: the confidence in whatever label
            is given, which should be higher where it is right.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """
    metrics = needed("sklearn.metrics", "evals")

    def value(belief: NDArray[Any], outcome: NDArray[Any]) -> float:
        if not 0 < outcome.sum() < len(outcome):
            return math.nan
        return float(metrics.roc_auc_score(outcome, belief))

    return Metric(
        _named("auc", positive),
        score,
        needs=_NEEDS,
        columns=lambda rows: _columns(rows, positive),
        value=value,
        resampled=_ranked,
        **interval,
    )


def brier(
    score: str = "classification", *, positive: str | None = None, **interval: Unpack[Resampling]
) -> Metric:
    """Brier's score: mean squared distance of confidence and outcome, in [0, 1]; less is better.

    Args:
        score: of `scorers.classification`, with a confidence or probabilities.
        positive: see `auc`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """

    def value(belief: NDArray[Any], outcome: NDArray[Any]) -> float:
        return float(np.mean((belief - outcome) ** 2))

    return _metric("brier", score, positive, value, interval)


def log_loss(
    score: str = "classification", *, positive: str | None = None, **interval: Unpack[Resampling]
) -> Metric:
    """The mean negative log-likelihood, in nats; less is better; certainty is taken as 1 - 1e-15.

    Args:
        score: of `scorers.classification`, with a confidence or probabilities.
        positive: see `auc`.
        **interval: how its interval is made: `resamples`, `confidence`, `seed`.
    """

    def value(belief: NDArray[Any], outcome: NDArray[Any]) -> float:
        sure = np.clip(belief, 1e-15, 1.0 - 1e-15)
        return float(-np.mean(outcome * np.log(sure) + (1.0 - outcome) * np.log1p(-sure)))

    return _metric("log_loss", score, positive, value, interval)


def calibration(
    score: str = "classification", *, positive: str | None = None, bins: int = 10
) -> Metric:
    """The expected calibration error, in [0, 1]; less is better.

    It has no value of its own: it depends on the bins. Here they are of equal width, closed on the
    left, the last one on both sides; `detail` says so, and has the bins for a reliability diagram.
    No interval is given: the error of a small run is biased upwards, and so are its resamples.

    Args:
        score: of `scorers.classification`, with a confidence or probabilities.
        positive: see `auc`.
        bins: number of bins (>= 1).

    Raises:
        ConfigurationError: for less than one bin.
    """
    calibration_error([], [], bins=bins)  # refuses bins that cannot be

    def value(belief: NDArray[Any], outcome: NDArray[Any]) -> float:
        error = calibration_error(belief, outcome, bins=bins).error
        return math.nan if error is None else error

    def detail(belief: NDArray[Any], outcome: NDArray[Any]) -> Mapping[str, Any]:
        found = calibration_error(belief, outcome, bins=bins)
        told = [
            {
                "low": each.low,
                "high": each.high,
                "n": each.n,
                "confidence": each.confidence,
                "accuracy": each.accuracy,
            }
            for each in found.bins
        ]
        return {"convention": f"{bins} {CONVENTION}", "bins": told, "brier": found.brier}

    return Metric(
        _named("ece", positive),
        score,
        needs=_NEEDS,
        columns=lambda rows: _columns(rows, positive),
        value=value,
        detail=detail,
        resamples=0,
    )


def _ranked(belief: NDArray[Any], outcome: NDArray[Any]) -> float:
    """The area under the curve by the ranks of the beliefs, ties in their middle."""
    true = outcome.sum()
    false = len(outcome) - true
    if not true or not false:
        return math.nan
    _, places, counts = np.unique(belief, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    return float((ranks[places] @ outcome - true * (true + 1.0) / 2.0) / (true * false))


def _metric(
    name: str, score: str, positive: str | None, value: Any, interval: Resampling
) -> Metric:
    return Metric(
        _named(name, positive),
        score,
        needs=_NEEDS,
        columns=lambda rows: _columns(rows, positive),
        value=value,
        **interval,
    )


def _named(name: str, positive: str | None) -> str:
    return name if positive is None else f"{name}[{positive}]"


def _columns(
    rows: Sequence[Mapping[str, Any]], positive: str | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The probability of something, and whether it came true, as 0 or 1."""
    if positive is None:
        beliefs = [float(row["confidence"]) for row in rows]
        outcomes = [float(row["expected"] == row["predicted"]) for row in rows]
    else:
        beliefs = [_chance(row, positive) for row in rows]
        outcomes = [float(row["expected"] == positive) for row in rows]
    return np.asarray(beliefs), np.asarray(outcomes)


def _chance(row: Mapping[str, Any], label: str) -> float:
    """The probability of a label; of two labels, what the other one leaves."""
    chances = row.get("probabilities")
    if chances:
        return float(chances.get(label, 0.0))
    confidence = float(row["confidence"])
    return confidence if row["predicted"] == label else 1.0 - confidence
