"""Money as whole numbers, so that what is added up and taken away again leaves nothing behind.

A sum of floats drifts; a budget that is reserved and released a million times must not. Floor 1.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

__all__ = ["PICO", "as_usd", "checked_amount", "pico"]

PICO: Final = 1_000_000_000_000
"""So many picodollars are a dollar: the least that is told apart is 1e-12 dollars."""


def checked_amount(value: object) -> bool:
    """Whether `value` is an amount: a finite number of 0 or more, and no bool."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return math.isfinite(value) and value >= 0


def pico(usd: float | Decimal) -> int:
    """US dollars in whole picodollars, to the nearest.

    Raises:
        ValueError: when it is no finite number of 0 or more.
    """
    if not checked_amount(usd):
        message = f"{usd!r} is no amount of dollars: it must be a finite number of 0 or more"
        raise ValueError(message)
    return round(usd * PICO)


def as_usd(amount: int) -> float:
    """Picodollars as dollars."""
    return amount / PICO
