"""Answers, streams and errors of the real SDKs: recorded from a server, replayed without one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

import reliai
from reliai.providers import classify
from reliai.testing import (
    Cut,
    FaultServer,
    InStreamError,
    Malformed,
    Status,
    cassette,
    records,
    virtual_clock,
)
from tests.testing._callers import ALL, MIXED, Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

every_api = pytest.mark.parametrize("caller", ALL, ids=str)
each_api = pytest.mark.parametrize("caller", MIXED, ids=str)


class Guarded:
    """A guarded function around one API: asked while a server runs, and when none does."""

    def __init__(self, caller: Caller, url: str, *policies: Any) -> None:
        self._caller = caller
        self._url = url
        self._policies = policies

    def ask(self) -> Any:
        caller, url = self._caller, self._url
        if not caller.asynchronous:

            @reliai.reliable(*self._policies, name="ask")
            def ask(prompt: str) -> Any:
                with caller._client(url, 5.0) as client:
                    return caller._create(client)

            return ask("two words")

        @reliai.reliable(*self._policies, name="ask")
        async def ask_later(prompt: str) -> Any:
            async with caller._client(url, 5.0) as client:
                return await caller._create(client)

        return asyncio.run(ask_later("two words"))

    def stream(self) -> tuple[list[Any], Exception | None]:
        """The events that came, and what ended them."""
        events: list[Any] = []
        error = None
        try:
            if self._caller.asynchronous:
                asyncio.run(self._read_later(events))
            else:
                self._read(events)
        except Exception as raised:
            error = raised
        return events, error

    def _read(self, events: list[Any]) -> None:
        @reliai.reliable(*self._policies, name="stream")
        def stream(prompt: str) -> Iterator[Any]:
            with self._caller._client(self._url, 5.0) as client:
                yield from self._caller._create(client, stream=True)

        for event in stream("two words"):
            events.append(event)  # noqa: PERF402  what was read before an error counts

    async def _read_later(self, events: list[Any]) -> None:
        @reliai.reliable(*self._policies, name="stream")
        async def stream(prompt: str) -> AsyncIterator[Any]:
            async with self._caller._client(self._url, 5.0) as client:
                async for event in await self._caller._create(client, stream=True):
                    yield event

        async for event in stream("two words"):
            events.append(event)  # noqa: PERF401  what was read before an error counts


@every_api
def test_an_answer_is_replayed_as_the_object_the_sdk_made(
    caller: Caller, server: FaultServer, tmp_path: Path
) -> None:
    server.reset(["It is on its way."])
    guarded = Guarded(caller, server.url)
    with cassette(tmp_path / "a.json"):
        first = guarded.ask()
    with cassette(tmp_path / "a.json", mode="replay"):
        second = guarded.ask()
    assert len(server.requests) == 1
    assert type(second) is type(first)
    assert second == first
    assert caller.text(second) == "It is on its way."


@every_api
def test_the_record_of_a_replay_shows_the_same_usage(
    caller: Caller, server: FaultServer, tmp_path: Path
) -> None:
    server.reset(["It is on its way."])
    guarded = Guarded(caller, server.url)
    with records() as seen:
        for _ in range(2):
            with cassette(tmp_path / "a.json"):
                guarded.ask()
    first, second = seen
    facts = ("provider", "model_served", "finish_reason", "input_tokens", "output_tokens")
    assert [getattr(second, name) for name in facts] == [getattr(first, name) for name in facts]
    assert second.output_tokens == 5


@every_api
def test_a_stream_is_replayed_event_by_event(
    caller: Caller, server: FaultServer, tmp_path: Path
) -> None:
    server.reset(["It is on its way."])
    guarded = Guarded(caller, server.url)
    with cassette(tmp_path / "s.json"):
        first, _ = guarded.stream()
    with cassette(tmp_path / "s.json", mode="replay"):
        second, error = guarded.stream()
    assert error is None
    assert second == first
    assert [type(event) for event in second] == [type(event) for event in first]
    assert len(server.requests) == 1


@each_api
@pytest.mark.parametrize(
    "fault",
    [
        Status(429, retry_after=7),
        Status("quota"),
        Status("overloaded"),
        Status("context_length"),
        Status("content_filter"),
        Status("auth"),
        Status("not_found"),
        Status("conflict"),
        Status("timeout"),
        Malformed("html", status=502),
        Malformed("json"),
        Cut(),
    ],
    ids=str,
)
def test_an_error_is_replayed_as_the_sdks_own_class_and_tells_policies_the_same(
    caller: Caller, fault: Any, server: FaultServer, tmp_path: Path
) -> None:
    server.reset([fault])
    guarded = Guarded(caller, server.url)
    found: list[Exception] = []
    for mode in ("record", "replay"):
        with cassette(tmp_path / "e.json", mode=mode):
            try:
                guarded.ask()
            except Exception as error:
                found.append(error)
    if not found:
        pytest.skip("the SDK takes it for an answer")
    first, second = found
    assert type(second) is type(first)
    assert str(second) == str(first)
    assert classify(second, now=0) == classify(first, now=0)
    assert getattr(second, "body", None) == getattr(first, "body", None)


@every_api
@pytest.mark.parametrize("fault", [InStreamError(after=2), Cut(after=2)], ids=str)
def test_an_error_within_a_stream_comes_after_the_same_events(
    caller: Caller, fault: Any, server: FaultServer, tmp_path: Path
) -> None:
    server.reset([type(fault)(after=2, then="one two three four")])
    guarded = Guarded(caller, server.url)
    with cassette(tmp_path / "s.json", mode="record"):
        events, error = guarded.stream()
    with cassette(tmp_path / "s.json", mode="replay"):
        again, same = guarded.stream()
    assert again == events
    assert type(same) is type(error)
    if error is not None and same is not None:
        assert classify(same) == classify(error)


def test_a_response_keeps_its_request_id(server: FaultServer, tmp_path: Path) -> None:
    server.reset(["yes"])
    guarded = Guarded(ALL[0], server.url)
    with cassette(tmp_path / "a.json"):
        first = guarded.ask()
    with cassette(tmp_path / "a.json"):
        assert guarded.ask()._request_id == first._request_id is not None


def test_a_recorded_429_and_the_answer_after_it_are_replayed_as_two_attempts(
    server: FaultServer, tmp_path: Path
) -> None:
    server.reset([Status(429, retry_after=2), "yes"])
    guarded = Guarded(ALL[0], server.url, reliai.Retry(3))
    for _ in range(2):
        with virtual_clock() as clock, records() as seen, cassette(tmp_path / "r.json"):
            guarded.ask()
        (record,) = seen
        statuses = [attempt.status for attempt in record.attempts]
        assert statuses == ["error", "success"]
        assert record.attempts[0].error is not None
        assert record.attempts[0].error.kind == "rate_limited"
        assert clock.slept[0] >= 2  # the Retry-After that was recorded
    assert len(server.requests) == 2


def test_no_key_of_the_client_is_written(server: FaultServer, tmp_path: Path) -> None:
    server.reset([Status(401, headers={"set-cookie": "session=kept-by-nobody"})])
    secret = "sk-" + "a1B2c3D4" * 5

    @reliai.reliable()
    def ask(client: openai.OpenAI, api_key: str) -> object:
        headers = {"authorization": f"Bearer {api_key}"}
        return client.models.list(extra_headers=headers, extra_query={"key": api_key})

    with (
        openai.OpenAI(base_url=server.url, api_key=secret, max_retries=0) as client,
        cassette(tmp_path / "k.json", mode="new"),
    ):
        ask(client, api_key=secret)

    @reliai.reliable()
    def fail(client: anthropic.Anthropic, prompt: str) -> object:
        return client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": prompt}]
        )

    with (
        anthropic.Anthropic(base_url=server.url, api_key=secret, max_retries=0) as claude,
        cassette(tmp_path / "k.json", mode="new"),
        pytest.raises(anthropic.AuthenticationError),
    ):
        fail(claude, "hello")
    text = (tmp_path / "k.json").read_text()
    assert secret not in text
    assert "kept-by-nobody" not in text


# --- what was read inside the function ----------------------------------------------------------

FACTS = (
    "provider",
    "model_served",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "usage_state",
    "cost_usd",
)


def facts(record: Any) -> list[Any]:
    return [getattr(record, name) for name in FACTS]


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
@pytest.mark.parametrize("gives", ["text", "answer", "events", "pieces", "json"])
def test_usage_that_the_function_read_itself_is_counted_once_on_replay_too(
    api: str, gives: str, server: FaultServer, tmp_path: Path
) -> None:
    server.reset(["It is on its way."])
    caller = next(each for each in ALL if each.api == api and not each.asynchronous)

    def answer(client: Any) -> Any:
        found = reliai.read(caller._create(client))
        if gives == "text":
            return caller.text(found)
        return found if gives == "answer" else found.model_dump(mode="json")

    def stream(client: Any) -> Iterator[Any]:
        for event in reliai.read(caller._create(client, stream=True)):
            yield event if gives == "events" else str(event.model_dump(mode="json"))

    function: Any = stream if gives in ("events", "pieces") else answer
    guarded = reliai.reliable(name="ask")(function)
    with records() as seen:
        for _ in range(2):
            with (
                caller._client(server.url, 5.0) as client,
                cassette(tmp_path / "a.json", strict=True),
            ):
                given = guarded(client)
                if gives in ("events", "pieces"):
                    list(given)
    assert len(server.requests) == 1
    assert facts(seen[0]) == facts(seen[1])
    assert seen[0].model_served == "m"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_wrapped_clients_are_replayed_with_their_usage(
    *, asynchronous: bool, streamed: bool, server: FaultServer, tmp_path: Path
) -> None:
    from reliai.integrations.openai import wrap

    server.reset(["It is on its way."])
    caller = next(each for each in ALL if each.api == "responses" and not each.asynchronous)
    more: dict[str, Any] = {"model": "m", "input": "two words", "stream": streamed}

    def blocking() -> None:
        with caller._client(server.url, 5.0) as client:
            wrapped = wrap(client)
            ask = reliai.reliable(name="ask")(lambda prompt: wrapped.responses.create(**more))
            found = ask("two words")
            if streamed:
                list(found)

    async def suspending() -> None:
        later = next(each for each in ALL if each.api == "responses" and each.asynchronous)
        async with later._client(server.url, 5.0) as client:
            wrapped = wrap(client)

            @reliai.reliable(name="ask")
            async def ask(prompt: str) -> Any:
                return await wrapped.responses.create(**more)

            found = await ask("two words")
            if streamed:
                async for _ in found:
                    pass

    with records() as seen:
        for _ in range(2):
            with cassette(tmp_path / "a.json", strict=True):
                asyncio.run(suspending()) if asynchronous else blocking()
    assert len(server.requests) == 1
    assert facts(seen[0]) == facts(seen[1])
    assert seen[1].output_tokens == 5
