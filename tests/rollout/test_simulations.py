"""How often ramps are rolled back: those of good candidates, and those of bad ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reliai.decisions.choice import Choice
from reliai.rollout._tally import Tally
from reliai.rollout.evidence import Counts, weigh
from reliai.rollout.guardrails import Guardrail
from tests.rollout.ramping import FAILURES, plan_of, ramp

SEEDS = 200
RAMP = (0.05, 0.10, 0.25, 0.50)


def drifting(minute: int) -> tuple[float, float]:
    """The same risk for both, which goes from 2 % to 6 % while the ramp goes up."""
    risk = 0.02 + 0.04 * min(1.0, minute / 60)
    return risk, risk


def pooled_z(counts: tuple[Counts, ...]) -> float:
    """What a test says that throws all phases together."""
    calls, events, ours, our_events = np.sum([each.sums["failure_rate"] for each in counts], axis=0)
    risk = (events + our_events) / (calls + ours)
    error = np.sqrt(risk * (1 - risk) * (1 / calls + 1 / ours))
    return float((our_events / ours - events / calls) / error)


def test_a_ramp_of_a_candidate_that_is_as_good_is_rarely_rolled_back_while_risks_drift() -> None:
    """Case 16."""
    plan = plan_of(*RAMP, dwell=900.0)
    ramps = [ramp(seed, plan, drifting, minutes=75) for seed in range(SEEDS)]
    assert sum(each.action == "rollback" for each in ramps) <= 0.08 * SEEDS
    through = [each for each in ramps if len(each.counts) >= 3]
    fooled = sum(pooled_z(each.counts) > 1.645 for each in through)
    assert fooled > 0.5 * len(through)  # the same ramps, judged as if they were one phase


def test_a_candidate_that_fails_three_times_as_often_is_caught_within_minutes() -> None:
    """Case 17."""
    plan = plan_of(0.05, 0.5, dwell=1e9)
    ramps = [ramp(seed, plan, lambda _: (0.02, 0.06), minutes=60) for seed in range(SEEDS)]
    assert sum(each.action == "rollback" for each in ramps) >= 0.99 * SEEDS
    assert np.median([each.minutes for each in ramps]) <= 10


def test_a_candidate_that_is_as_good_is_promoted_in_the_end() -> None:
    plan = plan_of(0.25, 0.5, dwell=600.0)
    ramps = [ramp(s, plan, lambda _: (0.04, 0.04), minutes=240, every=10) for s in range(40)]
    assert sum(each.action == "promote" for each in ramps) >= 36


def test_a_candidate_at_the_largest_ratio_is_rarely_promoted() -> None:
    plan = plan_of(0.25, 0.5, dwell=600.0)._replace(rules=(FAILURES._replace(tolerated=1.5),))
    ramps = [ramp(s, plan, lambda _: (0.04, 0.06), minutes=120, every=10) for s in range(100)]
    assert sum(each.action == "promote" for each in ramps) <= 9


def ended(value: float) -> Any:
    """As much of a record as the guardrail of the test reads."""
    return SimpleNamespace(value=value)


def read(record: Any) -> float:
    return float(record.value)


@pytest.mark.parametrize("once", [True, False])
def test_users_of_ten_calls_raise_few_false_alarms_for_each_counts_once(*, once: bool) -> None:
    """Case 26."""
    event = Guardrail(
        name="failure_rate", kind="event", max_ratio=1.5, tolerated=1.0, action="rollback",
        read=read,
    )  # fmt: skip
    plan, alarms = plan_of(0.5), 0
    seeds = SEEDS if once else 60
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        tally, sums = Tally([event]), np.zeros(8)
        arms = rng.random(40) < 0.5
        risks = np.where(rng.random(40) < 0.1, 0.9, 0.01)  # some users fail nearly always
        for visit in range(10):
            for user in range(40):
                unit = f"{seed}-{user}" if once else f"{seed}-{user}-{visit}"
                name = "candidate" if arms[user] else "control"
                failed = float(rng.random() < risks[user])
                tally.add(Choice(name, None, phase=0, unit=unit), ended(failed))
            sums += tally.take()[0]
            if weigh(plan, [tally.counts(0.5, list(sums))]).harm >= 20:
                alarms += 1
                break
    assert (alarms <= 0.08 * seeds) is once


def test_a_slower_candidate_is_caught_and_one_as_fast_is_not() -> None:
    slow = FAILURES._replace(name="latency", kind="mean", max_ratio=1.2, tolerated=1.2)
    plan = plan_of(0.1, rules=(slow,))
    alarms = {1.0: 0, 1.2: 0, 1.6: 0}
    for factor in alarms:
        for seed in range(60):
            rng = np.random.default_rng(seed)
            base, ours = np.zeros(3), np.zeros(3)
            for _ in range(20):
                mine = np.log(factor) + 1.2 * rng.standard_normal(30)
                others = 1.2 * rng.standard_normal(270)
                ours += (30, mine.sum(), (mine**2).sum())
                base += (270, others.sum(), (others**2).sum())
                phase = Counts(0.1, (0, 0), (0, 0), {"latency": (*base, *ours)})
                if weigh(plan, [phase]).harm >= 20:
                    alarms[factor] += 1
                    break
    assert alarms[1.0] == 0
    assert alarms[1.2] <= 5
    assert alarms[1.6] >= 54
