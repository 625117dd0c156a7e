"""What observers are shown, when, and on which thread; and that they never change a call."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.telemetry import Memory
from reliai.testing import ScriptedModel, virtual_clock
from tests.core._kinds import answer, each_single, each_stream, every_kind, of_kind, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai._core.record import Attempt, Event

Proceed = Any


class Noting:
    """Notes all it is shown, in the call path."""

    inline = True

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.seen: list[str] = []
        self.threads: dict[str, threading.Thread] = {}

    def _note(self, what: str) -> None:
        self.seen.append(self.name + what)
        self.threads[what.partition(" ")[0]] = threading.current_thread()

    def on_start(self, call: reliai.Call) -> None:
        self._note("start")

    def on_event(self, call: reliai.Call, event: Event) -> None:
        self._note(event.kind)

    def on_end(self, record: reliai.CallRecord) -> None:
        self._note(f"end {record.status}")


class Queued(Noting):
    """The same, by way of the queue."""

    inline = False


HERE: ContextVar[str] = ContextVar("here", default="nowhere")


class Activating(Noting):
    """Makes something current around each step, as a tracer does with its span."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.left_with: list[type[BaseException] | None] = []

    @contextmanager
    def activate(self, call: reliai.Call, attempt: Attempt) -> Iterator[None]:
        self.depth += 1
        self._note(f"enter {attempt.number}")
        token = HERE.set(f"attempt {attempt.number}")
        try:
            yield
        except BaseException as error:
            self.left_with.append(type(error))
            raise
        finally:
            HERE.reset(token)
            self._note(f"leave {attempt.number}")
            self.depth -= 1


async def noting(call: reliai.Call, proceed: Proceed) -> Any:
    """A middleware that says something before and after."""
    call.emit("before")
    outcome = await proceed(call)
    call.emit("after")
    return outcome


# --- order and threads ----------------------------------------------------------------------------
@every_kind
def test_start_events_and_end_come_in_order(kind: str) -> None:
    seen = Noting()
    function = reliai.reliable(noting, observers=[seen])(of_kind(ScriptedModel(["a"]), kind))
    assert read(function, kind, "x") == answer(kind, "a")
    assert seen.seen == ["start", "before", "after", "end success"]


@every_kind
def test_start_is_shown_at_once_and_the_rest_by_the_queue_in_order(kind: str) -> None:
    seen = Queued()
    function = reliai.reliable(noting, observers=[seen])(of_kind(ScriptedModel(["a"]), kind))
    read(function, kind, "x")
    assert reliai.flush(60)
    assert seen.seen == ["start", "before", "after", "end success"]
    assert seen.threads["start"] is threading.current_thread()
    names = {seen.threads[what].name for what in ("before", "after", "end")}
    assert names == {"reliai-observers"}


@every_kind
def test_inline_observer_is_shown_all_in_the_call_path(kind: str) -> None:
    seen = Noting()
    read(reliai.reliable(noting, observers=[seen])(of_kind(ScriptedModel(["a"]), kind)), kind, "x")
    assert set(seen.threads.values()) == {threading.current_thread()}


@every_kind
def test_failure_is_shown_as_the_end(kind: str) -> None:
    seen = Noting()
    function = reliai.reliable(observers=[seen])(of_kind(ScriptedModel([KeyError("k")]), kind))
    with pytest.raises(KeyError):
        read(function, kind, "x")
    assert seen.seen == ["start", "end error"]


def test_observer_may_have_any_one_of_the_methods() -> None:
    seen: list[str] = []

    class Starts:
        def on_start(self, call: reliai.Call) -> None:
            seen.append(call.name)

    class Events:
        inline = True

        def on_event(self, call: reliai.Call, event: Event) -> None:
            seen.append(event.kind)

    reliai.reliable(noting, observers=[Starts(), Events()], name="ask")(lambda: "a")()
    assert seen == ["ask", "before", "after"]


