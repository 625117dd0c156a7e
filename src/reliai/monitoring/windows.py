"""What is kept of a stretch of traffic: sums that add up, whoever counted them, and no values.

A window can be added to another, taken away from a later one of the same source, and written as
plain data for another process.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai.monitoring.histogram import count, merged, quantile

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

BATCH: Final = 100
"""Numbers that are counted at a time."""


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
    """Numbers: how many, their mean and spread, the ends, and a histogram to one percent.

    Numbers are put aside and counted a hundred at a time, which takes a quarter of the time.
    """

    __slots__ = ("_bins", "_fresh", "_high", "_low", "_m2", "_mean", "_settled", "n", "null")
    kind = "number"

    def __init__(self) -> None:
        self.n = self.null = self._settled = 0
        self._mean = self._m2 = 0.0
        self._low, self._high = float("inf"), float("-inf")
        self._bins: dict[int, int] = {}
        self._fresh: list[float] = []

    def add(self, value: float) -> None:
        """Count one."""
        self.n += 1
        fresh = self._fresh
        fresh.append(value)
        if len(fresh) >= BATCH:
            self._settle()

    def _settle(self) -> None:
        """Count what was put aside."""
        fresh = self._fresh
        if fresh:
            self._fresh = []
            count(self._bins, fresh)
            mean = sum(fresh) / len(fresh)
            squares = sum([(value - mean) ** 2 for value in fresh])
            self._join(len(fresh), mean, squares, 1)
            self._low, self._high = min(self._low, *fresh), max(self._high, *fresh)

    def _join(self, n: int, mean: float, m2: float, sign: int) -> None:
        """Put another mean and spread to those here, or take them away (Chan's formula)."""
        total = self._settled + sign * n
        if total <= 0:
            self._settled, self._mean, self._m2 = 0, 0.0, 0.0
            return
        if sign > 0:
            delta = mean - self._mean
            self._m2 += m2 + delta * delta * self._settled * n / total
            self._mean += delta * n / total
        else:
            rest = (self._settled * self._mean - n * mean) / total
            delta = mean - rest
            self._m2 = max(0.0, self._m2 - m2 - delta * delta * total * n / self._settled)
            self._mean = rest
        self._settled = total

    def merge(self, other: NumberWindow, sign: int = 1) -> None:
        """Add another window, or take it away (`sign` -1); the ends stay when it is taken away."""
        self._settle()
        other._settle()
        self._join(other.n, other._mean, other._m2, sign)
        self.n = self._settled
        self.null += sign * other.null
        merged(self._bins, other._bins, sign)
        if sign > 0:
            self._low, self._high = min(self._low, other._low), max(self._high, other._high)

    @property
    def bins(self) -> dict[int, int]:
        """How many numbers are in each bin of `histogram`."""
        self._settle()
        return self._bins

    @property
    def mean(self) -> float:
        """The mean; 0 of nothing."""
        self._settle()
        return self._mean

    @property
    def value(self) -> float | None:
        """The mean; None of nothing."""
        return self.mean if self.n else None

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        self._settle()
        return sqrt(self._m2 / (self.n - 1)) if self.n > 1 else 0.0

    @property
    def ends(self) -> tuple[float, float] | None:
        """The smallest and the largest; None of nothing."""
        self._settle()
        return (self._low, self._high) if self.n else None

    def quantile(self, share: float) -> float:
        """The number that `share` of them do not exceed, to one percent; NaN of none."""
        return quantile(self.bins, share)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        self._settle()
        return {
            "kind": self.kind,
            "n": self.n,
            "null": self.null,
            "mean": self._mean,
            "m2": self._m2,
            "low": self._low if self.n else None,
            "high": self._high if self.n else None,
            "bins": [[number, self._bins[number]] for number in sorted(self._bins)],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NumberWindow:
        """The window that `to_dict` described."""
        window = cls()
        window.n = window._settled = int(data["n"])
        window._mean, window._m2 = float(data["mean"]), float(data["m2"])
        if window.n:
            window._low, window._high = float(data["low"]), float(data["high"])
        window._bins = {int(number): int(amount) for number, amount in data["bins"]}
        return window


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

    def _count(self, name: str, amount: int) -> None:
        counts = self.counts
        if name in counts:
            counts[name] += amount
            if counts[name] <= 0:
                del counts[name]
        elif amount > 0:
            if len(counts) >= MOST_CATEGORIES:
                name = OTHER
            counts[name] = counts.get(name, 0) + amount

    def merge(self, other: CategoryWindow, sign: int = 1) -> None:
        """Add another window, or take it away (`sign` -1)."""
        self.n += sign * other.n
        self.null += sign * other.null
        for name, amount in other.counts.items():
            self._count(name, sign * amount)

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
    kind = data["kind"]
    window = NumberWindow.from_dict(data) if kind == "number" else new_window(kind)
    window.n, window.null = int(data["n"]), int(data["null"])
    if isinstance(window, ShareWindow):
        window.k = int(data["k"])
    elif isinstance(window, CategoryWindow):
        window.counts = {str(name): int(amount) for name, amount in data["counts"].items()}
    elif isinstance(window, VectorWindow) and data["total"] is not None:
        import numpy as np  # noqa: PLC0415  only where there are vectors

        window.total = np.asarray(data["total"], dtype="float64")
    return window
