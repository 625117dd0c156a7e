"""What is kept of a stretch of traffic: sums that add up, whoever counted them, and no values.

A window can be added to another, taken away from a later one of the same source, and written as
plain data for another process.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai.monitoring.histogram import bin_of, merged, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "OTHER",
    "CategoryWindow",
    "NumberWindow",
    "ShareWindow",
    "VectorWindow",
    "Window",
    "new_window",
    "window_from",
]

OTHER: Final = "_other"
"""What is counted together: categories beyond the first 64."""

MOST_CATEGORIES: Final = 64


class ShareWindow:
    """How many of how many."""

    __slots__ = ("k", "n", "null")
    kind = "share"

    def __init__(self, n: int = 0, null: int = 0, k: int = 0) -> None:
        self.n = n
        self.null = null
        self.k = k

    def add(self, value: object) -> None:
        """Count one."""
        self.n += 1
        if value:
            self.k += 1

    def merge(self, other: ShareWindow, sign: int = 1) -> None:
        """Add another window, or take it away (`sign` -1)."""
        self.n += sign * other.n
        self.null += sign * other.null
        self.k += sign * other.k

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.k / self.n if self.n else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "n": self.n, "null": self.null, "k": self.k}


class NumberWindow:
    """Numbers: how many, their mean and spread, the ends, and a histogram to one percent."""

    __slots__ = ("bins", "high", "low", "m2", "mean", "n", "null")
    kind = "number"

    def __init__(self) -> None:
        self.n = self.null = 0
        self.mean = self.m2 = 0.0
        self.low, self.high = float("inf"), float("-inf")
        self.bins: dict[int, int] = {}

    def add(self, value: float) -> None:
        """Count one."""
        self.n = n = self.n + 1
        delta = value - self.mean
        self.mean = mean = self.mean + delta / n
        self.m2 += delta * (value - mean)
        if value < self.low:  # noqa: PLR1730  a third quicker, and on every record
            self.low = value
        if value > self.high:  # noqa: PLR1730  as above
            self.high = value
        number = bin_of(value)
        bins = self.bins
        bins[number] = bins.get(number, 0) + 1

    def merge(self, other: NumberWindow, sign: int = 1) -> None:
        """Add another window, or take it away (`sign` -1); the ends stay when it is taken away."""
        self.null += sign * other.null
        n, count = self.n, self.n + sign * other.n
        if count <= 0:
            self.n, self.mean, self.m2, self.bins = 0, 0.0, 0.0, {}
            return
        mean = (n * self.mean + sign * other.n * other.mean) / count
        squares = self.m2 + n * self.mean**2 + sign * (other.m2 + other.n * other.mean**2)
        self.n, self.mean, self.m2 = count, mean, max(0.0, squares - count * mean**2)
        merged(self.bins, other.bins, sign)
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    @property
    def value(self) -> float | None:
        """The mean; None of nothing."""
        return self.mean if self.n else None

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return sqrt(self.m2 / (self.n - 1)) if self.n > 1 else 0.0

    def quantile(self, share: float) -> float:
        """The number that `share` of them do not exceed, to one percent; NaN of none."""
        return quantile(self.bins, share)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kind": self.kind,
            "n": self.n,
            "null": self.null,
            "mean": self.mean,
            "m2": self.m2,
            "low": self.low if self.n else None,
            "high": self.high if self.n else None,
            "bins": [[number, self.bins[number]] for number in sorted(self.bins)],
        }


class CategoryWindow:
    """How often each of at most 64 categories came; the rest together."""

    __slots__ = ("counts", "n", "null")
    kind = "category"

    def __init__(self) -> None:
        self.n = self.null = 0
        self.counts: dict[str, int] = {}

    def add(self, value: str) -> None:
        """Count one."""
        self.n += 1
        self._count(value, 1)

    def _count(self, name: str, count: int) -> None:
        counts = self.counts
        if name in counts:
            counts[name] += count
            if counts[name] <= 0:
                del counts[name]
        elif count > 0:
            if len(counts) >= MOST_CATEGORIES:
                name = OTHER
            counts[name] = counts.get(name, 0) + count

    def merge(self, other: CategoryWindow, sign: int = 1) -> None:
        """Add another window, or take it away (`sign` -1)."""
        self.n += sign * other.n
        self.null += sign * other.null
        for name, count in other.counts.items():
            self._count(name, sign * count)

    @property
    def value(self) -> str | None:
        """The most frequent category; None of nothing."""
        return max(self.counts, key=self.counts.__getitem__) if self.counts else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "n": self.n, "null": self.null, "counts": dict(self.counts)}


class VectorWindow:
    """The sum of vectors of one length."""

    __slots__ = ("n", "null", "total")
    kind = "vector"

    def __init__(self) -> None:
        self.n = self.null = 0
        self.total: Any = None

    def add(self, value: Any) -> None:
        """Count one: an array of numpy."""
        if self.total is None:
            self.total = value.astype("float64")
        elif self.total.shape != value.shape:
            self.null += 1
            return
        else:
            self.total += value
        self.n += 1

    def merge(self, other: VectorWindow, sign: int = 1) -> None:
        """Add another window, or take it away (`sign` -1)."""
        self.null += sign * other.null
        if other.total is None:
            return
        if self.total is None:
            self.total = sign * other.total
        elif self.total.shape == other.total.shape:
            self.total = self.total + sign * other.total
        else:
            return
        self.n += sign * other.n

    @property
    def value(self) -> None:
        """A vector has no single one."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        total = None if self.total is None else [float(each) for each in self.total]
        return {"kind": self.kind, "n": self.n, "null": self.null, "total": total}


Window: TypeAlias = ShareWindow | NumberWindow | CategoryWindow | VectorWindow

_KINDS: Final[dict[str, type[Any]]] = {
    each.kind: each for each in (ShareWindow, NumberWindow, CategoryWindow, VectorWindow)
}


def new_window(kind: str) -> Any:
    """An empty window: "share", "number", "category" or "vector"."""
    return _KINDS[kind]()


def window_from(data: Mapping[str, Any]) -> Any:
    """The window that `to_dict` described."""
    window = new_window(data["kind"])
    window.n, window.null = int(data["n"]), int(data["null"])
    if isinstance(window, ShareWindow):
        window.k = int(data["k"])
    elif isinstance(window, CategoryWindow):
        window.counts = {str(name): int(count) for name, count in data["counts"].items()}
    elif isinstance(window, NumberWindow):
        window.mean, window.m2 = float(data["mean"]), float(data["m2"])
        if window.n:
            window.low, window.high = float(data["low"]), float(data["high"])
        window.bins = {int(number): int(count) for number, count in data["bins"]}
    elif data["total"] is not None:
        import numpy as np  # noqa: PLC0415  only where there are vectors

        window.total = np.asarray(data["total"], dtype="float64")
    return window
