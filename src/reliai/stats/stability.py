"""The population stability index, with the threshold that its own noise asks for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, log
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.stats._arrays import numbers
from reliai.stats._checked import number, share, whole
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Psi", "psi", "psi_noise", "psi_of_counts"]

_FLOOR: Final = 1e-4
"""The least share of a bin, so that an empty one does not make the index infinite."""


@dataclass(frozen=True, slots=True)
class Psi:
    """How far a distribution is from a reference.

    Attributes:
        value: the index, from 0 up.
        noise: the value that a sample of this size of the reference itself exceeds in a share of
            `alpha` of all cases.
        threshold: the larger of the noise and the least effect that matters.
        moved: whether the value is above the threshold.
        bins: how many there were; 1 where nothing can be told.
        n_reference, n_current: values on either side.
        note: what to be careful about; "" for nothing.
    """

    value: float
    noise: float
    threshold: float
    moved: bool
    bins: int
    n_reference: int
    n_current: int
    note: str = ""


def psi(
    reference: Any, current: Any, *, bins: int = 10, alpha: float = 0.001, effect: float = 0.1
) -> Psi:
    """Whether numbers are distributed as those of a reference are.

    The index is the sum over bins of (q - p) ln(q / p), p and q being the shares of the reference
    and of the current values. Bins hold equal shares of the reference; where it has no more
    different values than there would be bins, each value is one. The usual limit of 0.1 or 0.25
    for any number of values raises false alarms for few (four in ten samples of 100) and misses
    for many; so a value has to exceed the quantile of what chance gives as well:
    chi-square with one less than the bins degrees of freedom, times (1/n + 1/m).

    Yurdakul and Naranjo (2020), Journal of Risk Model Validation 14 (4), 89-100.

    Args:
        reference: shape (m,).
        current: shape (n,); exact from about 500 on, close from 200.
        bins: from 2 up.
        alpha: share of false alarms, in (0, 1).
        effect: the least index that matters, from 0 up: 0.1 is usually called some change, 0.25 a
            large one.

    Raises:
        ConfigurationError: an argument is out of its range.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(1)
        >>> old, new = rng.normal(size=5000), rng.normal(0.5, size=1000)
        >>> psi(old, rng.normal(size=1000)).moved, psi(old, new).moved
        (False, True)
    """
    where = "psi"
    count = whole(where, "bins", bins, 2)
    share(where, "alpha", alpha)
    least = number(where, "effect", effect, low=0.0)
    old, new = numbers(where, "reference", reference), numbers(where, "current", current)
    if not old.size or not new.size:
        side = "reference" if not old.size else "current"
        return Psi(0.0, inf, inf, False, 1, old.size, new.size, f"no {side} values")  # noqa: FBT003  a field
    different = np.unique(old)
    if different.size <= count:
        place_old = np.searchsorted(different, old)
        place_new = np.searchsorted(different, new)
        place_new[~np.isin(new, different)] = different.size
        length = different.size + 1
    else:
        edges = np.unique(np.quantile(old, np.linspace(0, 1, count + 1)[1:-1]))
        place_old, place_new = np.searchsorted(edges, old), np.searchsorted(edges, new)
        length = edges.size + 1
    return psi_of_counts(
        np.bincount(place_old, minlength=length).tolist(),
        np.bincount(place_new, minlength=length).tolist(),
        alpha=alpha,
        effect=least,
    )


def psi_of_counts(
    reference: Sequence[float],
    current: Sequence[float],
    *,
    alpha: float = 0.001,
    effect: float = 0.1,
) -> Psi:
    """The same, of values that were counted by bin.

    Args:
        reference: counts of each bin; bins that are empty on both sides do not count.
        current: the same, in the same order.
        alpha: share of false alarms, in (0, 1).
        effect: the least index that matters, from 0 up.
    """
    m, n = float(sum(reference)), float(sum(current))
    pairs = [pair for pair in zip(reference, current, strict=True) if pair[0] or pair[1]]
    if not m or not n:
        return Psi(0.0, inf, inf, False, 1, int(m), int(n), "no values on one side")  # noqa: FBT003  a field
    value = 0.0
    for old, new in pairs:
        p, q = max(old / m, _FLOOR), max(new / n, _FLOOR)
        value += (q - p) * log(q / p)
    noise = psi_noise(len(pairs), alpha) * (1 / n + 1 / m)
    threshold = max(noise, effect)
    note = "fewer than 200 values: the threshold is too low" if min(m, n) < 200 else ""
    return Psi(value, noise, threshold, value > threshold, len(pairs), int(m), int(n), note)


@lru_cache(maxsize=1024)
def psi_noise(bins: int, alpha: float) -> float:
    """The quantile of chance, to be multiplied by (1/n + 1/m)."""
    return float(needed("scipy.stats").chi2.isf(alpha, max(1, bins - 1)))
