"""Whatever a run holds, a gate gives a verdict with numbers that are some, and no warning."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.evals import Gate, Pin, Verdict, compare, pin
from reliai.evals.reports import report
from tests.evals.made_runs import run_of_tries

GATE = Gate.parse(
    """
    exact non_inferior .05 by locale
    exact >= .5 by locale
    exact each >= .3
    latency_p95 <= 2 by locale
    latency_p50 ratio <= 1.5
    latency_p99 non_inferior 1
    cost_usd ratio <= 1.5
    tokens <= 20
    failure_rate <= .1
    failure_rate non_inferior .1
    throughput >= .1
    exact >= .2 with by=estimate
    latency_mean <= 3
    """,
    min_cases=2,
)

VALUES = st.sampled_from(
    [
        *(True, False, True, False, 0.25),
        *("error", "timeout", "degraded", "rejected", "skipped"),
        *("missing_reference", "judge_parse_failure", "not_applicable"),
    ]
)
TRIES = st.lists(st.lists(VALUES, min_size=1, max_size=3), max_size=24)
SHAPES = st.fixed_dictionaries(
    {
        "groups": st.sampled_from([1, 2, 5, 1000]),
        "seconds": st.sampled_from([0.0, 1.0, 1e-6, 50.0]),
        "cost": st.sampled_from([None, 0.0, 0.01]),
    }
)


def made(tries: list[list[Any]], shape: dict[str, Any], label: str) -> Any:
    return run_of_tries(
        tries,
        label,
        group=lambda case: f"g{case % shape['groups']}" if shape["groups"] < 1000 else None,
        duration=lambda case: shape["seconds"] * (1 + case % 3),
        cost=lambda case: shape["cost"],
        tags=lambda case: {"locale": f"l{case % 2}"},
    )


@settings(max_examples=40, deadline=None)
@given(ours=TRIES, theirs=TRIES, shape=SHAPES)
def test_every_run_has_a_verdict_and_a_report(
    ours: list[list[Any]], theirs: list[list[Any]], shape: dict[str, Any]
) -> None:
    candidate, baseline = made(ours, shape, "candidate"), made(theirs, shape, "baseline")
    comparison = compare(candidate, Pin.read(pin(baseline).text()))
    result = GATE.judge(comparison)
    json.dumps(result.to_dict(), allow_nan=False)
    json.dumps(report(result, comparison).data(), allow_nan=False)
    for rule in result.rules:
        for each in (rule, *rule.slices):
            numbers = (each.estimate, each.low, each.high, each.p_adjusted, each.candidate)
            assert all(number is None or math.isfinite(number) for number in numbers)
            assert each.verdict is not Verdict.PASS or each.n >= 2 or "each" in each.rule
            assert each.low is None or each.high is None or each.low <= each.high + 1e-9
            if each.verdict is Verdict.PASS and each.rule.startswith("exact non_inferior"):
                assert each.low is not None
                assert each.low > -0.05
    if not len(candidate):
        assert result.exit_code == 5


@settings(max_examples=40, deadline=None)
@given(tries=TRIES, shape=SHAPES, lost=st.integers(min_value=0, max_value=29))
def test_losing_an_answer_never_makes_a_verdict_better(
    tries: list[list[Any]], shape: dict[str, Any], lost: int
) -> None:
    order = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.INCOMPLETE, Verdict.FAIL]
    gate = Gate("exact", min=0.5, min_cases=2, max_missing=1.0)
    planned = [[each for each in case if each != "skipped"] or [True] for case in tries]
    if not planned or planned[lost % len(planned)][0] in {"missing_reference", "not_applicable"}:
        return
    broken = [list(case) for case in planned]
    broken[lost % len(planned)][0] = "error"
    before = gate.judge(made(planned, shape, "before"))
    after = gate.judge(made(broken, shape, "after"))
    if before.verdict is not Verdict.FAIL:  # what is lost may have been what failed
        assert order.index(after.verdict) >= order.index(before.verdict)
