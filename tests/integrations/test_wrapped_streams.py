"""Streams through a wrapped client: read to their end, held to their limits, complete or failed."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

import reliai
from reliai.providers.streams import IncompleteStream, InStreamError
from reliai.testing import Cut, Hang, Stall, Status, fault_server
from reliai.testing import InStreamError as ErrorEvent
from tests.integrations._clients import (
    QUESTION,
    Asking,
    api_of,
    asking,
    every_api,
    every_kind,
    request_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

THREE = ["a ", "b ", "c"]
SDK_ERRORS = (openai.OpenAIError, anthropic.AnthropicError)


def usage(it: Asking) -> tuple[int | None, int | None]:
    return it.record.input_tokens, it.record.output_tokens


# --- what is delivered, and counted ------------------------------------------------------------
@every_api
@every_kind
def test_the_text_comes_piece_by_piece(api: str, kind: str) -> None:
    with asking(api, kind, [THREE]) as it:
        assert it.streamed()() == THREE


@every_api
@every_kind
def test_model_usage_and_ending_are_on_the_record(api: str, kind: str) -> None:
    with asking(api, kind, [THREE]) as it:
        it.streamed()()
        record = it.record
        assert usage(it) == (3, 3)
        assert (record.model_requested, record.model_served) == ("m-1", "m-1")
        assert (record.finish_reason, record.usage_state) == ("stop", "measured")


@every_api
@every_kind
def test_a_stream_that_is_returned_as_it_came_is_counted_once(api: str, kind: str) -> None:
    with asking(api, kind, [THREE]) as it:
        events = it.raw_stream()()
        one = api_of(it.client, api)
        assert [text for each in events if (text := one.delta(each))] == THREE
        assert usage(it) == (3, 3)


@every_api
@every_kind
def test_events_that_are_passed_on_one_by_one_are_counted_once(api: str, kind: str) -> None:
    with asking(api, kind, [THREE]) as it:
        one = api_of(it.client, api)

        def ask() -> Iterator[Any]:
            yield from one.create(stream=True)

        async def ask_async() -> Any:
            async for event in await one.create(stream=True):
                yield event

        it._called(ask if kind == "sync" else ask_async, ())()
        assert usage(it) == (3, 3)


@every_api
@every_kind
def test_outside_a_guarded_call_a_stream_is_what_it_was(api: str, kind: str) -> None:
    with asking(api, kind, [[*THREE, Cut(how="end")]]) as it:
        one = api_of(it.client, api)

        def ask() -> Any:
            return one.create(stream=True)

        events = it.answer(ask)
        assert [text for each in events if (text := one.delta(each))] == THREE
        assert (it.server.requests[0].json or {}).get("stream_options") is None


# --- the usage of chat streams -------------------------------------------------------------------
def options_sent(it: Asking) -> Any:
    return (it.server.requests[0].json or {}).get("stream_options")


@every_kind
def test_the_usage_of_a_chat_stream_is_asked_for_and_its_chunk_is_not_shown(kind: str) -> None:
    """A chunk without choices would break the usual `chunk.choices[0]`."""
    with asking("chat", kind, [THREE]) as it:
        chunks = it.raw_stream()()
        assert options_sent(it) == {"include_usage": True}
        assert all(chunk.choices for chunk in chunks)
        assert usage(it) == (3, 3)


@every_kind
def test_usage_that_the_user_asked_for_is_shown(kind: str) -> None:
    with asking("chat", kind, [THREE]) as it:
        chunks = it.raw_stream(stream_options={"include_usage": True})()
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == 3
        assert usage(it) == (3, 3)


def test_usage_that_the_user_declined_is_not_asked_for() -> None:
    with asking("chat", "sync", [THREE]) as it:
        it.raw_stream(stream_options={"include_usage": False})()
        assert options_sent(it) == {"include_usage": False}
        assert it.record.usage_state != "measured"


def test_an_option_in_the_extra_body_is_left_alone() -> None:
    with asking("chat", "sync", [THREE]) as it:
        it.raw_stream(extra_body={"stream_options": {"include_usage": False}})()
        assert options_sent(it) == {"include_usage": False}


def test_a_client_may_be_told_not_to_ask_for_usage() -> None:
    with fault_server([THREE]) as server:
        it = Asking(server, "chat", stream_usage=False)
        assert it.streamed()() == THREE
        assert options_sent(it) is None
        assert it.record.input_tokens is None
        it.close()


def test_usage_is_not_asked_for_where_there_is_no_stream() -> None:
    with asking("chat", "sync", "fine") as it:
        it.one()()
        assert options_sent(it) is None


# --- the helpers of the SDKs ---------------------------------------------------------------------
def test_the_helper_for_messages_is_read() -> None:
    with asking("messages", "sync", [THREE]) as it:

        def ask() -> Iterator[str]:
            with it.client.messages.stream(**request_of("messages")) as stream:
                yield from stream.text_stream

        assert it._called(ask, ())() == THREE
        assert usage(it) == (3, 3)


def test_the_asynchronous_helper_for_messages_is_read() -> None:
    with asking("messages", "async", [THREE]) as it:

        async def ask() -> Any:
            async with it.client.messages.stream(**request_of("messages")) as stream:
                async for text in stream.text_stream:
                    yield text

        assert it._called(ask, ())() == THREE
        assert usage(it) == (3, 3)


def test_the_final_message_of_the_helper_is_counted_once() -> None:
    with asking("messages", "sync", [THREE]) as it:

        def ask() -> Any:
            with it.client.messages.stream(**request_of("messages")) as stream:
                return stream.get_final_message()

        assert it.guarded(ask)().content[0].text == "a b c"
        assert usage(it) == (3, 3)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_the_helpers_of_openai_are_read(api: str) -> None:
    with asking(api, "sync", [THREE]) as it:
        wanted = "content.delta" if api == "chat" else "response.output_text.delta"
        resource = it.client.chat.completions if api == "chat" else it.client.responses

        def ask() -> Iterator[str]:
            with resource.stream(**request_of(api)) as stream:
                for event in stream:
                    if event.type == wanted and event.delta:
                        yield event.delta

        assert it._called(ask, ())() == THREE
        assert usage(it) == (3, 3)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_the_asynchronous_helpers_of_openai_are_read(api: str) -> None:
    with asking(api, "async", [THREE]) as it:
        wanted = "content.delta" if api == "chat" else "response.output_text.delta"
        resource = it.client.chat.completions if api == "chat" else it.client.responses

        async def ask() -> Any:
            async with resource.stream(**request_of(api)) as stream:
                async for event in stream:
                    if event.type == wanted and event.delta:
                        yield event.delta

        assert it._called(ask, ())() == THREE
        assert usage(it) == (3, 3)


@every_api
def test_a_raw_response_of_a_stream_is_read_when_it_is_parsed(api: str) -> None:
    with asking(api, "sync", [THREE]) as it:
        one = api_of(it.client, api)
        resource = {
            "chat": lambda: it.client.chat.completions,
            "messages": lambda: it.client.messages,
        }
        made: Any = resource.get(api, lambda: it.client.responses)()

        def ask() -> Iterator[str]:
            answer = made.with_raw_response.create(stream=True, **request_of(api))
            for event in answer.parse():
                if text := one.delta(event):
                    yield text

        assert it._called(ask, ())() == THREE
        assert usage(it) == (3, 3)


# --- failures before the first text -------------------------------------------------------------
@every_api
@every_kind
def test_an_error_before_the_stream_is_tried_again(api: str, kind: str) -> None:
    with asking(api, kind, [Status(429), THREE]) as it:
        assert it.streamed(reliai.Retry(2, wait=0))() == THREE
        assert len(it.record.attempts) == 2


@every_api
@every_kind
def test_an_error_event_before_any_text_goes_to_the_fallback_alone(api: str, kind: str) -> None:
    """Case 10: the stream had begun with status 200."""

    def other() -> Iterator[str]:
        yield from ("from ", "the ", "other")

    async def other_async() -> Any:
        for text in other():
            yield text

    with asking(api, kind, ErrorEvent("overloaded")) as it:
        stand_in = other if kind == "sync" else other_async
        assert it.streamed(reliai.Fallback(stand_in))() == ["from ", "the ", "other"]
        assert [attempt.status for attempt in it.record.attempts] == ["error", "success"]
        assert it.record.attempts[0].error is not None
        assert it.record.attempts[0].error.kind == "overloaded"
        assert it.record.status == "degraded"


@pytest.mark.parametrize("form", ["error", "failed"])
@every_kind
def test_both_error_events_of_the_responses_api_are_tried_again(form: Any, kind: str) -> None:
    """The SDK raises neither of them."""
    with asking("responses", kind, [ErrorEvent("overloaded", form=form), THREE]) as it:
        assert it.streamed(reliai.Retry(2, wait=0))() == THREE
        assert len(it.record.attempts) == 2


@every_api
@every_kind
def test_a_stream_that_ends_before_any_text_is_tried_again(api: str, kind: str) -> None:
    with asking(api, kind, [[Cut(how="end")], THREE]) as it:
        assert it.streamed(reliai.Retry(2, wait=0))() == THREE
        assert len(it.record.attempts) == 2


@every_api
@every_kind
def test_a_stream_that_fails_when_it_is_first_asked_is_tried_again(api: str, kind: str) -> None:
    """Case 15: the request goes out when the first chunk is asked for, and gets a 429."""
    with asking(api, kind, [Status(429, retry_after=0), THREE]) as it:
        one = api_of(it.client, api)

        def lazily() -> Any:
            def events() -> Iterator[Any]:
                yield from one.create(stream=True)

            return (text for each in events() if (text := one.delta(each)))

        async def lazily_async() -> Any:
            async for event in await one.create(stream=True):
                if text := one.delta(event):
                    yield text

        asked = it._called(lazily if kind == "sync" else lazily_async, (reliai.Retry(2, wait=0),))
        assert asked() == THREE
        assert len(it.server.requests) == 2


# --- failures after it ----------------------------------------------------------------------------
def delivered(stream: Any) -> tuple[list[Any], Exception | None]:
    """What came of a stream before it failed, and what it failed with."""
    chunks: list[Any] = []
    try:
        chunks.extend(_into(chunks, stream))
    except Exception as error:
        return chunks, error
    return chunks, None


def _into(chunks: list[Any], stream: Any) -> list[Any]:
    for chunk in stream:
        chunks.append(chunk)  # noqa: PERF402  what came before a failure is wanted too
    return []


@every_api
@pytest.mark.parametrize(
    ("cut", "kind_of_error"),
    [
        (Cut(how="close"), "connection"),
        (Cut(how="reset"), "connection"),
        (Cut(how="end"), None),
        (ErrorEvent("overloaded"), "overloaded"),
    ],
    ids=["closed", "reset", "no last event", "error event"],
)
def test_a_stream_that_breaks_is_told_after_its_chunks_and_never_repeated(
    api: str, cut: Any, kind_of_error: str | None
) -> None:
    """Case 11: what was delivered stays; there is no silent second stream."""
    with asking(api, "sync", [[*THREE, cut], ["never"]]) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Retry(3, wait=0), reliai.Fallback(lambda: iter(["never"])))
        def ask() -> Iterator[str]:
            for event in one.create(stream=True):
                if text := one.delta(event):
                    yield text

        with reliai.collect() as calls:
            chunks, error = delivered(ask())
        assert chunks == THREE
        assert error is not None
        assert len(it.server.requests) == 1
        assert calls[0].error is not None
        if kind_of_error is not None:
            assert calls[0].error.kind == kind_of_error


@every_api
@every_kind
def test_a_stream_without_its_last_event_is_incomplete(api: str, kind: str) -> None:
    with asking(api, kind, [[*THREE, Cut(how="end")]]) as it:
        with pytest.raises(reliai.StreamInterrupted, match="the stream ended without") as caught:
            it.streamed(reliai.Timeout(30))()
        assert (caught.value.chunks, caught.value.partial) == (3, "a b c")
        assert isinstance(caught.value.__cause__, IncompleteStream)
        assert it.record.status == "error"


@every_api
def test_of_a_cut_stream_the_usage_is_reckoned_or_unknown_but_never_nothing(api: str) -> None:
    with asking(api, "sync", [[*THREE, Cut(how="end")]]) as it:
        with pytest.raises(reliai.StreamInterrupted):
            it.streamed()()
        assert it.record.usage_state in {"estimated", "unknown"}
        assert it.record.output_tokens != 0


def test_an_error_event_of_the_responses_api_is_raised_after_its_chunks() -> None:
    with asking("responses", "sync", [[*THREE, ErrorEvent("overloaded", form="failed")]]) as it:
        with pytest.raises(reliai.StreamInterrupted, match="server_is_overloaded") as caught:
            it.streamed()()
        assert isinstance(caught.value.__cause__, InStreamError)


# --- limits ---------------------------------------------------------------------------------------
@every_api
@every_kind
def test_a_stream_that_only_shows_that_it_is_alive_runs_into_the_idle_limit(
    api: str, kind: str
) -> None:
    """Case 13: every keep-alive sets the SDK's own timer back."""
    item = [*THREE[:2], Stall(20, keep_alive=0.05), "c"]
    with asking(api, kind, [item]) as it:
        with pytest.raises(reliai.StreamInterrupted) as caught:
            it.streamed(reliai.Timeout(30, idle=0.3))()
        assert (caught.value.chunks, caught.value.partial) == (2, "a b ")
        cause = caught.value.__cause__
        assert isinstance(cause, reliai.CallTimeout)
        assert cause.layer == "idle"


