"""Objectives: what counts as good, how fast budgets burn, when alarms begin and end."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai._core.record import Event
from reliai._core.record_parts import ErrorInfo
from reliai.errors import ConfigurationError
from reliai.monitoring.burn_rate import Counts, History, Ring
from reliai.monitoring.slo import SLO
from tests.monitoring._records import failed, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.monitoring.alert import Alert

DAY = 86_400.0
START = 1_700_000_000.0
GOOD, BAD = record(), failed()


class Traffic:
    """Calls at a rate in virtual time, and what the objective said of them."""

    def __init__(self, slo: SLO, start: float = START) -> None:
        self.slo = slo
        self.now = start
        self.changes: list[Alert] = []

    def run(
        self, seconds: float, *, every: float = 1.0, bad: Callable[[int], bool] = lambda _: False
    ) -> None:
        for number in range(round(seconds / every)):
            self.now += every
            self.slo.observe(BAD if bad(number) else GOOD, self.now)
            self.changes += self.slo.judge(self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass without calls."""
        until = self.now + seconds
        while self.now < until:
            self.now += 30
            self.changes += self.slo.judge(self.now)

    def states(self, severity: str = "page", long: str = "1h") -> list[str]:
        return [alert.state for alert in self._of(severity, long)]

    def _of(self, severity: str, long: str) -> Iterator[Alert]:
        for alert in self.changes:
            if alert.severity == severity and alert.evidence["long_window"] == long:
                yield alert

    def first(self, state: str, severity: str = "page", long: str = "1h") -> Alert:
        return next(alert for alert in self._of(severity, long) if alert.state == state)


def one_in(count: int) -> Callable[[int], bool]:
    return lambda number: number % count == 0


def test_two_percent_errors_page_when_both_windows_burn_and_resolve_within_five_minutes() -> None:
    """Case 29, with an hour of healthy calls before."""
    traffic = Traffic(SLO("success", 0.999))
    traffic.run(3600)
    assert not traffic.changes
    began = traffic.now
    traffic.run(3600, bad=one_in(50))
    page = traffic.first("firing")
    # 20 times too fast: above 14.4 over the hour once 72 % of it are such; one bucket of 30 s more.
    assert 0.70 * 3600 <= page.at - began <= 0.72 * 3600 + 60
    assert float(page.evidence["long_burn_rate"]) > 14.4
    assert float(page.evidence["short_burn_rate"]) > 14.4
    ended = traffic.now
    traffic.run(300)
    over = traffic.first("resolved")
    assert over.at - ended <= 300
    assert over.key == page.key
    assert traffic.states() == ["firing", "resolved"]


def test_a_page_comes_in_a_minute_when_everything_fails() -> None:
    traffic = Traffic(SLO("success", 0.999))
    traffic.run(2 * 3600)
    began = traffic.now
    traffic.run(120, bad=lambda _: True)
    assert traffic.first("firing").at - began <= 60


def test_errors_within_the_budget_alarm_nobody() -> None:
    traffic = Traffic(SLO("success", 0.99))
    traffic.run(6 * 3600, every=2.0, bad=one_in(150))
    assert traffic.changes == []


def test_a_slow_burn_gives_a_ticket_and_no_page() -> None:
    traffic = Traffic(SLO("success", 0.99))
    traffic.run(2 * DAY, every=60.0, bad=one_in(25))  # 4 times too fast
    assert {alert.severity for alert in traffic.changes} == {"ticket"}
    assert traffic.states("ticket", "1d")[:1] == ["firing"]


def test_one_error_on_low_traffic_pages_nobody() -> None:
    traffic = Traffic(SLO("success", 0.999))
    traffic.run(3600, every=600.0)
    traffic.run(600, every=600.0, bad=lambda _: True)
    assert traffic.changes == []
    burn = traffic.slo.snapshot(traffic.now)["burn"][0]
    assert burn["state"] == "low_traffic"
    assert burn["long_burn_rate"] > 14.4


def test_two_errors_among_many_calls_page_nobody() -> None:
    traffic = Traffic(SLO("success", 0.999))
    traffic.run(20, bad=lambda number: number in {3, 4})
    assert traffic.changes == []
    assert traffic.slo.snapshot(traffic.now)["burn"][0]["state"] == "low_traffic"


