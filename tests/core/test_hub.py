"""The queues between calls and observers: bounded, counted, each emptied by a daemon thread."""

from __future__ import annotations

import gc
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.delivery import _complained, complain
from reliai._core.hub import Hub, hub
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import Callable

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
needs_sigterm = pytest.mark.skipif(os.name != "posix", reason="needs signals")


class Taking:
    """Takes everything."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_end(self, thing: Any) -> None:
        self.seen.append(thing)


class Gated(Taking):
    """Hangs until its gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def on_end(self, thing: Any) -> None:
        self.entered.set()
        self.gate.wait()
        super().on_end(thing)


class Slow(Taking):
    """Takes one thing for each permit."""

    def __init__(self) -> None:
        super().__init__()
        self.permits = threading.Semaphore(0)

    def on_end(self, thing: Any) -> None:
        self.permits.acquire()
        super().on_end(thing)


class Failing(Taking):
    """Raises every third time."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.error = error
        self.asked = 0

    def on_end(self, thing: Any) -> None:
        self.asked += 1
        if self.asked % 3 == 0:
            raise self.error("no")
        super().on_end(thing)


def raising() -> Failing:
    """One that raises an ordinary error."""
    return Failing(RuntimeError)


def dying() -> Failing:
    """One that would end the program."""
    return Failing(SystemExit)


def produce(ours: Hub, observer: object, number: int, threads: int = 4) -> None:
    """Put entries from several threads at once."""
    ready = threading.Barrier(threads)

    def work() -> None:
        ready.wait()
        for n in range(number // threads):
            ours.put((observer,), "on_end", (n,))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def let_go(observer: object) -> None:
    """Let a hanging or slow observer take all it is given."""
    if isinstance(observer, Gated):
        observer.gate.set()
    if isinstance(observer, Slow):
        observer.permits.release(10_000)


def settled(ours: Hub, observer: object) -> None:
    """Wait until one observer was shown all that waited for it, whatever the others do."""
    done = ours.lane(observer).run(observer, lambda: None)
    assert done is not None
    assert done.wait(60)


# --- produced = exported + dropped ----------------------------------------------------------------
@pytest.mark.parametrize("make", [Taking, Gated, Slow, raising, dying])
@pytest.mark.parametrize("capacity", [1, 7, 10_000])
def test_what_is_produced_is_exported_or_dropped(make: Callable[[], Any], capacity: int) -> None:
    ours, observer = Hub(capacity), make()
    produce(ours, observer, 400)
    let_go(observer)
    assert ours.flush(60)
    assert ours.exported + ours.dropped == 400
    assert ours.exported == len(observer.seen)
    if capacity == 10_000 and not isinstance(observer, Failing):
        assert ours.dropped == 0


def test_what_finds_the_queue_full_is_dropped_and_counted() -> None:
    ours, observer = Hub(3), Gated()
    ours.put((observer,), "on_end", (0,))
    observer.entered.wait()
    for n in range(1, 11):
        ours.put((observer,), "on_end", (n,))
    assert (ours.pending, ours.exported, ours.dropped) == (4, 0, 7), "three and the one in hand"
    observer.gate.set()
    assert ours.flush(60)
    assert observer.seen == [0, 1, 2, 3], "the oldest are kept, in order"
    assert (ours.pending, ours.exported, ours.dropped) == (0, 4, 7)


@pytest.mark.parametrize("make", [raising, dying])
def test_what_an_observer_raised_over_is_dropped_and_the_others_get_theirs(
    make: Callable[[], Failing],
) -> None:
    ours, bad, good = Hub(), make(), Taking()
    for n in range(9):
        ours.put((bad, good), "on_end", (n,))
    assert ours.flush(60)
    assert good.seen == list(range(9))
    assert bad.seen == [0, 1, 3, 4, 6, 7]
    assert (ours.exported, ours.dropped) == (15, 3)


def test_full_queue_drops_for_each_observer() -> None:
    ours, gated, another = Hub(1), Gated(), Gated()
    ours.put((gated, another), "on_end", (0,))
    gated.entered.wait()
    another.entered.wait()
    for n in (1, 2):
        ours.put((gated, another), "on_end", (n,))
    assert ours.dropped == 2
    let_go(gated)
    let_go(another)
    assert ours.flush(60)
    assert (ours.exported, gated.seen, another.seen) == (4, [0, 1], [0, 1])


def test_hanging_observer_keeps_no_other_one_waiting() -> None:
    ours, hanging, other = Hub(3), Gated(), Taking()
    for n in range(100):
        ours.put((hanging, other), "on_end", (n,))
        settled(ours, other)
    assert other.seen == list(range(100))
    assert [ours.lane(one).counts.dropped for one in (hanging, other)] == [96, 0]
    hanging.gate.set()
    assert ours.flush(60)


@pytest.mark.parametrize("make", [raising, dying])
def test_failing_observer_is_complained_of_once(
    make: Callable[[], Failing], caplog: pytest.LogCaptureFixture
) -> None:
    ours, bad, another = Hub(), make(), make()
    for n in range(30):
        ours.put((bad,), "on_end", (n,))
    assert ours.flush(60)
    (said,) = caplog.records
    assert (said.name, said.levelname) == ("reliai", "WARNING")
    assert "observer Failing" in said.getMessage()
    assert "on_end" in said.getMessage()
    assert said.exc_info is not None
    assert said.exc_info[0] is bad.error
    for n in range(3):
        ours.put((another,), "on_end", (n,))
    assert ours.flush(60)
    assert len(caplog.records) == 2, "another one is another matter"


def test_observer_that_is_gone_keeps_no_other_one_from_being_complained_of() -> None:
    """An object made later may get the same id."""
    observer = Failing(RuntimeError)
    identity = id(observer)
    complain(observer, "failed")
    assert identity in _complained
    del observer
    gc.collect()
    assert identity not in _complained


# --- flush ----------------------------------------------------------------------------------------
def test_flush_of_a_hanging_observer_gives_up_and_says_so() -> None:
    ours, observer = Hub(), Gated()
    ours.put((observer,), "on_end", (1,))
    observer.entered.wait()
    assert ours.flush(0) is False
    assert ours.flush(0.001) is False
    observer.gate.set()
    assert ours.flush(60) is True
    assert observer.seen == [1]
    assert (ours.exported, ours.dropped) == (1, 0), "a flush is no entry"


def test_flush_without_anything_put_starts_no_thread() -> None:
    ours, observer = Hub(), Taking()
    assert ours.lane(observer).thread is None
    assert ours.flush(0) is True
    assert ours.lane(observer).thread is None


def test_flush_of_the_process_flushes_each_observer_whatever_another_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flushed: list[float] = []

    class Breaking(Taking):
        def flush(self, timeout: float) -> None:
            raise OSError("disk full")

    class Buffering(Taking):
        def flush(self, timeout: float) -> None:
            flushed.append(len(self.seen))

    reliai.configure(observers=[Breaking(), Taking(), Buffering()])
    reliai.reliable()(lambda: "a")()
    assert reliai.flush(60)
    assert flushed == [1], "it was flushed after it got what was queued"
    assert ["Breaking" in record.getMessage() for record in caplog.records] == [True]


# --- the worker -----------------------------------------------------------------------------------
def test_worker_is_one_daemon_thread_an_observer_started_with_its_first_entry() -> None:
    ours, observer = Hub(), Taking()
    before = set(threading.enumerate())
    produce(ours, observer, 80, threads=8)
    (worker,) = set(threading.enumerate()) - before
    assert worker is ours.lane(observer).thread
    assert (worker.name, worker.daemon) == ("reliai-observers", True)


def test_worker_ends_with_its_observer_and_the_counts_stay() -> None:
    ours, observer = Hub(), Taking()
    ours.put((observer,), "on_end", (1,))
    assert ours.flush(60)
    worker = ours.lane(observer).thread
    assert worker is not None
    del observer
    gc.collect()
    worker.join(60)
    assert not worker.is_alive()
    assert ours.lanes() == []
    assert (ours.exported, ours.dropped) == (1, 0)


def test_observers_of_one_class_are_told_apart_and_a_name_is_free_again() -> None:
    ours, first = Hub(), Taking()
    for _ in range(2):
        second = Taking()
        names = [ours.lane(one).counts.name for one in (first, second)]
        assert names == ["Taking", "Taking#2"]
        del second
        gc.collect()


def test_queue_is_emptied_by_flush_where_no_thread_can_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ours, observer = Hub(), Taking()
    ours.put((observer,), "on_end", (1,))
    ours.put((observer,), "on_end", (2,))
    assert observer.seen == []
    assert ours.flush(0) is True
    assert observer.seen == [1, 2]
    assert ours.exported == 2


def test_calls_go_through_the_hub_and_never_wait_for_it() -> None:
    observer = Gated()
    ask = reliai.reliable(observers=[observer])(lambda: "a")
    before = hub.exported + hub.dropped
    assert [ask() for _ in range(5)] == ["a"] * 5, "the observer hangs, the calls do not"
    observer.gate.set()
    assert reliai.flush(60)
    assert len(observer.seen) == 5
    assert hub.exported + hub.dropped - before == 5


# --- fork -----------------------------------------------------------------------------------------
FORKING = """
import os, threading
import reliai
from reliai._core.hub import hub

