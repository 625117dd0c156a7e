"""What counts weigh: which phases they are of, and how many it takes."""

from __future__ import annotations

import math

import pytest

from reliai.rollout.evidence import Counts, Finding, weigh
from reliai.rollout.plan import Rule
from tests.rollout.ramping import counted, plan_of

MEAN = Rule("latency", "mean", 1.2, 1.2, "rollback")


def fast(calls: int) -> Finding:
    """What a candidate that is surely faster comes to after so many calls in either arm."""
    other, mine = (calls, 0.0, calls * 0.01), (calls, -calls * 1.0, calls * 1.01)
    phase = Counts(0.5, (calls, calls), (calls, calls), {"latency": (*other, *mine)})
    (finding,) = weigh(plan_of(0.5, rules=(MEAN,)), [phase]).findings
    return finding


@pytest.mark.parametrize(("calls", "sure"), [(299, False), (300, True)])
def test_a_mean_proves_nothing_good_before_it_has_seen_many(calls: int, *, sure: bool) -> None:
    assert (fast(calls).safe > 1e6) is sure


def test_how_units_were_divided_in_a_phase_that_is_over_says_nothing() -> None:
    wrong = counted(0.1, (9_000, 1_000), (0, 0), units=(9_200, 800))
    everybody = counted(1.0, (0, 50), (0, 0))
    assert weigh(plan_of(0.1), [wrong]).split > 1e6
    assert weigh(plan_of(0.1), [wrong, everybody]).split == 1.0


def test_events_of_a_phase_with_all_the_calls_in_one_arm_are_left_out() -> None:
    before = counted(0.1, (900, 100), (9, 1))
    after = counted(1.0, (0, 1_000), (0, 500))
    assert weigh(plan_of(0.1), [before, after]).harm == weigh(plan_of(0.1), [before]).harm


@pytest.mark.parametrize(
    ("times", "harmful", "sure"), [(3.0, True, False), (1.0, False, True), (1.2, False, False)]
)
def test_calls_that_all_cost_the_same_are_compared_as_others_are(
    times: float, *, harmful: bool, sure: bool
) -> None:
    calls, price = 400, math.log(times)
    mine = (calls, calls * price, calls * price * price)
    phase = Counts(0.5, (calls, calls), (calls, calls), {"latency": (calls, 0.0, 0.0, *mine)})
    (finding,) = weigh(plan_of(0.5, rules=(MEAN,)), [phase]).findings
    assert finding.ratio == pytest.approx(times)
    assert (finding.harm > 20.0, finding.safe > 20.0) == (harmful, sure)
