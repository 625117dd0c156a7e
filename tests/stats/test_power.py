"""How many cases a comparison needs, and what it can detect."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import detectable_effect, discordant_sample_size, sample_size, t_sample_size
from tests.stats.peers import peer

QUESTION: dict[str, Any] = {"between_variance": 1 / 9, "within_variances": (1 / 6, 1 / 6)}


@pytest.mark.parametrize(
    ("repeats", "exact"),
    [(1, 3875.99), (2, 2422.49), (5, 1550.40), (10, 1259.70), (math.inf, 968.998)],
)
def test_known_variances_need_a_known_number_of_cases(repeats: float, exact: float) -> None:
    n = sample_size(0.03, **QUESTION, repeats=(repeats, repeats))
    assert n == math.ceil(exact)
    effect = detectable_effect(exact, **QUESTION, repeats=(repeats, repeats))
    assert effect == pytest.approx(0.03, rel=5e-6)


@pytest.mark.parametrize(("repeats", "effect"), [(1, 0.1327333279), (10, 0.0756696393)])
def test_a_known_number_of_cases_detects_a_known_effect(repeats: int, effect: float) -> None:
    found = detectable_effect(198, **QUESTION, repeats=(repeats, repeats))
    assert found == pytest.approx(effect, abs=1e-9)


def test_pairing_halves_the_cases_when_the_runs_correlate_by_a_half() -> None:
    both = detectable_effect(1, between_variance=1.0) ** 2
    assert both == pytest.approx(7.8488797343, abs=1e-9)
    apart = [detectable_effect(n, between_variance=2 * 0.25) for n in (1569.78, 1569.77)]
    assert apart == [pytest.approx(0.05, abs=1e-6)] * 2
    assert sample_size(0.05, between_variance=2 * 0.25) == 1570
    assert sample_size(0.05, between_variance=2 * 0.25 * (1 - 0.5)) == 785


def test_the_t_test_needs_a_few_more() -> None:
    exact = peer("statsmodels.stats.power").TTestPower().solve_power(0.2, alpha=0.05, power=0.8)
    assert exact == pytest.approx(198.1508209560, abs=1e-6)
    assert t_sample_size(0.2) == 199
    assert sample_size(0.2, between_variance=1.0) == 197


def test_the_t_test_needs_three_pairs_at_least() -> None:
    assert [t_sample_size(effect) for effect in (50.0, 8.0, 3.0, 1.0)] == [3, 3, 4, 10]


def test_mcnemars_test_needs_connors_number() -> None:
    assert discordant_sample_size(0.12, 0.06) == discordant_sample_size(0.06, 0.12) == 391


@given(st.floats(0.001, 1), st.floats(0.001, 1), st.integers(1, 20))
def test_the_cases_needed_detect_the_effect_and_one_less_does_not(
    delta: float, between: float, repeats: int
) -> None:
    variances: dict[str, Any] = {
        "between_variance": between,
        "within_variances": (0.1, 0.2),
        "repeats": (repeats, repeats),
    }
    n = sample_size(delta, **variances)
    assert detectable_effect(n, **variances) <= delta * (1 + 1e-9)
    if n > 1:
        assert detectable_effect(n - 1, **variances) > delta


@given(st.floats(0.01, 1), st.integers(1, 9))
def test_a_larger_effect_and_more_repeats_need_fewer_cases(delta: float, repeats: int) -> None:
    n = sample_size(delta, **QUESTION, repeats=(repeats, repeats))
    assert sample_size(delta * 1.5, **QUESTION, repeats=(repeats, repeats)) <= n
    assert sample_size(delta, **QUESTION, repeats=(repeats + 1, repeats)) <= n
    assert sample_size(delta, **QUESTION, repeats=(repeats, repeats), power=0.9) >= n
    assert sample_size(delta, **QUESTION, repeats=(repeats, repeats), alpha=0.01) >= n


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"delta": 0}, "delta=0.: must be a finite number above 0"),
        ({"between_variance": -1}, "between_variance=-1"),
        ({"between_variance": 0.0}, "a variance must be above 0"),
        ({"within_variances": (0.1,)}, r"within_variances=\(0\.1,\).: must be one for either"),
        ({"repeats": (1, 0)}, "repeats=0"),
        ({"repeats": (1, math.nan)}, "repeats=nan"),
        ({"alpha": 0}, "alpha=0"),
        ({"power": 1}, "power=1"),
        ({"power": 0.05}, r"power=0\.05.: must be above alpha=0\.05"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"delta": 0.1, "between_variance": 0.2, **arguments}
    with pytest.raises(ConfigurationError, match=message):
        sample_size(**given)


def test_the_other_questions_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ConfigurationError, match="n=0"):
        detectable_effect(0, between_variance=1.0)
    for shares in ((0.1, 0.1), (0.7, 0.4)):
        with pytest.raises(ConfigurationError, match="two different shares"):
            discordant_sample_size(*shares)
    with pytest.raises(ConfigurationError, match=r"b_share=-0\.1"):
        discordant_sample_size(-0.1, 0.2)
    with pytest.raises(ConfigurationError, match="effect=0"):
        t_sample_size(0)
    with pytest.raises(ConfigurationError, match="power"):
        t_sample_size(0.2, power=0.01)
