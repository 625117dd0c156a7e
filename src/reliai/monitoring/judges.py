"""How far a window is from the reference: one measure for each kind of signal."""

from __future__ import annotations

from bisect import bisect_left
from math import asin, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.monitoring.histogram import quantile
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.monitoring.windows import (
        CategoryWindow,
        NumberWindow,
        ShareWindow,
        VectorWindow,
    )

__all__ = ["Measure", "Measured", "measure_for"]

ROWS: Final = 200
"""Vectors of the reference that are kept to draw samples from."""


class Measured(NamedTuple):
    """How far a window is from the reference.

    Attributes:
        effect: the size of the difference; what it means hangs on the kind.
        significant: whether chance alone makes it that large only once in 1 / alpha windows.
        least: the least effect that matters.
        text: what differs, for a person.
        evidence: the numbers.
    """

    effect: float
    significant: bool
    least: float
    text: str
    evidence: Mapping[str, float | str]


class Measure:
    """Measures windows of one kind against a reference, which is a window itself."""

    least = 0.0

    def __init__(self, reference: Any) -> None:
        self.reference = reference

    def of(self, window: Any, alpha: float, inflation: float) -> Measured:
        """How far a window is away.

        Args:
            window: of the same kind.
            alpha: share of false alarms.
            inflation: how much more windows scatter than those of independent records.
        """
        raise NotImplementedError


class _Shares(Measure):
    """Effect: Cohen's h, the difference of the arcsines; 0.05 is half a point at 1 %."""

    least = 0.05

    def of(self, window: ShareWindow, alpha: float, inflation: float) -> Measured:
        from reliai.stats import two_proportion  # noqa: PLC0415  as scipy, with the first window

        old = self.reference
        found = two_proportion(old.k, old.n, window.k, window.n)
        effect = 2 * abs(asin(sqrt(window.k / window.n)) - asin(sqrt(old.k / old.n)))
        limit = NormalDist().inv_cdf(1 - alpha / 2)
        text = (
            f"{window.k / window.n:.3g} of {window.n} records, {old.k / old.n:.3g} in the reference"
        )
        evidence = {
            "share": window.k / window.n,
            "reference_share": old.k / old.n,
            "difference": found.difference,
            "p_value": found.p_value,
            "n": window.n,
            "reference_n": old.n,
        }
        significant = abs(found.z) / sqrt(inflation) > limit
        return Measured(effect, significant, self.least, text, evidence)


class _Numbers(Measure):
    """Effect: the population stability index over tenths of the reference."""

    least = 0.1

    def __init__(self, reference: NumberWindow) -> None:
        super().__init__(reference)
        bins = reference.bins
        self._edges = _edges(bins)
        self._counts = _grouped(self._edges, bins)
        self._points = [quantile(bins, share / 20) for share in range(1, 20)]

    def of(self, window: NumberWindow, alpha: float, inflation: float) -> Measured:
        from reliai.stats.stability import psi_of_counts  # noqa: PLC0415  as above

        old = self.reference
        found = psi_of_counts(
            self._counts, _grouped(self._edges, window.bins), alpha=alpha, effect=0.0
        )
        middle, before = window.quantile(0.5), old.quantile(0.5)
        text = f"a median of {middle:.3g} in {window.n} records, {before:.3g} in the reference"
        evidence = {
            "psi": found.value,
            "psi_threshold": max(self.least, found.noise * inflation),
            "median": middle,
            "reference_median": before,
            "mean": window.mean,
            "reference_mean": old.mean,
            "shift_in_standard_deviations": self._shift(window),
            "n": window.n,
            "reference_n": old.n,
        }
        significant = found.value > found.noise * inflation
        return Measured(found.value, significant, self.least, text, evidence)

    def _shift(self, window: NumberWindow) -> float:
        """The normalised Wasserstein distance: the mean distance of quantiles."""
        deviation = self.reference.deviation
        if not deviation:
            return 0.0
        shares = [share / 20 for share in range(1, 20)]
        moved = [
            abs(window.quantile(share) - before)
            for share, before in zip(shares, self._points, strict=True)
        ]
        return sum(moved) / len(moved) / deviation  # type: ignore[no-any-return]


