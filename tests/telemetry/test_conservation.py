"""Nothing that observers are shown is lost uncounted, whatever they do and however a process ends.

Produced = exported + dropped, for each observer, exactly; over real processes that are forked,
killed and ended in every way that flushes.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core import hub as hub_module
from reliai._core.hub import hub
from reliai.telemetry import Memory, health, read_json_lines
from tests.programs import printed, run_program
from tests.servers import free_port
from tests.telemetry._receiving import Receiver, receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals and fork")

CALLS = 60


class OwnExit(BaseException):
    """An observer's own, which is no Exception."""


class Sink:
    """Takes what it is shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_event(self, call: reliai.Call, event: object) -> None:
        self.take("event")

    def on_end(self, record: reliai.CallRecord) -> None:
        self.take("end")

    def take(self, what: str) -> None:
        self.seen.append(what)

    def let_go(self) -> None:
        """Go on, if it hangs."""


class Hanging(Sink):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = threading.Event()

    def take(self, what: str) -> None:
        self._gate.wait()
        super().take(what)

    def let_go(self) -> None:
        self._gate.set()


class Slow(Sink):
    """Takes one thing at a time, and needs a permit for each."""

    def __init__(self) -> None:
        super().__init__()
        self._permits = threading.Semaphore(7)

    def take(self, what: str) -> None:
        self._permits.acquire()
        super().take(what)

    def let_go(self) -> None:
        self._permits.release(10_000)


class Raising(Sink):
    """Raises every other time."""

    error: type[BaseException] = OSError

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    def take(self, what: str) -> None:
        self._asked += 1
        if self._asked % 2:
            raise self.error("no")
        super().take(what)


class Exiting(Raising):
    """Tries to end the program."""

    error = SystemExit


class Dying(Raising):
    """Raises what is no Exception."""

    error = OwnExit


async def saying(call: reliai.Call, proceed: Any) -> Any:
    """A middleware that emits an event."""
    call.emit("said")
    return await proceed(call)


@pytest.mark.parametrize("kind", [Sink, Hanging, Slow, Raising, Exiting, Dying])
@pytest.mark.parametrize("capacity", [5, 10_000])
def test_what_is_produced_is_exported_or_dropped_for_each_observer_alone(
    kind: type[Sink], capacity: int
) -> None:
    faulty, healthy = kind(), Memory()
    beside = Sink()
    hub.lane(faulty).capacity = capacity
    name = hub.lane(faulty).counts.name
    before = health()[name]
    ask = reliai.reliable(saying, observers=[faulty, healthy, beside])(lambda: "a")
    assert [ask() for _ in range(CALLS)] == ["a"] * CALLS, "no call is changed"
    told = health()[name]
    assert told.produced == told.exported + told.dropped + told.pending
    assert len(healthy) == CALLS
    settled(beside)
    assert len(beside.seen) == 2 * CALLS, "no other observer waits for it"
    faulty.let_go()
    assert hub.flush(60)
    told = health()[name]
    exported, dropped = told.exported - before.exported, told.dropped - before.dropped
    assert exported == len(faulty.seen)
    assert exported + dropped == 2 * CALLS
    assert told.pending == 0
    assert sum(told.drops.values()) == told.dropped
    if issubclass(kind, Raising) and capacity > CALLS:
        assert exported == dropped == CALLS


def settled(observer: object) -> None:
    """Wait until one observer was shown all that waited for it."""
    done = hub.lane(observer).run(observer, lambda: None)
    assert done is not None
    assert done.wait(60)


# --- in the call path -----------------------------------------------------------------------------
class Inline(Sink):
    """Raises in the call path."""

    inline = True

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def take(self, what: str) -> None:
        raise self._error


@pytest.mark.parametrize("error", [OSError("no"), OwnExit("no")], ids=type)
def test_what_an_observer_raises_of_its_own_changes_no_call_and_is_counted(
    error: BaseException,
) -> None:
    observer = Inline(error)
    name = hub.lane(observer).counts.name
    before = health()[name]
    ask = reliai.reliable(saying, observers=[observer], measure=failing(error))(lambda: "a")
    assert [ask(), ask()] == ["a", "a"]
    told = health()[name]
    assert (told.dropped - before.dropped, told.exported - before.exported) == (4, 0)
    assert told.failures - before.failures == 4


def failing(error: BaseException) -> Callable[..., Any]:
    """A callback of the user's that raises."""

    def measure(*_: object) -> dict[str, Any]:
        raise error

    return measure


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=type)
def test_interrupts_and_exits_go_through_an_observer(error: BaseException) -> None:
    ask = reliai.reliable(observers=[Inline(error)])(lambda: "a")
    with pytest.raises(type(error)):
        ask()