class Gated:
    def __init__(self):
        self.entered, self.gate, self.seen = threading.Event(), threading.Event(), []
    def on_end(self, record):
        self.entered.set()
        self.gate.wait()
        self.seen.append(record.name)

observer = Gated()
reliai.configure(observers=[observer])
ask, child_ask = (reliai.reliable(name=name)(lambda: "a") for name in ("parent", "child"))
for _ in range(5):
    ask()
observer.entered.wait()
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    fresh = hub.pending, hub.exported, hub.dropped, hub.lane(observer).thread
    observer.gate.set()
    child_ask()
    flushed = reliai.flush(60)
    own = hub.lane(observer).thread.is_alive()
    os.write(write, repr((fresh, flushed, observer.seen, own)).encode())
    os._exit(0)
os.waitpid(pid, 0)
print(os.read(read, 1000).decode())
print(observer.seen, hub.pending)
observer.gate.set()
print(reliai.flush(60), observer.seen == ["parent"] * 5, hub.exported, hub.dropped)
"""


@needs_fork
def test_forked_child_has_an_empty_queue_and_a_worker_of_its_own() -> None:
    child, hanging, parent = printed(FORKING)
    assert child == repr(((0, 0, 0, None), True, ["child"], True))
    assert hanging == "[] 5"
    assert parent == "True True 5 0"
