"""Many tests at once: p-values that are still to be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from reliai.stats._checked import chosen, number, share, whole
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.stats._arrays import Floats

__all__ = ["Adjusted", "adjust", "false_alarm_chance"]

_WHERE: Final = "adjust"
_METHODS: Final = ("holm", "bh", "by", "bonferroni")


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The p-values of a family of tests, adjusted for their number.

    Attributes:
        p_values: in the order given, in [0, 1]; None for a test that gave none.
        method: how they were adjusted.
        dropped: tests that gave no p-value, and are not counted among the family.
    """

    p_values: tuple[float | None, ...]
    method: str
    dropped: int = 0

    def significant(self, alpha: float = 0.05) -> tuple[bool, ...]:
        """Which of the tests are significant, in the order given.

        Args:
            alpha: for "holm" and "bonferroni" the chance of any false alarm in the family; for
                "bh" and "by" the share of false alarms among the alarms, on average; in (0, 1).

        Raises:
            ConfigurationError: `alpha` is out of its range.
        """
        share("significant", "alpha", alpha)
        return tuple(p is not None and p <= alpha for p in self.p_values)


def adjust(
    p_values: Iterable[float | None],
    method: Literal["holm", "bh", "by", "bonferroni"] = "holm",
) -> Adjusted:
    """The p-values of several tests, adjusted for their number.

    Of 20 slices without any change one or more are significant at 5 % in 64 % of all runs. "holm"
    (Holm 1979, Scand. J. Statist. 6, 65-70) keeps the chance of any false alarm, whatever the
    tests have to do with one another: for what blocks a release. "bh" (Benjamini and Hochberg 1995,
    J. R. Stat. Soc. B 57, 289-300) keeps the share of false alarms among the alarms for independent
    or positively dependent tests: for reports. "by" (Benjamini and Yekutieli 2001, Ann. Statist.
    29, 1165-1188) does so for any; "bonferroni" is never better than "holm".

    Args:
        p_values: one for each test, in [0, 1]; None or NaN where there is none: it is left out of
            the family, and counted in `dropped`.
        method: how to adjust.

    Raises:
        ConfigurationError: a p-value is out of its range, or the method is unknown.

    Example:
        >>> adjust([0.01, 0.04, 0.03]).p_values
        (0.03, 0.06, 0.06)
    """
    chosen(_WHERE, "method", method, _METHODS)
    given = [_p_value(index, each) for index, each in enumerate(p_values)]
    family = np.asarray([p for p in given if p is not None])
    adjusted = iter(_adjusted(family, method).tolist() if len(family) else [])
    result = tuple(None if p is None else float(next(adjusted)) for p in given)
    return Adjusted(result, method, len(given) - len(family))


def false_alarm_chance(tests: int, alpha: float = 0.05) -> float:
    """The chance that one or more of several independent tests without adjustment is a false alarm.

    Args:
        tests: their number (>= 0).
        alpha: level of each, in (0, 1).

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> round(false_alarm_chance(20), 3)
        0.642
    """
    count = whole("false_alarm_chance", "tests", tests)
    return 1.0 - (1.0 - share("false_alarm_chance", "alpha", alpha)) ** count


def _adjusted(family: Floats, method: str) -> Floats:
    if method in {"bh", "by"}:
        control = needed("scipy.stats").false_discovery_control
        return np.asarray(control(family, method=method), dtype=np.float64)
    count = len(family)
    if method == "bonferroni":
        return np.minimum(1.0, family * count)
    # Three lines, held to statsmodels by the tests: importing it takes seconds.
    order = np.argsort(family, kind="stable")
    result = np.empty(count)
    result[order] = np.minimum(
        1.0, np.maximum.accumulate(family[order] * np.arange(count, 0.0, -1.0))
    )
    return result


def _p_value(index: int, value: float | None) -> float | None:
    if value is None or value != value:  # noqa: PLR0124  NaN
        return None
    return number(_WHERE, f"p_values[{index}]", value, low=0.0, high=1.0)
