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

_AT_ONCE = 4_000_000
"""Signs that are drawn at once."""

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
    method = "exact" if len(given) <= _RANKED_EXACTLY else "auto"
    result = needed("scipy.stats").wilcoxon(given, method=method, correction=True)
    return float(result.pvalue)


def _sign_flip(units: Floats, scale: float) -> float:
    sizes = np.abs(units)
    given, sizes = units[sizes > scale * 1e-12], sizes[sizes > scale * 1e-12]
    if np.ptp(sizes) <= scale * 1e-12:
        return sign_test(given)
    return _all_ways(given) if len(given) <= _ALL_WAYS else _some_ways(given)


def _all_ways(units: Floats) -> float:
    result = needed("scipy.stats").permutation_test(
        (units,), np.sum, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    return float(result.pvalue)


def _some_ways(units: Floats) -> float:
    """The share of seeded ways whose sum is as large, the one that was seen among them.

    What scipy's permutation test does for so many, in a twentieth of its time (a bit for a sign).
    """
    random, total = np.random.default_rng(0), float(units.sum())
    count, size = len(units), max(1, _AT_ONCE // len(units))
    as_large = 1
    for start in range(0, _WAYS, size):
        ways = min(size, _WAYS - start)
        bits = np.unpackbits(random.integers(0, 256, -(-ways * count // 8), dtype=np.uint8))
        kept = bits[: ways * count].reshape(ways, count) @ units
        as_large += int((np.abs(2.0 * kept - total) >= abs(total) * (1.0 - 1e-9)).sum())
    return as_large / (_WAYS + 1)
