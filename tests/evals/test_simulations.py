"""Seeded simulations: how often a gate is wrong, and how often it finds what is there."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pytest

from reliai.evals import Verdict
from reliai.evals._betting import Bets
from reliai.evals._deciding_margins import verdict_on_margin
from reliai.evals._drafts import Draft
from reliai.evals._levels import Level, level_evidence
from reliai.evals._paired import Pairs, evidence_of
from reliai.evals.rules import Rule
from reliai.stats import adjust

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUNS = 1000


@cache
def verdict(n: int, better: int, worse: int, margin: float) -> Verdict:
    """Of passes and fails the counts say all."""
    ours = np.ones(n)
    theirs = np.ones(n)
    theirs[:better] = 0.0
    ours[n - worse :] = 0.0
    return verdict_of(ours, theirs, margin)


def verdict_of(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    margin: float,
    groups: tuple[object, ...] | None = None,
) -> Verdict:
    nothing = np.zeros(len(ours))
    evidence = evidence_of(Pairs(ours, theirs, nothing, nothing, groups), 0.95)
    rule = Rule(metric="exact", condition="non_inferior", limit=margin)
    return verdict_on_margin(Draft(rule, None), evidence, margin, evidence.p_drop).verdict


def verdicts(n: int, drop: float, margin: float, seed: int = 42) -> Counter[Verdict]:
    """Of as many changes, of which 10 % of the cases differ, with a drop of the mean score."""
    chances = [0.05 - drop / 2, 0.05 + drop / 2, 0.9]
    drawn = np.random.default_rng(seed).multinomial(n, chances, size=RUNS).tolist()
    return Counter(verdict(n, better, worse, margin) for better, worse, _ in drawn)


def test_of_a_thousand_changes_that_change_nothing_at_most_fifty_fail() -> None:
    assert verdicts(200, 0.0, 0.05)[Verdict.FAIL] <= 50


def test_of_a_thousand_changes_that_lose_five_points_nine_hundred_fail() -> None:
    found = verdicts(400, 0.05, 0.05)
    assert found[Verdict.FAIL] >= 900
    assert found[Verdict.PASS] <= 70


@pytest.mark.parametrize(
    ("n", "fails", "blocks"), [(100, 0.02, 0.56), (400, 0.03, 0.07), (1000, 0.0, 0.0)]
)
def test_with_more_cases_a_harmless_change_passes_more_often(
    n: int, fails: float, blocks: float
) -> None:
    """Of 1000 cases a drop that is significant is nearly always within the margin."""
    found = verdicts(n, 0.0, 0.05)
    assert found[Verdict.FAIL] / RUNS == pytest.approx(fails, abs=0.02)
    assert 1 - found[Verdict.PASS] / RUNS == pytest.approx(blocks, abs=0.05)


def test_a_drop_of_three_points_is_not_passed_by_two_hundred_cases() -> None:
    """5 % of the cases become worse and 2 % better: there is too little to tell."""
    drawn = np.random.default_rng(19).multinomial(200, [0.02, 0.05, 0.93], size=RUNS).tolist()
    found = Counter(verdict(200, better, worse, 0.02) for better, worse, _ in drawn)
    assert found[Verdict.PASS] <= 0.05 * RUNS
    assert found[Verdict.FAIL] / RUNS == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize("n", [100, 200, 400, 1000])
@pytest.mark.parametrize("margin", [0.02, 0.05])
@pytest.mark.parametrize("better", [0.0, 0.01, 0.05])
def test_a_drop_as_large_as_the_margin_rarely_passes(n: int, margin: float, better: float) -> None:
    chances = [better, margin + better, 1 - margin - 2 * better]
    drawn = np.random.default_rng(1).multinomial(n, chances, size=RUNS).tolist()
    passed = sum(verdict(n, *each[:2], margin) is Verdict.PASS for each in drawn)
    assert passed <= 0.065 * RUNS  # 5 % and what a thousand runs leave to chance


def test_few_pairs_that_differ_pass_a_gate_as_rarely_as_many_when_the_drop_is_the_margin() -> None:
    """1 % of the cases become worse, none better, at a margin of 1 %."""
    drawn = np.random.default_rng(3).binomial(400, 0.01, size=RUNS).tolist()
    passed = sum(verdict(400, 0, worse, 0.01) is Verdict.PASS for worse in drawn)
    assert passed <= 0.05 * RUNS


def test_sessions_that_change_together_do_not_make_false_alarms() -> None:
    random, n, size = np.random.default_rng(7), 200, 10
    groups = tuple(np.repeat(np.arange(n // size), size).tolist())
    naive = clustered = 0
    for _ in range(100):
        change = np.repeat(random.choice([-1.0, 0.0, 1.0], n // size, p=[0.2, 0.6, 0.2]), size)
        theirs = (random.random(n) < 0.5).astype(np.float64)
        ours = np.where(change == 0.0, theirs, (change > 0).astype(np.float64))
        clustered += verdict_of(ours, theirs, 0.02, groups) is Verdict.FAIL
        naive += verdict_of(ours, theirs, 0.02) is Verdict.FAIL
    assert clustered / 100 <= 0.1
    assert naive > 2 * clustered


def test_ten_slices_without_a_change_rarely_have_one_that_fails() -> None:
    random, alarms, unadjusted = np.random.default_rng(11), 0, 0
    for _ in range(300):
        drawn = random.multinomial(100, [0.1, 0.1, 0.8], size=10).tolist()
        p_values = [p_drop(100, better, worse) for better, worse, _ in drawn]
        alarms += any(adjust(p_values).significant())
        unadjusted += any(p <= 0.05 for p in p_values)
    assert alarms / 300 <= 0.05
    assert unadjusted / 300 > 0.2


@cache
def p_drop(n: int, better: int, worse: int) -> float:
    ours, theirs = np.ones(n), np.ones(n)
    theirs[:better] = 0.0
    ours[n - worse :] = 0.0
    nothing = np.zeros(n)
    return evidence_of(Pairs(ours, theirs, nothing, nothing, None), 0.95).p_drop or 0.0


@pytest.mark.parametrize("true", [0.85, 0.97])
def test_a_floor_at_the_true_level_is_rarely_failed_or_passed(true: float) -> None:
    """A plain threshold would fail half of these runs, and pass the other half."""
    passed = np.random.default_rng(2).binomial(100, true, RUNS).tolist()
    found = [floor(100, each, true) for each in passed]
    assert sum(fails for fails, _ in found) <= 0.05 * RUNS
    assert sum(passes for _, passes in found) <= 0.05 * RUNS


@cache
def floor(n: int, passed: int, limit: float) -> tuple[bool, bool]:
    mean = np.concatenate([np.ones(passed), np.zeros(n - passed)])
    evidence = level_evidence(Level(mean, np.zeros(n), None, 0.0, 1.0), limit, 0.95)
    return (evidence.p_below or 0.0) <= 0.05, (evidence.low or 0.0) >= limit


@pytest.mark.parametrize("true", [0.85, 0.95])
@pytest.mark.parametrize("alike", [0.0, 1.0])
def test_a_floor_at_the_true_level_of_groups_is_rarely_failed_or_passed(
    true: float, alike: float
) -> None:
    random, found = np.random.default_rng(9), []
    groups = tuple(np.repeat(np.arange(60), 2).tolist())
    for _ in range(300):
        whole = random.random(60) < true
        each = random.random((60, 2)) < true
        same = random.random(60) < alike
        values = np.where(same[:, None], whole[:, None], each).astype(np.float64).ravel()
        found.append(floor_of(Level(values, np.zeros(120), groups, 0.0, 1.0), true))
    assert sum(fails for fails, _ in found) <= 0.07 * 300
    assert sum(passes for _, passes in found) <= 0.07 * 300


@pytest.mark.parametrize(("of_rule", "of_rest"), [(0.9, 0.95), (0.99, 0.9), (0.3, 0.99)])
def test_a_floor_of_production_traffic_at_the_true_level_is_rarely_failed_or_passed(
    of_rule: float, of_rest: float
) -> None:
    """90 % of 220 cases are from a rule, the rest are one in a hundred of all other calls."""
    random, found = np.random.default_rng(9), []
    share = 0.9 * 0.01 / (0.9 * 0.01 + 0.1)
    true = share * of_rule + (1 - share) * of_rest
    for _ in range(300):
        by_rule = random.random(220) < 0.9
        values = (random.random(220) < np.where(by_rule, of_rule, of_rest)).astype(np.float64)
        weights = np.where(by_rule, 1.0, 0.01)
        found.append(floor_of(Level(values, np.zeros(220), None, 0.0, 1.0, weights), true))
    assert sum(fails for fails, _ in found) <= 0.07 * 300
    assert sum(passes for _, passes in found) <= 0.05 * 300


def floor_of(level: Level, limit: float) -> tuple[bool, bool]:
    evidence = level_evidence(level, limit, 0.95)
    return (evidence.p_below or 0.0) <= 0.05, (evidence.low or 0.0) >= limit


def test_looking_again_and_again_passes_a_floor_at_the_true_level_rarely() -> None:
    random, naive, betting = np.random.default_rng(13), 0, 0
    looks = np.arange(20, 301, 10)
    for _ in range(200):
        values = (random.random(300) < 0.8).astype(np.float64)
        passed = np.cumsum(values)[looks - 1]
        naive += bool((import_module("scipy.special").bdtrc(passed - 1, looks, 0.8) <= 0.05).any())
        # That the mean is at most 0.8 is that of the rest is at least 0.2.
        betting += any(Bets(1.0 - values[:n]).p_below(0.2) <= 0.05 for n in looks.tolist())
    assert betting <= 0.05 * 200
    assert naive >= 0.1 * 200


@pytest.mark.parametrize("alike", [False, True])
def test_a_drop_of_groups_as_large_as_the_margin_rarely_passes(alike: bool) -> None:
    """None becomes better, so the spread is that of the few that become worse."""
    random, passed = np.random.default_rng(17), 0
    groups = tuple(np.repeat(np.arange(60), 2).tolist())
    for _ in range(150):
        drawn = np.repeat(random.random(60), 2) if alike else random.random(120)
        margin = 0.15 if alike else 0.1
        ours = (drawn >= margin).astype(np.float64)
        passed += verdict_of(ours, np.ones(120), margin, groups) is Verdict.PASS
    assert passed <= 0.07 * 150