def test_cancellation_goes_through_an_observer() -> None:
    @reliai.reliable(observers=[Inline(asyncio.CancelledError())])
    async def ask() -> str:
        return "a"

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ask())


def test_observer_that_raises_where_it_is_shown_nothing_is_counted_too() -> None:
    class Starting(Sink):
        def on_start(self, call: reliai.Call) -> None:
            raise OwnExit

        def activate(self, call: reliai.Call, attempt: object) -> None:
            raise OwnExit

        def flush(self, timeout: float) -> None:
            raise OwnExit

    observer = Starting()
    name = hub.lane(observer).counts.name
    before = health()[name].failures
    assert reliai.reliable(observers=[observer])(lambda: "a")() == "a"
    assert reliai.flush(60)
    assert health()[name].failures - before == 3
    assert observer.seen == ["end"]


# --- how processes end ----------------------------------------------------------------------------
HEAD = """
import os, signal, sys, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # 3.12
import reliai
from reliai.telemetry import Webhook

# It sends nothing by itself before the end: what arrives, the end has sent.
def set_up(**settings):
    observer = Webhook(sys.argv[1], linger=1000.0, max_records=100_000)
    reliai.configure(observers=[observer], **settings)

who = lambda arguments, _: {"who": arguments["who"]}
ask = reliai.reliable(measure=who, name="ask")(lambda who: who)

def calls(who, count=20):
    for _ in range(count):
        ask(who)
"""

ENDINGS = {
    "end of the program": "set_up()\ncalls('main')",
    "sys.exit": "set_up()\ncalls('main')\nsys.exit(0)",
    "exit in a thread's time": """
set_up()
import threading
def work():
    while True:
        calls('thread', 1)
        threading.Event().wait(0.001)
threading.Thread(target=work, daemon=True).start()
calls('main')
""",
    "SIGTERM": """
set_up(flush_on_sigterm=True)
calls('main')
os.kill(os.getpid(), signal.SIGTERM)
""",
    "SIGTERM, handlers chained": """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
set_up(flush_on_sigterm=True)
set_up(flush_on_sigterm=True)
calls('main')
os.kill(os.getpid(), signal.SIGTERM)
""",
    "multiprocessing.Process": """
import multiprocessing
set_up()
calls('main')
context = multiprocessing.get_context('fork')
children = [context.Process(target=calls, args=(f'child{n}',)) for n in range(3)]
for child in children:
    child.start()
for child in children:
    child.join()
""",
    "Pool, closed": """
import multiprocessing
set_up()
calls('main')
pool = multiprocessing.get_context('fork').Pool(2)
pool.map(calls, ['child0', 'child1'], chunksize=1)
pool.close()
pool.join()
""",
    "Pool, terminated": """
import multiprocessing, time
set_up(flush_on_sigterm=True)
calls('main')
with multiprocessing.get_context('fork').Pool(2) as pool:
    pool.map(calls, ['child0', 'child1'], chunksize=1)
    # A signal that comes just before a worker waits for its next task is handled only after that
    # wait, by any handler in Python: so let them wait first.
    time.sleep(0.3)
""",
    "os.fork in the middle": """
set_up()
calls('main')
for n in range(3):
    if os.fork() == 0:
        calls(f'child{n}')
        sys.exit(0)
for _ in range(3):
    os.wait()
""",
    "workers of a server that loads the program first": """
set_up()
calls('main')
workers = []
for n in range(2):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        calls(f'child{n}')
        os.write(ready[1], b'.')
        while True:
            signal.pause()
    workers.append(pid)
for _ in workers:
    os.read(ready[0], 1)
for pid in workers:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
""",
}
EXPECTED = {
    "multiprocessing.Process": 3,
    "Pool, closed": 2,
    "Pool, terminated": 2,
    "os.fork in the middle": 3,
    "workers of a server that loads the program first": 2,
}


@pytest.fixture
def backend() -> Iterator[Receiver]:
    """A backend that takes what it is given."""
    with receiver() as state:
        yield state


