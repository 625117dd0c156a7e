"""What a trial makes of what it is told."""

from __future__ import annotations

import math

import pytest

from reliai.incidents import Finding, Part, Report, Trial, percentile
from reliai.incidents.findings import shown
from reliai.testing import VirtualClock


@pytest.fixture
def trial() -> Trial:
    return Trial("X-1", "guarded", VirtualClock(), seed=0, calls=10)


def only(trial: Trial) -> Finding:
    (finding,) = trial.result().findings
    return finding


@pytest.mark.parametrize(
    ("measured", "ok"), [(4, True), (5, True), (5.1, False), (math.nan, False)]
)
def test_a_number_may_reach_its_upper_limit(trial: Trial, measured: float, *, ok: bool) -> None:
    trial.at_most("waits", measured, 5, "s")
    assert only(trial).ok is ok
    assert only(trial).limit == "≤ 5 s"


@pytest.mark.parametrize(
    ("measured", "ok"), [(6, True), (5, True), (4.9, False), (math.nan, False)]
)
def test_a_number_may_reach_its_lower_limit(trial: Trial, measured: float, *, ok: bool) -> None:
    trial.at_least("damage", measured, 5)
    assert only(trial).ok is ok


@pytest.mark.parametrize(("measured", "ok"), [(5.1, True), (5, False)])
def test_a_number_may_have_to_be_above(trial: Trial, measured: float, *, ok: bool) -> None:
    trial.above("damage", measured, 5, "$")
    assert only(trial).ok is ok
    assert only(trial).limit == "> $5.00"


@pytest.mark.parametrize(("measured", "ok"), [(6.9, True), (7.1, False)])
def test_an_estimate_may_be_off_by_what_its_sample_allows(
    trial: Trial, measured: float, *, ok: bool
) -> None:
    trial.at_most("calls, 95 %", measured, 5, give=2)
    assert only(trial).ok is ok
    assert only(trial).limit == "≤ 5 (± 2)"


@pytest.mark.parametrize(("measured", "ok"), [(3.1, True), (2.9, False)])
def test_a_share_may_be_less_by_what_its_sample_allows(
    trial: Trial, measured: float, *, ok: bool
) -> None:
    trial.at_least("found", measured, 5, "%", give=2)
    assert only(trial).ok is ok
    assert only(trial).limit == "≥ 5 % (± 2)"


def test_what_sums_of_times_leave_over_is_nothing(trial: Trial) -> None:
    trial.at_most("added", 4.55e-11, 1, "ms")
    assert only(trial).text == "0 ms"


def test_an_alarm_where_there_must_be_none_is_found(trial: Trial) -> None:
    trial.none("alarms", 1)
    assert not trial.result().ok


def test_a_fact_may_have_to_be_exact(trial: Trial) -> None:
    trial.exactly("recovered", "no", "no")
    assert trial.result().ok


def test_a_part_that_measured_nothing_shows_nothing(trial: Trial) -> None:
    assert not trial.result().ok


def test_a_part_that_broke_shows_nothing(trial: Trial) -> None:
    trial.none("alarms", 0)
    assert not trial.result("ValueError: broken").ok


def test_two_of_three_parts_are_no_evidence() -> None:
    good = (Finding("harm", 1, "≥ 1", ok=True),)
    parts = [Part("unguarded", good), Part("guarded", good)]
    assert not Report("X-1", "two", tuple(parts)).ok
    assert Report("X-1", "three", (*parts, Part("healthy", good))).ok


def test_one_bad_fact_fails_the_whole() -> None:
    good, bad = Finding("harm", 1, "≥ 1", ok=True), Finding("harm", 0, "≥ 1", ok=False)
    parts = Part("unguarded", (good, bad)), Part("guarded", (good,)), Part("healthy", (good,))
    assert not Report("X-1", "one bad", parts).ok


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12_345, "", "12,345"),
        (0.28512, "s", "0.285 s"),
        (1296.0, "$", "$1,296.00"),
        (96.62, "%", "96.6 %"),
        (123.456, "ms", "123.5 ms"),
        ("no", "", "no"),
        (100, "%", "100 %"),
    ],
)
def test_numbers_are_shown_for_readers(value: float | str, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3, 1, 2, 4], 0.5) == 2
    assert percentile([3, 1, 2, 4], 1.0) == 4
    assert percentile([3, 1, 2, 4], 0.01) == 1


def test_the_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 0.5))
