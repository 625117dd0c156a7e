"""What follows from counts: in which order, and with which reason."""

from __future__ import annotations

import json
from math import log10

import pytest

from reliai.rollout.deciding import Standing, decide
from reliai.rollout.evidence import Counts, weigh
from reliai.rollout.plan import Plan, Rule, Step
from tests.rollout.ramping import FAILURES, counted, judged, plan_of

PLAN = plan_of(0.1, 0.5)
QUIET = counted(0.1, (9_000, 1_000), (90, 10))
"""Many calls, and as many failures in both arms."""


def breached(share: float = 0.1) -> Counts:
    return counted(share, (900, 100), (12, 8))


def test_eight_of_twenty_failures_in_a_tenth_of_the_calls_roll_back() -> None:
    """Case 18."""
    decision = judged(PLAN, counted(0.1, (180, 20), (12, 8)))
    assert decision.evidence.harm == pytest.approx(137.87, abs=0.01)
    assert (decision.action, decision.reason) == ("rollback", "GUARDRAIL")


def test_four_of_twenty_do_not() -> None:
    """Case 18."""
    decision = judged(PLAN, counted(0.1, (180, 20), (16, 4)))
    assert decision.evidence.harm == pytest.approx(1.727, abs=0.001)
    assert decision.action == "wait"


def test_what_is_tolerated_takes_more_evidence() -> None:
    plan = plan_of(0.5)._replace(rules=(FAILURES._replace(tolerated=1.5, max_ratio=2.0),))
    assert weigh(plan, [counted(0.5, (99, 99), (4, 16))]).harm == pytest.approx(4.146, abs=0.001)


def test_evidence_of_several_guardrails_is_their_mean() -> None:
    other = FAILURES._replace(name="other")
    plan = PLAN._replace(rules=(FAILURES, other))
    phase = breached()
    phase = phase._replace(sums={**phase.sums, "other": (900.0, 0.0, 100.0, 0.0)})
    assert weigh(plan, [phase]).harm == pytest.approx((137.87 + 1) / 2, abs=0.01)


def test_no_evidence_of_harm_needs_the_counts_of_the_reference() -> None:
    plan = plan_of(0.1)
    assert weigh(plan, [counted(0.1, (900, 100), (58, 2))]).findings[0].safe == pytest.approx(
        27.36, abs=0.01
    )
    assert weigh(plan, [counted(0.1, (900, 100), (20, 0))]).findings[0].safe == pytest.approx(
        5.52, abs=0.01
    )


def test_a_step_goes_on_after_its_time_and_calls() -> None:
    assert judged(PLAN, QUIET, now=599.0).reason == "DWELL"
    few = counted(0.1, (900, 99), (9, 1))
    assert judged(PLAN, few).missing == ("1 calls more",)
    assert judged(PLAN, QUIET).action == "advance"


def test_no_calls_of_the_candidate_hold_it_and_say_how_many_are_needed() -> None:
    """Case 20."""
    decision = judged(PLAN, counted(0.1, (9_000, 0), (90, 0), units=(0, 0)))
    assert (decision.action, decision.reason) == ("hold", "NO_DATA")
    assert decision.missing == ("100 calls",)


@pytest.mark.parametrize(
    ("on_no_data", "waited", "action"),
    [("hold", 1e6, "hold"), ("rollback", 4_000.0, "hold"), ("rollback", 4_200.0, "rollback")],
)
def test_no_calls_for_long_do_as_told_and_never_promote(
    on_no_data: str, waited: float, action: str
) -> None:
    """Case 20."""
    plan = plan_of(0.1)._replace(on_no_data=on_no_data)
    assert judged(plan, counted(0.1, (0, 0), (0, 0)), now=waited).action == action


@pytest.mark.parametrize("status", ["ramping", "held", "paused", "awaiting_approval"])
def test_a_breach_rolls_back_in_every_state_that_is_not_final(status: str) -> None:
    """Case 21: also where the units are not divided as they should be."""
    wrong_split = breached()._replace(units=(500, 500))
    for phase in (breached(), wrong_split):
        assert judged(PLAN, phase, status=status).action == "rollback"


@pytest.mark.parametrize("status", ["promoted", "rolled_back", "killed"])
def test_a_final_state_stays(status: str) -> None:
    assert judged(PLAN, breached(), status=status).action == "none"


def test_units_that_are_not_divided_as_they_should_be_hold_it() -> None:
    """Case 25: 9,200 and 800 at 90 to 10."""
    wrong = judged(PLAN, QUIET._replace(units=(9_200, 800)))
    right = judged(PLAN, QUIET._replace(units=(9_020, 980)))
    assert (wrong.action, wrong.reason) == ("hold", "SAMPLE_RATIO")
    assert log10(wrong.evidence.split) == pytest.approx(9.22, abs=0.01)
    assert right.action == "advance"


