"""How calls stand: from a store, from a monitor, from a snapshot, from nothing; and honestly."""

from __future__ import annotations

import itertools
import json
import random
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

import reliai
from reliai.monitoring import SLO, Monitor, signals
from reliai.monitoring.following import Follower
from reliai.records import RecordStore
from reliai.testing import virtual_clock
from reliai.ui import create_app
from reliai.ui._objectives import Objectives
from reliai.ui._watching import Watch
from reliai.ui.traffic import Recent, traffic_of
from tests.ui._calls import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from reliai.testing import VirtualClock

BASE = "http://localhost"
SPAN = 7200.0


def answers(store: RecordStore, clock: VirtualClock, calls: int, bad: float, seed: int = 1) -> None:
    chance = random.Random(seed)

    @reliai.reliable(name="answer", observers=[store])
    def answer() -> str:
        clock.advance(chance.uniform(0.1, 1.0))
        if chance.random() < bad:
            raise ConnectionError
        return "yes"

    for _ in range(calls):
        clock.advance(SPAN / 2 / calls)
        with suppress(ConnectionError):
            answer()


@pytest.fixture(scope="module")
def bad_hour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RecordStore, float]]:
    """A store of two hours of which the second is bad, and its last moment."""
    store = RecordStore(f"sqlite:///{tmp_path_factory.mktemp('noisy')}/calls.db")
    with virtual_clock() as clock:
        with reliai.context(tags={"shadow": "x"}):
            answers(store, clock, 3, 1.0)
        answers(store, clock, 700, 0.0)
        answers(store, clock, 300, 0.2)
        store.flush()
        end = clock.time()
    yield store, end
    store.close()


@pytest.fixture
def noisy(bad_hour: tuple[RecordStore, float]) -> Iterator[tuple[RecordStore, VirtualClock]]:
    """The same at its last moment."""
    store, end = bad_hour
    with virtual_clock() as clock:
        clock.advance(end - clock.time())
        yield store, clock


def looked(store: RecordStore, *slos: SLO) -> Any:
    return Watch(store, None, slos).look(60.0)


# --- from a store -----------------------------------------------------------------------------


def test_what_fires_is_worked_out_from_the_calls(noisy: tuple[RecordStore, Any]) -> None:
    seen = looked(noisy[0])
    fired = {alert["signal"] for alert in seen.state["alerts"]}
    assert "errors" in fired
    assert any(each.startswith("slo:") for each in fired)


def test_objectives_count_as_a_monitor_does(noisy: tuple[RecordStore, Any]) -> None:
    store, clock = noisy
    given: list[tuple[str, dict[str, Any]]] = [
        ("success", {}),
        ("full_quality", {}),
        ("latency", {"threshold": 0.5}),
        ("refusal", {}),
        ("cost", {"threshold": 1.0}),
        ("validation", {}),
        ("success", {"calls": "answer", "name": "by name"}),
        ("success", {"where": {"status": "error"}, "name": "of some"}),
    ]
    monitor = Monitor(slos=[SLO(kind, 0.99, **more) for kind, more in given], alerts=[])
    for call in reversed(store.calls(limit=None)):
        monitor.on_end(call)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    own = looked(store, *(SLO(kind, 0.99, **more) for kind, more in given)).state["slos"]
    counted = {slo["name"]: (slo["good"], slo["bad"]) for slo in own}
    wanted = monitor.snapshot(clock.time())["slos"]
    assert counted == {slo["name"]: (slo["good"], slo["bad"]) for slo in wanted}
    assert counted["all calls: success"][1] > 30


