"""A function with a shadow and one without differ in nothing but one event (case 43)."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import reliai
from reliai._core import workers
from tests.policies._guarded import KINDS, STREAMS
from tests.policies._shadowing import LONG, candidate_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Seen(NamedTuple):
    """All that a caller, an observer and a reader of the record get to see of a call."""

    chunks: list[Any]
    error: Any
    record: dict[str, Any]


ITEMS: dict[str, list[Any]] = {
    "value": ["a", "b"],
    "error": [ConnectionError("down")],
    "programming": [TypeError("wrong")],
    "late error": ["a", ConnectionError("cut")],
    "stop": [StopIteration("odd")],
    "nothing": [],
}
OWN = ("id", "started_at", "duration", "fingerprint", "events", "attempts", "time_to_first_chunk")


def scripted(kind: str, items: list[Any]) -> Callable[[str], Any]:
    """A function of a kind that gives the items, and raises those that are errors."""

    def given(item: Any) -> Any:
        if isinstance(item, Exception):
            raise type(item)(*item.args)
        return item

    def sync(prompt: str) -> Any:
        return given(items[0]) if items else None

    async def later(prompt: str) -> Any:
        return sync(prompt)

    def stream(prompt: str) -> Iterator[Any]:
        for item in items:
            yield given(item)

    async def stream_later(prompt: str) -> AsyncIterator[Any]:
        for item in items:
            yield given(item)

    made: list[Any] = [sync, later, stream, stream_later]
    return made[KINDS.index(kind)]  # type: ignore[no-any-return]


def read(kind: str, answer: Any, chunks: list[Any], *, early: bool) -> None:
    """Take what a plain function gives; of a stream one chunk only when `early`."""
    if kind == "sync":
        chunks.append(answer)
        return
    for chunk in answer:
        chunks.append(chunk)
        if early:
            answer.close()
            return


async def read_later(kind: str, answer: Any, chunks: list[Any], *, early: bool) -> None:
    """The same of an asynchronous one."""
    if kind == "async":
        chunks.append(await answer)
        return
    async for chunk in answer:
        chunks.append(chunk)
        if early:
            await answer.aclose()
            return


def observed(kind: str, function: Any, shadow: reliai.Shadow | None, *, early: bool) -> Seen:
    """Call, read, and wait for the shadow."""
    chunks: list[Any] = []

    async def main() -> None:
        try:
            await read_later(kind, function("hello"), chunks, early=early)
        finally:
            if shadow is not None:
                assert await shadow.adrain(LONG)

    error: Any = None
    with reliai.collect() as calls:
        try:
            if kind.startswith("async"):
                asyncio.run(main())
            else:
                read(kind, function("hello"), chunks, early=early)
        except Exception as raised:
            error = type(raised), str(raised), getattr(raised, "__notes__", [])
    assert shadow is None or shadow.drain(LONG)
    (record,) = calls
    return Seen(chunks, error, told_by(record))


def told_by(record: reliai.CallRecord) -> dict[str, Any]:
    """A record, but for times and ids, and for what it says of its shadow."""
    told = {name: value for name, value in record.to_dict().items() if name not in OWN}
    told["attempts"] = [(each.number, each.status, each.target) for each in record.attempts]
    told["events"] = [each.kind for each in record.events if not each.kind.startswith("shadow_")]
    return told


def failing(prompt: str) -> str:
    raise SystemExit


ENDS = [(kind, early) for kind in KINDS for early in (False, True) if not early or kind in STREAMS]


@pytest.mark.parametrize(("kind", "early"), ENDS)
@pytest.mark.parametrize("candidate", [str, failing], ids=["answers", "fails"])
@pytest.mark.parametrize("what", ITEMS)
def test_only_an_event_tells_that_there_is_a_shadow(
    kind: str, what: str, early: bool, candidate: Any
) -> None:
    policies = (reliai.Retry(2, wait=0, budget=None), reliai.Timeout(30))
    shadow = reliai.Shadow(candidate_of(kind, candidate), rate=1, noise_baseline=1)

    def named(*all_policies: Any) -> Any:
        function = scripted(kind, ITEMS[what])
        return reliai.reliable(*all_policies, name="ask")(function)

    without = observed(kind, named(*policies), None, early=early)
    assert observed(kind, named(shadow, *policies), shadow, early=early) == without
    report = shadow.report()
    assert report.started + report.skipped == 1
    assert report.pending == 0


def test_no_thread_is_kept_once_nothing_is_pending() -> None:
    before = set(threading.enumerate())
    shadow = reliai.Shadow(candidate_of("sync", str), rate=1, noise_baseline=1)
    ask = shadow(candidate_of("sync", str))
    for _ in range(50):
        ask("hello")
    assert shadow.drain(LONG)

    def held() -> set[Any]:
        idle = {id(worker) for worker in list(workers._idle)}
        ours = {each for each in threading.enumerate() if each.name == "reliai-call"} - before
        return {
            each
            for each in ours
            if id(getattr(getattr(each, "_target", None), "__self__", None)) not in idle
        }

    until = time.monotonic() + LONG
    while held() and time.monotonic() < until:
        time.sleep(0.001)
    assert held() == set()
