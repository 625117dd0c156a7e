"""What holds for the spans of every call, however it went."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reliai
from reliai.telemetry._measurements import of_record
from reliai.testing import virtual_clock
from tests.telemetry._collected import Collected, id_of, parent_of, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

Attempt = tuple[int | None, bool]
"""Tokens that an attempt tells, and whether it succeeds."""

scripts = st.lists(st.tuples(st.none() | st.integers(0, 1000), st.booleans()), max_size=6)


def scripted(script: Iterator[Attempt], model: str) -> Callable[[], str]:
    """A function whose attempts go as a script says."""

    def ask() -> str:
        tokens, succeeds = next(script, (None, True))
        if tokens is not None:
            reliai.usage(model=model, input_tokens=tokens, output_tokens=1)
        if not succeeds:
            raise ConnectionError("down")
        return "a"

    return ask


def check_tree(spans: list[ReadableSpan]) -> None:
    """One root, everything else below, and nobody lives longer than what is around it."""
    by_id = {id_of(span): span for span in spans}
    assert len(by_id) == len(spans)
    assert len([span for span in spans if span.parent is None]) == 1
    for span in spans:
        assert (span.start_time or 0) <= (span.end_time or 0)
        above = parent_of(span)
        if above is not None:
            around = by_id[above]
            assert (around.start_time or 0) <= (span.start_time or 0)
            assert (span.end_time or 0) <= (around.end_time or 0) + 1000  # rounded


@settings(deadline=None, max_examples=25)
@given(scripts, scripts, st.booleans(), st.integers(1, 3))
def test_each_token_is_on_one_span_and_in_one_counter(
    first: list[Attempt],
    second: list[Attempt],
    falls_back: bool,
    attempts: int,
) -> None:
    seen = Collected()
    policies: list[Any] = [reliai.Retry(attempts)]
    if falls_back:
        policies.insert(0, reliai.Fallback(scripted(iter(second), "small")))
    ask = reliai.reliable(*policies, name="ask", observers=[seen.observer])(
        scripted(iter(first), "big")
    )
    with virtual_clock(), reliai.collect() as calls, suppress(ConnectionError):
        ask()
    record = calls[0]
    spans = seen.spans()
    check_tree(spans)
    assert len(seen.named("reliai.attempt")) == len(record.attempts)
    tokens = [told(span).get("gen_ai.usage.input_tokens") for span in spans]
    known = [each for each in tokens if each is not None]
    assert (sum(known) if known else None) == record.input_tokens
    counted = [
        each.value
        for each in of_record(record)
        if each.key == "tokens" and each.labels["direction"] == "input"
    ]
    assert sum(counted) == (record.input_tokens or 0)


def test_calls_of_many_threads_are_traces_of_their_own() -> None:
    seen = Collected()

    @reliai.reliable(reliai.Retry(2), reliai.Timeout(30), name="ask", observers=[seen.observer])
    def ask(number: int) -> str:
        reliai.usage(model="m", input_tokens=number)
        return "a"

    def work(start: int) -> None:
        for number in range(start, start + 20):
            ask(number)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 100, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    traces: dict[int, list[ReadableSpan]] = {}
    for span in seen.spans():
        context = span.get_span_context()
        assert context is not None
        traces.setdefault(context.trace_id, []).append(span)
    assert len(traces) == 100
    tokens = []
    for spans in traces.values():
        check_tree(spans)
        tokens += [t for s in spans if (t := told(s).get("gen_ai.usage.input_tokens")) is not None]
    assert sorted(tokens) == list(range(100))


def test_calls_of_many_tasks_are_traces_of_their_own() -> None:
    seen = Collected()

    @reliai.reliable(reliai.Hedge(after=0.005), name="ask", observers=[seen.observer])
    async def ask(number: int) -> str:
        await asyncio.sleep(0.01 if number % 2 else 0)
        return "a"

    async def main() -> None:
        await asyncio.gather(*(ask(number) for number in range(40)))

    asyncio.run(main())
    assert len(seen.named("reliai.call ask")) == 40
    traces: dict[int, list[ReadableSpan]] = {}
    for span in seen.spans():
        context = span.get_span_context()
        assert context is not None
        traces.setdefault(context.trace_id, []).append(span)
    assert len(traces) == 40


@pytest.mark.parametrize("fails", [False, True])
def test_a_call_leaves_no_garbage(fails: bool) -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        reliai.usage(model="m", input_tokens=1)
        if fails:
            raise ConnectionError("down")
        return "a"

    def once() -> None:
        with suppress(ConnectionError):
            ask()

    once()
    assert seen.spans()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            once()
        assert seen.spans()
        assert gc.collect() == 0
    finally:
        gc.enable()
