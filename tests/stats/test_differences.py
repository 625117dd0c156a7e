"""A candidate against a baseline: known numbers, degenerate pairs, and invariances."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import Comparison, mcnemar_exact, mean_interval, paired_difference
from tests.stats.peers import peer

A = [0.9, 0.8, 0.4, 0.7, 0.6, 0.3, 0.95, 0.5, 0.85, 0.65]
B = [0.8, 0.8, 0.5, 0.6, 0.4, 0.35, 0.9, 0.4, 0.7, 0.6]
GROUPS = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
PAIRS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=4, max_size=14)
Test = Literal["t", "signed_rank", "sign_flip"]
TESTS: tuple[Test, ...] = ("t", "signed_rank", "sign_flip")


def test_known_pairs_have_students_numbers() -> None:
    result = paired_difference(A, B)
    assert result.estimate == pytest.approx(0.06, abs=1e-9)
    assert result.standard_error == pytest.approx(0.0286744176, abs=1e-9)
    assert result.p_value == pytest.approx(0.0659200550, abs=1e-9)
    assert result.low == pytest.approx(-0.0048660391, abs=1e-9)
    assert result.high == pytest.approx(0.1248660391, abs=1e-9)
    assert result.lower_bound == pytest.approx(0.0074365543, abs=1e-9)
    assert (result.n, result.wins, result.losses, result.note) == (10, 7, 2, "")


def test_the_same_by_scipy_and_much_wider_when_the_pairs_are_not_used() -> None:
    stats = peer("scipy.stats")
    paired, apart = stats.ttest_rel(A, B), stats.ttest_ind(A, B, equal_var=False)
    assert paired.statistic == pytest.approx(2.0924574974, abs=1e-9)
    assert apart.pvalue == pytest.approx(0.5215004516, abs=1e-9)
    errors = [mean_interval(each).standard_error or 0.0 for each in (A, B)]
    assert math.hypot(*errors) == pytest.approx(0.0917423930, abs=1e-9)
    covariance = float(np.cov(A, B)[0, 1]) / 10
    ours = math.sqrt(errors[0] ** 2 + errors[1] ** 2 - 2 * covariance)
    assert paired_difference(A, B).standard_error == pytest.approx(ours, abs=1e-12)
    assert np.corrcoef(A, B)[0, 1] == pytest.approx(0.909, abs=5e-4)


@pytest.mark.parametrize("test", ["signed_rank", "sign_flip"])
def test_known_pairs_have_the_exact_p_value_of_ranks_and_of_flips(test: Test) -> None:
    assert paired_difference(A, B, test=test).p_value == pytest.approx(0.09765625, abs=1e-12)


def test_clusters_widen_the_interval() -> None:
    result = paired_difference(A, B, cluster=GROUPS)
    assert result.standard_error == pytest.approx(0.0321662349, abs=1e-9)
    assert result.low == pytest.approx(-0.0423673154, abs=1e-9)
    assert result.high == pytest.approx(0.1623673154, abs=1e-9)
    assert result.clusters == 4
    assert "only 4 clusters" in result.note


def test_p_is_below_five_percent_just_when_the_interval_leaves_out_zero() -> None:
    for shift in np.linspace(-0.1, 0.1, 41):
        result = paired_difference([a + shift for a in A], B)
        assert result.low is not None
        assert result.high is not None
        assert result.p_value is not None
        assert (result.p_value < 0.05) == (result.low > 0 or result.high < 0)


# --- what the textbook gets wrong ------------------------------------------------------------


@pytest.mark.parametrize(("test", "p_value"), [("t", 0.3559), ("signed_rank", 1), ("sign_flip", 1)])
def test_differences_that_are_noise_of_floats_are_none(test: Test, p_value: float) -> None:
    with_noise, without = [0.1 + 0.2] * 6 + [0.5], [0.3] * 6 + [0.4]
    result = paired_difference(with_noise, without, test=test)
    assert (result.wins, result.losses) == (1, 0)
    assert result.p_value == pytest.approx(p_value, abs=1e-4)


@pytest.mark.parametrize("test", TESTS)
def test_a_constant_difference_has_no_interval_and_the_p_value_of_signs(test: Test) -> None:
    result = paired_difference([0.5] * 5, [0.4] * 5, test=test)
    assert result.estimate == pytest.approx(0.1)
    assert (result.low, result.high, result.lower_bound, result.standard_error) == (None,) * 4
    assert result.p_value == 0.0625
    assert "sign test" in result.note


@pytest.mark.parametrize(
    ("n", "bound"), [(20, 0.1391), (59, 0.0495), (100, 0.0295), (200, 0.0149), (1000, 0.0030)]
)
def test_identical_runs_prove_as_much_as_no_event_in_n(n: int, bound: float) -> None:
    result = paired_difference([1, 0] * n, [1, 0] * n)
    half = paired_difference([1] * n, [1] * n)
    assert half.lower_bound == pytest.approx(-bound, abs=5e-5)
    assert (half.low, half.high) == (half.lower_bound, half.upper_bound)
    assert (half.p_value, half.estimate, half.note) == (1.0, 0.0, "no difference observed")
    assert result.lower_bound is not None
    assert half.lower_bound is not None
    assert result.lower_bound > half.lower_bound


@pytest.mark.parametrize(("margin", "n"), [(0.05, 59), (0.03, 99), (0.02, 149), (0.01, 299)])
def test_identical_runs_pass_a_margin_from_so_many_cases_on(margin: float, n: int) -> None:
    bounds = [paired_difference([1] * size, [1] * size).lower_bound for size in (n - 1, n)]
    assert [bound is not None and bound > -margin for bound in bounds] == [False, True]


def test_identical_clusters_count_as_clusters() -> None:
    result = paired_difference([1] * 100, [1] * 100, cluster=[i // 5 for i in range(100)])
    assert result.lower_bound == pytest.approx(-0.1391, abs=5e-5)


def test_identical_values_over_a_wider_range_need_their_span() -> None:
    seconds = [1.5, 7.0, 3.25]
    unknown, known = (paired_difference(seconds, seconds, span=span) for span in (1.0, 10.0))
    assert unknown.lower_bound is None
    assert "span" in unknown.note
    assert unknown.p_value == known.p_value == 1.0
    assert known.lower_bound == pytest.approx(-10 * (1 - 0.05 ** (1 / 3)))


@pytest.mark.parametrize(
    ("cluster", "values", "note"),
    [(None, [0.5], "one pair"), (["a", "a"], [0.5, 0.6], "one cluster")],
)
def test_one_pair_or_one_cluster_tells_nothing_but_itself(
    cluster: Any, values: list[float], note: str
) -> None:
    result = paired_difference(values, [0.1] * len(values), cluster=cluster)
    assert result.estimate is not None
    assert (result.p_value, result.low, result.lower_bound) == (None, None, None)
    assert note in result.note


def test_no_pairs_give_no_numbers_and_a_reason() -> None:
    nothing = Comparison(None, None, None, None, None, 0, note="no pairs")
    assert paired_difference([], []) == paired_difference([], [], cluster=[]) == nothing


def test_clusters_that_do_not_vary_have_the_p_value_of_their_signs() -> None:
    ours, groups = [1, 0, 0, 1, 1, 0], [0, 0, 1, 1, 2, 2]
    result = paired_difference(ours, [0] * 6, cluster=groups)
    assert (result.low, result.p_value) == (None, 0.25)


@pytest.mark.parametrize(("wins", "said"), [(1, True), (4, True), (5, False)])
def test_an_interval_that_rests_on_few_pairs_says_so(wins: int, said: bool) -> None:
    result = paired_difference([1] * wins + [0] * (100 - wins), [0] * 100)
    assert ("pairs differ" in result.note) is said
    assert paired_difference([1, 2, 4], [0, 0, 0], span=4).note == ""


def test_nothing_of_this_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ours, others in (([], []), ([1], [0]), ([1] * 5, [1] * 5), ([2] * 5, [1] * 5)):
            for test in TESTS:
                paired_difference(ours, others, test=test)


# --- properties ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(PAIRS, st.sampled_from(TESTS))
def test_exchanging_the_two_turns_the_sign(pairs: list[tuple[int, int]], test: Test) -> None:
    ours, others = [a for a, _ in pairs], [b for _, b in pairs]
    one = paired_difference(ours, others, test=test, span=20)
    other = paired_difference(others, ours, test=test, span=20)
    assert one.estimate == pytest.approx(-(other.estimate or 0.0))
    assert one.p_value == pytest.approx(other.p_value)
    assert (one.wins, one.losses) == (other.losses, other.wins)
    if one.low is not None:
        assert one.low == pytest.approx(-(other.high or 0.0))


@given(PAIRS, st.sampled_from([1e-6, 0.1, 1000.0]), st.integers(-50, 50))
def test_another_unit_gives_the_same_in_that_unit(
    pairs: list[tuple[int, int]], scale: float, shift: int
) -> None:
    ours, others = [a for a, _ in pairs], [b for _, b in pairs]
    plain = paired_difference(ours, others, span=20)
    moved = paired_difference(
        [scale * (a + shift) for a in ours], [scale * (b + shift) for b in others], span=20 * scale
    )
    assert moved.p_value == pytest.approx(plain.p_value, rel=1e-5)
    assert (moved.wins, moved.losses) == (plain.wins, plain.losses)
    if plain.low is not None:
        assert moved.low == pytest.approx(scale * plain.low, rel=1e-5, abs=scale * 1e-5)


@given(PAIRS)
def test_the_bounds_of_one_side_lie_within_the_interval(pairs: list[tuple[int, int]]) -> None:
    result = paired_difference([a for a, _ in pairs], [b for _, b in pairs], span=20)
    if result.low is not None and result.lower_bound is not None and result.high is not None:
        assert result.low <= result.lower_bound <= (result.upper_bound or 0.0) <= result.high


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 5))
def test_flipping_the_signs_of_passes_and_fails_is_mcnemars_test(b: int, c: int, ties: int) -> None:
    ours, others = [1] * b + [0] * c + [1] * ties, [0] * b + [1] * c + [1] * ties
    result = paired_difference(ours, others, test="sign_flip")
    if b + c + ties > 1:
        assert result.p_value == pytest.approx(mcnemar_exact(b, c))


def test_more_than_sixteen_differences_are_flipped_in_seeded_ways() -> None:
    random = np.random.default_rng(3)
    ours, others = random.normal(0.5, 1, 40), random.normal(0, 1, 40)
    results = [paired_difference(ours, others, test="sign_flip") for _ in range(2)]
    assert results[0] == results[1]
    scipys = peer("scipy.stats").permutation_test(
        (ours - others,), np.mean, permutation_type="samples", n_resamples=9_999, rng=1
    )
    assert results[0].p_value == pytest.approx(scipys.pvalue, abs=0.005)


def test_many_ranks_are_tested_by_the_normal_approximation() -> None:
    ours = np.random.default_rng(4).normal(0.3, 1, 80)
    exact = peer("scipy.stats").wilcoxon(ours, method="exact").pvalue
    ranks = paired_difference(ours, np.zeros(80), test="signed_rank").p_value
    assert ranks == pytest.approx(exact, abs=1e-3)


def test_clusters_are_flipped_as_wholes() -> None:
    ours = [1, 1, 1, 1, 1, 1, 0.5]
    whole = paired_difference(ours, [0] * 7, cluster=[0, 0, 1, 1, 2, 2, 2], test="sign_flip")
    assert whole.p_value == 0.25


def test_sums_of_clusters_that_cancel_have_nothing_to_flip() -> None:
    ours, groups = [1, -1, 0.5, -0.5, 2, -2, 0.1], [0, 0, 1, 1, 2, 2, 3]
    result = paired_difference(ours, [0] * 7, cluster=groups, test="sign_flip", span=4)
    assert result.p_value == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": [1]}, "baseline.: has 1 entries for 2 values"),
        ({"candidate": [1, math.nan]}, r"candidate\[1\]=nan"),
        ({"baseline": [1, math.inf]}, r"baseline\[1\]=inf"),
        ({"test": "welch"}, "test='welch'.: must be one of 't', 'signed_rank', 'sign_flip'"),
        ({"test": "signed_rank", "cluster": [0, 1]}, "ranks know no clusters"),
        ({"span": 0}, "span=0"),
        ({"confidence": 0}, "confidence=0"),
        ({"cluster": [1]}, "cluster"),
        ({"candidate": [], "baseline": [], "cluster": [1]}, "cluster"),
    ],
)
def test_what_it_cannot_honour_is_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"candidate": [1, 0], "baseline": [0, 0], **arguments}
    with pytest.raises(ConfigurationError, match=message):
        paired_difference(**given)
