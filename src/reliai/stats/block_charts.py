"""The CUSUM chart for the means of blocks: a lasting change of level, among dependent values."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.stats._checked import number, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BlockCusum", "block_cusum_limit", "block_means"]


def block_means(values: Iterable[float], size: int = 100) -> list[float]:
    """The means of blocks of so many values each, in their order; what is left over is left out.

    The means of blocks that are longer than values remember each other are nearly independent,
    however much the values hang together.

    Args:
        values: in the order of time.
        size: from 1 up.

    Raises:
        ConfigurationError: `size` is no whole number from 1 up.
    """
    length = whole("block_means", "size", size, 1)
    listed = list(values)
    return [
        sum(listed[at : at + length]) / length for at in range(0, len(listed) - length + 1, length)
    ]


def block_cusum_limit(arl: float = 1e4, k: float = 0.5) -> float:
    """The limit at which a two-sided chart raises a false alarm once in `arl` values.

    By Siegmund's approximation, to 2 % for limits above 3.

    Siegmund (1985), Sequential Analysis, chapter 10.

    Args:
        arl: above 10.
        k: half the shift to notice, in standard deviations; above 0.

    Raises:
        ConfigurationError: an argument is out of its range.

    Example:
        >>> round(block_cusum_limit(1e6, 0.5), 1), round(block_cusum_limit(1e6, 0.25), 1)
        (12.6, 23.7)
    """
    number("block_cusum_limit", "arl", arl, above=10.0)
    number("block_cusum_limit", "k", k, above=0.0)
    wanted = 4 * k * k * arl
    grown = log(wanted + 1)
    for _ in range(50):  # converges at once: exp(x) - x - 1 = wanted
        grown = log(wanted + 1 + grown)
    assert abs(exp(grown) - grown - 1 - wanted) <= 1e-6 * wanted  # noqa: S101  a contraction
    return float(max(0.5, grown / (2 * k) - 1.166))


class BlockCusum:
    """A two-sided CUSUM chart of values in standard deviations from what is normal.

    Args:
        limit: at which it raises the alarm; None for one false alarm in 10,000.
        k: half the shift to notice.

    Attributes:
        up, down: the sums; at 0 there is no evidence of a change.

    Raises:
        ConfigurationError: an argument is out of its range.

    Example:
        >>> chart = BlockCusum()
        >>> [chart.update(2.0) for _ in range(6)]
        [False, False, False, False, False, True]
    """

    __slots__ = ("down", "k", "limit", "up")

    def __init__(self, limit: float | None = None, k: float = 0.5) -> None:
        self.k = number("BlockCusum", "k", k, above=0.0)
        self.limit = (
            block_cusum_limit(1e4, k)
            if limit is None
            else number("BlockCusum", "limit", limit, above=0.0)
        )
        self.up = self.down = 0.0

    def update(self, z: float) -> bool:
        """Take a value in; whether a sum is above the limit.

        Raises:
            ConfigurationError: the value is no number.
        """
        if z != z:  # noqa: PLR0124  NaN
            raise ConfigurationError(f"BlockCusum.update({z!r}): must be a number")
        self.up = max(0.0, self.up + z - self.k)
        self.down = max(0.0, self.down - z - self.k)
        return max(self.up, self.down) > self.limit

    def reset(self) -> None:
        """Forget every value."""
        self.up = self.down = 0.0

    def __repr__(self) -> str:
        return f"BlockCusum(limit={self.limit:.4g}, k={self.k:g})"


def largest_excursion(values: Iterable[float], k: float = 0.5) -> float:
    """How far the sums of a chart get on values that are all in good health."""
    chart: Any = BlockCusum(1.0, k)
    largest = 0.0
    for value in values:
        chart.update(value)
        largest = max(largest, chart.up, chart.down)
    return largest
