"""Whole pipelines around wrapped clients, against servers that fail as providers do."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

import reliai
from reliai.testing import Hang, InStreamError, Refusal, Stall, Status, Truncated, fault_server
from tests.integrations._clients import (
    QUESTION,
    Asking,
    api_of,
    asking,
    client_of,
    every_api,
    every_kind,
    plain_client,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SDK_ERRORS = (openai.OpenAIError, anthropic.AnthropicError)


class Answer(BaseModel):
    number: int


def waits(it: Asking) -> list[float]:
    return [attempt.wait for attempt in it.record.attempts]


# --- retries -----------------------------------------------------------------------------------
def test_a_client_that_is_not_wrapped_is_warned_of() -> None:
    """Case 1: two retries of its own inside four attempts would be twelve requests."""
    with fault_server("fine") as server:
        client = plain_client(server, "chat")
        with pytest.warns(reliai.ReliaiWarning, match="up to 12 requests"):

            @reliai.reliable(reliai.Retry(4))
            def ask() -> Any:
                return client.chat.completions.create(model="m", messages=QUESTION)

        client.close()


@every_api
@every_kind
def test_the_wait_is_what_the_provider_asks_for(api: str, kind: str) -> None:
    """Case 2: milliseconds first, and never less than asked."""
    busy = Status(429, retry_after=2, retry_after_ms=60)
    with asking(api, kind, [busy, "fine"]) as it:
        assert it.one(reliai.Retry(2))() == "fine"
        assert 0.06 <= waits(it)[1] < 2


@every_api
@pytest.mark.parametrize(
    ("after", "least"),
    [(0.05, 0.05), (timedelta(seconds=-5), 0), ("nan", 0), ("-1", 0), ("abc", 0)],
    ids=str,
)
def test_any_form_of_retry_after_is_read_or_ignored(api: str, after: Any, least: float) -> None:
    """Case 3."""
    with asking(api, "sync", [Status(429, retry_after=after), "fine"]) as it:
        assert it.one(reliai.Retry(2, wait=0))() == "fine"
        assert least <= waits(it)[1] < 1


@every_api
@every_kind
def test_a_wait_beyond_the_deadline_goes_to_the_fallback_at_once(api: str, kind: str) -> None:
    """Case 4."""
    with asking(api, kind, Status(429, retry_after=300)) as it:
        ask = it.one(reliai.Timeout(30), reliai.Fallback("a rule"), reliai.Retry(3))
        assert ask() == "a rule"
        assert len(it.server.requests) == 1
        assert it.record.duration is not None
        assert it.record.duration < 5


@every_api
def test_without_a_fallback_the_error_tells_how_long_to_wait(api: str) -> None:
    """Case 4, second part."""
    with asking(api, "sync", Status(429, retry_after=300)) as it:
        with pytest.raises(SDK_ERRORS) as caught:
            it.one(reliai.Timeout(30), reliai.Retry(3))()
        assert reliai.classify(caught.value).retry_after == 300


@every_api
@every_kind
def test_a_spent_quota_is_asked_once_and_falls_back(api: str, kind: str) -> None:
    """Case 5."""
    with asking(api, kind, Status("quota")) as it:
        ask = it.one(reliai.Fallback("a rule"), reliai.Retry(5, wait=0))
        assert ask() == "a rule"
        assert len(it.server.requests) == 1
        assert it.record.attempts[0].error is not None
        assert it.record.attempts[0].error.kind == "quota"


@every_api
def test_a_prompt_that_is_too_long_goes_to_the_larger_model_only(api: str) -> None:
    """Case 30: and the breaker learns nothing of it."""
    with asking(api, "sync", {"m-1": Status("context_length"), "big": "fits"}) as it:
        one = api_of(it.client, api)
        breaker = reliai.CircuitBreaker(f"long {api}", consecutive=1)

        def big() -> str:
            return one.text(one.create(model="big"))

        def other() -> str:
            raise AssertionError("not for this one")

        @reliai.reliable(reliai.Fallback(other, on={"context_length": big}), breaker)
        def ask() -> str:
            return one.text(one.create())

        assert ask() == "fits"
        assert [request.model for request in it.server.requests] == ["m-1", "big"]
        assert breaker.state == "closed"


@every_api
def test_requests_of_ones_own_making_open_no_circuit(api: str) -> None:
    """Case 31."""
    with asking(api, "sync", Status(400)) as it:
        breaker = reliai.CircuitBreaker(f"mine {api}", consecutive=5)
        ask = it.one(breaker)
        for _ in range(10):
            with pytest.raises(SDK_ERRORS):
                ask()
        assert breaker.state == "closed"
        assert len(it.server.requests) == 10


@every_api
def test_a_server_that_fails_opens_the_circuit(api: str) -> None:
    with asking(api, "sync", Status(500)) as it:
        ask = it.one(reliai.CircuitBreaker(f"theirs {api}", consecutive=3, open_for=60))
        for _ in range(3):
            with pytest.raises(SDK_ERRORS):
                ask()
        with pytest.raises(reliai.CircuitOpen):
            ask()
        assert len(it.server.requests) == 3


@every_api
@every_kind
def test_an_overload_in_a_stream_counts_against_the_provider(api: str, kind: str) -> None:
    """Case 10: whatever the status says."""
    with asking(api, kind, InStreamError("overloaded")) as it:
        breaker = reliai.CircuitBreaker(f"stream {api} {kind}", consecutive=1)
        with pytest.raises(Exception, match=r"(?i)overloaded"):
            it.streamed(breaker)()
        assert breaker.state == "open"


# --- answers -------------------------------------------------------------------------------------
@every_api
@every_kind
def test_a_refusal_is_not_asked_for_again_and_falls_back_once(api: str, kind: str) -> None:
    """Case 29, as far as clients go."""
    with asking(api, kind, Refusal("I cannot")) as it:
        create = api_of(it.client, api).create
        policies = (reliai.Fallback("a rule"), reliai.Validate(reliai.NoRefusal()), reliai.Retry(3))
        assert it.guarded(create, *policies)() == "a rule"
        assert len(it.server.requests) == 1


@every_api
@every_kind
def test_a_truncated_answer_is_neither_repaired_nor_asked_for_again(api: str, kind: str) -> None:
    """Case 27."""
    with asking(api, kind, Truncated(after=1, then=['{"number":', " 3}"])) as it:
        create = api_of(it.client, api).create
        ask = it.guarded(create, reliai.Validate(output=Answer, reask_with=_again, reask=2))
        with pytest.raises(reliai.OutputTruncated):
            ask()
        assert len(it.server.requests) == 1


@pytest.mark.parametrize("api", ["chat", "messages"])
@every_kind
def test_an_invalid_answer_is_asked_for_again_and_all_of_it_is_counted(api: str, kind: str) -> None:
    """Case 25: the record has the sum; the model is told the latest mistake only."""
    with asking(api, kind, ["no", "no again", '{"number": 3}']) as it:
        one = api_of(it.client, api)

        def ask(messages: Any) -> Any:
            return one.create(messages=messages)

        async def ask_async(messages: Any) -> Any:
            return await one.create(messages=messages)

        guarded = reliai.reliable(reliai.Validate(output=Answer, reask=2))(
            ask if kind == "sync" else ask_async
        )
        with reliai.collect() as calls:
            assert it.answer(lambda: guarded(QUESTION)) == Answer(number=3)
        assert [attempt.output_tokens for attempt in calls[0].attempts] == [1, 2, 2]
        assert calls[0].output_tokens == 5
        sent = [len((request.json or {})["messages"]) for request in it.server.requests]
        assert sent == [1, 3, 3]


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_an_error_of_the_provider_during_a_second_try_is_not_told_to_the_model(api: str) -> None:
    """Case 26."""
    with asking(api, "sync", ["no", Status(429, message="slow"), '{"number": 3}']) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Validate(output=Answer, reask=1), reliai.Retry(2, wait=0))
        def ask(messages: Any) -> Any:
            return one.create(messages=messages)

        assert ask(QUESTION) == Answer(number=3)
        assert "slow" not in str(it.server.requests[-1].json)


def _again(call: Any, error: Any, raw: Any) -> Any:
    return call


# --- time and threads ----------------------------------------------------------------------------
@every_api
def test_a_cancelled_call_leaves_at_once_and_closes_its_connection(api: str) -> None:
    """Case 8: not retried, and the breaker learns nothing."""
    with asking(api, "async", Hang()) as it:
        one = api_of(it.client, api)
        breaker = reliai.CircuitBreaker(f"cancelled {api}", consecutive=1)

        @reliai.reliable(reliai.Fallback("a rule"), reliai.Retry(3), breaker)
        async def ask() -> Any:
            return one.text(await one.create())

        async def cancelled() -> None:
            task = asyncio.ensure_future(ask())
            while not it.server.requests:  # noqa: ASYNC110  the server is another thread
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        with reliai.collect() as calls:
            it.answer(cancelled)
        assert calls[0].status == "cancelled"
        assert breaker.state == "closed"
        assert it.server.requests[0].wait(5)
        assert it.server.requests[0].client_disconnected
        assert len(it.server.requests) == 1


@every_api
def test_a_cancelled_stream_leaves_at_once(api: str) -> None:
    with asking(api, "async", [["a ", Stall(20), "b"]]) as it:
        one = api_of(it.client, api)

        @reliai.reliable(reliai.Timeout(30, idle=20), reliai.Retry(3))
        async def ask() -> AsyncIterator[str]:
            async for event in await one.create(stream=True):
                if text := one.delta(event):
                    yield text

        async def cancelled() -> None:
            async def consume() -> None:
                async for _ in ask():
                    pass

            task = asyncio.ensure_future(consume())
            while not any(each.chunks_sent for each in it.server.requests):  # noqa: ASYNC110  as above
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        it.answer(cancelled)
        assert it.server.requests[0].wait(5)
        assert len(it.server.requests) == 1


@every_api
def test_a_call_that_runs_out_of_time_leaves_no_thread_behind(api: str) -> None:
    with asking(api, "sync", Hang()) as it:
        one = api_of(it.client, api)
        seen: list[threading.Thread] = []

        @reliai.reliable(reliai.Timeout(0.2))
        def ask() -> str:
            seen.append(threading.current_thread())
            return one.text(one.create())

        with pytest.raises(reliai.CallTimeout):
            ask()
        assert seen == [threading.current_thread()]


@every_api
@pytest.mark.parametrize("streaming", [False, True])
def test_context_variables_are_seen_where_requests_are_made(api: str, streaming: bool) -> None:
    """Case 44: on the threads of streams too; and what is changed there stays there."""
    trace: ContextVar[str] = ContextVar("trace", default="none")
    with asking(api, "sync", [["a ", "b"]]) as it:
        one = api_of(it.client, api)
        seen: list[str] = []

        @reliai.reliable(reliai.Timeout(30, idle=5))
        def stream() -> Iterator[str]:
            seen.append(trace.get())
            trace.set("changed")
            for event in one.create(stream=True):
                if text := one.delta(event):
                    yield text
            seen.append(trace.get())

        @reliai.reliable(reliai.Timeout(30))
        def whole() -> str:
            seen.append(trace.get())
            return one.text(one.create())

        trace.set("here")
        assert "".join(stream() if streaming else whole()) == "a b"
        assert seen == (["here", "changed"] if streaming else ["here"])
        assert trace.get() == "here"


@every_api
def test_a_synchronous_call_works_inside_a_running_loop(api: str) -> None:
    """Case 46: as in a notebook."""
    with fault_server([Status(500), "fine"]) as server, client_of(server, api) as client:
        one = api_of(client, api)

        @reliai.reliable(reliai.Timeout(30), reliai.Retry(2, wait=0))
        def ask() -> str:
            return one.text(one.create())

        async def notebook() -> str:
            return ask()

        assert asyncio.run(notebook()) == "fine"


@every_api
def test_another_provider_stands_in(api: str) -> None:
    """A stream that breaks before its first text is the other provider's from the start."""
    other = "chat" if api == "messages" else "messages"
    script = {"m-1": Status(529), "spare": [["from ", "the ", "spare"]]}
    with fault_server(script) as server:
        main, spare = client_of(server, api), client_of(server, other)
        one, two = api_of(main, api), api_of(spare, other)

        def ask_spare() -> Iterator[str]:
            for event in two.create(stream=True, model="spare"):
                if text := two.delta(event):
                    yield text

        @reliai.reliable(reliai.Timeout(30, idle=5), reliai.Fallback(ask_spare), reliai.Retry(1))
        def ask() -> Iterator[str]:
            for event in one.create(stream=True):
                if text := one.delta(event):
                    yield text

        with reliai.collect() as calls, main, spare:
            assert "".join(ask()) == "from the spare"
        assert calls[0].target == "ask_spare"
        assert calls[0].model_served == "spare"
