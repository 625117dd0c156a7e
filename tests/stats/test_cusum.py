from __future__ import annotations

import math
import random

import pytest

from reliai.errors import ConfigurationError
from reliai.stats import Cusum


def test_increments_are_the_log_likelihood_ratios() -> None:
    chart = Cusum(baseline=0.01, shift=0.3)
    chart.update(True)
    assert math.isclose(chart.value, math.log(30.0), rel_tol=1e-14)
    chart.update(False)
    assert math.isclose(chart.value, math.log(30.0) + math.log(0.7 / 0.99), rel_tol=1e-14)
    assert math.isclose(chart.limit, math.log(1e6), rel_tol=1e-14)


def test_successes_never_take_it_below_zero() -> None:
    chart = Cusum()
    assert not any(chart.update(False) for _ in range(1000))
    assert chart.value == 0.0


def test_it_alarms_with_the_fifth_failure_in_a_row_and_while_above_the_limit() -> None:
    chart = Cusum()
    assert [chart.update(1) for _ in range(6)] == [False] * 4 + [True, True]


def test_reset_forgets_and_copy_is_fresh_and_apart() -> None:
    chart = Cusum(baseline=0.02, shift=0.4, arl=1e4)
    chart.update(True)
    copy = chart.copy()
    assert (copy.baseline, copy.shift, copy.arl, copy.value) == (0.02, 0.4, 1e4, 0.0)
    assert chart.value > 0.0
    chart.reset()
    assert chart == copy
    assert repr(chart) == "Cusum(baseline=0.02, shift=0.4, arl=10000.0, value=0.0)"


def test_a_rise_from_one_to_thirty_percent_is_seen_after_some_twenty_calls() -> None:
    delays = sorted(delay(random.Random(seed)) for seed in range(2000))
    assert abs(sum(delays) / len(delays) - 18.5) < 1.0
    assert abs(delays[1900] - 36) < 3


def delay(source: random.Random) -> int:
    chart = Cusum()
    for _ in range(200):
        chart.update(source.random() < 0.01)
    calls = 1
    while not chart.update(source.random() < 0.3):
        calls += 1
    return calls


def test_a_million_healthy_calls_raise_no_alarm() -> None:
    chart, draw = Cusum(), random.Random(20).random
    assert not any(chart.update(draw() < 0.01) for _ in range(1_000_000))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"baseline": 0.0}, r"baseline=0\.0"),
        ({"baseline": 0.3}, r"baseline=0\.3 and shift=0\.3"),
        ({"shift": 1.0}, r"shift=1\.0"),
        ({"baseline": math.nan}, "baseline=nan"),
        ({"arl": 1.0}, r"arl=1\.0"),
        ({"arl": math.inf}, "arl=inf"),
    ],
)
def test_senseless_parameters_are_refused(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Cusum(**parameters)
