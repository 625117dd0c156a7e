"""Whether stated confidence can be believed, and how well it tells right from wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._arrays import numbers, same_length
from reliai.stats._checked import number, whole
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.stats._arrays import Floats

__all__ = ["Calibration", "CalibrationBin", "Discrimination", "calibration_error", "discrimination"]

_ONE_CLASS: Final = "only one outcome occurs: no ranking to judge"


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The cases whose stated confidence lies in [low, high), in the last one in [low, 1].

    Attributes:
        low, high: edges of the bin, in [0, 1].
        n: cases in it.
        confidence: mean stated confidence; None for no cases.
        accuracy: share of them that turned out true; None for no cases.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far stated confidence is from what came true.

    Attributes:
        error: expected calibration error, in [0, 1]; None without cases.
        brier: mean squared distance of confidence and outcome, in [0, 1]; None without cases.
        bins: what the error is from.
        n: cases.
    """

    error: float | None
    brier: float | None
    bins: tuple[CalibrationBin, ...]
    n: int


@dataclass(frozen=True, slots=True)
class Discrimination:
    """How well confidence, or any score, tells the true from the false.

    Attributes:
        auc: chance that a true case has the higher score, ties counted half; None for one outcome.
        precision: share of the cases at or above the threshold that are true; None for no such.
        recall: share of the true cases that are at or above the threshold; None for no true ones.
        f1: harmonic mean of the two; None where both are.
        threshold: of the scores.
        n: cases.
        note: why a number is missing; "" for nothing to say.
    """

    auc: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    threshold: float
    n: int
    note: str = ""


def calibration_error(
    confidence: Iterable[float], outcomes: Iterable[float], *, bins: int = 10
) -> Calibration:
    """How far stated confidence is from what came true, over bins of equal width.

    The expected calibration error has no value of its own: it depends on the bins. Here they are
    closed on the left and open on the right, [0, 0.1), [0.1, 0.2) and so on, the last one closed;
    say with it how many they were. Naeini, Cooper and Hauskrecht (2015), AAAI 29, 2901-2907;
    Brier (1950), Mon. Weather Rev. 78, 1-3.

    Args:
        confidence: shape (n,), in [0, 1].
        outcomes: shape (n,), 0 or 1.
        bins: number of bins (>= 1).

    Raises:
        ConfigurationError: a number is out of its range, or the lengths differ.

    Example:
        >>> result = calibration_error([0.9, 0.8, 0.6, 0.2], [1, 1, 0, 0], bins=5)
        >>> round(result.error, 3), round(result.brier, 3)
        (0.275, 0.112)
    """
    where = "calibration_error"
    stated = numbers(where, "confidence", confidence, low=0.0, high=1.0)
    came = _outcomes(where, outcomes, len(stated))
    count, n = whole(where, "bins", bins, 1), len(stated)
    edges = np.arange(1, count) / count
    place = np.digitize(stated, edges)
    found = tuple(_bin(i, count, stated[place == i], came[place == i]) for i in range(count))
    if not n:
        return Calibration(None, None, found, 0)
    gaps = [each.n * abs((each.confidence or 0.0) - (each.accuracy or 0.0)) for each in found]
    return Calibration(sum(gaps) / n, float(np.mean((stated - came) ** 2)), found, n)


def discrimination(
    scores: Iterable[float], outcomes: Iterable[float], *, threshold: float = 0.5
) -> Discrimination:
    """How well scores tell the true cases from the false ones.

    The area under the ROC curve is the statistic of Mann and Whitney over the number of pairs
    (Hanley and McNeil 1982, Radiology 143, 29-36).

    Args:
        scores: shape (n,), finite; higher for what is likelier true.
        outcomes: shape (n,), 0 or 1.
        threshold: a case with this score or more is taken for true.

    Raises:
        ConfigurationError: a number is not finite, an outcome neither 0 nor 1, or the lengths
            differ.

    Example:
        >>> result = discrimination([0.9, 0.8, 0.6, 0.2], [1, 1, 0, 0])
        >>> result.auc, result.precision, result.recall
        (1.0, 0.6666666666666666, 1.0)
    """
    where = "discrimination"
    given = numbers(where, "scores", scores)
    came = _outcomes(where, outcomes, len(given)) == 1.0
    cut = number(where, "threshold", threshold)
    taken = given >= cut
    right, true, alarms = int((taken & came).sum()), int(came.sum()), int(taken.sum())
    f1 = 2.0 * right / (true + alarms) if true + alarms else None
    auc, note = None, "" if 0 < true < len(given) else _ONE_CLASS
    if not note:
        test = needed("scipy.stats").mannwhitneyu(given[came], given[~came], method="asymptotic")
        auc = float(test.statistic) / (true * (len(given) - true))
    return Discrimination(
        *(auc, right / alarms if alarms else None, right / true if true else None, f1),
        *(cut, len(given), note),
    )


def _outcomes(where: str, outcomes: Iterable[float], length: int) -> Floats:
    came = numbers(where, "outcomes", outcomes)
    same_length(where, "outcomes", len(came), length)
    wrong = (came != 0.0) & (came != 1.0)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ConfigurationError(
            f"{where}(outcomes[{index}]={came[index].item()!r}): must be 0 or 1"
        )
    return came


def _bin(index: int, count: int, stated: Floats, came: Floats) -> CalibrationBin:
    low, high, n = index / count, (index + 1) / count, len(stated)
    if not n:
        return CalibrationBin(low, high, 0, None, None)
    return CalibrationBin(low, high, n, float(stated.mean()), float(came.mean()))
