"""Seeded simulations: how often each instrument is wrong, and how often it finds what is there."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reliai.stats import (
    adjust,
    bounded_mean_sequence,
    event_e_value,
    mcnemar_exact,
    mean_interval,
    mean_sequence,
    paired_difference,
    production_estimate,
    proportion_interval,
    proportion_sequence,
    sample_ratio_e_value,
    sample_size,
    sign_e_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def discordant(n: int, drop: float, runs: int, seed: int) -> list[tuple[int, int]]:
    """Wins and losses of runs in which 10 % of n cases differ, with a drop of the mean score."""
    chances = [0.05 - drop / 2, 0.05 + drop / 2, 0.9]
    drawn = np.random.default_rng(seed).multinomial(n, chances, size=runs)
    return [(int(wins), int(losses)) for wins, losses, _ in drawn]


@cache
def drop_is_significant(wins: int, losses: int) -> bool:
    return mcnemar_exact(wins, losses, alternative="less") <= 0.05


@cache
def blocked_by_margin(wins: int, losses: int, n: int) -> bool:
    ours = [1] * wins + [0] * (n - wins)
    others = [0] * wins + [1] * losses + [0] * (n - wins - losses)
    bound = paired_difference(ours, others).lower_bound
    return bound is None or bound <= -0.05


@pytest.mark.parametrize(
    ("n", "no_change", "five_points"),
    [(50, 0.01, 0.13), (100, 0.02, 0.35), (200, 0.04, 0.67), (400, 0.03, 0.92), (1000, 0.04, 1.0)],
)
def test_a_significant_drop_blocks_this_often(n: int, no_change: float, five_points: float) -> None:
    for drop, wanted in ((0.0, no_change), (0.05, five_points)):
        pairs = discordant(n, drop, runs=4000, seed=n)
        rate = sum(drop_is_significant(*each) for each in pairs) / len(pairs)
        assert rate == pytest.approx(wanted, abs=0.02)


def test_of_a_thousand_changes_that_change_nothing_few_fail_and_most_real_drops_do() -> None:
    harmless = discordant(200, 0.0, runs=1000, seed=42)
    harmful = discordant(400, 0.05, runs=1000, seed=42)
    assert sum(drop_is_significant(*each) for each in harmless) <= 50
    assert sum(drop_is_significant(*each) for each in harmful) >= 900


@pytest.mark.parametrize(
    ("n", "no_change", "five_points"),
    [(50, 0.66, 0.91), (100, 0.51, 0.93), (200, 0.28, 0.94), (400, 0.06, 0.94), (1000, 0.0, 0.95)],
)
def test_a_margin_of_five_points_blocks_this_often(
    n: int, no_change: float, five_points: float
) -> None:
    for drop, wanted in ((0.0, no_change), (0.05, five_points)):
        pairs = discordant(n, drop, runs=1000, seed=n)
        rate = sum(blocked_by_margin(*each, n) for each in pairs) / len(pairs)
        assert rate == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize(("true", "wrong"), [(0.85, 0.439), (0.88, 0.140), (0.80, 0.132)])
def test_a_fixed_threshold_of_085_is_wrong_this_often_for_a_hundred_cases(
    true: float, wrong: float
) -> None:
    passed = np.random.default_rng(2).binomial(100, true, 20_000)
    missed = passed < 85 if true >= 0.85 else passed >= 85
    assert missed.mean() == pytest.approx(wrong, abs=0.015)


def test_any_drop_blocks_nearly_every_second_harmless_change() -> None:
    pairs = discordant(200, 0.0, runs=4000, seed=1)
    assert sum(wins < losses for wins, losses in pairs) / 4000 == pytest.approx(0.46, abs=0.02)


def test_the_number_of_cases_that_is_asked_for_has_the_power_that_is_promised() -> None:
    random = np.random.default_rng(5)
    n = sample_size(0.1, between_variance=0.04, within_variances=(0.06, 0.06), repeats=(2, 3))
    found = 0
    for _ in range(1000):
        true = random.normal(0.1, 0.2, n)
        ours = true + random.normal(0, 0.06**0.5, (2, n)).mean(axis=0)
        others = random.normal(0, 0.06**0.5, (3, n)).mean(axis=0)
        found += (paired_difference(ours, others).p_value or 1.0) < 0.05
    assert found / 1000 == pytest.approx(0.8, abs=0.04)


# --- intervals hold the truth as often as they say --------------------------------------------


def holds(result: Any, truth: float) -> bool:
    return bool(result.low <= truth <= result.high)


@pytest.mark.parametrize(("n", "share"), [(20, 0.5), (50, 0.9), (100, 0.05), (400, 0.99)])
def test_intervals_of_shares_hold_the_truth(n: int, share: float) -> None:
    counts = np.arange(n + 1)
    drawn = np.random.default_rng(n).binomial(n, share, 20_000)
    seen = np.bincount(drawn, minlength=n + 1) / 20_000
    covered = sum(
        seen[c] for c in counts if seen[c] and holds(proportion_interval(int(c), n), share)
    )
    assert covered == pytest.approx(0.95, abs=0.03)


def test_intervals_of_clustered_means_hold_the_truth_where_plain_ones_do_not() -> None:
    random = np.random.default_rng(7)
    robust = plain = 0
    groups = np.repeat(np.arange(20), 5)
    for _ in range(600):
        values = np.repeat(random.normal(0, 1, 20), 5) + random.normal(0, 1, 100)
        robust += holds(mean_interval(values, cluster=groups), 0.0)
        plain += holds(mean_interval(values), 0.0)
    assert robust / 600 == pytest.approx(0.95, abs=0.03)
    assert plain / 600 < 0.80


def test_the_test_of_flipped_signs_keeps_its_level_on_skewed_clusters() -> None:
    random = np.random.default_rng(8)
    alarms = 0
    for _ in range(300):
        sizes = random.exponential(1, 8) * random.choice([-1, 1], 8)
        values = np.repeat(sizes, 3)
        groups = np.repeat(np.arange(8), 3)
        p = paired_difference(values, np.zeros(24), cluster=groups, test="sign_flip", span=9)
        alarms += (p.p_value or 1.0) <= 0.05
    assert alarms / 300 <= 0.08


def test_production_estimates_hold_the_score_of_the_traffic() -> None:
    random = np.random.default_rng(9)
    held = 0
    for _ in range(400):
        good = random.random(10_000) < 0.9
        chances = np.where(good, 0.01, 0.2)
        kept = random.random(10_000) < chances
        held += holds(production_estimate(good[kept].astype(float), chances[kept]), 0.9)
    assert held / 400 == pytest.approx(0.95, abs=0.04)


# --- families ---------------------------------------------------------------------------------


def test_ten_slices_give_a_false_alarm_in_two_of_five_runs_and_with_holm_in_one_of_twenty() -> None:
    p_values = np.random.default_rng(10).random((2000, 10))
    raw = (p_values <= 0.05).any(axis=1).mean()
    holm = np.mean([any(adjust(row).significant()) for row in p_values.tolist()])
    assert raw == pytest.approx(0.401, abs=0.03)
    assert holm == pytest.approx(0.05, abs=0.015)


# --- looking at any time ----------------------------------------------------------------------


def limits(upto: int, alarm: Callable[[int, int], bool]) -> NDArray[np.int64]:
    """The smallest count that raises the alarm, for each number of trials; n + 1 for none."""
    found, count = [1], 0
    for n in range(1, upto + 1):
        count = max(count, 0)
        while count <= n and not alarm(count, n):
            count += 1
        found.append(count)
    return np.asarray(found)


def first_alarm(hits: NDArray[Any], limit: NDArray[np.int64], start: int = 1) -> NDArray[np.int64]:
    """The trial of the first alarm of each run, from `start` on; 0 for none."""
    counts = np.cumsum(hits, axis=1)
    over = counts >= limit[1 : hits.shape[1] + 1]
    over[:, : start - 1] = False
    return np.where(over.any(axis=1), over.argmax(axis=1) + 1, 0)


def sign_limits(upto: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    def evidence(wins: int, n: int) -> bool:
        return 2 * wins >= n and sign_e_value(wins, n - wins, alternative="two-sided") >= 20

    def significant(wins: int, n: int) -> bool:
        return (2 * wins - n) > 1.959964 * math.sqrt(n)  # the normal p-value is below 5 %

    return limits(upto, evidence), limits(upto, significant)


def test_peeking_at_p_values_errs_often_and_at_e_values_hardly() -> None:
    evidence, significant = sign_limits(500)
    hits = np.random.default_rng(11).random((4000, 500)) < 0.5
    for limit, wanted in ((evidence, 0.040), (significant, 0.423)):
        wins, losses = first_alarm(hits, limit, 10), first_alarm(~hits, limit, 10)
        assert np.mean((wins > 0) | (losses > 0)) == pytest.approx(wanted, abs=0.015)
    better = np.random.default_rng(12).random((2000, 500)) < 0.7
    stops = first_alarm(better, evidence, 10)
    assert np.median(stops[stops > 0]) == pytest.approx(47, abs=3)


def event_limits(upto: int, share: float) -> NDArray[np.int64]:
    return limits(upto, lambda k, n: event_e_value(k, n - k, share) >= 20)


@pytest.mark.parametrize(
    ("share", "rate", "wanted"), [(0.5, 0.05, 0.039), (0.1, 0.02, 0.025), (0.1, 0.01, 0.023)]
)
def test_watching_a_harmless_canary_after_each_event_rarely_rolls_it_back(
    share: float, rate: float, wanted: float
) -> None:
    events = int(20_000 * rate)
    hits = np.random.default_rng(13).random((4000, events)) < share
    rolled_back = np.mean(first_alarm(hits, event_limits(events, share)) > 0)
    assert rolled_back == pytest.approx(wanted, abs=0.012)


def test_a_canary_with_three_times_the_failures_is_found_soon() -> None:
    """Of 2 % failures to 6 % at a share of 10 %: after some 1,800 calls of both arms."""
    failing = 0.1 * 0.06 + 0.9 * 0.02
    hits = np.random.default_rng(14).random((2000, 400)) < 0.1 * 0.06 / failing
    stops = first_alarm(hits, event_limits(400, 0.1))
    assert np.mean(stops > 0) > 0.99
    assert np.mean(stops) / failing == pytest.approx(1809, rel=0.06)


def test_watching_the_arms_rarely_cries_wolf_and_finds_two_points() -> None:
    """Two equal arms, looked at after every hundred units; then 48 to 52."""
    random, alarms, stops = np.random.default_rng(15), 0, []
    for chance in (0.5, 0.52):
        counts = np.cumsum(random.binomial(100, chance, (200, 300)), axis=1)
        for run in counts:
            for look, count in enumerate(run.tolist(), 1):
                if sample_ratio_e_value([count, 100 * look - count], [1, 1]) >= 1000:
                    if chance == 0.5:
                        alarms += 1
                    else:
                        stops.append(100 * look)
                    break
    assert alarms <= 1
    assert np.mean(stops) == pytest.approx(11_900, rel=0.1)


def test_a_sequence_of_intervals_holds_the_truth_at_all_looks_and_fixed_ones_do_not() -> None:
    random = np.random.default_rng(16)
    missed = naive = 0
    for _ in range(400):
        data = random.exponential(1, (2, 3000))
        n = np.arange(100, 3001, 50)
        sums, squares = np.cumsum(data, axis=1), np.cumsum(data**2, axis=1)
        means = sums[:, n - 1] / n
        errors = np.sqrt(((squares[:, n - 1] / n - means**2) / n).sum(axis=0))
        looks = [
            mean_sequence(int(2 * size), difference, error, tuned_for=3000)
            for size, difference, error in zip(n, means[0] - means[1], errors, strict=True)
        ]
        missed += not all(holds(look, 0.0) for look in looks)
        naive += any(
            abs(look.estimate) > 1.96 * error for look, error in zip(looks, errors, strict=True)
        )
    assert missed / 400 <= 0.05
    assert naive / 400 > 0.2


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_a_sequence_of_shares_holds_the_truth_at_all_looks(share: float) -> None:
    n, runs = 400, 2000
    low = limits(n, lambda count, size: (proportion_sequence(count, size).low or 0.0) > share)
    counts = np.cumsum(np.random.default_rng(17).random((runs, n)) < share, axis=1)
    above = (counts >= low[1:]).any(axis=1)
    assert 0.0 < above.mean() <= 0.04


def test_a_sequence_of_bounded_means_holds_the_truth_at_all_looks() -> None:
    random = np.random.default_rng(18)
    missed = 0
    for _ in range(300):
        look = bounded_mean_sequence(random.beta(8, 2, 1000))
        missed += look.low is None or not holds(look, 0.8)
    assert missed / 300 <= 0.05
