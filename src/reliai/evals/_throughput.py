"""Calls a second, over the time in which calls were running. Needs numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from reliai.evals._columns import Columns, Floats

__all__ = ["rates"]

_WINDOWS: Final = 20


def rates(columns: Columns, windows: int = _WINDOWS) -> Floats:
    """Calls that ended well, a second, in equal windows of the time in which calls were running.

    Time in which none was running (a run that was resumed the next day) does not count. The means
    of windows are what a steady rate varies by (batch means: Conway 1963, Management Science 10,
    47-61); fewer windows for fewer calls than five each.

    Returns:
        Shape (windows,); empty when it is not known when calls started.
    """
    known = (columns.started > 0.0) & ~np.isnan(columns.started + columns.duration)
    start, end = columns.started[known], (columns.started + columns.duration)[known]
    well = ~columns.failed[known]
    windows = min(windows, int(well.sum()) // 5)
    if windows < 2 or not float((end - start).max(initial=0.0)):
        return np.empty(0)
    order = np.argsort(start, kind="stable")
    start, end, well = start[order], end[order], well[order]
    reached = np.maximum.accumulate(end)
    gaps = np.concatenate([[0.0], np.maximum(0.0, start[1:] - reached[:-1])])
    idle = np.cumsum(gaps)
    # A call's end in busy time: less the idle time that lay before it.
    busy_end = end - start[0] - idle
    total = float((reached - start[0] - idle)[-1])
    if total <= 0.0:
        return np.empty(0)
    counts, _ = np.histogram(busy_end[well], bins=windows, range=(0.0, total))
    return counts.astype(np.float64) / (total / windows)
