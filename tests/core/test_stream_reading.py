"""Streams of provider events: where they commit, how they end, and what they used."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai import StreamInterrupted
from reliai.testing import virtual_clock
from tests.core._events import (
    CHAT,
    MESSAGES,
    RESPONSES,
    AsyncEvents,
    Counted,
    Events,
    block,
    chat,
    error,
    failed,
    metered,
    priced,
    recorded,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

STREAMS = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES}
every_form = pytest.mark.parametrize("form", STREAMS)
WAYS = ("generator", "async_generator", "returned", "async_returned")
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(autouse=True)
def _prices() -> None:
    priced()


class Asked:
    """A guarded function that gives streams of events, in one of the ways there are.

    Attributes:
        sources: the stream objects it gave.
        got: the chunks that came through of the last call, also of one that failed.
        record: the record of the last call.
    """

    record: reliai.CallRecord

    def __init__(self, way: str, *policies: Any, streams: list[Any]) -> None:
        self.way, self.sources, self.got = way, list[Events](), list[Any]()
        self._streams = iter(streams)

        def generator() -> Iterator[Any]:
            yield from self._next()

        async def async_generator() -> AsyncIterator[Any]:
            for event in self._next():
                yield event

        def returned() -> Any:
            return self._next()

        async def async_returned() -> Any:
            return AsyncEvents(self._next())

        functions: dict[str, Any] = {
            "generator": generator,
            "async_generator": async_generator,
            "returned": returned,
            "async_returned": async_returned,
        }
        self.function = reliai.reliable(*policies, name="ask")(functions[way])

    def _next(self) -> Events:
        self.sources.append(Events(next(self._streams)))
        return self.sources[-1]

    def __call__(self, most: int | None = None) -> list[Any]:
        """The chunks; at most so many, then the stream is closed."""
        self.got = []
        with reliai.collect() as calls:
            try:
                if self.way.startswith("async"):
                    asyncio.run(self._read_async(most))
                else:
                    self._read(most)
            finally:
                self.record = calls[0]
        return self.got

    def _read(self, most: int | None) -> None:
        stream = self.function()
        for chunk in stream:
            self.got.append(chunk)
            if len(self.got) == most:
                stream.close()

    async def _read_async(self, most: int | None) -> None:
        stream = self.function()
        if asyncio.iscoroutine(stream):
            stream = await stream
        async for chunk in stream:
            self.got.append(chunk)
            if len(self.got) == most:
                await stream.aclose()

    @property
    def events(self) -> list[str]:
        return [event.kind for event in self.record.events]


def again(times: int = 3) -> reliai.Retry:
    return reliai.Retry(times, wait=0, budget=None)


class TestWhole:
    @every_form
    @every_way
    def test_all_events_are_delivered_in_order(self, way: str, form: str) -> None:
        assert Asked(way, streams=[STREAMS[form]])() == STREAMS[form]

    @every_form
    @every_way
    def test_its_usage_is_on_the_record(self, way: str, form: str) -> None:
        asked = Asked(way, streams=[STREAMS[form]])
        asked()
        record = asked.record
        assert (record.input_tokens, record.output_tokens) == (100, 10)
        assert (record.usage_state, record.finish_reason) == ("measured", "stop")
        assert record.cost_usd == pytest.approx(100 * 10e-6 + 10 * 100e-6)

    @every_way
    def test_the_time_to_the_first_chunk_is_that_of_the_content(self, way: str) -> None:
        with virtual_clock() as clock:
            events = [MESSAGES[0], *MESSAGES[1:]]

            def slowly() -> Iterator[Any]:
                for event in events:
                    clock.sleep(1)
                    yield event

            asked = Asked(way, streams=[slowly()])
            asked()
        assert asked.record.time_to_first_chunk == 3
        (first,) = [event for event in asked.record.events if event.kind == "first_event"]
        assert first.attributes == {"seconds": 1}

    def test_its_attributes_stay_reachable(self) -> None:
        assert Asked("returned", streams=[CHAT]).function().request_id == "req-1"

    def test_a_stream_of_text_is_not_read(self) -> None:
        @reliai.reliable()
        def ask() -> Iterator[str]:
            yield "a"

        record = recorded(ask)
        assert (record.usage_state, record.model_served) == ("unknown", None)


class TestCommit:
    """Case 10 and its like: the commit point is the first content."""

    @every_way
    def test_an_error_event_before_the_content_is_retried(self, way: str) -> None:
        asked = Asked(way, again(), streams=[[MESSAGES[0], error()], MESSAGES])
        assert asked() == MESSAGES
        assert [attempt.status for attempt in asked.record.attempts] == ["error", "success"]

    @every_way
    def test_its_kind_is_that_of_its_code(self, way: str) -> None:
        asked = Asked(way, again(), streams=[[MESSAGES[0], error()], MESSAGES])
        asked()
        failure = asked.record.attempts[0].error
        assert failure is not None
        assert failure.kind == "overloaded"

    @every_way
    def test_a_bad_request_is_not_retried(self, way: str) -> None:
        asked = Asked(way, again(), streams=[[MESSAGES[0], error("invalid_request_error")]])
        with pytest.raises(Exception, match="invalid_request_error"):
            asked()
        assert len(asked.record.attempts) == 1

    @every_way
    def test_a_failed_response_is_retried(self, way: str) -> None:
        asked = Asked(way, again(), streams=[[RESPONSES[0], failed()], RESPONSES])
        assert asked() == RESPONSES

    @every_way
    def test_a_fallback_answers_and_nothing_else_is_seen(self, way: str) -> None:
        """Case 10."""
        other = Asked(way, streams=[CHAT])
        asked = Asked(
            way,
            reliai.Fallback(other.function),
            streams=[[MESSAGES[0], error()]],
        )
        assert asked() == CHAT
        assert asked.record.status == "degraded"

    @every_way
    def test_an_exception_before_the_content_is_retried(self, way: str) -> None:
        cut = ConnectionError("cut")
        asked = Asked(way, again(), streams=[[MESSAGES[0], cut], MESSAGES])
        assert asked() == MESSAGES

    @every_way
    def test_the_end_before_the_content_is_retried(self, way: str) -> None:
        asked = Asked(way, again(), streams=[MESSAGES[:2], MESSAGES])
        assert asked() == MESSAGES

    @pytest.mark.parametrize("way", ["returned", "async_returned"])
    def test_a_failed_attempts_stream_is_closed(self, way: str) -> None:
        asked = Asked(way, again(), streams=[[MESSAGES[0], error()], MESSAGES])
        asked()
        assert asked.sources[0].closed == 1

    @every_way
    def test_reasoning_is_no_content(self, way: str) -> None:
        thought = [MESSAGES[0], block("hm", "thinking_delta"), error()]
        asked = Asked(way, again(), streams=[thought, MESSAGES])
        assert asked() == MESSAGES

    @every_way
    def test_a_tool_call_is_content(self, way: str) -> None:
        call = {"index": 0, "id": "t1", "function": {"name": "look", "arguments": ""}}
        begun = [chat({"role": "assistant"}), chat({"tool_calls": [call]})]
        asked = Asked(way, again(), streams=[[*begun, ConnectionError("cut")]])
        with pytest.raises(ConnectionError):
            asked()
        assert asked.got == begun

    @every_way
    def test_what_is_held_back_is_bounded(self, way: str) -> None:
        thoughts = [block(str(number), "thinking_delta") for number in range(600)]
        with virtual_clock() as clock:

            def slowly() -> Iterator[Any]:
                for event in [MESSAGES[0], *thoughts, *MESSAGES[1:]]:
                    clock.sleep(1)
                    yield event

            asked = Asked(way, streams=[slowly()])
            assert len(asked()) == 600 + len(MESSAGES)
        assert asked.record.time_to_first_chunk == 512

    @every_way
    def test_an_unfinished_attempt_counts_what_it_told(self, way: str) -> None:
        asked = Asked(way, again(), streams=[[MESSAGES[0], error()], MESSAGES])
        asked()
        assert asked.record.usage_state == "estimated"
        assert [attempt.input_tokens for attempt in asked.record.attempts] == [100, 100]


class TestAfterTheContent:
    @every_way
    def test_an_error_event_is_delivered_and_ends_the_stream(self, way: str) -> None:
        events = [*MESSAGES[:3], error()]
        asked = Asked(way, again(), streams=[events])
        with pytest.raises(StreamInterrupted) as caught:
            asked()
        assert asked.got == events
        assert (caught.value.partial, caught.value.chunks) == ("hel", 4)

    @every_way
    def test_the_breaker_learns_its_kind(self, way: str) -> None:
        breaker = reliai.CircuitBreaker(f"learns-{way}", consecutive=1)
        asked = Asked(way, breaker, streams=[[*MESSAGES[:3], error()]])
        with pytest.raises(StreamInterrupted):
            asked()
        assert breaker.state == "open"
        assert asked.record.error is not None
        assert asked.record.error.kind == "overloaded"

    @every_way
    def test_a_consumer_who_stops_at_the_error_teaches_the_breaker_too(self, way: str) -> None:
        breaker = reliai.CircuitBreaker(f"stops-{way}", consecutive=1)
        asked = Asked(way, breaker, streams=[[*MESSAGES[:3], error()]])
        asked(most=4)
        assert breaker.state == "open"

    @every_form
    @pytest.mark.parametrize("way", ["returned", "async_returned"])
    def test_a_stream_that_merely_stops_was_cut(self, way: str, form: str) -> None:
        events = STREAMS[form][:3]
        asked = Asked(way, again(), streams=[events])
        with pytest.raises(StreamInterrupted, match="ended without") as caught:
            asked()
        assert asked.got == events
        assert str(caught.value.partial).startswith("hel")
        assert asked.record.error is not None
        assert asked.record.error.kind == "connection"

    @pytest.mark.parametrize("way", ["generator", "async_generator"])
    @pytest.mark.parametrize("form", ["messages", "responses"])
    def test_a_generators_stream_that_merely_stops_was_cut(self, way: str, form: str) -> None:
        asked = Asked(way, streams=[STREAMS[form][:3]])
        with pytest.raises(StreamInterrupted):
            asked()

    def test_a_generator_that_gives_only_the_texts_of_a_stream_is_left_alone(self) -> None:
        @reliai.reliable()
        def ask() -> Iterator[Any]:
            for event in CHAT:
                if event["choices"] and event["choices"][0]["delta"].get("content") is not None:
                    yield event

        assert len(list(ask())) == 3
        assert "stream_unfinished" in [event.kind for event in recorded(ask).events]

    def test_a_generator_that_once_gave_all_is_known_to_give_all(self) -> None:
        asked = Asked("generator", streams=[CHAT, CHAT[:3]])
        asked()
        with pytest.raises(StreamInterrupted):
            asked()

    def test_ollama_may_leave_the_reason_to_stop_away(self) -> None:
        events = [{**event, "system_fingerprint": "fp_ollama"} for event in CHAT[:3]]
        assert Asked("returned", streams=[events])() == events

    @every_way
    def test_an_exception_comes_out_as_itself(self, way: str) -> None:
        """Case 11: three chunks, one error, no second stream."""
        cut = ConnectionError("cut")
        asked = Asked(way, again(), streams=[[*MESSAGES[:4], cut]])
        with pytest.raises(ConnectionError) as caught:
            asked()
        assert caught.value is cut
        assert asked.got == MESSAGES[:4]
        assert len(asked.record.attempts) == 1


class TestCutUsage:
    @every_way
    def test_one_closed_early_estimates_what_it_had_written(self, way: str) -> None:
        asked = Asked(way, streams=[[MESSAGES[0], block("x" * 400), *MESSAGES[2:]]])
        asked(most=2)
        record = asked.record
        assert (record.status, record.usage_state) == ("cancelled", "estimated")
        assert (record.input_tokens, record.output_tokens) == (100, 100)

    @every_way
    def test_one_closed_early_that_told_nothing_is_unknown(self, way: str) -> None:
        asked = Asked(way, streams=[CHAT])
        asked(most=2)
        record = asked.record
        assert (record.usage_state, record.input_tokens) == ("unknown", None)
        assert (record.output_tokens, record.cost_usd) == (None, None)

    @every_way
    def test_a_whole_one_without_usage_is_unknown(self, way: str) -> None:
        asked = Asked(way, streams=[CHAT[:4]])
        asked()
        record = asked.record
        assert (record.status, record.usage_state) == ("success", "unknown")
        assert (record.output_tokens, record.cost_usd) == (None, None)

    @every_way
    def test_a_meter_is_told_of_the_unknown(self, way: str) -> None:
        meter = Counted()
        Asked(way, metered(meter), streams=[CHAT])(most=2)
        assert meter.told == ["unknown"]

    @every_way
    def test_one_left_after_its_last_event_has_ended_well(self, way: str) -> None:
        asked = Asked(way, streams=[MESSAGES])
        asked(most=len(MESSAGES))
        assert (asked.record.status, asked.record.usage_state) == ("success", "measured")

    def test_a_dropped_one_is_counted(self) -> None:
        asked = Asked("returned", streams=[MESSAGES])
        with reliai.collect() as calls:
            next(asked.function())
            gc.collect()
        assert (calls[0].status, calls[0].usage_state) == ("cancelled", "estimated")
        assert asked.sources[0].closed == 1


class TestLimits:
    """Cases 13 and 14."""

    def slow(self, clock: Any, *steps: tuple[float, Any]) -> Iterator[Any]:
        for seconds, event in steps:
            clock.sleep(seconds)
            yield event

    def test_pings_do_not_keep_a_stream_alive(self) -> None:
        ping = {"type": "ping"}
        with virtual_clock() as clock:
            steps = [(0.0, each) for each in MESSAGES[:3]] + [(1.1, ping)] * 20
            asked = Asked(
                "returned",
                reliai.Timeout(idle=5, first_chunk=5),
                streams=[self.slow(clock, *steps)],
            )
            with pytest.raises(StreamInterrupted, match="between two chunks"):
                asked()
        assert asked.got.count(ping) == 4

    def test_other_events_keep_it_alive(self) -> None:
        with virtual_clock() as clock:
            steps = [(0.0, each) for each in MESSAGES[:3]] + [(3.0, block("x"))] * 5
            steps += [(0.0, each) for each in MESSAGES[-2:]]
            asked = Asked(
                "returned",
                reliai.Timeout(idle=5),
                streams=[self.slow(clock, *steps)],
            )
            assert len(asked()) == 10

    def reasoning(self, clock: Any, way: str, timeout: reliai.Timeout) -> Asked:
        thoughts = [(0.2, block("hm", "thinking_delta"))] * 15
        steps = [(0.0, MESSAGES[0]), *thoughts, *((0.0, each) for each in MESSAGES[1:])]
        return Asked(way, timeout, streams=[self.slow(clock, *steps)])

    @pytest.mark.parametrize("way", ["generator", "returned"])
    def test_reasoning_is_a_sign_of_life(self, way: str) -> None:
        with virtual_clock() as clock:
            asked = self.reasoning(clock, way, reliai.Timeout(idle=1))
            asked()
        assert asked.record.time_to_first_chunk == pytest.approx(3)

    @pytest.mark.parametrize("way", ["generator", "returned"])
    def test_the_limit_for_the_first_chunk_waits_for_content(self, way: str) -> None:
        with virtual_clock() as clock:
            asked = self.reasoning(clock, way, reliai.Timeout(first_chunk=1))
            with pytest.raises(reliai.CallTimeout, match="first chunk"):
                asked()
        assert asked.events == ["first_event"]

    @pytest.mark.parametrize("way", ["generator", "returned"])
    def test_silence_before_the_content_is_cut_too(self, way: str) -> None:
        with virtual_clock() as clock:
            steps = [(0.0, MESSAGES[0]), (30.0, MESSAGES[2])]
            asked = Asked(
                way,
                reliai.Timeout(idle=5),
                streams=[self.slow(clock, *steps)],
            )
            with pytest.raises(reliai.CallTimeout) as caught:
                asked()
        assert caught.value.layer == "idle"

    def asynchronous(self, timeout: reliai.Timeout, *steps: tuple[float, Any]) -> Any:
        @reliai.reliable(timeout)
        async def ask() -> AsyncIterator[Any]:
            for seconds, event in steps:
                await asyncio.sleep(seconds)
                yield event

        async def main() -> list[Any]:
            return [event async for event in ask()]

        return lambda: asyncio.run(main())

    def test_pings_do_not_keep_an_asynchronous_one_alive(self) -> None:
        steps = [(0.0, each) for each in MESSAGES[:3]] + [(1.0, {"type": "ping"})] * 20
        with virtual_clock(), pytest.raises(StreamInterrupted, match="between two chunks"):
            self.asynchronous(reliai.Timeout(idle=5), *steps)()

    def test_silence_before_the_content_of_an_asynchronous_one_is_cut(self) -> None:
        steps = [(0.0, MESSAGES[0]), (30.0, MESSAGES[2])]
        with virtual_clock(), pytest.raises(reliai.CallTimeout) as caught:
            self.asynchronous(reliai.Timeout(idle=5), *steps)()
        assert caught.value.layer == "idle"

    def test_reasoning_is_a_sign_of_life_of_an_asynchronous_one(self) -> None:
        thoughts = [(0.5, block("hm", "thinking_delta"))] * 6
        steps = [(0.0, MESSAGES[0]), *thoughts, *((0.0, each) for each in MESSAGES[1:])]
        with virtual_clock():
            got = self.asynchronous(reliai.Timeout(idle=1), *steps)()
        assert len(got) == 6 + len(MESSAGES)

    def test_the_first_chunk_limit_of_an_asynchronous_one_waits_for_content(self) -> None:
        thoughts = [(0.5, block("hm", "thinking_delta"))] * 6
        with virtual_clock(), pytest.raises(reliai.CallTimeout) as caught:
            self.asynchronous(
                reliai.Timeout(first_chunk=1, idle=1), (0.0, MESSAGES[0]), *thoughts
            )()
        assert caught.value.layer == "first_chunk"


class TestForeign:
    """Events of the user's own that begin like a provider's."""

    EVENTS = ({"type": "ping"}, {"type": "message_start"}, {"type": "token", "text": "a"})

    def test_they_are_not_held_back(self) -> None:
        with virtual_clock() as clock:

            def slowly() -> Iterator[Any]:
                for event in [*self.EVENTS, *self.EVENTS[2:] * 5]:
                    clock.sleep(1)
                    yield event

            asked = Asked("generator", streams=[slowly()])
            asked()
        assert asked.record.time_to_first_chunk == 3

    @every_way
    def test_they_need_no_providers_end(self, way: str) -> None:
        assert Asked(way, streams=[self.EVENTS])() == list(self.EVENTS)


class TestNested:
    def test_an_outer_call_does_not_count_the_events_of_an_inner_one(self) -> None:
        meter = Counted()
        inner = Asked("generator", streams=[MESSAGES])

        @reliai.reliable(metered(meter), name="outer")
        def outer() -> Iterator[Any]:
            yield from inner.function()

        with reliai.collect() as calls:
            assert list(outer()) == MESSAGES
        assert [(call.name, call.input_tokens) for call in calls] == [("outer", None), ("ask", 100)]
        assert [tokens for _, tokens in meter.told] == [110]


class TestInDictionaries:
    """Bedrock's streams."""

    EVENTS = (
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "hello"}, "contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 100, "outputTokens": 10}}},
    )

    def test_it_is_a_stream_that_also_answers_as_the_dictionary(self) -> None:
        @reliai.reliable()
        def ask() -> Any:
            return {"stream": Events(self.EVENTS), "ResponseMetadata": {"RequestId": "r"}}

        answer = ask()
        assert answer["ResponseMetadata"] == answer.get("ResponseMetadata") == {"RequestId": "r"}
        assert "stream" in answer
        assert list(answer["stream"]) == list(self.EVENTS)
        assert (answer.record.input_tokens, answer.record.provider) == (100, "bedrock")

    def test_its_failure_before_the_content_is_retried(self) -> None:
        streams = iter([[self.EVENTS[0], {"throttlingException": {"message": "no"}}], self.EVENTS])

        @reliai.reliable(again())
        def ask() -> Any:
            return {"stream": Events(next(streams))}

        assert list(ask().get("stream")) == list(self.EVENTS)


