"""Whatever a statistic is given: no NaN comes out, nothing warns, and only a ConfigurationError."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reliai import ConfigurationError, stats

NUMBER = st.one_of(
    st.floats(),
    st.floats(-1, 1),
    st.integers(0, 1),
    st.integers(-(10**30), 10**30),
    st.sampled_from([None, "x", 5e-324, 1.7e308, 10**400, True]),
)
COUNT = st.one_of(
    st.integers(-2, 30),
    st.integers(0, 10**9),
    st.floats(),
    st.sampled_from([None, True, 10**15, 10**400]),
)
LABEL = st.sampled_from([0, 1, "a", None, math.nan])
PAIR = st.tuples(NUMBER, NUMBER)
PHASE = st.tuples(COUNT, NUMBER, NUMBER, COUNT, NUMBER, NUMBER)


def rows(*columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Any]]]:
    """Columns of one length, 5 at most."""
    table = st.lists(st.tuples(*columns), max_size=5)
    return table.map(lambda found: [list(column) for column in zip(*found, strict=True)]).map(
        lambda found: found or [[] for _ in columns]
    )


def words(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names)


WHAT: dict[str, tuple[st.SearchStrategy[Any], dict[str, st.SearchStrategy[Any]]]] = {
    "mean_interval": (rows(NUMBER), {"confidence": NUMBER}),
    "paired_difference": (
        rows(NUMBER, NUMBER),
        {"test": words("t", "signed_rank", "sign_flip"), "span": st.sampled_from([1.0, 1e99])},
    ),
    "bootstrap_interval": (
        rows(NUMBER),
        {"method": words("BCa", "basic", "percentile"), "resamples": st.just(20)},
    ),
    "proportion_interval": (st.tuples(COUNT, COUNT), {}),
    "missing_bounds": (st.tuples(NUMBER, COUNT, COUNT), {}),
    "mcnemar_exact": (st.tuples(COUNT, COUNT), {"mid_p": st.booleans()}),
    "pass_at_k": (st.tuples(COUNT, COUNT, st.integers(-1, 5)), {}),
    "pass_hat_k": (st.tuples(COUNT, COUNT, st.integers(-1, 5)), {}),
    "runs_to_see": (st.tuples(NUMBER), {"confidence": NUMBER}),
    "variance_components": (st.tuples(st.lists(st.lists(NUMBER, max_size=4), max_size=4)), {}),
    "sample_size": (
        st.tuples(NUMBER),
        {"between_variance": NUMBER, "repeats": PAIR, "alpha": NUMBER, "power": NUMBER},
    ),
    "detectable_effect": (st.tuples(NUMBER), {"between_variance": NUMBER}),
    "discordant_sample_size": (st.tuples(NUMBER, NUMBER), {}),
    "t_sample_size": (st.tuples(NUMBER), {"power": st.floats(0, 1)}),
    "adjust": (
        st.tuples(st.lists(NUMBER, max_size=5)),
        {"method": words("holm", "bh", "by", "bonferroni")},
    ),
    "production_estimate": (rows(NUMBER, NUMBER), {"confidence": NUMBER}),
    "sign_e_value": (st.tuples(COUNT, COUNT), {"alternative": words("greater", "two-sided")}),
    "event_e_value": (st.tuples(COUNT, COUNT, NUMBER), {"ratio": NUMBER, "harm": st.booleans()}),
    "sample_ratio_e_value": (rows(COUNT, NUMBER), {"concentration": NUMBER}),
    "mean_sequence": (st.tuples(COUNT, NUMBER, NUMBER), {"tuned_for": NUMBER, "alpha": NUMBER}),
    "stratified_difference": (st.tuples(st.lists(PHASE, max_size=2)), {}),
    "proportion_sequence": (st.tuples(COUNT, COUNT), {"alpha": NUMBER}),
    "bounded_mean_sequence": (rows(NUMBER), {"low": NUMBER, "high": NUMBER}),
    "cohen_kappa": (rows(LABEL, LABEL), {"weights": st.sampled_from([None, "linear"])}),
    "fleiss_kappa": (st.tuples(st.lists(st.lists(NUMBER, max_size=3), max_size=3)), {}),
    "krippendorff_alpha": (
        st.tuples(rows(NUMBER, NUMBER, NUMBER)),
        {"level": words("nominal", "ordinal", "interval", "ratio")},
    ),
    "calibration_error": (rows(NUMBER, NUMBER), {"bins": st.integers(0, 9)}),
    "discrimination": (rows(NUMBER, st.integers(0, 1)), {"threshold": NUMBER}),
    "corrected_share": (st.tuples(NUMBER, NUMBER, NUMBER), {}),
    "prediction_powered_mean": (rows(NUMBER, NUMBER, NUMBER), {}),
    "swap_verdicts": (rows(words("a", "b", "tie"), words("a", "b", "tie")), {}),
}


def has_nan(result: Any) -> bool:
    if isinstance(result, float):
        return math.isnan(result)
    if dataclasses.is_dataclass(result):
        return any(has_nan(getattr(result, each.name)) for each in dataclasses.fields(result))
    return isinstance(result, tuple) and any(map(has_nan, result))


@pytest.mark.parametrize("name", WHAT)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_nan_comes_out_and_nothing_warns(name: str, data: st.DataObject) -> None:
    arguments, settings_ = WHAT[name]
    given_ = list(data.draw(arguments))
    named = {key: data.draw(value) for key, value in settings_.items() if data.draw(st.booleans())}
    required = {"sample_size": "between_variance", "detectable_effect": "between_variance"}
    if name in required or name == "mean_sequence":
        named.setdefault(required.get(name, "tuned_for"), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert not has_nan(getattr(stats, name)(*given_, **named))
        except ConfigurationError as error:
            assert str(error).startswith(name)  # noqa: PT017  the point is what else may happen
