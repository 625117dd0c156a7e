"""The lane of one observer: its turns when nothing comes, its rests, what it does in between."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from reliai._core import lane as module
from reliai._core.hub import Hub

if TYPE_CHECKING:
    import pytest


class Idle:
    """Notes its turns."""

    def __init__(self) -> None:
        self.turns = threading.Semaphore(0)
        self.seen: list[Any] = []

    def on_end(self, thing: Any) -> None:
        self.seen.append(thing)

    def on_idle(self) -> None:
        self.turns.release()


def test_observer_that_asks_for_them_gets_turns_when_nothing_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.001)
    ours, observer = Hub(), Idle()
    assert not observer.turns.acquire(timeout=0), "none before its first entry"
    ours.put((observer,), "on_end", (1,))
    for _ in range(3):
        assert observer.turns.acquire(timeout=60)
    ours.put((observer,), "on_end", (2,))
    assert ours.flush(60)
    assert observer.seen == [1, 2]


def test_turn_that_fails_is_counted_and_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.001)

    class Failing(Idle):
        def on_idle(self) -> None:
            super().on_idle()
            raise SystemExit

    ours, observer = Hub(), Failing()
    ours.put((observer,), "on_end", (1,))
    for _ in range(3):
        assert observer.turns.acquire(timeout=60)
    counts = ours.lane(observer).counts
    assert counts.failures >= 2
    assert (counts.exported, counts.dropped) == (1, 0)


def test_flush_ends_the_rest_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 1000.0)
    ours, observer = Hub(), Idle()
    for n in range(5):
        ours.put((observer,), "on_end", (n,))
        assert ours.flush(60)
    assert observer.seen == list(range(5))


def test_what_comes_during_a_rest_is_taken_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 1000.0)
    ours, observer = Hub(), Idle()
    ours.put((observer,), "on_end", (0,))
    while not observer.seen:
        time.sleep(0)
    for n in range(1, 100):
        ours.put((observer,), "on_end", (n,))
    assert ours.pending + len(observer.seen) >= 99
    assert ours.flush(60)
    assert observer.seen == list(range(100))


def test_observer_may_flush_from_its_own_worker() -> None:
    ours = Hub()
    said: list[bool] = []

    class Flushing:
        def on_end(self, thing: Any) -> None:
            said.append(ours.flush(60))

    observer = Flushing()
    ours.put((observer,), "on_end", (1,))
    assert ours.flush(60)
    assert said == [True]


def test_observer_with_slots_is_shown_what_is_put() -> None:
    class Slotted:
        __slots__ = ("seen",)

        def __init__(self) -> None:
            self.seen: list[Any] = []

        def on_end(self, thing: Any) -> None:
            self.seen.append(thing)

    ours, observer = Hub(), Slotted()
    ours.put((observer,), "on_end", (1,))
    assert ours.flush(60)
    assert observer.seen == [1]


def test_observers_that_are_equal_are_two() -> None:
    class Equal(Idle):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    ours, first, second = Hub(), Equal(), Equal()
    ours.put((first, second), "on_end", (1,))
    assert ours.flush(60)
    assert (first.seen, second.seen) == ([1], [1])
    assert len(ours.lanes()) == 2


def test_what_a_worker_hangs_over_is_pending_while_others_are_shown_in_its_place() -> None:
    began, goes_on = threading.Event(), threading.Event()

    class Hanging:
        def on_end(self, thing: Any) -> None:
            if thing == "hang":
                began.set()
                goes_on.wait(60)

    ours, observer = Hub(), Hanging()
    lane = ours.lane(observer)
    lane.put(observer, "on_end", ("hang",))
    assert began.wait(60)
    lane.put(observer, "on_end", ("next",))
    lane.drain(time.monotonic() + 60)
    assert (lane.counts.exported, lane.counts.dropped, lane.pending) == (1, 0, 1)
    goes_on.set()
    assert ours.flush(60)
    assert (lane.counts.exported, lane.pending) == (2, 0)


def test_who_flushes_while_an_observer_goes_is_answered() -> None:
    ours, observer = Hub(), Idle()
    lane = ours.lane(observer)
    lane.put(observer, "on_end", (1,))
    lane.end()
    done = lane.run(observer, int)
    assert done is not None
    assert done.wait(60)
