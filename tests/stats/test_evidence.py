"""E-values of events and of arms, and the sign test that counts either way."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import event_e_value, sample_ratio_e_value, sign_e_value

COUNT = st.integers(0, 200)
SHARE = st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.9])


@pytest.mark.parametrize(
    ("canary", "baseline", "share", "ratio", "e_value"),
    [
        (8, 12, 0.1, 1.0, 137.87),
        (4, 16, 0.1, 1.0, 1.727),
        (2, 18, 0.1, 1.0, 0.532),
        (16, 4, 0.5, 1.0, 23.09),
        (12, 8, 0.5, 1.0, 0.937),
        (16, 4, 0.5, 1.5, 4.146),
    ],
)
def test_known_events_give_known_evidence_of_harm(
    canary: int, baseline: int, share: float, ratio: float, e_value: float
) -> None:
    found = event_e_value(canary, baseline, share, ratio=ratio)
    assert found == pytest.approx(e_value, rel=1e-3)


@pytest.mark.parametrize(
    ("canary", "baseline", "share", "e_value"),
    [(2, 58, 0.1, 27.36), (0, 20, 0.1, 5.52), (25, 35, 0.5, 23.06)],
)
def test_known_events_give_known_evidence_of_no_harm(
    canary: int, baseline: int, share: float, e_value: float
) -> None:
    found = event_e_value(canary, baseline, share, ratio=1.5, harm=False)
    assert found == pytest.approx(e_value, rel=1e-3)


@given(COUNT, COUNT, SHARE, st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_it_is_a_fair_game_under_the_ratio_that_it_tests(
    canary: int, baseline: int, share: float, ratio: float, harm: bool
) -> None:
    """The next event is the canary's with the null's probability: on average nothing is won."""
    chance = share * ratio / (share * ratio + 1 - share)
    now = event_e_value(canary, baseline, share, ratio=ratio, harm=harm)
    ours = event_e_value(canary + 1, baseline, share, ratio=ratio, harm=harm)
    others = event_e_value(canary, baseline + 1, share, ratio=ratio, harm=harm)
    assert chance * ours + (1 - chance) * others == pytest.approx(now, rel=1e-9)


@given(COUNT, COUNT, SHARE)
def test_events_of_the_canary_are_evidence_of_harm_and_against_safety(
    canary: int, baseline: int, share: float
) -> None:
    harm = [event_e_value(canary + more, baseline, share) for more in (0, 1)]
    safe = [event_e_value(canary + more, baseline, share, harm=False) for more in (0, 1)]
    assert harm[0] <= harm[1]
    assert safe[0] >= safe[1]


def test_phases_of_different_shares_are_weighed_each_with_its_own() -> None:
    phases = event_e_value([8, 2], [12, 18], [0.1, 0.25])
    assert phases != pytest.approx(event_e_value(10, 30, 0.175))
    same = event_e_value([3, 5], [4, 8], [0.1, 0.1])
    assert same == pytest.approx(event_e_value(8, 12, 0.1))
    of_numpy: Any = np.asarray([2, 8])
    order = event_e_value(of_numpy, (18, 12), [0.25, 0.1])
    assert order == pytest.approx(phases)


def test_no_event_is_no_evidence_and_very_many_are_without_bounds() -> None:
    assert event_e_value(0, 0, 0.1) == event_e_value([], [], []) == 1.0
    assert event_e_value(10**6, 10**3, 0.5) == math.inf
    assert event_e_value(0, 10**7, 0.5) == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"canary": -1}, "canary=-1"),
        ({"canary": 1.5}, r"canary=1\.5"),
        ({"baseline": True}, "baseline=True"),
        ({"share": 0}, "share=0"),
        ({"share": 1.0}, r"share=1\.0"),
        ({"ratio": 0}, "ratio=0"),
        ({"canary": [1, 2]}, "have 2, 1 and 1 phases"),
    ],
)
def test_what_it_cannot_honour_is_refused(arguments: dict[str, Any], message: str) -> None:
    given_: dict[str, Any] = {"canary": 1, "baseline": 1, "share": 0.5, **arguments}
    with pytest.raises(ConfigurationError, match=message):
        event_e_value(**given_)


@pytest.mark.parametrize(
    ("counts", "weights", "log10"),
    [
        ([5_100, 4_900], [1, 1], -0.14),
        ([10_000, 9_500], [1, 1], 1.62),
        ([9_200, 800], [0.9, 0.1], 9.22),
    ],
)
def test_known_arms_give_known_evidence(
    counts: list[int], weights: list[float], log10: float
) -> None:
    assert math.log10(sample_ratio_e_value(counts, weights)) == pytest.approx(log10, abs=5e-3)


@given(st.lists(st.integers(0, 500), min_size=2, max_size=4), st.data())
def test_the_next_unit_leaves_it_as_it_is_on_average(
    counts: list[int], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(counts), max_size=len(counts)))
    after = 0.0
    for arm, weight in enumerate(weights):
        more = [count + (index == arm) for index, count in enumerate(counts)]
        after += weight / sum(weights) * sample_ratio_e_value(more, weights)
    assert after == pytest.approx(sample_ratio_e_value(counts, weights), rel=1e-6)


def test_an_arm_without_a_weight_is_left_out_and_the_order_of_arms_is_nothing() -> None:
    plain = sample_ratio_e_value([5_100, 4_900], [1, 1])
    assert sample_ratio_e_value([5_100, 4_900, 0], [1, 1, 0]) == plain
    assert sample_ratio_e_value([4_900, 5_100], [2, 2]) == pytest.approx(plain)
    assert sample_ratio_e_value([0, 0], [1, 1]) == 1.0


@pytest.mark.parametrize(
    ("counts", "weights", "message"),
    [
        ([1, 2], [1], "2 counts for 1 weights"),
        ([1, -2], [1, 1], r"counts\[1\]=-2"),
        ([1, 2], [1, -1], r"weights\[1\]=-1"),
        ([1, 2], [1, 0], "two arms with a weight"),
        ([1, 2], [1, math.nan], r"weights\[1\]=nan"),
    ],
)
def test_arms_that_cannot_be_are_refused(counts: Any, weights: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        sample_ratio_e_value(counts, weights)
    with pytest.raises(ConfigurationError, match="concentration=0"):
        sample_ratio_e_value([1, 1], [1, 1], concentration=0)


@pytest.mark.parametrize(
    ("wins", "n", "e_value"),
    [
        (10, 10, 93.0909090909),
        (9, 10, 9.3090909091),
        (17, 20, 43.8001670844),
        (16, 20, 10.3059216669),
        (7, 7, 16.0),
        (8, 8, 28.4444444444),
        (5, 10, 0.3694083694),
    ],
)
def test_known_signs_give_known_evidence_for_either_side(wins: int, n: int, e_value: float) -> None:
    found = sign_e_value(wins, n - wins, alternative="two-sided")
    assert found == pytest.approx(e_value, abs=1e-9)
    assert sign_e_value(n - wins, wins, alternative="two-sided") == pytest.approx(found)


@given(COUNT, COUNT)
def test_evidence_for_either_side_is_the_mixture_over_all_chances(wins: int, losses: int) -> None:
    n = wins + losses
    now = sign_e_value(wins, losses, alternative="two-sided")
    beta = math.lgamma(1 + wins) + math.lgamma(1 + losses) - math.lgamma(2 + n)
    assert now == pytest.approx(math.exp(n * math.log(2) + beta), rel=1e-9)
    more = [(wins + 1, losses), (wins, losses + 1)]
    after = [sign_e_value(*each, alternative="two-sided") for each in more]
    assert sum(after) / 2 == pytest.approx(now, rel=1e-9)


def test_an_alternative_that_there_is_not_is_refused() -> None:
    wrong: Any = "less"
    with pytest.raises(ConfigurationError, match="alternative='less'"):
        sign_e_value(1, 1, alternative=wrong)


def test_evidence_grows_with_each_win_in_a_row() -> None:
    values = [sign_e_value(wins, 0, alternative="two-sided") for wins in range(1, 40)]
    assert all(one < other for one, other in pairwise(values))
