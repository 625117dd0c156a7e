"""Families of tests: adjusted p-values, missing ones, and properties."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import adjust, false_alarm_chance, mcnemar_exact
from tests.stats.peers import peer

FAMILY = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)
Method = Literal["holm", "bh", "by", "bonferroni"]
METHODS: tuple[Method, ...] = ("holm", "bh", "by", "bonferroni")


def test_a_known_family_has_known_adjusted_p_values() -> None:
    adjusted = adjust(FAMILY, "bh")
    wanted = [0.01, 0.04, 0.084, 0.084, 0.084, 0.1, 0.1057142857, 0.216, 0.216, 0.216]
    assert adjusted.p_values == pytest.approx(wanted, abs=1e-9)
    assert (adjusted.method, adjusted.dropped) == ("bh", 0)


@pytest.mark.parametrize(("method", "alarms"), [("bh", 2), ("holm", 1), ("bonferroni", 1)])
def test_so_many_of_the_known_family_are_significant(method: Method, alarms: int) -> None:
    assert sum(adjust(FAMILY, method).significant()) == alarms


@settings(deadline=None, max_examples=25)
@given(P_VALUES, st.sampled_from(METHODS))
def test_they_are_those_of_statsmodels(p_values: list[float], method: Method) -> None:
    name = {"bh": "fdr_bh", "by": "fdr_by"}.get(method, method)
    theirs = peer("statsmodels.stats.multitest").multipletests(p_values, method=name)[1]
    assert adjust(p_values, method).p_values == pytest.approx(theirs, abs=1e-12)


@given(P_VALUES, st.sampled_from(METHODS), st.randoms(use_true_random=False))
def test_the_order_of_the_tests_does_not_matter(
    p_values: list[float], method: Method, random: Any
) -> None:
    order = list(range(len(p_values)))
    random.shuffle(order)
    plain, mixed = adjust(p_values, method), adjust([p_values[i] for i in order], method)
    assert mixed.p_values == tuple(plain.p_values[i] for i in order)


@given(P_VALUES)
def test_holm_is_between_the_raw_p_value_and_bonferroni(p_values: list[float]) -> None:
    holm, bonferroni = adjust(p_values), adjust(p_values, "bonferroni")
    for raw, ours, most in zip(p_values, holm.p_values, bonferroni.p_values, strict=True):
        assert ours is not None
        assert most is not None
        assert raw <= ours <= most


def test_a_test_without_a_p_value_is_left_out_and_counted() -> None:
    adjusted = adjust([0.01, math.nan, 0.04, None])
    assert adjusted.p_values == (0.02, None, 0.04, None)
    assert adjusted.dropped == 2
    assert adjusted.significant(0.03) == (True, False, False, False)


def test_an_empty_family_has_nothing_to_adjust() -> None:
    assert adjust([]).p_values == ()
    assert adjust([math.nan], "bh").p_values == (None,)


def test_six_losses_without_a_win_in_one_of_ten_slices_do_not_block() -> None:
    p_values = [mcnemar_exact(6, 0), *[1.0] * 9]
    assert adjust(p_values).p_values[0] == pytest.approx(0.3125)


@pytest.mark.parametrize(("tests", "chance"), [(0, 0.0), (1, 0.05), (10, 0.401), (20, 0.642)])
def test_so_often_one_of_several_tests_is_a_false_alarm(tests: int, chance: float) -> None:
    assert false_alarm_chance(tests) == pytest.approx(chance, abs=5e-4)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.inf])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ConfigurationError, match=r"p_values\[1\]="):
        adjust([0.5, wrong])


def test_an_unknown_method_and_a_wrong_number_are_refused() -> None:
    method: Any = "sidak"
    with pytest.raises(ConfigurationError, match=r"method='sidak'\): must be one of 'holm', 'bh'"):
        adjust([0.5], method)
    with pytest.raises(ConfigurationError, match="tests=-1"):
        false_alarm_chance(-1)
    with pytest.raises(ConfigurationError, match="alpha=0"):
        false_alarm_chance(1, 0)
    with pytest.raises(ConfigurationError, match="alpha=5"):
        adjust([0.5]).significant(5)
