"""Discordant pairs: McNemar's exact test."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import mcnemar_exact
from tests.stats.peers import peer

COUNTS = st.integers(0, 60)


@pytest.mark.parametrize(
    ("b", "c", "p_value"),
    [
        (10, 2, 0.0385742188),
        (6, 0, 0.03125),
        (5, 0, 0.0625),
        (1, 9, 0.0214843750),
        (25, 12, 0.0470310274),
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_known_counts_have_known_p_values(b: int, c: int, p_value: float) -> None:
    assert mcnemar_exact(b, c) == pytest.approx(p_value, abs=1e-9)


def test_the_mid_p_value_is_the_less_cautious_one() -> None:
    assert mcnemar_exact(10, 2, mid_p=True) == pytest.approx(0.0224609375, abs=1e-9)


def test_the_approximation_by_a_chi_square_is_another_number() -> None:
    tables = peer("statsmodels.stats.contingency_tables")
    result = tables.mcnemar([[0, 10], [2, 0]], exact=False, correction=True)
    assert result.statistic == pytest.approx(4.0833333333, abs=1e-9)
    assert result.pvalue == pytest.approx(0.0433081428, abs=1e-9)


def test_below_six_discordant_pairs_nothing_is_significant() -> None:
    assert min(mcnemar_exact(b, n - b) for n in range(6) for b in range(n + 1)) > 0.05


@settings(deadline=None, max_examples=30)
@given(COUNTS, COUNTS, st.sampled_from(["two-sided", "greater", "less"]))
def test_it_is_the_binomial_test_of_scipy(
    b: int, c: int, alternative: Literal["two-sided", "greater", "less"]
) -> None:
    if b + c == 0:
        return
    theirs = peer("scipy.stats").binomtest(b, b + c, alternative=alternative).pvalue
    assert mcnemar_exact(b, c, alternative=alternative) == pytest.approx(theirs, rel=1e-9)


@given(COUNTS, COUNTS)
def test_it_does_not_matter_which_is_first(b: int, c: int) -> None:
    assert mcnemar_exact(b, c) == mcnemar_exact(c, b)
    assert mcnemar_exact(b, c, alternative="less") == mcnemar_exact(c, b, alternative="greater")


@given(COUNTS, COUNTS)
def test_a_further_pair_for_the_first_is_evidence_for_it(b: int, c: int) -> None:
    more = mcnemar_exact(b + 1, c, alternative="greater")
    assert more <= mcnemar_exact(b, c, alternative="greater") + 1e-12


def test_large_counts_are_exact_too() -> None:
    assert mcnemar_exact(500_000, 500_000) == 1.0
    assert 0.0 < mcnemar_exact(502_000, 498_000) < 1e-3


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3", None])
def test_what_is_no_count_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="b="):
        mcnemar_exact(wrong, 0)
    with pytest.raises(ConfigurationError, match="c="):
        mcnemar_exact(0, wrong)


def test_an_unknown_alternative_is_refused() -> None:
    wrong: Any = "better"
    with pytest.raises(ConfigurationError, match="alternative='better'"):
        mcnemar_exact(1, 1, alternative=wrong)
