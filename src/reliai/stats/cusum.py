"""The CUSUM chart for failures: notices a small lasting rise that no fixed ratio would."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

from reliai.errors import ConfigurationError

__all__ = ["Cusum"]


@dataclass(slots=True)
class Cusum:
    """Says when the share of failures has risen from `baseline` towards `shift`.

    Sums the log-likelihood ratio of the two shares over the observations, never below 0, and
    raises the alarm at `ln(arl)`. A failure adds `ln(shift / baseline)`, a success adds
    `ln((1 - shift) / (1 - baseline))`, which is negative. An update takes constant time and space.

    Page (1954), Biometrika 41, 100-115; of all charts with the same rate of false alarms it is the
    quickest (Moustakides 1986, Ann. Statist. 14, 1379-1387); with the limit `ln(arl)` healthy calls
    run for `arl` observations or more between false alarms on average (Lorden 1971, Ann. Math.
    Statist. 42, 1897-1908). The bound holds for independent observations.

    Args:
        baseline: share of failures in good health, in (0, 1).
        shift: share of failures to notice, in (baseline, 1).
        arl: observations between two false alarms, on average at least; above 1.

    Raises:
        ConfigurationError: a parameter is out of its range.

    Example:
        >>> chart = Cusum()
        >>> [chart.update(True) for _ in range(5)]
        [False, False, False, False, True]
    """

    baseline: float = 0.01
    shift: float = 0.3
    arl: float = 1e6
    value: float = field(default=0.0, init=False)
    """The sum so far; the alarm is raised at `limit`."""
    limit: float = field(init=False, repr=False, compare=False)
    _failure: float = field(init=False, repr=False, compare=False)
    _success: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.baseline < self.shift < 1.0:
            raise ConfigurationError(
                f"baseline={self.baseline!r} and shift={self.shift!r} must be shares with "
                "0 < baseline < shift < 1"
            )
        if not 1.0 < self.arl < float("inf"):
            raise ConfigurationError(
                f"arl={self.arl!r} must be a finite number of observations above 1"
            )
        self.limit = log(self.arl)
        self._failure = log(self.shift / self.baseline)
        self._success = log((1.0 - self.shift) / (1.0 - self.baseline))

    def update(self, x: bool | float) -> bool:  # noqa: FBT001  the observation itself
        """Take one observation, true for a failure; True while the sum is at or above the limit."""
        value = self.value + (self._failure if x else self._success)
        self.value = value = max(value, 0.0)
        return value >= self.limit

    def reset(self) -> None:
        """Forget every observation."""
        self.value = 0.0

    def copy(self) -> Cusum:
        """A fresh one with the same parameters, that has seen nothing."""
        return Cusum(self.baseline, self.shift, self.arl)