def test_without_calls_the_state_is_no_data() -> None:
    slo = SLO("success", 0.999)
    found = slo.snapshot(START)
    assert found["state"] == "no_data"
    assert found["share"] is None


def test_an_alarm_ends_when_calls_cease() -> None:
    traffic = Traffic(SLO("success", 0.999))
    traffic.run(300, bad=lambda _: True)
    traffic.wait(360)
    assert traffic.states() == ["firing", "resolved"]


def test_few_calls_do_not_end_an_alarm_that_still_burns() -> None:
    traffic = Traffic(SLO("success", 0.999))
    traffic.run(300, bad=lambda _: True)
    traffic.run(900, every=60.0, bad=lambda _: True)
    assert traffic.states() == ["firing"]


def test_an_alarm_is_told_once_while_it_fires() -> None:
    traffic = Traffic(SLO("success", 0.99))
    traffic.run(1800, bad=lambda _: True)
    keys = [alert.key for alert in traffic.changes]
    assert len(keys) == len(set(keys)) == 4


def test_keys_are_the_same_in_another_process_and_differ_between_objectives() -> None:
    def first_key(slo: SLO) -> str:
        traffic = Traffic(slo)
        traffic.run(60, bad=lambda _: True)
        return traffic.first("firing").key

    assert first_key(SLO("success", 0.99)) == first_key(SLO("success", 0.99))
    assert first_key(SLO("success", 0.99)) != first_key(SLO("success", 0.99, name="other"))


def test_what_is_counted_scales_with_the_objective_s_window() -> None:
    month, two = History(30 * DAY), History(60 * DAY)
    for history in (month, two):
        history.add(START, good=False)
    later = START + 1.5 * 3600
    assert (month.last(later, 3600).bad, two.last(later, 3600).bad) == (0, 1)
    assert two.last(START + 2.1 * 3600, 3600).bad == 0


def test_the_windows_scale_with_the_objective_s_window() -> None:
    rows = SLO("success", 0.99, window=60 * DAY).snapshot(START)["burn"]
    assert [(row["long"], row["short"], row["threshold"]) for row in rows] == [
        ("2h", "10m", pytest.approx(14.4)),
        ("12h", "1h", pytest.approx(6)),
        ("2d", "4h", pytest.approx(3)),
        ("6d", "12h", pytest.approx(1)),
    ]


def test_the_budget_that_is_left_counts_the_whole_window() -> None:
    traffic = Traffic(SLO("success", 0.9, window=10 * DAY))
    traffic.run(5 * DAY, every=600.0, bad=one_in(20))
    assert traffic.slo.budget_left(traffic.now) == pytest.approx(0.5, abs=0.01)
    traffic.run(11 * DAY, every=3600.0)
    assert traffic.slo.budget_left(traffic.now) == 1.0


def test_without_calls_the_whole_budget_is_left() -> None:
    assert SLO("success", 0.9).budget_left(START) == 1.0


def test_counts_of_processes_merge() -> None:
    one, other, both = (SLO("success", 0.99) for _ in range(3))
    for number in range(2000):
        call = BAD if number % 30 == 0 else GOOD
        (one if number % 2 else other).observe(call, START + number)
        both.observe(call, START + number)
    one.merge(other)
    assert one.snapshot(START + 2000) == both.snapshot(START + 2000)


def test_counts_travel_as_plain_data() -> None:
    import json

    one, other = SLO("success", 0.99), SLO("success", 0.99)
    one.observe(BAD, START)
    other.merge(json.loads(json.dumps(one.counted())))
    assert other.snapshot(START)["bad"] == 1


def test_counts_of_a_source_that_grow_are_merged_again_and_count_once() -> None:
    one, other = SLO("success", 0.99), SLO("success", 0.99)
    one.observe(GOOD, START)
    for number in range(1, 4):
        other.observe(BAD, START + number)
        one.merge(other, source="other")
    assert one.snapshot(START + 4)["good"] == 1
    assert one.snapshot(START + 4)["bad"] == 3
    assert one.snapshot(START + 4)["burn"][0]["short_burn_rate"] == pytest.approx(75)


