"""The quick charts: how soon they notice, how seldom they are wrong, and what they learn."""

from __future__ import annotations

import math
from random import Random

import pytest

from reliai.monitoring.number_chart import NumberChart
from reliai.monitoring.share_chart import ShareChart
from tests.monitoring._healthy import traffic


def calls_to_alarm(chart: ShareChart, random: Random, healthy: float, ill: float) -> int:
    """Calls from the change to the alarm, after 300 healthy ones."""
    for number in range(300):
        assert not chart.add(random.random() < healthy, number * 0.1)
    count = 1
    while not chart.add(random.random() < ill, 30 + count * 0.1):
        count += 1
    return count


@pytest.mark.parametrize(
    ("healthy", "ill", "half", "most", "arl"),
    [
        (0.0001, 0.008, 598, 1146, 1e6),
        (0.0001, 0.16, 29, 56, 1e6),
        (0.08, 0.30, 62, 104, 1e6),
        (0.08, 0.15, 420, 711, 1e5),  # of answers that are scored, which are fewer
        (0.002, 0.03, 280, 509, 1e6),
        (0.005, 0.04, 337, 559, 1e6),
        (0.03, 0.25, 54, 87, 1e6),
        (0.02, 0.15, 85, 151, 1e6),
    ],
)
def test_delays_are_those_of_the_incidents(
    healthy: float, ill: float, half: int, most: int, arl: float
) -> None:
    found = sorted(
        calls_to_alarm(
            ShareChart(reference=healthy, shift=ill, arl=arl), Random(seed), healthy, ill
        )
        for seed in range(100)
    )
    assert found[50] <= 1.15 * half
    assert found[90] <= 1.15 * most


def test_with_the_shift_not_known_a_known_share_is_left_about_as_soon() -> None:
    found = sorted(
        calls_to_alarm(ShareChart(reference=0.08), Random(seed), 0.08, 0.3) for seed in range(60)
    )
    assert found[30] <= 80


def test_the_chart_of_a_known_share_is_the_plain_one() -> None:
    chart = ShareChart(reference=0.01, shift=0.3)
    assert [chart.add(True, 0.0) for _ in range(5)] == [False, False, False, False, True]
    assert chart.alarmed == 0.3
    assert (chart.recent, chart.recent_records) == (1.0, 5)


def test_an_alarm_is_raised_once_and_ends_when_the_share_is_back() -> None:
    chart = ShareChart(reference=0.01, shift=0.3)
    assert sum(chart.add(True, 0.0) for _ in range(50)) == 1
    assert chart.firing
    while chart.firing:
        chart.add(False, 0.0)
    assert sum(chart.add(True, 0.0) for _ in range(50)) == 1


def test_a_fall_is_noticed_where_it_is_asked_for() -> None:
    for both in (True, False):
        chart = ShareChart(reference=0.5, both=both)
        random = Random(1)
        alarms = [chart.add(random.random() < 0.1, 0.0) for _ in range(200)]
        assert any(alarms) is both


def test_what_is_normal_is_learnt_with_room_for_its_error() -> None:
    chart, random = ShareChart(), Random(4)
    for number in range(200):
        chart.add(random.random() < 0.05, number)
    assert chart.ready
    early = chart.normal - chart.share
    for number in range(200, 5000):
        chart.add(random.random() < 0.05, number)
    assert chart.share == pytest.approx(0.05, abs=0.02)
    assert chart.normal - chart.share < 0.7 * early


def test_a_change_does_not_become_normal_while_it_is_noticed() -> None:
    chart, random = ShareChart(), Random(5)
    for number in range(2000):
        chart.add(random.random() < 0.02, number * 0.1)
    before = chart.share
    for number in range(2000, 5000):
        chart.add(random.random() < 0.3, number * 0.1)
    assert chart.firing
    assert chart.share == before


def test_failures_in_bursts_count_for_less() -> None:
    chart, source = ShareChart(), traffic("both", 1, 1.0)
    for _ in range(5000):
        at, _, failed, _ = next(source)
        chart.add(failed, at)
    assert chart.scatter.factor > 1.3


@pytest.mark.parametrize("sign", [1, -1])
def test_a_level_that_moves_is_noticed_in_either_direction(sign: int) -> None:
    random, chart = Random(6), NumberChart()
    for number in range(2000):
        assert not chart.add(random.lognormvariate(6, 0.6), number * 0.1)
    count = 1
    while not chart.add(random.lognormvariate(6 + sign * 0.43, 0.6), 200 + count * 0.1):
        count += 1
    assert count < 250
    assert chart.direction == sign
    assert chart.value_at(chart.recent) == pytest.approx(math.exp(6 + sign * 0.43), rel=0.3)


def test_an_answer_a_third_shorter_is_noticed_as_soon_as_the_incident_wants() -> None:
    source = Random(7)
    reference = [source.lognormvariate(6, 0.6) for _ in range(5000)]
    found = []
    for seed in range(100):
        random, count = Random(seed + 0.5), 1
        chart = NumberChart(reference=reference)
        for number in range(300):
            assert not chart.add(random.lognormvariate(6, 0.6), number * 0.1)
        while not chart.add(0.65 * random.lognormvariate(6, 0.6), 30 + count * 0.1):
            count += 1
        found.append(count)
    found.sort()
    assert found[50] <= 1.2 * 58
    assert found[90] <= 1.2 * 88


def test_one_number_far_out_is_no_change_of_level() -> None:
    random, chart = Random(8), NumberChart()
    for number in range(5000):
        value = 1e9 if number % 500 == 499 else random.lognormvariate(6, 0.6)
        assert not chart.add(value, number * 1.0)


def test_the_level_alarm_ends_when_it_is_back() -> None:
    random, chart = Random(9), NumberChart()
    for number in range(1000):
        chart.add(random.gauss(100, 10), number)
    while not chart.firing:
        chart.add(random.gauss(140, 10), 1000)
    for _ in range(300):
        chart.add(random.gauss(100, 10), 1000)
    assert not chart.firing


def test_negative_numbers_and_nothing_have_a_place_on_the_scale() -> None:
    chart = NumberChart(scale=2.0)
    for value in (-5.0, 0.0, 5.0):
        assert chart.value_at(chart.seen_as(value)) == pytest.approx(value)


def test_how_records_hang_together_is_learnt() -> None:
    chart, source = NumberChart(), traffic("autocorrelated", 1, 1.0)
    for _ in range(3000):
        at, number, _, _ = next(source)
        chart.add(number, at)
    assert chart.memory == pytest.approx(0.7, abs=0.1)
    assert 4.0 < chart.inflation < 16.0


def test_a_number_that_never_changes_makes_no_trouble() -> None:
    chart = NumberChart()
    assert not any(chart.add(3.0, number) for number in range(1000))