class _Categories(Measure):
    """Effect: Cohen's w."""

    least = 0.1

    def of(self, window: CategoryWindow, alpha: float, inflation: float) -> Measured:
        from reliai.stats import chi_square  # noqa: PLC0415  as above

        found = chi_square(self.reference.counts, window.counts, alpha=alpha)
        names = [each for each in (found.rose, found.fell) if each is not None]
        old = self.reference
        moves = [
            f"{name}: {window.counts.get(name, 0) / window.n:.3g}, "
            f"{old.counts.get(name, 0) / old.n:.3g} in the reference"
            for name in names
        ]
        evidence: dict[str, float | str] = {
            "effect_w": found.effect,
            "cramers_v": found.cramers_v,
            "p_value": found.p_value,
            "rose": found.rose or "",
            "fell": found.fell or "",
            "n": window.n,
            "reference_n": old.n,
        }
        significant = found.p_value <= alpha and found.effect > sqrt(inflation - 1) * self.least
        return Measured(found.effect, significant, self.least, "; ".join(moves), evidence)


class _Vectors(Measure):
    """Effect: 1 - cosine of the means."""

    def __init__(self, reference: VectorWindow, rows: Any) -> None:
        super().__init__(reference)
        self._rows = rows
        self._thresholds: dict[tuple[int, float], float] = {}

    def of(self, window: VectorWindow, alpha: float, inflation: float) -> Measured:
        import numpy as np  # noqa: PLC0415  as above

        first, second = self.reference.total, window.total
        length = float(np.linalg.norm(first) * np.linalg.norm(second))
        distance = 1.0 - float(first @ second) / length if length else 0.0
        threshold = self._threshold(window.n, alpha) * inflation
        text = f"the mean of {window.n} vectors is {distance:.3g} from that of the reference"
        evidence = {
            "distance": distance,
            "threshold": threshold,
            "n": window.n,
            "reference_n": self.reference.n,
        }
        return Measured(distance, distance > threshold, self.least, text, evidence)

    def _threshold(self, n: int, alpha: float) -> float:
        """The distance that samples of this size exceed, reckoned once for sizes within 5 %."""
        from reliai.stats.centroids import centroid_threshold  # noqa: PLC0415  as above

        size = int(1.05 ** int(_log_in_steps(n)))
        alpha = max(alpha, 1e-3)
        found = self._thresholds.get((size, alpha))
        if found is None:
            found = centroid_threshold(
                self._rows, max(1, size), self.reference.n, alpha=alpha, resamples=1000
            )
            self._thresholds[size, alpha] = found
        return found


def _log_in_steps(n: int) -> float:
    from math import log  # noqa: PLC0415  rarely

    return log(max(1, n)) / log(1.05)


def measure_for(reference: Any, rows: Any = ()) -> Measure:
    """The measure for windows of the reference's kind.

    Args:
        reference: a window.
        rows: of vectors, some of the reference's.
    """
    if reference.kind == "share":
        return _Shares(reference)
    if reference.kind == "number":
        return _Numbers(reference)
    if reference.kind == "category":
        return _Categories(reference)
    needed("numpy")
    return _Vectors(reference, rows)


def _edges(bins: Mapping[int, int]) -> list[int]:
    """The last bins of ten groups of about the same size; each bin alone where they are few."""
    ordered = sorted(bins)
    if len(ordered) <= 10:
        return ordered
    edges: list[int] = []
    total, seen = sum(bins.values()), 0
    for number in ordered:
        seen += bins[number]
        if seen >= total * (len(edges) + 1) / 10:
            edges.append(number)
            while len(edges) < 10 and seen >= total * (len(edges) + 1) / 10:
                edges.append(number)
    return sorted(set(edges))[:-1]


def _grouped(edges: list[int], bins: Mapping[int, int]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for number, count in bins.items():
        counts[bisect_left(edges, number)] += count
    return counts