def counted(slo: SLO, good: int, at: float = START) -> dict[str, Any]:
    """What a process counted that saw so many good calls."""
    other = SLO(slo.indicator, slo.target)
    for _ in range(good):
        other.observe(GOOD, at)
    return other.counted()


def test_the_latest_thousand_sources_are_remembered_and_all_are_counted() -> None:
    slo = SLO("success", 0.99)
    for number in range(1_200):
        slo.merge(counted(slo, 1), source=f"host-{number}")
    assert slo.snapshot(START)["good"] == 1_200
    for number in range(200, 1_200):
        slo.merge(counted(slo, 2), source=f"host-{number}")
    assert slo.snapshot(START)["good"] == 2_200
    history = slo._history
    assert all(len(others._sources._known) == 1_000 for others in history._others.values())


def test_a_source_that_goes_on_is_not_forgotten_for_new_ones() -> None:
    slo = SLO("success", 0.99)
    for number in range(1_500):
        slo.merge(counted(slo, 1), source=f"host-{number}")
        slo.merge(counted(slo, 3), source="steady")
    assert slo.snapshot(START)["good"] == 1_503


def test_what_forgotten_sources_counted_gives_way_with_time() -> None:
    slo = SLO("success", 0.99)
    for number in range(1_100):
        slo.merge(counted(slo, 1), source=f"host-{number}")
    assert slo.snapshot(START + 31 * DAY)["good"] == 0


def test_to_judge_costs_the_same_however_many_sources_there_are() -> None:
    slo = SLO("success", 0.99)
    rings: list[Ring] = []
    total = Ring.total

    def noted(self: Ring, now: float, buckets: int) -> Counts:
        rings.append(self)
        return total(self, now, buckets)

    data = counted(slo, 1)
    for number in range(500):
        slo.merge(data, source=f"host-{number}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ring, "total", noted)
        slo.judge(START)
    assert 0 < len(rings) < 50


def test_a_source_with_a_wrong_clock_does_not_displace_what_others_counted() -> None:
    slo = SLO("success", 0.99)
    slo.merge(counted(slo, 2), source="right")
    slo.merge(counted(slo, 1, START + 62 * DAY), source="wrong")
    assert slo.snapshot(START)["good"] == 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(st.floats(0, 40 * DAY), max_size=8)),
        max_size=8,
    )
)
def test_merged_sources_count_what_the_last_of_each_counts(
    merges: list[tuple[str, list[float]]],
) -> None:
    merged, latest = History(30 * DAY), dict(merges)
    for source, moments in merges:
        merged.take(history_of(moments).counted(), source)
    found = [history_of(moments) for moments in latest.values()]
    now = START + 40 * DAY
    assert merged.whole(now).good == sum(each.whole(now).good for each in found)
    for span in (300, 3600, 3 * DAY):
        assert merged.last(now, span).good == sum(each.last(now, span).good for each in found)


def history_of(moments: list[float]) -> History:
    """A history of a good call at each moment after the start."""
    history = History(30 * DAY)
    for moment in moments:
        history.add(START + moment, good=True)
    return history


def test_different_objectives_do_not_merge() -> None:
    with pytest.raises(ConfigurationError, match="cannot merge"):
        SLO("success", 0.99).merge(SLO("success", 0.9, name="all calls: success"))


def test_an_objective_pickles_with_its_counts_and_alarms() -> None:
    traffic = Traffic(SLO("success", 0.99))
    traffic.run(60, bad=lambda _: True)
    copy = pickle.loads(pickle.dumps(traffic.slo))  # noqa: S301  our own bytes
    assert copy.snapshot(traffic.now) == traffic.slo.snapshot(traffic.now)
    assert [a.key for a in copy.firing] == [a.key for a in traffic.slo.firing]
    copy.observe(GOOD, traffic.now)


def test_calls_that_come_late_are_counted_where_they_belong() -> None:
    slo = SLO("success", 0.99)
    slo.observe(GOOD, START)
    slo.judge(START)
    slo.observe(BAD, START - 600)
    assert slo.snapshot(START)["burn"][0]["long_burn_rate"] == pytest.approx(50)
    assert slo.snapshot(START)["burn"][0]["short_burn_rate"] == 0


