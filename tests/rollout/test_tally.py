"""What a process counts of calls before it tells the others: each unit once, by phase and arm."""

from __future__ import annotations

from math import log
from types import SimpleNamespace
from typing import Any

import pytest

from reliai.decisions.choice import Choice
from reliai.rollout._tally import Tally
from reliai.rollout.guardrails import Guardrail, failure_rate


def seconds(record: Any) -> float | None:
    return None if record.value is None else float(record.value)


MEAN = Guardrail(
    name="latency", kind="mean", max_ratio=1.2, tolerated=1.2, action="rollback", read=seconds
)


def count(tally: Tally, value: float | None, *, unit: str, phase: int = 0, name: str = "b") -> None:
    """Count a call: `name` is "control" for the control."""
    record: Any = SimpleNamespace(value=value, started_at=0.0)
    tally.add(Choice(name, None, phase=phase, unit=unit), record)


def test_a_mean_has_the_sums_from_which_it_and_its_variance_follow() -> None:
    tally = Tally([MEAN])
    for unit, value in (("u1", 2.0), ("u2", 4.0)):
        count(tally, value, unit=unit)
    count(tally, 8.0, unit="u3", name="control")
    (sums,) = tally.take().values()
    logs = [log(2.0), log(4.0)]
    base = (1, log(8.0), log(8.0) ** 2)
    ours = (2, sum(logs), sum(each * each for each in logs))
    assert tally.counts(0.5, sums).sums["latency"] == pytest.approx((*base, *ours))
    assert tally.counts(0.5, sums).calls == (1, 2)


def test_of_a_unit_the_first_call_of_each_phase_counts_for_a_mean_and_for_the_division() -> None:
    tally = Tally([MEAN])
    for phase in (0, 0, 1, 1):
        count(tally, 2.0, unit="u", phase=phase)
    taken = tally.take()
    for phase in (0, 1):
        counts = tally.counts(0.5, taken[phase])
        assert (counts.calls, counts.units) == ((0, 2), (0, 1))
        assert counts.sums["latency"][3] == 1


def test_of_a_unit_the_first_event_of_all_phases_counts() -> None:
    event = Guardrail(
        name="failure_rate", kind="event", max_ratio=1.5, tolerated=1.0, action="rollback",
        read=lambda record: bool(record.value),
    )  # fmt: skip
    tally = Tally([event])
    for phase in (0, 1, 1):
        count(tally, 1.0, unit="u", phase=phase)
    taken = tally.take()
    assert tally.counts(0.5, taken[0]).sums["failure_rate"] == (0, 0, 1, 1)
    assert tally.counts(0.5, taken[1]).sums["failure_rate"] == (0, 0, 2, 0)


def test_calls_that_end_after_their_phase_count_for_it_but_in_no_mean() -> None:
    tally = Tally([MEAN])
    count(tally, 2.0, unit="u", phase=1)
    count(tally, 2.0, unit="late", phase=0)
    late = tally.counts(0.5, tally.take()[0])
    assert (late.calls, late.units, late.sums["latency"][3]) == ((0, 1), (0, 0), 0)


@pytest.mark.parametrize("value", [None, 0.0, -1.0])
def test_what_has_no_logarithm_says_nothing(value: float | None) -> None:
    tally = Tally([MEAN])
    count(tally, value, unit="u")
    (sums,) = tally.take().values()
    assert tally.counts(0.5, sums).sums["latency"] == (0,) * 6


def test_what_could_not_be_told_is_told_with_what_came_since() -> None:
    tally = Tally([failure_rate()])
    before = {0: (1.0, 2.0, 1.0, 1.0, 1.0, 0.0, 2.0, 1.0)}
    tally.put_back(before)
    tally.put_back(before)
    assert tally.take() == {0: (2.0, 4.0, 2.0, 2.0, 2.0, 0.0, 4.0, 2.0)}
    assert tally.take() == {}
