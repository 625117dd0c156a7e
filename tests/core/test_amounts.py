"""Money in whole picodollars: exact, and never anything that is no amount."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai._core.amounts import PICO, as_usd, checked_amount, pico


@given(st.floats(0, 10_000))
def test_dollars_come_back_to_within_a_picodollar(usd: float) -> None:
    assert abs(as_usd(pico(usd)) - usd) <= 1e-12 * max(1.0, usd)


@given(st.lists(st.floats(0, 10), max_size=50))
def test_what_is_added_and_taken_away_leaves_nothing(costs: list[float]) -> None:
    total = sum(map(pico, costs))
    assert total - sum(map(pico, reversed(costs))) == 0


def test_decimals_are_amounts_too() -> None:
    assert pico(Decimal("0.000000000001")) == 1
    assert pico(3) == 3 * PICO


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, True, "1", None, Decimal("NaN")])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    assert not checked_amount(value)
    with pytest.raises(ValueError, match="no amount of dollars"):
        pico(value)