def test_a_target_that_nobody_set_is_recorded_and_muted() -> None:
    traffic = Traffic(SLO("success"))
    traffic.run(60, bad=lambda _: True)
    assert all(alert.muted for alert in traffic.changes)
    assert traffic.slo.firing
    assert traffic.slo.snapshot(traffic.now)["burn_in"] is True


def test_burn_in_can_be_said_and_unsaid() -> None:
    assert SLO("success", 0.99, burn_in=True).burn_in
    assert not SLO("success", burn_in=False).burn_in


def test_an_alarm_says_what_where_and_by_which_numbers() -> None:
    traffic = Traffic(SLO("latency", 0.99, threshold=0.1, calls="answer"))
    traffic.run(60)
    alert = traffic.first("firing")
    assert (alert.name, alert.signal) == ("answer", "slo:latency")
    assert "100.00% of calls took longer in the last 1h" in alert.summary
    assert alert.evidence["slo"] == "answer: latency ≤ 0.1"
    assert alert.evidence["short_bad"] == alert.evidence["short_events"]
    assert alert.evidence["threshold"] == 0.1


GUARDED = {"status": "rejected", "error": ErrorInfo("rejected", "reliai.errors.GuardRejected", "")}
OPEN = {"status": "rejected", "error": ErrorInfo("rejected", "reliai.errors.CircuitOpen", "")}
INVALID = ErrorInfo("invalid_output", "reliai.errors.OutputInvalid", "")
REFUSED = ErrorInfo("content_filter", "reliai.errors.OutputRefused", "")

JUDGED: list[tuple[Any, float | None, dict[str, Any], bool | None]] = [
    ("success", None, {}, True),
    ("success", None, {"status": "degraded"}, True),
    ("success", None, {"status": "error"}, False),
    ("success", None, OPEN, False),
    ("success", None, GUARDED, None),
    ("success", None, {"status": "cancelled"}, None),
    ("full_quality", None, {"status": "degraded"}, False),
    ("full_quality", None, {}, True),
    ("full_quality", None, {"status": "error"}, None),
    ("latency", 1.0, {"duration": 1.0}, True),
    ("latency", 1.0, {"duration": 1.1}, False),
    ("latency", 1.0, {"duration": 9.0, "status": "error"}, None),
    ("first_chunk", 0.5, {"time_to_first_chunk": 0.4}, True),
    ("first_chunk", 0.5, {"time_to_first_chunk": 0.6}, False),
    ("first_chunk", 0.5, {}, None),
    ("cost", 0.01, {"cost_usd": 0.01}, True),
    ("cost", 0.01, {"cost_usd": 0.02}, False),
    ("cost", 0.01, {}, None),
    ("tokens", 100, {"input_tokens": 90, "output_tokens": 20}, False),
    ("tokens", 100, {"input_tokens": 90}, True),
    ("tokens", 100, {}, None),
    ("validation", None, {}, True),
    ("validation", None, {"events": (Event("output_invalid", 0.1, {}),)}, False),
    ("validation", None, {"events": (Event("output_would_reject", 0.1, {}),)}, False),
    ("validation", None, {"status": "error", "error": INVALID}, False),
    ("validation", None, {"status": "error"}, None),
    ("guard", None, {}, True),
    ("guard", None, GUARDED, False),
    ("guard", None, {"events": (Event("guard_would_reject", 0.0, {}),)}, False),
    ("refusal", None, {}, True),
    ("refusal", None, {"finish_reason": "content_filter"}, False),
    ("refusal", None, {"status": "error", "error": REFUSED}, False),
    ("score:helpful", 0.7, {"values": {"helpful": 0.7}}, True),
    ("score:helpful", 0.7, {"values": {"helpful": 0.6}}, False),
    ("score:helpful", 0.7, {"values": {"helpful": {"mean": 0.8}}}, True),
    ("score:helpful", 0.7, {}, None),
    (lambda record: record.duration < 1, None, {"duration": 2.0}, False),
    (lambda record: None, None, {}, None),
]


