"""Sums of evidence kept as logarithms, since the evidence itself may be more than a float holds."""

from __future__ import annotations

from math import exp, inf, log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["log_mean_exp", "power_of_e"]

_LARGEST: Final = 709.0
"""The largest power of e that a float holds."""


def log_mean_exp(logs: Sequence[float]) -> float:
    """The logarithm of the mean of the numbers whose logarithms these are."""
    largest = max(logs)
    return largest + log(sum(exp(each - largest) for each in logs) / len(logs))


def power_of_e(logarithm: float) -> float:
    """The number with this logarithm; `math.inf` where it is more than a float holds."""
    return inf if logarithm > _LARGEST else exp(logarithm)
