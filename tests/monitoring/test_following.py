"""A monitor that is fed the calls of a store: each once, none of before, none too early."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError
from reliai.monitoring import Monitor
from reliai.monitoring.following import Follower, seq_before, snapshot_at
from reliai.records import RecordStore
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.testing import VirtualClock

HOUR = 3600.0


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def store(tmp_path: Path, clock: VirtualClock) -> Iterator[RecordStore]:
    made = RecordStore(f"sqlite:///{tmp_path}/calls.db")
    reliai.configure(observers=[], records=made)
    yield made
    reliai.configure(observers=[])
    made.close()


@reliai.reliable(name="answer")
def answer(text: str) -> str:
    return text


def serve(store: RecordStore, count: int) -> None:
    for _ in range(count):
        reliai.execute(answer, "hi")
    assert store.flush(10)


def test_calls_that_started_before_are_left_out_and_new_ones_come_once(
    store: RecordStore, clock: VirtualClock
) -> None:
    serve(store, 3)
    clock.advance(60.0)
    since = clock.time()
    serve(store, 2)
    follower = Follower(store, Monitor(alerts=[]), since=since)
    follower.look()
    follower.look()
    assert (follower.count, follower.first) == (2, since)
    serve(store, 4)
    follower.look()
    assert (follower.count, follower.first) == (6, since)


def test_the_latest_are_read_where_no_more_are_wanted(
    store: RecordStore, clock: VirtualClock
) -> None:
    serve(store, 20)
    follower = Follower(store, Monitor(alerts=[]), since=0.0, most=5)
    follower.look()
    assert follower.count == 5


@pytest.mark.parametrize("watch", [True, False])
def test_who_goes_on_looking_waits_for_what_may_still_come_between(
    store: RecordStore, watch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    after = store.after

    def noted(seq: int, **given: Any) -> Any:
        asked.append(given["settled"])
        return after(seq, **given)

    serve(store, 1)
    follower = Follower(store, Monitor(alerts=[]), since=0.0, watch=watch)
    monkeypatch.setattr(store, "after", noted)
    follower.look()
    assert set(asked) == {watch}


def test_the_place_before_a_moment_is_found(store: RecordStore, clock: VirtualClock) -> None:
    for _ in range(30):
        serve(store, 1)
        clock.advance(60.0)
    moment = clock.time() - 10.5 * 60.0
    calls, _ = store.after(seq_before(store, moment), limit=100)
    assert len(calls) == 10
    assert seq_before(store, 0.0) == 0
    assert seq_before(store, clock.time() + HOUR) == store.latest(1)[1]


@pytest.mark.parametrize("rest", ["ana:hunter2@127.0.0.1:9/s", "127.0.0.1:9/s?key=hunter2"])
def test_an_address_that_cannot_be_read_is_told_without_its_password(rest: str) -> None:
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:9/s: ") as caught:
        snapshot_at(f"http://{rest}")
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"calls": 1'])
def test_what_is_no_snapshot_is_said(text: str, tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"snapshot\.json"):
        snapshot_at(str(file))
    file.write_text(json.dumps(Monitor(alerts=[]).snapshot()))
    assert snapshot_at(str(file))["calls"] == {}