@posix
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_record_arrives_once_however_the_process_ends(backend: Receiver, ending: str) -> None:
    program = HEAD + "ready = os.pipe()\n" + ENDINGS[ending]
    done = run_program(program, backend.url)
    assert done.returncode in {0, -signal.SIGTERM}, done.stderr
    assert done.stderr == ""
    taken = backend.taken
    assert len({record["id"] for record in taken}) == len(taken), "none twice"
    who = Counter(record["values"]["who"] for record in taken)
    who.pop("thread", None)
    assert who == {"main": 20, **{f"child{n}": 20 for n in range(EXPECTED.get(ending, 0))}}


@posix
def test_what_os_exit_skips_is_not_sent(backend: Receiver) -> None:
    """As the documentation says: `os._exit` and SIGKILL end a process without a flush."""
    done = run_program(HEAD + "set_up()\ncalls('main')\nos._exit(0)", backend.url)
    assert done.returncode == 0
    assert backend.taken == []


SPAWNED = """
import multiprocessing, sys
import reliai
from reliai.telemetry import JsonLines

def work(path):
    reliai.configure(observers=[JsonLines(path)])
    ask = reliai.reliable()(lambda: "a")
    for _ in range(20):
        ask()

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work, args=(sys.argv[1],))
    child.start()
    child.join()
    print(child.exitcode)
"""


def test_spawned_child_flushes_when_it_ends(tmp_path: Path) -> None:
    program, path = tmp_path / "program.py", tmp_path / "calls.jsonl"
    program.write_text(SPAWNED)
    run = f"import runpy, sys; sys.argv = [{str(program)!r}, {str(path)!r}]\n"
    run += f"runpy.run_path({str(program)!r}, run_name='__main__')"
    program_lines = printed(run)
    assert program_lines == ["0"]
    assert len(path.read_text().splitlines()) == 20


BUSY = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore")
import reliai
from reliai.telemetry import JsonLines, Prometheus, Webhook
url, path = sys.argv[1:]
observers = [Webhook(url, linger=0.0, max_records=3), JsonLines(path), Prometheus()]
reliai.configure(observers=observers)
who = lambda arguments, _: {"who": arguments["who"]}
ask = reliai.reliable(measure=who, name="ask")(lambda who: who)
running = True
def work():
    while running:
        ask("parent")
        time.sleep(0.0005)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
bad = 0
for number in range(15):
    child = os.fork()
    if child == 0:
        for _ in range(10):
            ask(f"child{number}")
        os._exit(0 if reliai.flush(30) else 1)
    bad += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
running = False
for thread in threads:
    thread.join()
print(bad, reliai.flush(60))
"""


@posix
@pytest.mark.slow
def test_children_forked_while_all_sinks_are_busy_export_their_own_once(
    backend: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "calls.jsonl"
    assert printed(BUSY, backend.url, path) == ["0 True"]
    for taken in (backend.taken, list(read_json_lines(path))):
        assert len({record["id"] for record in taken}) == len(taken), "none twice"
        who = Counter(record["values"]["who"] for record in taken)
        assert who.pop("parent") > 0
        assert who == {f"child{number}": 10 for number in range(15)}


# --- a backend that is dead -----------------------------------------------------------------------
DEAD = """
import sys, time
import reliai
from reliai.telemetry import JsonLines, Webhook
url, spill, beside = sys.argv[1:]
observer = Webhook(url, spill=spill or None, linger=0.0, timeout=60.0)
reliai.configure(observers=[observer, JsonLines(beside)])
ask = reliai.reliable()(lambda: "a")
for _ in range(50):
    ask()
print(time.time())
"""


@pytest.fixture(params=["refuses", "hangs"])
def dead(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a backend that is down, or that takes a connection and says nothing."""
    if request.param == "refuses":
        yield f"http://127.0.0.1:{free_port()}"
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("spills", [True, False])
def test_exit_with_a_dead_backend_is_quick_and_nothing_is_lost_unsaid(
    dead: str, tmp_path: Path, spills: bool
) -> None:
    spill, beside = tmp_path / "spill", tmp_path / "calls.jsonl"
    done = run_program(DEAD, dead, spill if spills else "", beside)
    took = time.time() - float(done.stdout)
    assert done.returncode == 0
    assert took < 30, "it did not wait for the backend's own timeout of a minute"
    assert hub_module.AT_EXIT + hub_module.GIVING_UP <= 2.5
    assert len(beside.read_text().splitlines()) == 50, "the other observer got all"
    if spills:
        assert len(list(read_json_lines(spill))) == 50
    else:
        lost = re.findall(r"(\d+) records were lost at the end of the program", done.stderr)
        assert sum(map(int, lost)) == 50
