"""The schedule of the demo: exact shares of faults, whoever asks first."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

import pytest

from reliai.cli.demo.phases import OUTAGE, Schedule
from reliai.testing import Cut, ReceivedRequest, Status


def request(*, stream: bool = False) -> ReceivedRequest:
    return ReceivedRequest(1, "POST", "/v1/chat/completions", {}, {"stream": stream}, 0.0, 0.0)


def schedule(*, stall: float = 4.0, model: Any = None, seed: int = 1) -> Schedule:
    return Schedule(100.0, 10.0, stall, model or (lambda _: '{"digit": 7}'), seed)


def dealt(made: Schedule, phase: str, count: int, *, stream: bool = False) -> list[Any]:
    begin, _ = made.span(phase)
    return [made(begin, request(stream=stream)) for _ in range(count)]


def test_the_phases_fill_the_run_without_a_gap() -> None:
    made = schedule()
    ends = [made.span(phase.name) for phase in made.phases]
    assert ends[0][0] == 0
    assert ends[-1][1] == pytest.approx(100)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ends))


def test_the_last_phase_goes_on_for_stragglers() -> None:
    made = schedule()
    assert made.at(1e6) is made.phases[-1]


def test_every_request_of_the_outage_fails() -> None:
    assert dealt(schedule(), OUTAGE, 50) == [Status(503)] * 50


def test_a_brownout_fails_thirty_per_cent_exactly() -> None:
    codes = [item for item in dealt(schedule(), "brownout", 200) if isinstance(item, Status)]
    assert len(codes) == 60


def test_the_same_seed_deals_the_same_faults_again() -> None:
    made = schedule(seed=5)
    first = dealt(made, "brownout", 40)
    made.rewind()
    assert dealt(made, "brownout", 40) == first
    assert dealt(schedule(seed=6), "brownout", 40) != first


def test_streams_are_cut_after_their_first_words_only_now_and_then() -> None:
    cuts = Counter(dealt(schedule(), "stalls, cuts", 250, stream=True))
    assert cuts[Cut(after=3)] == 10


def test_without_stalls_nothing_falls_silent() -> None:
    items = dealt(schedule(stall=0), "stalls, cuts", 100, stream=True)
    assert not [item for item in items if hasattr(item, "keep_alive")]


def test_the_rate_limit_lets_its_quota_through() -> None:
    made = schedule()
    begin, _ = made.span("rate limit")
    answers = [made(begin + number / 10, request()) for number in range(100)]
    refused = [item for item in answers if item is not None]
    assert refused == [Status(429, retry_after=1)] * len(refused)
    assert 36 <= len(refused) <= 40  # a quota of 6 of 10 a second, and a small reserve


def test_a_fenced_answer_is_the_right_one_in_a_fence() -> None:
    items = dealt(schedule(), "malformed", 20)
    fenced = [item for item in items if isinstance(item, str) and item.startswith("```")]
    assert fenced == ['```json\n{"digit": 7,}\n```'] * 2


def test_what_is_no_json_object_is_not_fenced() -> None:
    items = dealt(schedule(model=lambda _: "plain words"), "malformed", 20)
    assert not [item for item in items if isinstance(item, str) and item.startswith("```")]


def test_wrong_values_are_json_all_the_same() -> None:
    items = dealt(schedule(), "malformed", 20)
    wrong = [item for item in items if isinstance(item, str) and item.startswith("{")]
    assert len([json.loads(item) for item in wrong]) == 2