@every_api
@every_kind
def test_a_stream_that_says_nothing_at_first_runs_into_the_limit_for_the_first_chunk(
    api: str, kind: str
) -> None:
    with asking(api, kind, [[Stall(20), *THREE], THREE]) as it:
        limits = reliai.Timeout(30, first_chunk=0.3, idle=5)
        assert it.streamed(reliai.Retry(2, wait=0), limits)() == THREE
        assert it.record.attempts[0].error is not None
        assert it.record.attempts[0].error.kind == "timeout"


@every_api
@every_kind
def test_a_gap_longer_than_the_limit_for_the_first_chunk_is_no_failure(api: str, kind: str) -> None:
    with asking(api, kind, [["a ", Stall(0.6), "b ", "c"]]) as it:
        limits = reliai.Timeout(30, first_chunk=0.4, idle=10)
        assert it.streamed(limits)() == THREE


@every_api
def test_a_stream_that_a_plain_function_returns_is_held_to_its_limits_too(api: str) -> None:
    with asking(api, "sync", [["a ", Stall(20, keep_alive=0.05), "b"]]) as it:
        ask = it.raw_stream(reliai.Timeout(30, idle=0.3))
        with pytest.raises(reliai.StreamInterrupted):
            ask()


@every_api
@every_kind
def test_a_server_that_never_begins_is_left_in_time(api: str, kind: str) -> None:
    with asking(api, kind, [Hang(), THREE]) as it:
        limits = reliai.Timeout(0.4, idle=0.3)
        assert it.streamed(reliai.Timeout(30), reliai.Retry(2, wait=0), limits)() == THREE


