"""The numbers that gates judge by, against those of the textbooks."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reliai.evals import Gate, Verdict, compare
from reliai.evals._betting import Bets
from reliai.evals._labels import labels_of_tries
from reliai.evals._levels import Level, level_evidence
from reliai.evals._paired import Pairs, evidence_of
from reliai.evals._power import Within, power_for_margin
from reliai.evals._quantiles import Quantile, at_most, quantile_of
from reliai.evals._throughput import rates
from reliai.stats import mcnemar_exact, mean_interval, sample_size
from tests.evals.made_runs import passes, run_of, run_of_tries

scipy_stats: Any = import_module("scipy.stats")

if TYPE_CHECKING:
    from reliai.evals._columns import Columns


def pairs(ours: list[float], theirs: list[float], groups: list[int] | None = None) -> Pairs:
    nothing = np.zeros(len(ours))
    labels = None if groups is None else tuple(groups)
    return Pairs(np.asarray(ours), np.asarray(theirs), nothing, nothing, labels)


def level(values: list[float], groups: list[int] | None = None) -> Level:
    labels = None if groups is None else tuple(groups)
    return Level(np.asarray(values), np.zeros(len(values)), labels, 0.0, 1.0)


# --- pairs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "bound"), [(20, -0.1391), (59, -0.0495), (100, -0.0295), (200, -0.0149), (1000, -0.0030)]
)
def test_identical_pairs_have_a_bound_from_their_number(n: int, bound: float) -> None:
    assert evidence_of(pairs([1.0] * n, [1.0] * n), 0.95).bound == pytest.approx(bound, abs=5e-5)


def test_few_losses_have_the_bound_of_clopper_and_pearson() -> None:
    found = evidence_of(pairs([0.0] * 2 + [1.0] * 98, [1.0] * 100), 0.95)
    share = scipy_stats.binomtest(2, 100, alternative="less").proportion_ci(0.95, "exact").high
    assert found.bound == pytest.approx(-share)


@pytest.mark.parametrize(
    ("better", "worse", "n"), [(43, 1, 54), (1, 10, 44), (5, 5, 50), (0, 6, 200)]
)
def test_passes_and_fails_have_the_bound_at_which_the_score_test_is_as_surprised(
    better: int, worse: int, n: int
) -> None:
    same = n - better - worse
    ours = [1.0] * better + [0.0] * worse + [1.0] * same
    theirs = [0.0] * better + [1.0] * worse + [1.0] * same
    bound = evidence_of(pairs(ours, theirs), 0.95).bound
    assert bound is not None

    def unlikely(share: float) -> float:
        """Of `share` that are worse, where the difference is the bound."""
        logs = np.log([share + bound, share, 1 - 2 * share - bound])
        return -float(logs @ [better, worse, same])

    ends = (max(0.0, -bound) + 1e-9, (1 - bound) / 2 - 1e-9)
    share = import_module("scipy.optimize").minimize_scalar(unlikely, bounds=ends).x
    error = (n * (2 * share + bound - bound**2)) ** 0.5
    assert (better - worse - n * bound) / error == pytest.approx(1.6448536, abs=1e-3)


def test_a_loss_in_a_large_group_counts_by_its_size() -> None:
    """One of 50 groups lost: it holds half of the cases."""
    ours, groups = [0.0] * 49 + [1.0] * 49, [0] * 49 + list(range(1, 50))
    found = evidence_of(pairs(ours, [1.0] * 98, groups), 0.95)
    assert found.observed.estimate == -0.5
    assert found.bound == -1.0
    even = evidence_of(
        pairs([0.0] * 2 + [1.0] * 98, [1.0] * 100, [i // 2 for i in range(100)]), 0.95
    )
    assert even.bound == pytest.approx(-0.0914, abs=1e-3)  # of 1 in 50


def test_a_drop_has_the_one_sided_p_value_of_mcnemar() -> None:
    ours, theirs = [0.0] * 9 + [1.0] * 91, [1.0] * 9 + [0.0] + [1.0] * 90
    found = evidence_of(pairs(ours, theirs), 0.95)
    assert found.p_drop == mcnemar_exact(1, 9, alternative="less")
    assert found.observed.p_value == pytest.approx(0.0214843750)


def test_few_groups_that_differ_have_the_exact_p_value_of_flipping_signs() -> None:
    ours = [0.0] * 5 + [1.0] * 35
    found = evidence_of(pairs(ours, [1.0] * 40, [i // 1 for i in range(39)] + [0]), 0.95)
    assert found.p_drop == pytest.approx(1 / 32)


def test_a_difference_that_never_varies_is_not_certain() -> None:
    found = evidence_of(pairs([0.6] * 50, [0.5] * 50), 0.95)
    assert found.bound is not None
    assert 0.0 < found.bound < 0.1


# --- levels ---------------------------------------------------------------------------------


def test_bounds_of_passes_are_exact() -> None:
    found = level_evidence(level([1.0] * 59), 0.95, 0.95)
    assert found.low == pytest.approx(0.05 ** (1 / 59))
    ten = level_evidence(level([1.0] * 8 + [0.0] * 2), 0.85, 0.95)
    assert (ten.low, ten.high) == pytest.approx((0.49310, 0.96323), abs=1e-5)
    assert ten.p_below == pytest.approx(0.4557, abs=1e-4)


def test_bounds_of_numbers_are_those_of_as_many_passes_as_would_vary_as_much() -> None:
    values = [1.0, 1, 0, 1, 0, 1, 1, 0, 0, 0.5]
    found = level_evidence(level(values), 0.5, 0.95)
    worth = float(scipy_stats.norm.ppf(0.95) / scipy_stats.t.ppf(0.95, 9)) ** 2
    n = 0.55 * 0.45 / (np.var(values, ddof=1) / 10) * worth
    beta = scipy_stats.beta
    assert found.low == pytest.approx(beta.ppf(0.05, n * 0.55, n * 0.45 + 1))
    assert found.high == pytest.approx(beta.ppf(0.95, n * 0.55 + 1, n * 0.45))
    assert found.p_below == pytest.approx(beta.sf(0.5, n * 0.55 + 1, n * 0.45))


def test_bounds_of_numbers_that_vary_little_are_near_students() -> None:
    values = (0.9 + 0.03 * np.random.default_rng(4).standard_normal(40).clip(-3, 3)).tolist()
    found = level_evidence(level(values), 0.5, 0.95)
    students = mean_interval(values, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((students.low, students.high), abs=6e-4)


def test_scores_in_groups_have_robust_bounds() -> None:
    values = [1.0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0]
    found = level_evidence(level(values, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]), 0.5, 0.95)
    assert found.units == 4
    assert found.variance == pytest.approx(0.2270346863**2 * 11)
    assert 0.0 < (found.low or 0.0) < 0.545 - 2 * 0.227


def test_weights_have_the_robust_error_of_a_weighted_mean() -> None:
    """HC1: the same of each case as its own group."""
    made = replace(level([0.0, 0, 1, 1, 1, 0]), weights=np.asarray([1, 1, 0.01, 0.01, 0.01, 0.01]))
    found = level_evidence(made, 0.5, 0.95)
    assert found.variance == pytest.approx(0.2360171516**2 * 6)
    assert found.estimate == pytest.approx(0.7462686567)


def test_few_groups_that_differ_count_by_their_number() -> None:
    """One of 60 groups failed in half of its tries."""
    found = level_evidence(level([0.0] + [1.0] * 119, [i // 2 for i in range(120)]), 0.95, 0.95)
    assert found.low == pytest.approx(scipy_stats.beta.ppf(0.05, 59.5, 1.5))
    alone = level_evidence(level([0.5] + [1.0] * 59), 0.95, 0.95)  # two tries of each of 60 cases
    assert alone.low == found.low


def test_the_heaviest_unit_says_how_much_few_tell() -> None:
    heavy = level_evidence(level([1.0] * 80, [0] * 40 + list(range(1, 41))), 0.5, 0.95)
    assert heavy.low == pytest.approx(0.05 ** (1 / 2))
    made = replace(level([1.0] * 220), weights=np.asarray([1.0] * 200 + [0.01] * 20))
    assert level_evidence(made, 0.5, 0.95).low == pytest.approx(0.05 ** (1 / 22))


def test_a_level_beyond_the_range_is_certain() -> None:
    assert level_evidence(level([0.5, 0.6]), 1.1, 0.95).p_below == 0.0
    assert level_evidence(level([0.5, 0.6]), 0.0, 0.95).p_below == 1.0


def test_a_constant_score_is_judged_by_how_many_have_it() -> None:
    many = level_evidence(level([0.5] * 200), 0.6, 0.95)
    assert many.p_below == pytest.approx((1 - 0.1 / 0.5) ** 200)
    assert many.high == pytest.approx(0.5 + 0.5 * (1 - 0.05 ** (1 / 200)))


@pytest.mark.parametrize(("values", "low"), [([1.0] * 100, 0.95), ([0.5] * 100, 0.478)])
def test_bets_have_bounds_and_a_p_value_that_agree(values: list[float], low: float) -> None:
    bets = Bets(np.asarray(values))
    assert bets.lower(0.95) == pytest.approx(low, abs=0.015)
    against = Bets(1.0 - np.asarray(values))
    assert against.upper(0.95) == pytest.approx(1.0 - bets.lower(0.95))
    assert against.p_below(1.0 - bets.lower(0.95)) == pytest.approx(0.05)
    assert bets.p_below(values[0]) == 1.0
    assert bets.p_below(1.0) == (1.0 if values[0] == 1.0 else 0.0)


# --- percentiles ------------------------------------------------------------------------------


def percentile(run: Columns, q: float = 0.95) -> Quantile:
    return quantile_of(run, q, labels_of_tries(run), 0.95)


def test_a_percentile_lies_between_order_statistics() -> None:
    run = run_of([True] * 100, duration=lambda case: case + 1.0)
    found = percentile(run)
    assert (found.estimate, found.low, found.high) == (95.0, 91.0, 99.0)


@pytest.mark.parametrize(("q", "n"), [(0.5, 5), (0.95, 59), (0.99, 299)])
def test_a_bound_takes_as_many_tries_as_the_percentile_asks_for(q: float, n: int) -> None:
    def run(count: int) -> Columns:
        return run_of([True] * count, duration=lambda case: case + 1.0)

    assert percentile(run(n), q).high == float(n)
    assert percentile(run(n - 1), q).high is None


def test_tries_that_are_alike_count_as_fewer() -> None:
    alike = run_of_tries([[True] * 5] * 100, duration=lambda case: case + 1.0)
    found = percentile(alike)
    assert found.effective_n == pytest.approx(100, rel=0.03)
    assert (found.low, found.high) == pytest.approx((91, 99), abs=1)


def test_the_bounds_of_a_percentile_hold_as_often_as_they_should() -> None:
    random, missed_low, missed_high = np.random.default_rng(5), 0, 0
    true = float(np.exp(1.6448536 * 0.5))
    run = run_of([True] * 150)
    for _ in range(400):
        found = percentile(replace(run, duration=random.lognormal(0.0, 0.5, 150)))
        missed_low += found.low is not None and found.low > true
        missed_high += found.high is not None and found.high < true
    assert missed_low / 400 <= 0.07
    assert missed_high / 400 <= 0.07


def test_a_difference_of_percentiles_has_bounds_from_both() -> None:
    one, other = Quantile(4.4, 4.1, 4.8, 100, 0, 100), Quantile(3.9, 3.7, 4.2, 100, 0, 100)
    difference, low, high = at_most(one, other, 1.0)
    assert difference == pytest.approx(0.5)
    assert low == pytest.approx(0.5 - np.hypot(0.3, 0.3))
    assert high == pytest.approx(0.5 + np.hypot(0.4, 0.2))


# --- throughput -------------------------------------------------------------------------------


def test_time_in_which_nothing_ran_does_not_count() -> None:
    run = run_of([True] * 100)
    late = run.started.copy()
    late[50:] += 86_400.0
    resumed = replace(run, started=late)
    assert rates(run).mean() == pytest.approx(1.0)
    assert rates(resumed).mean() == pytest.approx(1.0, rel=0.05)


def test_calls_at_a_time_count_each() -> None:
    run = run_of([True] * 100)
    starts = np.asarray([1e9 + case // 10 for case in range(100)])
    assert rates(replace(run, started=starts)).mean() == pytest.approx(10.0)


def test_a_handful_of_calls_has_no_rate() -> None:
    assert len(rates(run_of([True] * 9))) == 0
    assert len(rates(run_of(passes(0, 0, 50)))) == 0


# --- power ------------------------------------------------------------------------------------


def test_what_it_takes_is_the_number_of_the_formula() -> None:
    random = np.random.default_rng(1)
    ours, theirs = random.random(198).tolist(), random.random(198).tolist()
    evidence = evidence_of(pairs(ours, theirs), 0.95)
    variance = float(np.var(np.asarray(ours) - np.asarray(theirs), ddof=1))
    found = power_for_margin(evidence, 0.03, span=1.0, confidence=0.95, power=0.8, within=None)
    assert found.cases == sample_size(0.03, between_variance=variance, alpha=0.1)
    assert found.repeats is None


def test_so_many_repeats_make_the_variance_small_enough() -> None:
    random = np.random.default_rng(1)
    ours = random.random(400).round().tolist()
    theirs = random.random(400).round().tolist()
    evidence = evidence_of(pairs(ours, theirs), 0.95)
    assert evidence.variance is not None
    within = Within((evidence.variance * 0.45, evidence.variance * 0.45), (1.0, 1.0))
    found = power_for_margin(evidence, 0.03, span=1.0, confidence=0.95, power=0.8, within=within)
    assert found.repeats is not None
    left = evidence.variance * 0.1 + evidence.variance * 0.9 / found.repeats
    assert sample_size(0.03, between_variance=left, alpha=0.1) <= 400
    fewer = evidence.variance * 0.1 + evidence.variance * 0.9 / (found.repeats - 1)
    assert sample_size(0.03, between_variance=fewer, alpha=0.1) > 400


def test_groups_make_it_take_more_cases() -> None:
    ours, theirs = [True] * 300, [index % 20 < 18 for index in range(300)]
    gate = Gate("exact", non_inferior=0.02)

    def needed(groups: int) -> int:
        def group(case: int) -> str:
            return f"g{case % 20 * 15 // groups}"

        (rule,) = gate.judge(compare(run_of(theirs, group=group), run_of(ours, group=group))).rules
        assert rule.verdict is not Verdict.PASS
        return rule.cases_needed or 0

    alone = gate.judge(compare(run_of(theirs), run_of(ours))).rules[0].cases_needed or 0
    assert needed(15) > alone


@pytest.mark.parametrize(("losses", "verdict"), [(4, Verdict.INCONCLUSIVE), (5, Verdict.FAIL)])
def test_a_drop_that_fails_is_seen_in_five_pairs_whatever_the_confidence(
    losses: int, verdict: Verdict
) -> None:
    candidate, baseline = run_of([False] * losses + [True] * 95), run_of([True] * (losses + 95))
    gate = Gate("exact", non_inferior=0.01, confidence=0.9)
    assert gate.judge(compare(candidate, baseline)).verdict is verdict
