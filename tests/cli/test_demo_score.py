"""The numbers and the timeline, counted from calls whose outcome is known."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

import reliai
from reliai.cli.demo.jobs import Fault, Judged
from reliai.cli.demo.load import Delivery, Load
from reliai.cli.demo.phases import OUTAGE, Schedule
from reliai.cli.demo.progress import Progress
from reliai.cli.demo.report import comparison, happenings
from reliai.cli.demo.score import Score, score
from reliai.cli.demo.setup import Setup
from reliai.cli.demo.timeline import timeline
from reliai.cli.demo.witness import Witness
from reliai.testing import ReceivedRequest, ScriptedModel, VirtualClock, records, virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai import CallRecord

SCHEDULE = Schedule(100.0, 10.0, 4.0, lambda _: "", 1)  # the outage: second 8 to 27


def delivery(
    due: float = 1.0,
    *,
    latency: float = 0.1,
    fault: Fault | None = None,
    right: bool | None = None,
    error: str | None = None,
    record: CallRecord | None = None,
) -> Delivery:
    return Delivery("digits", due, latency, Judged(fault, right), error, record)


def arrived(elapsed: float) -> ReceivedRequest:
    return ReceivedRequest(1, "POST", "/", {}, None, 0.0, elapsed)


def counted(deliveries: list[Delivery], requests: list[float] | None = None) -> Score:
    seen = map(arrived, requests or [])
    return score(deliveries, seen, SCHEDULE, promise=3.0, started_at=1000.0)


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


def test_every_call_falls_into_one_class() -> None:
    got = counted(
        [
            delivery(),
            delivery(latency=3.1),
            delivery(error="ConnectionError"),
            delivery(fault="invalid"),
            delivery(fault="cut"),
            delivery(fault="mixed"),
        ]
    )
    assert (got.calls, got.good, got.late, got.failed) == (6, 1, 1, 1)
    assert (got.invalid, got.mixed) == (2, 1)
    assert got.success_rate == pytest.approx(1 / 6)
    assert got.errors == {"ConnectionError": 1}


def test_a_mixed_text_counts_even_when_an_error_followed() -> None:
    got = counted([delivery(fault="mixed", error="ConnectionError")])
    assert (got.mixed, got.failed) == (1, 1)


def test_latency_is_that_of_answers() -> None:
    got = counted([*(delivery(latency=n / 100) for n in range(1, 101)), delivery(error="E")])
    assert (got.p50, got.p99) == (0.5, 0.99)
    assert counted([delivery(error="E")]).p50 is None


def test_requests_are_counted_apart_for_the_outage() -> None:
    calls = [delivery(1.0), delivery(30.0), delivery(10.0), delivery(11.0)]
    got = counted(calls, [1.0, 30.0, 30.5, 10.0])
    assert got.wire_per_call == pytest.approx(1.5)
    assert got.wire_in_outage == pytest.approx(0.5)


def test_right_answers_are_a_share_of_those_that_can_be_told() -> None:
    assert counted([delivery(right=True), delivery(right=False), delivery()]).right == 0.5
    assert counted([delivery()]).right is None


def outage_record(clock: VirtualClock) -> tuple[list[CallRecord], float]:
    """Records of calls through an outage: a circuit opens, and closes when it is over."""
    down: list[Any] = [ConnectionError("down")] * 3
    breaker = reliai.CircuitBreaker("demo-score", consecutive=3, open_for=5)
    model = ScriptedModel([*down, "fine", "fine"])
    ask = reliai.reliable(reliai.Fallback("local"), breaker, name="digits")(model)
    began = clock.time()
    begin, end = SCHEDULE.span(OUTAGE)
    with records() as seen:
        clock.advance(begin)
        for _ in range(5):
            clock.advance(0.5)
            ask("7")
        clock.advance(end - begin)
        ask("7")
    return list(seen), began


def test_opening_and_recovery_are_counted_from_the_edges_of_the_outage(
    clock: VirtualClock,
) -> None:
    seen, began = outage_record(clock)
    got = score([delivery(record=each) for each in seen], [], SCHEDULE, 3.0, began)
    assert got.degraded == 5
    assert got.opened == {"digits": pytest.approx(1.5)}
    assert got.recovered == {"digits": pytest.approx(2.5)}


def test_the_timeline_has_a_line_for_each_notable_event(clock: VirtualClock) -> None:
    seen, began = outage_record(clock)
    lines = timeline(seen, SCHEDULE, began)
    assert [(line.phase, line.kind, line.count) for line in lines] == [
        (OUTAGE, "fallback", 5),
        (OUTAGE, "circuit_opened", 1),
        ("recovery", "circuit_closed", 1),
    ]
    assert lines[0].text == "fallback answered 5 times (3 connection, 2 circuit open)"
    assert lines[1].text == "circuit opened (too many failures in a row, for 5 s)"


def test_the_timeline_says_how_long_retries_waited(clock: VirtualClock) -> None:
    ask = reliai.Retry(3, wait=2)(ScriptedModel([ConnectionError("down"), "fine"]))
    with records() as seen:
        ask("7")
    (line,) = timeline(list(seen), SCHEDULE, clock.time() - 2)
    assert line.text == "retried (connection; waits to 2.00 s)"


def test_the_timeline_shows_streams_that_broke_off() -> None:
    model = ScriptedModel([["one ", ConnectionError("down")]])
    ask = reliai.Retry(3)(model.streaming)
    with virtual_clock() as clock, records() as seen, pytest.raises(ConnectionError):
        list(ask("7"))
    (line,) = timeline(list(seen), SCHEDULE, clock.time())
    assert line.text == "stream broken off (connection)"


# --- on the screen -----------------------------------------------------------------------------


def setup(right: str | None = None) -> Setup:
    def connect(_url: str, _guarded: bool) -> Any:
        raise AssertionError("nothing is served here")

    return Setup("a title", Witness(lambda _: ""), [], connect, [], right=right)


def shown(what: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(what)
    return out.getvalue()


def test_the_table_shows_both_runs_side_by_side() -> None:
    text = shown(comparison(counted([delivery(error="E")]), counted([delivery()]), setup()))
    assert "good answers within 3 s" in text
    assert "0.0%" in text
    assert "100.0%" in text
    assert "read correctly" not in text


def test_the_share_of_right_answers_is_shown_where_it_is_known() -> None:
    known = counted([delivery(right=True)])
    assert "digits read correctly" in shown(
        comparison(known, known, setup("digits read correctly"))
    )


def test_the_timeline_names_each_phase_once() -> None:
    with virtual_clock() as clock:
        seen, began = outage_record(clock)
    text = shown(happenings(timeline(seen, SCHEDULE, began)))
    assert text.count("outage") == 1
    assert "8.5 s" in text


def test_without_a_terminal_a_phase_is_a_line_once_its_calls_have_ended() -> None:
    out = io.StringIO()
    load = Load(setup(), 1.0, 12.0, 1)  # calls due at 0, 1, … 11: eight healthy, four in the outage
    with Progress(Console(file=out, width=100), "bare", SCHEDULE, load) as progress:
        for due in range(7):
            progress(delivery(float(due)))
        assert out.getvalue() == ""
        progress(delivery(7.0, latency=9.0))
        (line,) = out.getvalue().splitlines()
        assert line.split() == "bare 0.0 s healthy 8 calls 7 good 0 degraded 1 bad".split()
        for due in range(8, 12):
            progress(delivery(float(due), error="E"))
    assert "outage" in out.getvalue()


def test_on_a_terminal_one_line_moves_and_the_phases_stay() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True)
    with Progress(console, "guarded", SCHEDULE, Load(setup(), 1.0, 3.0, 1)) as progress:
        for due in range(3):
            progress(delivery(float(due)))
    assert "█" in out.getvalue()
    assert "3 good" in out.getvalue()