class TestLeaving:
    """Case 17: the source is closed once, however a stream is left."""

    @pytest.mark.parametrize("way", ["returned", "async_returned"])
    def test_closing_early_closes_the_source_once(self, way: str) -> None:
        asked = Asked(way, streams=[MESSAGES])
        asked(most=1)
        assert asked.sources[0].closed == 1

    def test_in_another_task_than_it_was_opened_in(self) -> None:
        """Case 45."""
        asked = Asked("async_generator", streams=[MESSAGES])

        async def rest(stream: Any) -> list[Any]:
            return [event async for event in stream]

        async def main() -> list[Any]:
            stream = asked.function()
            first = await anext(stream)
            return [first, *await asyncio.create_task(rest(stream))]

        with reliai.collect() as calls:
            assert asyncio.run(main()) == MESSAGES
        assert (calls[0].usage_state, calls[0].input_tokens) == ("measured", 100)


_ENDS = (None, ConnectionError("cut"), error(), error("rate_limit_error"))


@given(
    scripts=st.lists(
        st.tuples(st.integers(0, len(MESSAGES)), st.sampled_from(_ENDS)), min_size=1, max_size=3
    ),
    way=st.sampled_from(WAYS),
    most=st.none() | st.integers(1, 8),
)
def test_what_is_delivered_is_the_beginning_of_one_attempt(
    scripts: list[tuple[int, Any]], way: str, most: int | None
) -> None:
    streams = [
        [{**each, "attempt": number} for each in MESSAGES[:length]] + ([end] if end else [])
        for number, (length, end) in enumerate(scripts)
    ]
    asked = Asked(way, again(len(streams)), streams=streams)
    with contextlib.suppress(Exception):
        asked(most)
    last = streams[len(asked.record.attempts) - 1]
    assert asked.got == last[: len(asked.got)]
    assert asked.record.status is not None
