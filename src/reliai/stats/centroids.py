"""Whether vectors are about what they were about: the direction of their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._checked import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CentroidShift", "centroid_shift", "centroid_threshold"]


@dataclass(frozen=True, slots=True)
class CentroidShift:
    """How far the mean of vectors is from that of a reference.

    Attributes:
        distance: 1 - cosine of the two means, in [0, 2].
        threshold: the distance that a sample of this size of the reference exceeds in a share of
            `alpha` of all cases.
        moved: whether the distance is above the threshold.
        n_reference, n_current: vectors on either side.
        note: why nothing can be told; "" otherwise.
    """

    distance: float
    threshold: float
    moved: bool
    n_reference: int
    n_current: int
    note: str = ""


def centroid_shift(
    reference: Any, current: Any, *, alpha: float = 0.001, resamples: int = 2000, seed: int = 0
) -> CentroidShift:
    """Whether vectors, such as embeddings of texts, point where those of a reference do.

    The distance of the means shrinks with the number of vectors, so no fixed threshold is right for
    all; it is taken from samples of the same size that are drawn from the reference (bootstrap).

    Efron (1979), Annals of Statistics 7, 1-26.

    Args:
        reference: shape (m, d), with 20 rows or more.
        current: shape (n, d).
        alpha: share of false alarms, in (0, 1); 1 / `resamples` at least.
        resamples: samples that are drawn.
        seed: of the chance.

    Raises:
        ConfigurationError: an array has another shape.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> old = rng.normal(1.0, 1.0, size=(500, 32))
        >>> new = np.vstack([rng.normal(1.0, 1.0, size=(60, 32)), rng.normal(0, 1, size=(40, 32))])
        >>> centroid_shift(old, old[:100]).moved
        False
    """
    old, new = _rows("reference", reference), _rows("current", current)
    if old.shape[1] != new.shape[1]:
        raise ConfigurationError(
            f"centroid_shift(current of shape {new.shape}): must be as wide as the reference, "
            f"{old.shape}"
        )
    if not len(new):
        return CentroidShift(0.0, 2.0, False, len(old), 0, "no current vectors")  # noqa: FBT003  a field
    distance = _distance(old.mean(axis=0), new.mean(axis=0))
    if distance is None:
        note = "a mean is of length 0"
        return CentroidShift(0.0, 2.0, False, len(old), len(new), note)  # noqa: FBT003  a field
    threshold = centroid_threshold(
        old, len(new), len(old), alpha=alpha, resamples=resamples, seed=seed
    )
    return CentroidShift(distance, threshold, distance > threshold, len(old), len(new))


def centroid_threshold(
    rows: Any,
    n: int,
    m: int | None = None,
    *,
    alpha: float = 0.001,
    resamples: int = 2000,
    seed: int = 0,
) -> float:
    """The distance that two samples of the same vectors exceed in a share of `alpha` of all cases.

    Args:
        rows: shape (r, d); those that samples are drawn from, with replacement.
        n: size of the one sample.
        m: size of the other; None: its mean is known.
        alpha: in (0, 1).
        resamples: samples that are drawn.
        seed: of the chance.

    Raises:
        ConfigurationError: there are fewer than 20 rows, or an argument is out of its range.
    """
    array = _rows("rows", rows)
    if len(array) < 20:
        raise ConfigurationError(f"centroid_threshold: {len(array)} rows; 20 are needed")
    whole("centroid_threshold", "resamples", resamples, 100)
    if not 1 / resamples <= alpha < 1:
        raise ConfigurationError(
            f"centroid_threshold(alpha={alpha!r}): must be from 1/{resamples} to below 1"
        )
    chance = np.random.default_rng(seed)
    even = np.full(len(array), 1 / len(array))
    ones = chance.multinomial(n, even, size=resamples) / n @ array
    middle = array.mean(axis=0)
    others = (
        np.broadcast_to(middle, ones.shape)
        if m is None
        else chance.multinomial(m, even, size=resamples) / m @ array
    )
    lengths = np.linalg.norm(ones, axis=1) * np.linalg.norm(others, axis=1)
    cosines = np.einsum("ij,ij->i", ones, others) / np.where(lengths > 0, lengths, 1.0)
    return float(np.quantile(1.0 - cosines, 1.0 - alpha))


def _rows(name: str, values: Any) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ConfigurationError(
            f"centroid_shift({name} of shape {array.shape}): must be rows of finite numbers"
        )
    return array


def _distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return None if not length else max(0.0, 1.0 - float(first @ second) / length)
