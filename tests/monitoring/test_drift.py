"""Windows against a frozen reference: what each kind of signal notices, and what must hold."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reliai.monitoring import Monitor, signals
from reliai.monitoring.fields import Field, Tuning
from reliai.monitoring.references import reference_of
from tests.monitoring._traffic import record

if TYPE_CHECKING:
    from reliai.monitoring.signals import Signal

QUICK_OFF = 1e300
"""So long between false alarms that the quick charts say nothing."""


def field(signal: Signal, learn: float = 0.0, **tuning: Any) -> Field:
    """A field whose quick charts are silent."""
    return Field(signal, Tuning(arl=QUICK_OFF, learn=learn, **tuning), reference_of(signal))


def fed(watched: Field, values: list[Any], gap: float = 1.0) -> list[str]:
    """The detectors that fired, while the values came in one after the other."""
    found: list[str] = []
    for value in values:
        now = max(0.0, watched.seen_at) + gap
        found += [each.detector for each in watched.take(value, now) or () if each.firing]
    return found


def flags(random: Random, count: int, share: float) -> list[bool]:
    return [random.random() < share for _ in range(count)]


def numbers(random: Random, count: int, level: float, spread: float = 1.0) -> list[float]:
    return [random.gauss(level, spread) for _ in range(count)]


def test_a_share_that_rises_is_told_after_two_windows() -> None:
    random = Random(1)
    watched = field(signals.share("flag", bool, reference=flags(random, 10_000, 0.05)))
    assert fed(watched, flags(random, 500, 0.2)) == []
    assert fed(watched, flags(random, 500, 0.2)) == ["shape"]
    assert watched.firing["shape"].evidence["reference_share"] == pytest.approx(0.05, abs=0.01)


def test_one_window_alone_is_not_told() -> None:
    random = Random(2)
    watched = field(signals.share("flag", bool, reference=flags(random, 10_000, 0.05)))
    values = flags(random, 500, 0.2) + flags(random, 500, 0.05) + flags(random, 500, 0.2)
    assert fed(watched, values) == []


def test_it_is_over_after_two_quiet_windows() -> None:
    random = Random(3)
    watched = field(signals.share("flag", bool, reference=flags(random, 10_000, 0.05)))
    fed(watched, flags(random, 1000, 0.2))
    fed(watched, flags(random, 500, 0.05))
    assert "shape" in watched.firing
    fed(watched, flags(random, 500, 0.05))
    assert watched.firing == {}


def test_another_shape_of_numbers_at_the_same_level_is_noticed() -> None:
    random = Random(4)
    watched = field(signals.number("x", float, reference=numbers(random, 10_000, 100)))
    assert "shape" in fed(watched, numbers(random, 1000, 100, spread=2.0))
    assert float(watched.firing["shape"].evidence["psi"]) > 0.1


def test_a_level_that_moves_too_little_for_a_window_is_noticed_by_the_chart_of_blocks() -> None:
    random = Random(5)
    watched = field(signals.number("x", float, reference=numbers(random, 10_000, 100)))
    assert fed(watched, numbers(random, 5000, 100.2)) == ["drift"]
    fed(watched, numbers(random, 3000, 100))
    assert watched.firing == {}


def test_categories_that_come_more_often_are_named() -> None:
    random = Random(6)
    words = random.choices(["stop", "length"], [0.95, 0.05], k=10_000)
    watched = field(signals.category("why", str, reference=words))
    assert fed(watched, random.choices(["stop", "length"], [0.85, 0.15], k=1000)) == ["shape"]
    assert watched.firing["shape"].evidence["rose"] == "length"


def test_a_category_never_seen_is_told_after_one_window() -> None:
    random = Random(7)
    watched = field(signals.category("why", str, reference=["stop"] * 5000))
    values = random.choices(["stop", "content_filter"], [0.97, 0.03], k=500)
    assert fed(watched, values) == ["new"]
    assert watched.firing["new"].evidence["new"] == "content_filter"


def test_vectors_that_are_about_something_else_are_noticed() -> None:
    rng = np.random.default_rng(8)
    middle, other = rng.normal(size=32), rng.normal(size=32)
    reference = list(rng.normal(middle, 1.0, size=(2000, 32)).astype("float32"))
    watched = field(signals.embedding("vector", reference=reference))
    assert fed(watched, list(rng.normal(middle, 1.0, size=(1000, 32)).astype("float32"))) == []
    mixed = [
        rng.normal(other if number % 4 == 0 else middle, 1.0).astype("float32")
        for number in range(1000)
    ]
    assert fed(watched, mixed) == ["shape"]


def test_a_reference_is_learnt_from_its_while_and_frozen() -> None:
    random = Random(9)
    watched = field(signals.share("flag", bool), learn=15_000.0)
    fed(watched, flags(random, 12_000, 0.05))
    assert not watched.drift.ready
    fed(watched, flags(random, 5000, 0.05))
    assert watched.drift.ready
    version = watched.described()["windows"]["reference"]
    fed(watched, flags(random, 2000, 0.3))
    assert "shape" in watched.firing
    assert watched.described()["windows"]["reference"] == version


def test_what_healthy_windows_differ_by_is_no_alarm_later() -> None:
    random = Random(10)
    watched = field(signals.share("flag", bool), learn=20_000.0)
    healthy = [flags(random, 1000, 0.05 if number % 2 else 0.12) for number in range(40)]
    for values in healthy:
        assert fed(watched, values) == []
    assert watched.drift.ready


def test_each_hour_of_the_week_may_have_a_reference_of_its_own() -> None:
    random = Random(11)
    watched = field(signals.share("flag", bool), hours_of_week=True)
    told: list[str] = []
    for number in range(24 * 21):
        busy = number % 24 in {8, 9}
        values = flags(random, 600, 0.3 if busy else 0.03)
        told += fed(watched, values, gap=6.0)
    assert watched.drift.ready
    assert told == []
    for _ in range(6):
        told += fed(watched, flags(random, 600, 0.3), gap=6.0)
    assert "shape" in told


def test_minutes_far_out_of_the_hour_before_are_noticed_when_two_come_in_a_row() -> None:
    random = Random(12)
    watched = field(signals.number("x", float), learn=1e6)
    values = numbers(random, 60 * 30, 100, 10)
    assert fed(watched, values) == []
    assert fed(watched, numbers(random, 62, 300, 10)) == []
    assert fed(watched, numbers(random, 60, 300, 10)) == ["spike"]
    fed(watched, numbers(random, 120, 100, 10))
    assert "spike" not in watched.firing


@pytest.mark.parametrize(("failures", "told"), [(1, []), (4, ["spike"])])
def test_single_failures_in_two_minutes_after_an_hour_without_any_are_no_spike(
    failures: int, told: list[str]
) -> None:
    watched = field(signals.share("flag", bool), learn=1e6)
    assert fed(watched, [False] * 60 * 30, gap=2.0) == []
    minute = [True] * failures + [False] * (30 - failures)
    assert fed(watched, [*minute, *minute, False], gap=2.0) == told


def test_windows_of_two_processes_are_judged_together() -> None:
    random = Random(13)
    reference = flags(random, 10_000, 0.05)
    watching = [signals.share("flag", lambda each: each.values["flag"], reference=reference)]

    def monitor() -> Monitor:
        return Monitor(watching, arl=QUICK_OFF, inline=True, alerts=[])

    def run(monitor: Monitor, count: int, share: float) -> None:
        for number, flag in enumerate(flags(random, count, share)):
            monitor.on_end(record(number, values={"flag": flag}))

    first, second, fleet = monitor(), monitor(), monitor()
    for _ in range(4):
        for each in (first, second):
            run(each, 300, 0.25)
            fleet.merge(json.loads(json.dumps(each.snapshot())))
    assert [alert.signal for alert in fleet.alerts()] == ["flag"]


def test_a_reference_of_few_records_raises_nothing_new() -> None:
    watched = field(signals.category("why", str, reference=["stop"] * 100))
    assert fed(watched, ["stop"] * 480 + ["odd"] * 20) == []


def test_more_numbers_far_out_are_noticed_though_the_level_stays() -> None:
    random = Random(14)
    watched = Field(signals.latency(q=0.95), Tuning(), None)
    assert fed(watched, [random.lognormvariate(0, 0.2) for _ in range(2000)]) == []
    slow = [
        random.lognormvariate(0, 0.2) * (2.0 if random.random() < 0.3 else 0.85) for _ in range(200)
    ]
    assert "tail" in fed(watched, slow)
    found = watched.firing["tail"]
    assert float(found.evidence["share"]) > 0.15
    assert "are above" in found.text
    fed(watched, [random.lognormvariate(0, 0.2) for _ in range(1000)])
    assert "tail" not in watched.firing


def test_the_level_has_a_reference_of_its_own_for_each_hour_of_the_week() -> None:
    random = Random(15)
    watched = field(signals.number("x", float), hours_of_week=True)

    def hours(first: int, count: int, more: float = 0.0) -> list[str]:
        told: list[str] = []
        for hour in range(first, first + count):
            level = (150.0 if hour % 24 == 8 else 100.0) + more
            told += fed(watched, numbers(random, 600, level, 10), gap=6.0)
        return [name for name in told if name in {"drift", "shape"}]

    assert hours(0, 24 * 20) == []
    assert watched.drift.ready
    assert hours(24 * 20, 48) == []
    assert hours(24 * 22, 24, more=30.0) != []


def test_of_few_different_numbers_each_is_a_bin() -> None:
    random = Random(16)
    stars = [float(random.randint(1, 5)) for _ in range(5000)]
    watched = field(signals.number("stars", float, reference=stars))
    assert fed(watched, [float(random.randint(1, 5)) for _ in range(2000)]) == []
    assert "shape" in fed(watched, [float(random.choice([1, 5])) for _ in range(1000)])
