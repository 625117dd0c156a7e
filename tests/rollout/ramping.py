"""A ramp of simulated minutes, driven through the decisions that a rollout makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from reliai.rollout.deciding import Decision, Standing, decide
from reliai.rollout.evidence import Counts
from reliai.rollout.plan import Plan, Rule, Step

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES = Rule("failure_rate", "event", 1.5, 1.0, "rollback")


def plan_of(*shares: float, dwell: float = 600.0, rules: tuple[Rule, ...] = (FAILURES,)) -> Plan:
    """A plan whose steps go on with time and calls alone, but for the last one."""
    return Plan(tuple(Step(each, dwell, 100) for each in (*shares, 1.0)), rules)


def counted(
    share: float,
    calls: tuple[int, int],
    events: tuple[int, int],
    *,
    units: tuple[int, int] | None = None,
    rule: str = "failure_rate",
) -> Counts:
    """A phase with the events of one guardrail."""
    sums = (float(calls[0]), float(events[0]), float(calls[1]), float(events[1]))
    return Counts(share, calls, units or calls, {rule: sums})


class Ramp(NamedTuple):
    """How a simulated ramp ended.

    Attributes:
        action: "rollback", "promote", or "none" when the time ran out.
        minutes: how long it took.
        counts: what was counted.
    """

    action: str
    minutes: int
    counts: tuple[Counts, ...]


def ramp(
    seed: int,
    plan: Plan,
    risk: Callable[[int], tuple[float, float]],
    *,
    minutes: int,
    calls: int = 400,
    every: int = 1,
) -> Ramp:
    """Run a plan against calls that fail with the risks of (control, candidate) at each minute."""
    rng = np.random.default_rng(seed)
    standing = Standing("ramping", 0, 0.0, 0.0)
    done: list[Counts] = []
    sums = np.zeros(4, dtype=int)
    for minute in range(minutes):
        share = plan.steps[standing.step].share
        ours = int(rng.binomial(calls, share))
        base_risk, our_risk = risk(minute)
        failed = (rng.binomial(calls - ours, base_risk), rng.binomial(ours, our_risk))
        sums += (calls - ours, failed[0], ours, failed[1])
        if minute % every:
            continue
        here = counted(share, (int(sums[0]), int(sums[2])), (int(sums[1]), int(sums[3])))
        decision = decide(plan, standing, [*done, here], 60.0 * (minute + 1))
        if decision.action in {"rollback", "promote"}:
            return Ramp(decision.action, minute + 1, (*done, here))
        if decision.action == "advance":
            done.append(here)
            sums[:] = 0
            standing = standing._replace(step=standing.step + 1, since=60.0 * (minute + 1))
    return Ramp("none", minutes, tuple(done))


def judged(plan: Plan, *counts: Counts, now: float = 1e5, **standing: Any) -> Decision:
    """What a plan decides on counts, in the step of the last of them."""
    began = Standing("ramping", len(counts) - 1, 0.0, 0.0)
    return decide(plan, began._replace(**standing), counts, now)
