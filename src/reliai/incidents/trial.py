"""What a scenario is given, and where it says what it measured."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

from reliai.incidents.findings import Finding, Part, PartName, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.testing import VirtualClock

__all__ = ["Trial", "percentile"]


class Trial:
    """One part of a replay while it runs.

    Attributes:
        seed: what all chance of the part comes from.
        random: a source of chance of its own, so that one run is like the next.
        clock: the virtual clock; `clock.now` is seconds since the start of the part.
        calls: how many calls a healthy part has to make.
        made: how many logical calls were made; `incidents.load` counts its own.
        warnings: what reliai warned of, filled in as it happens.
        raised: what observers raised, which no call shows; the part has failed then.
    """

    def __init__(
        self, name: str, part: PartName, clock: VirtualClock, *, seed: int, calls: int
    ) -> None:
        self.seed = seed
        self.random = Random(f"{seed}/{name}/{part}")
        self.clock = clock
        self.calls = calls
        self.made = 0
        self.warnings: list[str] = []
        self.raised: list[str] = []
        self._part: PartName = part
        self._findings: list[Finding] = []
        self._detected: str | None = None

    @property
    def now(self) -> float:
        """Virtual seconds since the start of the part."""
        return self.clock.now

    def at_most(
        self, name: str, measured: float, limit: float, unit: str = "", *, give: float = 0.0
    ) -> None:
        """The number must not be above its limit.

        Args:
            name: what was measured.
            measured: the number.
            limit: the most it may be.
            unit: of both.
            give: how much more the sample may show by chance, where the limit is that of a
                percentile or a share, and the number an estimate of it.
        """
        wanted = shown(limit, unit) + (f" (± {shown(give)})" if give else "")
        rounded = _rounded(measured)
        ok = rounded <= limit + give
        self._findings.append(Finding(name, rounded, f"≤ {wanted}", ok, unit))

    def at_least(
        self, name: str, measured: float, limit: float, unit: str = "", *, give: float = 0.0
    ) -> None:
        """The number must not be below its limit; see `at_most`, of which this is the opposite."""
        wanted = shown(limit, unit) + (f" (± {shown(give)})" if give else "")
        rounded = _rounded(measured)
        ok = rounded >= limit - give
        self._findings.append(Finding(name, rounded, f"≥ {wanted}", ok, unit))

    def above(self, name: str, measured: float, limit: float, unit: str = "") -> None:
        """The number must be above its limit: a damage that must be there, for instance."""
        rounded = _rounded(measured)
        text = f"> {shown(limit, unit)}"
        self._findings.append(Finding(name, rounded, text, rounded > limit, unit))

    def exactly(
        self, name: str, measured: float | str, wanted: float | str, unit: str = ""
    ) -> None:
        """The fact must be this one."""
        limit = f"= {shown(wanted, unit)}"
        self._findings.append(Finding(name, measured, limit, measured == wanted, unit))

    def none(self, name: str, measured: float) -> None:
        """There must be none: no alarm on a healthy day, for instance."""
        self._findings.append(Finding(name, measured, "none", measured == 0))

    def detected(self, how_long: str) -> None:
        """Say how long it took to notice, for a reader: "0.3 s (6 calls)"."""
        self._detected = how_long

    def result(self, error: str | None = None) -> Part:
        """What was said, as a part of the report."""
        return Part(self._part, tuple(self._findings), self._detected, self.made, error)


def _rounded(number: float) -> float:
    """Six digits, which every machine agrees on; whole numbers as they are.

    What is next to nothing is what sums of times leave over, and is nothing.
    """
    if abs(number) < 1e-9:
        return 0
    whole = math.isfinite(number) and number == math.trunc(number)
    return number if whole else float(f"{number:.6g}")


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of all, in (0, 1], do not exceed; NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