@pytest.mark.parametrize(
    ("indicator", "threshold", "fields", "good"), JUDGED, ids=map(str, range(len(JUDGED)))
)
def test_what_counts_as_good(
    indicator: Any, threshold: float | None, fields: dict[str, Any], good: bool | None
) -> None:
    slo = SLO(indicator, 0.9, threshold=threshold)
    slo.observe(record(**fields), START)
    found = slo.snapshot(START)
    assert (found["good"], found["bad"]) == {True: (1, 0), False: (0, 1), None: (0, 0)}[good]


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ({"calls": "answer"}, 2),
        ({"calls": ["answer", "other"]}, 3),
        ({"where": {"tag:team": "support"}}, 1),
        ({"where": {"tag:team": ["support", None]}}, 3),
        ({"where": {"value:size": 3}}, 1),
        ({"where": {"name": "other"}}, 1),
        ({"where": lambda record: record.name == "other"}, 1),
        ({}, 3),
    ],
    ids=lambda given: str(given)[:40].split(" at ")[0],
)
def test_which_calls_count(given: dict[str, Any], counted: int) -> None:
    slo = SLO("success", 0.9, **given)
    for call in (
        record(tags={"team": "support"}),
        record(values={"size": 3}),
        record(name="other"),
    ):
        slo.observe(call, START)
    assert slo.snapshot(START)["good"] == counted


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        (("speed",), {}, "'speed'.*use one of 'success'"),
        (("success", 1.0), {}, r"target=1.0\).*above 0 and below 1"),
        (("success", 99.5), {}, "target=99.5"),
        (("latency",), {}, "give a number of seconds"),
        (("success",), {"threshold": 2.0}, "it takes none"),
        (("success",), {"window": 3600}, "window=3600.*from 86400"),
        (("latency", 0.9), {"threshold": -1}, r"threshold=-1\): must be seconds, from 0 up"),
        (("cost", 0.9), {"threshold": float("inf")}, "threshold=inf.*US dollars, from 0 up"),
        (("score:tone",), {"threshold": float("-inf")}, "threshold=-inf.*must be a number"),
        (("success",), {"calls": []}, r"calls=\[\]"),
        (("success",), {"calls": 5}, r"calls=5\): give the name of a function, or a list"),
        (("success",), {"calls": ["ask", 5]}, r"calls=\['ask', 5\]"),
        (("success",), {"where": 3}, "where=3"),
        (("success",), {"where": {"colour": "red"}}, "colour.*use tag:NAME"),
    ],
)
def test_bad_settings_are_named(arguments: Any, given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        SLO(*arguments, **given)


def test_a_function_that_raises_is_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    def broken(record: object) -> bool:
        raise KeyError("x")

    slo = SLO(broken, 0.9)
    for _ in range(3):
        slo.observe(GOOD, START)
    assert slo.snapshot(START)["state"] == "no_data"
    assert len(caplog.records) == 1


@given(
    events=st.lists(st.tuples(st.floats(0, 4 * DAY), st.booleans()), min_size=1, max_size=200),
    window=st.sampled_from([300, 1800, 3600, 7200, 21_600, 86_400, 259_200]),
)
def test_windows_count_what_lies_in_them(events: list[tuple[float, bool]], window: int) -> None:
    """Against counting by hand, in whatever order events come: to a bucket's width."""
    history = History(30 * DAY)
    now = START + max(at for at, _ in events)
    width = 30 if window <= 3600 else 300
    ring = history._fine if window <= 3600 else history._middle
    history.last(now, window)  # what was summed up must not go stale
    expected = [0, 0]
    for at, good in events:
        moment = START + at
        kept = ring.add(moment, int(good), int(not good))
        inside = now // width - window / width < moment // width <= now // width
        assert kept or not inside
        expected[not good] += inside
    assert history.last(now, window) == tuple(expected)


def test_an_event_costs_no_more_memory_after_days() -> None:
    import sys

    slo = SLO("success", 0.9)
    for day in range(40):
        slo.observe(GOOD, START + day * DAY)
    slo.judge(START + 40 * DAY)
    rings = [ring for _, ring in slo._history._rings()]
    size = sum(sys.getsizeof(column) for r in rings for column in (r._stamps, r._good, r._bad))
    assert size < 30_000