# --- whose observers ------------------------------------------------------------------------------
@every_kind
def test_observers_configured_after_decoration_see_the_next_call(kind: str) -> None:
    function = reliai.reliable()(of_kind(ScriptedModel(["a", "b", "c"]), kind))
    seen = Noting()
    read(function, kind, "x")
    reliai.configure(observers=[seen])
    read(function, kind, "x")
    reliai.configure(observers=[])
    read(function, kind, "x")
    assert seen.seen == ["start", "end success"]


def test_observers_of_the_process_come_before_those_of_the_function() -> None:
    seen: list[str] = []
    process, own = Noting("process "), Noting("own ")
    process.seen = own.seen = seen
    reliai.configure(observers=[process])
    reliai.reliable(observers=[own])(lambda: "a")()
    assert seen == ["process start", "own start", "process end success", "own end success"]


def test_observers_of_a_function_see_its_calls_only() -> None:
    first, second = Memory(), Memory()
    reliai.reliable(observers=[first], name="first")(lambda: "a")()
    reliai.reliable(observers=[second], name="second")(lambda: "a")()
    assert [record.name for record in first] == ["first"]
    assert [record.name for record in second] == ["second"]


def test_call_in_flight_keeps_the_observers_it_started_with() -> None:
    before, after = Noting(), Noting()

    @reliai.reliable()
    def ask() -> str:
        reliai.configure(observers=[after])
        return "a"

    reliai.configure(observers=[before])
    ask()
    assert before.seen == ["start", "end success"]
    assert after.seen == []


