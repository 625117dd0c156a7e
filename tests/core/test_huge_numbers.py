"""Whole numbers larger than any float: they count as infinite, and fail nobody who reads them."""

from __future__ import annotations

from typing import Any

import pytest

import reliai
from reliai._core.scores import score
from reliai.errors import ConfigurationError
from reliai.telemetry._lines import as_line


def measured(value: Any) -> reliai.CallRecord:
    @reliai.reliable(name="huge")
    def ask() -> str:
        reliai.measure(size=value)
        return "a"

    record = reliai.execute(ask).record
    assert record is not None
    return record


@pytest.mark.parametrize("power", [309, 5000])
def test_a_measured_number_larger_than_any_float_is_a_missing_one(power: int) -> None:
    record = measured(-(10**power))
    assert record.values == {"size": None}
    assert b'"size": null' in as_line(record.to_dict())


def test_among_others_it_is_missing_too() -> None:
    sketch = measured([1, 10**400]).values["size"]
    assert (sketch["count"], sketch["missing"]) == (1, 1)


def test_the_largest_that_a_float_can_be_is_kept() -> None:
    assert measured(2**1023 - 1).values == {"size": 2**1023 - 1}


def test_a_score_larger_than_any_float_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="must be a finite number"):
        score("call", "helpful", 10**400)
