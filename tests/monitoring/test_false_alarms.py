"""Healthy traffic raises at most one alarm in a thousand windows, whatever kind of traffic it is.

The table of docs/monitoring.md is longer runs of the same.
"""

from __future__ import annotations

from typing import Any

import pytest

from reliai.monitoring import signals
from reliai.monitoring.fields import Field, Tuning
from tests.monitoring._healthy import KINDS, traffic

WINDOW = 500


def fields(tuning: Tuning) -> tuple[Field, ...]:
    """A number, a share and a category, watched beside each other."""
    made = tuple(
        Field(signal, tuning, None)
        for signal in (
            signals.number("size", len),
            signals.errors(),
            signals.finish_reasons(),
        )
    )
    for field in made:
        field.drift.among = len(made)
    return made


def alarms(kind: str, seed: int, records: int, tuning: Tuning, gap: float) -> tuple[int, bool]:
    """How many alarms there were, and whether windows were judged by the end."""
    watched, source, count = fields(tuning), traffic(kind, seed, gap), 0
    for _ in range(records):
        at, *values = next(source)
        for field, value in zip(watched, values, strict=True):
            found: Any = field.take(value, at) or ()
            count += sum(each.firing for each in found)
    return count, all(field.drift.ready for field in watched)


@pytest.mark.parametrize("kind", KINDS)
def test_a_day_and_a_half_of_healthy_traffic_is_quiet(kind: str) -> None:
    records = 65_000
    count, judged = alarms(kind, 3, records, Tuning(), gap=2.0)
    assert judged
    assert count <= 3 * records / WINDOW / 1000


@pytest.mark.parametrize("kind", ["independent", "autocorrelated"])
def test_so_is_traffic_whose_reference_was_learnt_in_minutes(kind: str) -> None:
    count, judged = alarms(kind, 4, 40_000, Tuning(learn=600.0), gap=0.1)
    assert judged
    assert count == 0