def test_units_that_may_be_divided_so_by_chance_hold_nothing() -> None:
    """Case 25: 10,000 and 9,500 by halves, which a test at one look would report."""
    here = counted(0.5, (10_000, 9_500), (200, 190))
    decision = judged(plan_of(0.5), here)
    assert log10(decision.evidence.split) == pytest.approx(1.62, abs=0.01)
    assert decision.action == "promote"


def test_one_paused_waits_for_somebody() -> None:
    assert judged(PLAN, QUIET, status="paused").reason == "PAUSED"


def test_a_clock_that_jumps_back_begins_nothing() -> None:
    """Case 50, by the counts alone; with a state and leases in test_clocks."""
    assert judged(PLAN, QUIET, now=1_000.0, since=4_600.0).reason == "DWELL"


def test_calls_that_ceased_hold_it() -> None:
    standing = Standing("ramping", 0, 0.0, 0.0)
    assert decide(PLAN, standing, [QUIET], 1e5, quiet=3_601.0).reason == "STALE"


def test_a_signal_pauses_it_until_it_is_overridden() -> None:
    signal = FAILURES._replace(name="faithful", action="hold")
    plan = PLAN._replace(rules=(FAILURES, signal))
    phase = QUIET._replace(sums={**QUIET.sums, "faithful": (9_000.0, 12.0, 1_000.0, 8.0)})
    assert (judged(plan, phase).action, judged(plan, phase).reason) == ("pause", "SIGNAL")
    assert judged(plan, phase, overridden=True).action == "advance"


def test_what_is_only_observed_stops_nothing() -> None:
    plan = PLAN._replace(rules=(FAILURES._replace(action="observe"),))
    assert judged(plan, counted(0.1, (9_000, 1_000), (12, 8))).action == "advance"


def test_the_last_step_needs_proof_that_it_is_no_worse() -> None:
    few = counted(0.5, (400, 400), (30, 28))
    decision = judged(PLAN, QUIET._replace(sums={"failure_rate": (0, 0, 0, 0)}), few)
    assert (decision.action, decision.reason) == ("wait", "EVIDENCE")
    assert "failure_rate to be shown no worse than it may be (about " in decision.missing[0]
    assert "more such events)" in decision.missing[0]
    many = counted(0.5, (9_000, 9_000), (180, 170))
    assert judged(PLAN, QUIET, many).action == "promote"


def test_one_that_is_not_through_in_time_is_held_and_not_promoted() -> None:
    """Case 24."""
    few = counted(0.5, (400, 400), (8, 8))
    decision = judged(PLAN, counted(0.1, (1, 1), (0, 0)), few, now=700_000.0, since=650_000.0)
    assert (decision.action, decision.reason) == ("hold", "MAX_DURATION")
    assert decision.missing


def test_approval_comes_last() -> None:
    plan = PLAN._replace(steps=(Step(0.1, 600.0, 100, approval=True), *PLAN.steps[1:]))
    assert judged(plan, QUIET, now=599.0).reason == "DWELL"
    assert judged(plan, QUIET).action == "await_approval"
    assert judged(plan, QUIET, approved=0).action == "advance"


def test_slow_means_say_nothing_before_they_are_many() -> None:
    slow = Rule("latency", "mean", 1.2, 1.2, "rollback")
    plan = plan_of(0.5)._replace(rules=(slow,))

    def phase(calls: int) -> Counts:
        other, mine = (calls, 0.0, calls * 0.01), (calls, calls * 1.0, calls * 1.01)
        return Counts(0.5, (calls, calls), (calls, calls), {"latency": (*other, *mine)})

    assert weigh(plan, [phase(99)]).harm == 1.0
    assert weigh(plan, [phase(100)]).harm > 1e6


def test_means_are_compared_within_phases() -> None:
    slow = Rule("latency", "mean", 1.2, 1.2, "rollback")
    plan = plan_of(0.1, 0.5)._replace(rules=(slow,))
    night = Counts(0.1, (0, 0), (0, 0), {"latency": (900, 0.0, 9.0, 100, 0.0, 1.0)})
    day = Counts(0.5, (0, 0), (0, 0), {"latency": (500, 500.0, 505.0, 500, 500.0, 505.0)})
    found = weigh(plan, [night, day]).findings[0]
    assert found.ratio == pytest.approx(1.0)
    assert found.harm < 1.0


def test_plans_and_counts_survive_json() -> None:
    plan = PLAN._replace(observe=True)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert Counts.from_dict(json.loads(json.dumps(QUIET.to_dict()))) == QUIET
    json.dumps(
        judged(PLAN, counted(0.1, (1, 9_000), (0, 9_000))).evidence.to_dict(), allow_nan=False
    )
