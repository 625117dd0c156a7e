"""The chart of the level of numbers: a lasting change that is too small for the quick chart."""

from __future__ import annotations

from collections import deque
from math import sqrt
from typing import Any

from reliai.monitoring.findings import Finding

__all__ = ["Level"]


class Level:
    """The chart of the means of blocks, with a limit that the reference itself keeps."""

    __slots__ = ("_calm", "_chart", "_deviation", "_firing", "_middles", "_out")

    def __init__(self, blocks: list[tuple[int, float]], hourly: bool) -> None:  # noqa: FBT001  ours
        from reliai.stats.block_charts import (  # noqa: PLC0415  with the first reference
            BlockCusum,
            block_cusum_limit,
            largest_excursion,
        )

        self._middles = {-1: _mean([level for _, level in blocks])}
        if hourly:
            for hour in {hour for hour, _ in blocks}:
                mine = [level for each, level in blocks if each == hour]
                if len(mine) >= 5:
                    self._middles[hour] = _mean(mine)
        offs = [level - self._middle(hour) for hour, level in blocks]
        freedom = max(1, len(offs) - 1)
        spread = sqrt(sum(each * each for each in offs) / freedom)
        # Of few blocks the spread is not known well: it may be larger by two standard errors.
        self._deviation = max(spread * (1 + 2 / sqrt(2 * freedom)), 1e-9)
        largest = largest_excursion([each / self._deviation for each in offs])
        self._chart = BlockCusum(max(block_cusum_limit(1e4), 1.5 * largest))
        self._calm: deque[float] = deque(maxlen=20)
        self._out = 0
        self._firing = False

    def _middle(self, hour: int) -> float:
        found = self._middles.get(hour)
        return self._middles[-1] if found is None else found

    def take(self, hour: int, level: float) -> list[Finding] | None:
        """Take the mean of a block in; whether the level has changed, or is back."""
        standard = (level - self._middle(hour)) / self._deviation
        standard = max(-6.0, min(6.0, standard))
        self._calm.append(standard)
        if self._firing:
            if len(self._calm) == 20 and abs(_mean(self._calm)) < 0.5:
                self._firing = False
                self._chart.reset()
                return [Finding("drift", firing=False)]
            return None
        self._out = self._out + 1 if self._chart.update(standard) else 0
        if self._out < 2:
            return None
        self._firing, self._out = True, 0
        lately = _mean(list(self._calm)[-10:])
        self._calm.clear()
        text = f"its level has been {lately:+.2g} deviations of blocks off for a while"
        evidence = {"level_in_block_deviations": lately, "cusum_limit": self._chart.limit}
        return [Finding("drift", firing=True, text=text, evidence=evidence)]


def _mean(values: Any) -> float:
    return sum(values) / len(values)  # type: ignore[no-any-return]