def test_the_connection_of_a_stream_outlasts_its_limits_by_little() -> None:
    """Nobody waits for an abandoned stream; its connection must not hang for ten minutes."""
    with asking("chat", "sync", [THREE]) as it:
        one = api_of(it.client, "chat")
        seen: list[Any] = []

        @reliai.reliable(reliai.Timeout(40, first_chunk=10, idle=7))
        def ask() -> Iterator[str]:
            stream = one.create(stream=True)
            seen.append(stream.response.request.extensions["timeout"])
            for event in stream:
                if text := one.delta(event):
                    yield text

        list(ask())
        assert 10 < seen[0]["read"] <= 11


def test_a_shorter_limit_of_the_requests_own_stays_in_force() -> None:
    with asking("chat", "sync", [["a ", Stall(5), "b"]]) as it:
        ask = it.streamed(reliai.Timeout(30, idle=10), timeout=0.2)
        with pytest.raises(SDK_ERRORS):
            ask()


# --- ends -----------------------------------------------------------------------------------------
@every_api
def test_a_consumer_that_stops_early_closes_the_connection(api: str) -> None:
    """Case 17: the server sees the client leave; what was read is on the record."""
    with asking(api, "sync", [["a ", Stall(20), "b"]]) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Timeout(30))
        def ask() -> Iterator[str]:
            for event in one.create(stream=True):
                if text := one.delta(event):
                    yield text

        stream: Any = ask()
        assert next(stream) == "a "
        stream.close()
        assert it.server.requests[0].wait(5)
        assert it.server.requests[0].client_disconnected
        assert stream.record.status == "cancelled"
        assert stream.record.model_served == "m-1"


