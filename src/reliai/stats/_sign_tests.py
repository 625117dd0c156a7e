"""The p-value of paired differences: Student's, Wilcoxon's, by flipping signs, by counting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reliai.stats._needs import needed
from reliai.stats.mcnemar import mcnemar_exact

if TYPE_CHECKING:
    from reliai.stats._arrays import Floats
    from reliai.stats._clustered import Mean

__all__ = ["p_value", "sign_test"]

_ALL_WAYS = 16
"""Differences whose signs are flipped in all ways; of more, in `_WAYS` of them."""

_WAYS = 9_999

_RANKED_EXACTLY = 50
"""Differences whose ranks are tested exactly; of more by the normal approximation, as scipy does.

With ties "exact" is on the cautious side.
"""


def p_value(test: str, mean: Mean, scale: float) -> float:
    """The two-sided p-value of units that are not all the same."""
    if test == "signed_rank":
        return _signed_rank(mean.units)
    if test == "sign_flip":
        return _sign_flip(mean.units, scale)
    t = mean.mean / (mean.standard_error or 1.0)
    return float(2.0 * needed("scipy.special").stdtr(mean.freedom, -abs(t)))


def sign_test(units: Floats) -> float:
    """The chance that signs are as uneven, when each is as likely as the other; 0 has none."""
    return mcnemar_exact(int((units > 0).sum()), int((units < 0).sum()))


def _signed_rank(units: Floats) -> float:
    given = units[units != 0.0]
    method = "exact" if len(given) <= _RANKED_EXACTLY else "asymptotic"
    result = needed("scipy.stats").wilcoxon(given, method=method, correction=True)
    return float(result.pvalue)


def _sign_flip(units: Floats, scale: float) -> float:
    given = units[np.abs(units) > scale * 1e-12]
    sizes = np.abs(given)
    if not len(given):
        return 1.0
    if np.ptp(sizes) <= scale * 1e-12:
        return sign_test(given)
    ways = np.inf if len(given) <= _ALL_WAYS else _WAYS
    test = needed("scipy.stats").permutation_test
    result = test(
        (given,),
        np.sum,
        permutation_type="samples",
        n_resamples=ways,
        vectorized=True,
        batch=1_000,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)