def test_a_second_look_reads_only_what_is_new(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/calls.db")
    with virtual_clock() as clock:
        answers(store, clock, 50, 0.0)
        watch = Watch(store, None, [SLO("success", 0.9)])
        first = watch.look(60.0)
        answers(store, clock, 20, 1.0)
        store.flush()
        second = watch.look(60.0)
    store.close()
    assert first.state
    assert second.state
    assert (first.state["slos"][0]["good"], first.state["slos"][0]["bad"]) == (50, 0)
    assert (second.state["slos"][0]["good"], second.state["slos"][0]["bad"]) == (50, 20)
    assert second.state["calls"]["answer"]["count"] == 70


def test_more_calls_than_can_be_read_are_said_to_be_more(
    noisy: tuple[RecordStore, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = noisy
    monkeypatch.setattr("reliai.ui._objectives.MOST", 100)
    slo = SLO("success", 0.9)
    objectives = Objectives(store, [slo], clock.time())
    objectives.look(clock.time())
    assert not objectives.whole
    assert slo.snapshot(clock.time())["good"] + slo.snapshot(clock.time())["bad"] <= 100


def test_objectives_wait_for_calls_that_may_still_come_between(
    noisy: tuple[RecordStore, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = noisy
    slo = SLO("success", 0.9)
    objectives = Objectives(store, [slo], clock.time())

    def counted() -> int:
        objectives.look(clock.time())
        said = slo.snapshot(clock.time())
        return int(said["good"] + said["bad"])

    with monkeypatch.context() as patched:
        patched.setattr(type(store._database), "settled", lambda *_: False)
        assert counted() == 0
    assert counted() == counted() > 100


def test_a_follower_reads_the_latest_calls_alone_when_told_so(
    noisy: tuple[RecordStore, Any],
) -> None:
    store, _ = noisy
    follower = Follower(store, Monitor(alerts=[]), since=0.0, most=200)
    follower.look()
    assert follower.count == 200


def test_traffic_is_told_in_equal_parts(noisy: tuple[RecordStore, Any]) -> None:
    store, clock = noisy
    traffic = traffic_of(store, clock.time() - 4 * SPAN, clock.time())
    assert traffic.calls == 1000
    assert sum(p.answered + p.failed for p in traffic.parts) == 1000
    assert {b.at - a.at for a, b in zip(traffic.parts, traffic.parts[1:], strict=False)} == {
        traffic.width
    }
    some = next(part for part in traffic.parts if part.p50 is not None)
    assert some.p50 is not None
    assert 0.3 < some.p50 < 0.8
    assert some.cost is None
    few = traffic_of(store, 0.0, clock.time(), most=10)
    assert (few.calls, few.whole) == (10, False)
    assert traffic_of(store, 0.0, clock.time(), "nobody").parts == []


def test_traffic_that_takes_long_to_reckon_is_reckoned_less_often(
    noisy: tuple[RecordStore, Any],
) -> None:
    store, clock = noisy
    took = itertools.count()  # a second each
    recent = Recent(store, lambda: float(next(took)))
    first = recent.of(60.0)
    clock.advance(19.0)
    assert recent.of(60.0) is first
    assert recent.of(60.0, "answer") is not first
    clock.advance(2.0)
    assert recent.of(60.0) is not first
    for number in range(40):
        recent.of(60.0, f"name {number}")
    assert len(recent._known) <= 32


def test_the_page_shows_charts_with_their_numbers(noisy: tuple[RecordStore, Any]) -> None:
    slos = [SLO("success", 0.995), SLO("latency", 0.9, threshold=0.9)]
    client = TestClient(create_app(store=noisy[0], slos=slos), base_url=BASE)
    while "being read" in (text := client.get("/monitor?span=24h").text):
        pass
    assert "No monitor is connected" in text
    assert text.count("<figure") == text.count("<details>") == 4
    assert "all calls: success" in text
    assert "burn-in" not in text
    assert re.search(r"spent", text)


def test_a_store_that_takes_long_to_read_does_not_hold_the_page_up(
    noisy: tuple[RecordStore, Any],
) -> None:
    watch = Watch(noisy[0], None, [SLO("success")])
    first = watch.look(0.0)
    assert first.pending
    assert first.state is None
    while watch.look(1.0).pending:
        pass
    assert watch.look(60.0).state


def test_a_page_is_made_anew_while_one_looks(
    page: Page, serve: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(Monitor(alerts=[]).snapshot()))
    page.clock.install()
    page.goto(serve(monitor=str(file)) + "/monitor")
    page.get_by_text("Nothing.").wait_for()
    page.get_by_text("No calls in this span.").wait_for()
    file.unlink()
    page.clock.fast_forward(11_000)
    page.get_by_role("alert").wait_for()


# --- from a monitor, and from nothing -----------------------------------------------------------


def test_a_monitor_of_this_process_is_shown(noisy: tuple[RecordStore, Any]) -> None:
    monitor = Monitor(alerts=[])
    for call in reversed(noisy[0].calls(limit=None)):
        monitor.on_end(call)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    text = TestClient(create_app(monitor=monitor), base_url=BASE).get("/monitor").text
    assert "this process' monitor" in text
    assert "answer: calls by minute" in text
    assert "errors changed" in text


def test_a_snapshot_is_shown_from_a_file_or_an_address(
    noisy: tuple[RecordStore, Any], tmp_path: Path
) -> None:
    monitor = Monitor(alerts=[], slos=[SLO("success", 0.9)])
    for call in reversed(noisy[0].calls(limit=None)):
        monitor.on_end(call)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(monitor.snapshot()))
    text = TestClient(create_app(monitor=str(file)), base_url=BASE).get("/monitor").text
    assert "a service's monitor" in text
    assert "Error budget left" in text


def test_a_service_that_does_not_answer_does_not_hold_the_page_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        watch = Watch(None, f"http://127.0.0.1:{silent.getsockname()[1]}/", [])
        seen = watch.look(0.05)
        assert (seen.pending, seen.source) == (True, "snapshot")
        connection, _ = silent.accept()
        connection.close()
    while watch.look(1.0).pending:
        pass
    assert "cannot be had" in watch.look(20.0).why


@pytest.mark.parametrize("monitor", ["/nope.json", "http://127.0.0.1:9/snapshot"])
def test_a_snapshot_that_cannot_be_had_is_said(monitor: str) -> None:
    client = TestClient(create_app(monitor=monitor), base_url=BASE)
    while "being read" in (answer := client.get("/monitor")).text:
        pass
    assert answer.status_code == 200
    assert "The snapshot cannot be had" in answer.text


def test_where_there_is_nothing_the_page_says_what_to_do() -> None:
    client = TestClient(create_app(), base_url=BASE)
    assert "There is nothing to watch." in client.get("/monitor").text
    assert "No record store is configured." in client.get("/calls").text
    assert client.get("/calls/x").status_code == 404
    start = client.get("/").text
    assert "No record store is configured." in start
    assert start.count("none; ") >= 2


def test_the_first_page_tells_of_the_last_day(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/calls.db")
    with virtual_clock() as clock:
        answers(store, clock, 40, 0.25)
        text = TestClient(create_app(store=store), base_url=BASE).get("/").text
    store.close()
    assert '<a href="/calls?since=24h">40</a>' in text
    assert "The latest that did not go as it should" in text
    assert "unknown" in text


def test_the_first_page_says_what_fires(noisy: tuple[RecordStore, Any]) -> None:
    client = TestClient(create_app(store=noisy[0]), base_url=BASE)
    while "What fires" not in (text := client.get("/").text):
        pass
    assert "errors changed" in text


def test_slices_that_somebody_named_maliciously_are_text(
    page: Page, serve: Callable[..., str]
) -> None:
    monitor = Monitor([signals.errors()], slices=["tag:note"], alerts=[], inline=True)

    @reliai.reliable(name="echo", observers=[monitor])
    def echo(number: int) -> None:
        if number > 400:
            raise ConnectionError

    with virtual_clock() as clock, reliai.context(tags={"note": HOSTILE}):
        for number in range(500):
            clock.advance(1.0)
            with suppress(ConnectionError):
                echo(number)
    address = serve(monitor=monitor)
    for path in ("/monitor", "/"):
        page.goto(address + path)
        assert page.title().endswith("· reliai")
        assert page.locator("main img, main script").count() == 0
    page.goto(f"{address}/monitor")
    assert "<script>" in page.locator("main").inner_text()


def test_passwords_of_stores_are_shown_nowhere() -> None:
    from reliai.ui._overview import shown_url

    assert shown_url("postgresql://u:secret@h/db") == "postgresql://u:…@h/db"
    assert shown_url("sqlite:///a.db") == "sqlite:///a.db"
    assert shown_url("http://[bad") == "http://…"
