"""Whether a number is far out of what it was lately."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from reliai.stats._checked import number, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Spike", "robust_spike"]


@dataclass(frozen=True, slots=True)
class Spike:
    """How far a number is from the middle of those before it.

    Attributes:
        score: in robust standard deviations, with its sign; None where nothing can be told.
        middle: the median of the history; None without one.
        spread: the robust standard deviation: 1.4826 times the median distance from the middle.
        is_spike: whether the score is beyond the limit.
        n: numbers in the history.
        note: why nothing can be told; "" otherwise.
    """

    score: float | None
    middle: float | None
    spread: float
    is_spike: bool
    n: int
    note: str = ""


def robust_spike(
    history: Iterable[float],
    value: float,
    *,
    limit: float = 6.0,
    least: float = 0.0,
    fewest: int = 20,
) -> Spike:
    """Whether a number is out of what came before, which may have been out itself now and then.

    Median and median absolute deviation stand for mean and standard deviation: half of the history
    may be far out without hiding a spike. For a history that never changes, `least` is the spread;
    without one, nothing is told.

    Hampel (1974), Journal of the American Statistical Association 69, 383-393.

    Args:
        history: numbers of the same kind, such as the means of minutes; NaN is left out.
        value: the new one.
        limit: robust standard deviations, above 0.
        least: the least spread, in the unit of the numbers; from 0 up.
        fewest: numbers of history from which on something is told.

    Raises:
        ConfigurationError: an argument is out of its range.

    Example:
        >>> robust_spike([10, 11, 9, 10, 12] * 4, 40).is_spike
        True
    """
    number("robust_spike", "limit", limit, above=0.0)
    number("robust_spike", "least", least, low=0.0)
    whole("robust_spike", "fewest", fewest, 1)
    kept = [float(each) for each in history if each == each]  # noqa: PLR0124  NaN
    if not kept:
        return Spike(None, None, 0.0, False, 0, "no history")  # noqa: FBT003  a field
    middle = median(kept)
    spread = max(1.4826 * median(abs(each - middle) for each in kept), least)
    if len(kept) < fewest:
        return Spike(None, middle, spread, False, len(kept), f"fewer than {fewest} in the history")  # noqa: FBT003  a field
    if not spread or value != value:  # noqa: PLR0124  NaN
        note = "the history never changes" if not spread else "no number"
        return Spike(None, middle, spread, False, len(kept), note)  # noqa: FBT003  a field
    score = (value - middle) / spread
    return Spike(score, middle, spread, abs(score) > limit, len(kept))