@pytest.mark.parametrize(
    ("observers", "message"),
    [
        (Memory(), "give a list"),
        (5, "give a list"),
        ([Memory], "Memory is a class"),
        ([object()], "has none of on_start"),
    ],
)
def test_what_is_no_list_of_observers_is_refused(observers: Any, message: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.reliable(observers=observers)
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.configure(observers=observers)


# --- activate -------------------------------------------------------------------------------------
timed = pytest.mark.parametrize("policies", [(), (reliai.Timeout(30),)], ids=["plain", "timed"])


@timed
@each_single
def test_activate_surrounds_each_attempt(kind: str, policies: tuple[Any, ...]) -> None:
    seen = Activating()
    model = ScriptedModel([ConnectionError("down"), lambda _: HERE.get()])
    policies = (reliai.Retry(2, wait=1), *policies)
    function = reliai.reliable(*policies, observers=[seen])(of_kind(model, kind))
    with virtual_clock():
        assert read(function, kind, "x") == "attempt 2"
    assert seen.seen == [
        *("start", "enter 1", "leave 1", "retry", "enter 2", "leave 2", "end success"),
    ]
    assert seen.left_with == [ConnectionError]
    assert HERE.get() == "nowhere"


def streaming(kind: str, fails: list[BaseException]) -> Any:
    """A stream function that says where each of its chunks was made."""

    def steps() -> Iterator[str]:
        if fails:
            raise fails.pop()
        yield HERE.get()
        yield HERE.get()

    async def asteps() -> Any:
        if fails:
            raise fails.pop()
        yield HERE.get()
        await asyncio.sleep(0)
        yield HERE.get()

    return steps if kind == "generator" else asteps


def watch_between(function: Any, kind: str, seen: Activating) -> list[tuple[str, int, str]]:
    """Each chunk, with what is current for the consumer who holds it."""
    if kind == "generator":
        return [(chunk, seen.depth, HERE.get()) for chunk in function()]

    async def main() -> list[tuple[str, int, str]]:
        return [(chunk, seen.depth, HERE.get()) async for chunk in function()]

    return asyncio.run(main())


@timed
@each_stream
def test_activate_surrounds_each_step_and_is_never_held_across_a_yield(
    kind: str, policies: tuple[Any, ...]
) -> None:
    seen = Activating()
    policies = (reliai.Retry(2, wait=1), *policies)
    function = streaming(kind, [ConnectionError("down")])
    function = reliai.reliable(*policies, observers=[seen])(function)
    with virtual_clock():
        between = watch_between(function, kind, seen)
    assert between == [("attempt 2", 0, "nowhere"), ("attempt 2", 0, "nowhere")]
    step = ["enter 2", "leave 2"]
    first = ["start", "enter 1", "leave 1", "retry"]
    assert seen.seen == [*first, *step, *step, *step, "end success"]


@each_stream
def test_stream_closed_early_leaves_nothing_current(kind: str) -> None:
    seen = Activating()
    function = reliai.reliable(observers=[seen])(streaming(kind, []))

    async def main() -> None:
        stream = function()
        await anext(stream)
        await stream.aclose()

    if kind == "generator":
        stream = function()
        next(stream)
        stream.close()
    else:
        asyncio.run(main())
    assert seen.depth == 0
    assert seen.seen == ["start", "enter 1", "leave 1", "end cancelled"]


def test_cancelled_call_leaves_nothing_current() -> None:
    seen = Activating()

    async def main() -> None:
        entered = asyncio.Event()

        @reliai.reliable(observers=[seen])
        async def ask() -> None:
            entered.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(ask())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen.seen == ["start", "enter 1", "leave 1", "end cancelled"]
    assert seen.left_with == [asyncio.CancelledError]


def test_concurrent_calls_have_each_their_own_current() -> None:
    seen = Activating()

    async def main() -> list[str]:
        @reliai.reliable(reliai.Retry(3, wait=0.001), observers=[seen])
        async def ask(failures: list[int]) -> str:
            await asyncio.sleep(0)
            if failures:
                failures.pop()
                raise ConnectionError("down")
            return HERE.get()

        return list(await asyncio.gather(ask([]), ask([1]), ask([1, 1])))

    with virtual_clock():
        assert asyncio.run(main()) == ["attempt 1", "attempt 2", "attempt 3"]


def test_an_observer_that_sleeps_is_not_asked_what_to_activate() -> None:
    class Sleeps:
        asleep = True
        asked = 0

        def on_start(self, call: reliai.Call) -> None:
            """Called, and may wake up."""

        def activate(self, call: reliai.Call, attempt: Attempt) -> None:
            self.asked += 1

    sleeper = Sleeps()
    ask = reliai.reliable(observers=[sleeper])(ScriptedModel(["a", "b"]))
    ask()
    assert sleeper.asked == 0
    sleeper.asleep = False
    ask()
    assert sleeper.asked == 1


def test_what_several_observers_activate_is_left_in_the_opposite_order_whatever_one_raises() -> (
    None
):
    left: list[str] = []

    class Activates:
        def __init__(self, name: str, *, fails: bool = False) -> None:
            self.name, self.fails = name, fails

        @contextmanager
        def activate(self, call: reliai.Call, attempt: Attempt) -> Iterator[None]:
            yield
            left.append(self.name)
            if self.fails:
                raise RuntimeError(self.name)

    observers: list[object] = [Activates("a"), Activates("b", fails=True), Activates("c")]
    ask = reliai.reliable(observers=observers)(ScriptedModel(["answer"]))
    assert ask() == "answer"
    assert left == ["c", "b", "a"]


@every_kind
def test_observer_with_nothing_to_activate_may_say_none(kind: str) -> None:
    class Silent:
        def activate(self, call: reliai.Call, attempt: Attempt) -> None:
            return None

    function = reliai.reliable(observers=[Silent()])(of_kind(ScriptedModel(["a"]), kind))
    assert read(function, kind, "x") == answer(kind, "a")


def test_observer_of_the_process_that_a_function_names_again_is_told_once() -> None:
    observer, equal = Memory(), Memory()
    reliai.configure(observers=[observer])
    reliai.reliable(observers=[observer, equal])(lambda: "a")()
    assert (len(observer), len(equal)) == (1, 1)