@every_api
def test_a_stream_that_is_dropped_closes_the_connection(api: str) -> None:
    """Case 17: without waiting for the garbage collector."""
    with asking(api, "sync", [["a ", Stall(20), "b"]]) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Retry(2))
        def ask() -> Iterator[str]:
            for event in one.create(stream=True):
                if text := one.delta(event):
                    yield text

        stream = ask()
        assert next(stream) == "a "
        gc.disable()
        try:
            del stream
            assert it.server.requests[0].wait(5)
        finally:
            gc.enable()
        assert it.server.requests[0].client_disconnected


@every_api
def test_an_asynchronous_consumer_that_stops_early_closes_the_connection(api: str) -> None:
    with asking(api, "async", [["a ", Stall(20), "b"]]) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Timeout(30, idle=20))
        async def ask() -> AsyncIterator[str]:
            async for event in await one.create(stream=True):
                if text := one.delta(event):
                    yield text

        async def stop_early() -> None:
            stream: Any = ask()
            assert await anext(stream) == "a "
            await stream.aclose()
            while not it.server.requests[0].client_disconnected:  # noqa: ASYNC110  another thread
                await asyncio.sleep(0.005)

        it.answer(stop_early)


@every_api
@every_kind
def test_a_stream_that_nobody_asks_for_a_chunk_sends_no_request(api: str, kind: str) -> None:
    with asking(api, kind, [THREE]) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Timeout(30, idle=20))
        def ask() -> Iterator[str]:
            for event in one.create(stream=True):
                yield str(event)

        @reliai.reliable(reliai.Timeout(30, idle=20))
        async def ask_async() -> AsyncIterator[str]:
            async for event in await one.create(stream=True):
                yield str(event)

        async def left() -> None:
            stream: Any = ask_async()
            await stream.aclose()

        if kind == "sync":
            unread: Any = ask()
            unread.close()
        else:
            it.answer(left)
        assert it.server.requests == []


def test_the_question_of_a_stream_is_sent_as_it_was_asked() -> None:
    with asking("chat", "sync", [THREE]) as it:
        it.streamed(temperature=0.5)()
        sent = dict(it.server.requests[0].json or {})
        assert sent == {
            "model": "m-1",
            "messages": QUESTION,
            "temperature": 0.5,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
