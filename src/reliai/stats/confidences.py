"""How good predictions are likely to be, by their own confidence: no labels needed."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

import numpy as np

from reliai.stats._arrays import numbers
from reliai.stats._checked import number

__all__ = ["ExpectedPerformance", "expected_performance"]

_Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class ExpectedPerformance:
    """What is to be expected of predictions, if their confidences are calibrated.

    Attributes:
        accuracy: expected share of right predictions; None without any.
        low, high: where the realised accuracy of these predictions lies in 95 % of cases; None
            without any.
        precision, recall, f1: expected, of the positive class; None where there is no positive.
        n: predictions.
    """

    accuracy: float | None
    low: float | None
    high: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    n: int


def expected_performance(probabilities: Any, *, threshold: float = 0.5) -> ExpectedPerformance:
    """Accuracy, precision and recall to be expected of a yes-or-no decision, without labels.

    Confidence-based: with a calibrated probability p of the positive class, a prediction of it is
    right with probability p, and one of the other with 1 - p. The sums of these are the expected
    numbers of right and wrong ones; the interval is that of the sum of such draws, whose variance
    is the sum of p (1 - p).

    **Covariate shift only.** It sees that inputs became harder, as confidences fall. It is blind to
    a change of what is right (concept drift), and wrong by as much as the probabilities are: check
    their calibration on labelled cases first, and again after each change of model or prompt.

    Guillory et al. (2021), ICCV, 1134-1144 (difference of confidences); Garg et al. (2022), ICLR.

    Args:
        probabilities: of the positive class, shape (n,), in [0, 1].
        threshold: from which on the positive class is predicted, in [0, 1].

    Raises:
        ConfigurationError: a probability or the threshold is out of its range.

    Example:
        >>> found = expected_performance([0.9, 0.8, 0.3, 0.1])
        >>> round(found.accuracy, 3), round(found.precision, 3)
        (0.825, 0.85)
    """
    p = numbers("expected_performance", "probabilities", probabilities, low=0.0, high=1.0)
    limit = number("expected_performance", "threshold", threshold, low=0.0, high=1.0)
    n = int(p.size)
    if not n:
        return ExpectedPerformance(None, None, None, None, None, None, 0)
    positive = p >= limit
    right = np.where(positive, p, 1.0 - p)
    accuracy = float(right.mean())
    error = sqrt(float((p * (1.0 - p)).sum())) / n
    hits, claimed, all_positive = float(p[positive].sum()), int(positive.sum()), float(p.sum())
    precision = hits / claimed if claimed else None
    recall = hits / all_positive if all_positive else None
    both = claimed + all_positive
    return ExpectedPerformance(
        accuracy,
        max(0.0, accuracy - _Z * error),
        min(1.0, accuracy + _Z * error),
        precision,
        recall,
        2 * hits / both if both else None,
        n,
    )
