"""What most statistics give: an estimate and how far it may be off."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Interval"]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval.

    Where the data cannot tell how far off the estimate may be, `low` and `high` are None and `note`
    says why: no interval is not an interval of width 0.

    Attributes:
        estimate: the mean, share or other quantity, in the unit of the values; None without values.
        low, high: ends of the two-sided interval, or None.
        standard_error: of the estimate, or None.
        n: values that it is from.
        clusters: groups that the values came in; None where each value stands for itself.
        confidence: how often such intervals hold the truth, in (0, 1).
        note: why numbers are missing or to be taken with care; "" for nothing to say.
    """

    estimate: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    n: int
    clusters: int | None = None
    confidence: float = 0.95
    note: str = ""
