"""What a comparison can detect, and what it would take to decide. Needs scipy."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite, log1p
from typing import TYPE_CHECKING

from reliai._needs import needed
from reliai.evals._readings import AMOUNTS
from reliai.stats import detectable_effect, sample_size

if TYPE_CHECKING:
    from reliai.evals._levels import LevelEvidence
    from reliai.evals._paired import PairedEvidence

__all__ = ["Power", "Within", "power_for_level", "power_for_margin", "unit_of"]


@dataclass(frozen=True, slots=True)
class Within:
    """How much the tries of one case vary, under either system, and how many there are of each."""

    variances: tuple[float, float]
    repeats: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Power:
    """What the data can tell.

    Attributes:
        detectable: the smallest difference that is found with the wanted power; None for unknown.
        cases: how many cases it takes to pass where there is no difference; None for unknown.
        repeats: how many tries of each case would do with the cases there are; None where none
            would, or where it is not known how much the tries of one case vary.
        n: cases there are: what it takes is told where it is more.
        unit: "points" for hundredths, "" for the unit of the metric.
    """

    detectable: float | None = None
    cases: int | None = None
    repeats: int | None = None
    n: int = 0
    unit: str = "points"

    def __str__(self) -> str:
        """In words; "" for nothing to say."""
        can = ""
        if self.detectable is not None:
            points = self.unit == "points"
            can = (
                f"can detect ≥ {self.detectable * (100 if points else 1):.3g} {self.unit}".rstrip()
            )
        if self.cases is None or self.cases <= self.n:
            return can
        needs = f"needs about {self.cases:,} cases"
        needs += f" or {self.repeats} repeats" if self.repeats is not None else ""
        return "; ".join(filter(None, (can, needs)))


def power_for_margin(
    evidence: PairedEvidence,
    margin: float,
    *,
    span: float,
    confidence: float,
    power: float,
    within: Within | None,
) -> Power:
    """For a non-inferiority margin: Miller (2024), arXiv 2411.00640, section 5.

    A one-sided question at level alpha is a two-sided one at 2 alpha. Where no pair differs there
    is no variance, and the number is that of identical runs.
    """
    n, alpha = evidence.observed.n, 2.0 * (1.0 - confidence)
    if not n:
        return Power()
    if not evidence.variance:
        return _of_identical(evidence, margin, span, confidence)
    variance = evidence.variance
    found = detectable_effect(n, between_variance=variance, alpha=alpha, power=power)
    cases = sample_size(margin, between_variance=variance, alpha=alpha, power=power)
    ndtri = needed("scipy.special", "stats").ndtri
    z = float(ndtri(confidence) + ndtri(power))
    repeats = _repeats(n, variance, margin, z, within) if cases > n else None
    return Power(found, cases, repeats, n)


def power_for_level(evidence: LevelEvidence, limit: float, *, alpha: float, power: float) -> Power:
    """For a floor or a ceiling: how many cases tell the mean that was seen from the limit."""
    n, variance, estimate = evidence.n, evidence.variance, evidence.estimate
    if not n or not variance or estimate is None:
        return Power()
    found = detectable_effect(n, between_variance=variance, alpha=2 * alpha, power=power)
    apart = abs(estimate - limit)
    if apart < 1e-9:
        return Power(found)
    return Power(found, sample_size(apart, between_variance=variance, alpha=2 * alpha, power=power))


def _of_identical(evidence: PairedEvidence, margin: float, span: float, confidence: float) -> Power:
    share = margin / span
    cases = 1 if share >= 1.0 else ceil(log1p(-confidence) / log1p(-share) - 1e-9)
    scale = evidence.observed.n / max(1, evidence.units)
    reach = span * (1.0 - (1.0 - confidence) ** (1.0 / max(1, evidence.units)))
    return Power(reach, ceil(cases * scale), n=evidence.observed.n)


def unit_of(metric: str, *levels: float | None) -> str:
    """In what a difference is told: points where the metric is a share, or a score in [0, 1]."""
    seen = [each for each in levels if each is not None]
    share = metric not in AMOUNTS and all(0.0 <= each <= 1.0 for each in seen)
    return "points" if share else ""


def _repeats(n: int, variance: float, margin: float, z: float, within: Within | None) -> int | None:
    """Tries of each case, under either system, that make the variance small enough."""
    if within is None:
        return None
    wanted = n * (margin / z) ** 2
    tries = sum(within.variances)
    explained = sum(v / k for v, k in zip(within.variances, within.repeats, strict=True))
    left = wanted - max(0.0, variance - explained)
    if left <= 0.0 or tries <= 0.0:
        return None
    needs = tries / left
    return ceil(needs) if isfinite(needs) and needs < 10_000 else None
