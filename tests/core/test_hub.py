"""The queue between calls and observers: bounded, counted, emptied by one daemon thread."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.hub import Hub, hub
from reliai.telemetry import JsonLines
from tests.programs import printed, run_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    assert (ours.pending, ours.exported, ours.dropped) == (3, 0, 7)
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
    ours, gated, other = Hub(1), Gated(), Taking()
    ours.put((gated,), "on_end", (0,))
    gated.entered.wait()
    ours.put((gated, other), "on_end", (1,))
    ours.put((gated, other), "on_end", (2,))
    assert ours.dropped == 2
    gated.gate.set()
    assert ours.flush(60)
    assert (ours.exported, other.seen) == (3, [1])


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


def test_new_observer_in_the_place_of_a_gone_one_is_complained_of_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = Hub()
    for _ in range(20):  # one of them is likely to get the id of one before
        observer: Any = Failing(RuntimeError)
        observer.asked = 2
        ours.put((observer,), "on_end", (0,))
        assert ours.flush(60)
        del observer
        ours.put((Taking(),), "on_end", (0,))  # the worker lets go of what it held
        assert ours.flush(60)
        assert ours.pending == 0
    assert len(caplog.records) == 20


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
    ours = Hub()
    assert ours.flush(0) is True
    assert ours._worker is None


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
def test_worker_is_one_daemon_thread_started_with_the_first_entry() -> None:
    ours, observer = Hub(), Taking()
    assert ours._worker is None
    before = set(threading.enumerate())
    produce(ours, observer, 80, threads=8)
    (worker,) = set(threading.enumerate()) - before
    assert worker is ours._worker
    assert (worker.name, worker.daemon) == ("reliai-observers", True)


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


def test_calls_go_through_the_one_hub_and_never_wait_for_it() -> None:
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
    fresh = hub.pending, hub.exported, hub.dropped, hub._worker
    observer.gate.set()
    child_ask()
    flushed = reliai.flush(60)
    own = hub._worker is not None and hub._worker.is_alive()
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
    assert hanging == "[] 4"
    assert parent == "True True 5 0"


# --- the end of the program -----------------------------------------------------------------------
BUFFERING = """
import os, signal, sys
import reliai

class Buffering:
    def __init__(self, path):
        self.path, self.seen = path, []
    def on_end(self, record):
        self.seen.append(record.name + chr(10))
    def flush(self, timeout):
        with open(self.path, "a") as file:
            file.writelines(self.seen)
        self.seen.clear()

ask = reliai.reliable(name="ask")(lambda: "a")

def calls(**settings):
    reliai.configure(observers=[Buffering(sys.argv[1])], **settings)
    for _ in range(50):
        ask()

"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [("", 0), ("sys.exit(3)", 3), ("raise SystemExit(4)", 4), ("1 / 0", 1)],
)
def test_what_waits_is_flushed_when_the_program_ends(
    tmp_path: Path, ending: str, code: int
) -> None:
    path = tmp_path / "calls"
    done = run_program(BUFFERING + "calls()\n" + ending, path)
    assert done.returncode == code
    assert path.read_text() == "ask\n" * 50


def test_program_with_a_hanging_observer_ends_all_the_same() -> None:
    done = run_program("""
        import threading
        import reliai
        class Hanging:
            def on_end(self, record):
                threading.Event().wait()
        reliai.reliable(observers=[Hanging()])(lambda: "a")()
        print("done")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@needs_sigterm
def test_what_waits_is_flushed_when_the_program_is_told_to_end(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    end = "calls(flush_on_sigterm=True)\nos.kill(os.getpid(), signal.SIGTERM)\nprint('alive')"
    done = run_program(BUFFERING + end, path)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    assert path.read_text() == "ask\n" * 50


@needs_sigterm
def test_without_the_setting_the_signal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    end = "calls()\nprint(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    assert printed(BUFFERING + end, path) == ["True"]


@needs_sigterm
def test_handler_that_was_there_runs_after_the_flush(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    before = """
def mine(number, frame):
    print(open(sys.argv[1]).read().count("ask"), number == signal.SIGTERM)
    sys.exit(5)
signal.signal(signal.SIGTERM, mine)
"""
    end = "calls(flush_on_sigterm=True)\nos.kill(os.getpid(), signal.SIGTERM)"
    done = run_program(BUFFERING + before + end, path)
    assert (done.returncode, done.stdout) == (5, "50 True\n")


@needs_sigterm
def test_signal_that_was_ignored_stays_without_effect(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    before = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    end = "calls(flush_on_sigterm=True)\nos.kill(os.getpid(), signal.SIGTERM)\nprint('alive')"
    assert printed(BUFFERING + before + end, path) == ["alive"]
    assert path.read_text() == "ask\n" * 50


def test_shutdown_closes_the_observers_and_calls_go_on_without(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    reliai.configure(observers=[JsonLines(path)])
    ask = reliai.reliable()(lambda: "a")
    ask()
    assert reliai.shutdown(60) is True
    assert ask() == "a"
    assert reliai.flush(60) is True
    assert len(path.read_text().splitlines()) == 1
