"""Healthy traffic of several kinds, seeded: what a monitor must not raise an alarm about.

Each gives, record by record, a number with a standard deviation of 0.6 on a logarithmic scale and
whether it is one of the (about) 2 % that fail.
"""

from __future__ import annotations

from math import exp, pi, sin, sqrt
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "traffic"]

KINDS = ("independent", "autocorrelated", "diurnal", "both")

DAY = 86_400.0


def traffic(kind: str, seed: int, gap: float) -> Iterator[tuple[float, float, bool, str]]:
    """Time, number, failure and category of one record after the other.

    Args:
        kind: "independent"; "autocorrelated": each number hangs on the one before (AR(1), 0.7), and
            failures come in bursts; "diurnal": the level goes up and down by half a standard
            deviation in a day, failures by half; or "both".
        seed: of the chance.
        gap: seconds between two records.
    """
    random = Random(seed)
    memory = 0.7 if kind in {"autocorrelated", "both"} else 0.0
    swing = 0.5 if kind in {"diurnal", "both"} else 0.0
    state, burst, at = random.gauss(0, 1), False, 0.0
    while True:
        at += gap
        state = memory * state + sqrt(1 - memory**2) * random.gauss(0, 1)
        wave = swing * sin(2 * pi * at / DAY)
        share = 0.02 * (1 + wave)
        if memory:  # every third failure brings the next one about
            burst = random.random() < (0.33 if burst else share * 0.67)
        else:
            burst = random.random() < share
        word = "length" if random.random() < 0.05 * (1 + wave) else "stop"
        yield at, exp(6 + 0.6 * (state + wave)), burst, word
