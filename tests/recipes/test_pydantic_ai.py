"""reliai around pydantic-ai: who retries, validates and keeps time, and what the record shows."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pydantic
import pytest
from pydantic_ai import Agent, ModelRetry, UsageLimits
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior, UsageLimitExceeded
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import RequestUsage

import reliai
from reliai.testing import Cut, FaultServer, ScriptedModel, Status, cassette, records, virtual_clock
from tests.recipes.clients import later_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KINDS: list[Any] = [OpenAIChatModel, OpenAIResponsesModel]
every_model = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def agent_at(client: Any, kind: Any = OpenAIChatModel, **settings: Any) -> Agent[object, Any]:
    return Agent(kind("m", provider=OpenAIProvider(openai_client=client)), **settings)


class ReliableModel(WrapperModel):
    """Another model, each of whose requests is a guarded call of its own."""

    def __init__(self, wrapped: Any, *policies: Any) -> None:
        super().__init__(wrapped)
        self._guard = reliai.Pipeline(*policies, name="model")
        self._request = self._guard(self.wrapped.request)

    async def request(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return await self._request(*args, **kwargs)

    @asynccontextmanager
    async def request_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:

            async def begin() -> Any:
                stream = self.wrapped.request_stream(*args, **kwargs)
                return await stack.enter_async_context(stream)

            yield await self._guard(begin)()


# --- around the whole run -----------------------------------------------------------------------


@every_model
def test_one_retries_and_it_is_reliai(kind: Any, server: FaultServer) -> None:
    server.reset([Status(500)])

    async def main() -> None:
        async with later_client(server) as client:
            agent = agent_at(client, kind)

            @reliai.Retry(2, wait=0)
            async def answer(prompt: str) -> str:
                return str((await agent.run(prompt)).output)

            with pytest.raises(ModelHTTPError):
                await answer("two words")

    asyncio.run(main())
    assert len(server.requests) == 2


@every_model
def test_the_record_shows_each_attempt_and_what_was_used(kind: Any, server: FaultServer) -> None:
    server.reset([Status(429, retry_after=2), "It is on its way."])

    async def main() -> str:
        async with later_client(server) as client:
            agent = agent_at(client, kind)

            @reliai.reliable(reliai.Retry(3), reliai.Timeout(10))
            async def answer(prompt: str) -> str:
                return str((await agent.run(prompt)).output)

            return await answer("two words")

    with virtual_clock() as clock, records() as seen:
        assert asyncio.run(main()) == "It is on its way."
    (record,) = seen
    assert [attempt.status for attempt in record.attempts] == ["error", "success"]
    assert record.attempts[0].error is not None
    assert record.attempts[0].error.kind == "rate_limited"
    assert (record.model_served, record.input_tokens, record.output_tokens) == ("m", 2, 5)
    assert clock.slept[0] >= 2  # pydantic-ai's error still knows the Retry-After


def test_without_a_wrapped_client_the_messages_tell_the_usage() -> None:
    def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        usage = RequestUsage(input_tokens=7, output_tokens=2)
        return ModelResponse(parts=[TextPart("yes")], usage=usage, model_name="m")

    agent = Agent(FunctionModel(reply))

    @reliai.reliable()
    async def answer(prompt: str) -> str:
        result = await agent.run(prompt)
        for message in result.new_messages():
            if message.kind == "response":
                reliai.read(message)
        return result.output

    with records() as seen:
        assert asyncio.run(answer("hi")) == "yes"
    assert (seen[0].input_tokens, seen[0].output_tokens) == (7, 2)


def test_an_agent_may_be_run_from_plain_code(server: FaultServer) -> None:
    server.reset([Status(503), "yes"])

    @reliai.reliable(reliai.Retry(3, wait=0))
    def answer(prompt: str) -> str:
        async def run() -> str:
            async with later_client(server) as client:
                return str((await agent_at(client).run(prompt)).output)

        return asyncio.run(run())

    with records() as seen:
        assert answer("hi") == "yes"
    assert seen[0].output_tokens == 1


def test_the_test_model_needs_no_network_at_all() -> None:
    agent = Agent(TestModel(custom_output_text="yes"))

    @reliai.reliable(reliai.Retry(3), reliai.Timeout(5))
    async def answer(prompt: str) -> str:
        return (await agent.run(prompt)).output

    assert asyncio.run(answer("hi")) == "yes"


def test_a_whole_run_is_cut_at_the_deadline() -> None:
    async def slow(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        await asyncio.sleep(60)
        return ModelResponse(parts=[TextPart("late")])

    agent = Agent(FunctionModel(slow))

    @reliai.Timeout(5)
    async def answer(prompt: str) -> str:
        return (await agent.run(prompt)).output

    with virtual_clock(), pytest.raises(reliai.CallTimeout):
        asyncio.run(answer("hi"))


# --- who validates ------------------------------------------------------------------------------


class Parcel(pydantic.BaseModel):
    days: int


def scripted(*replies: Any) -> FunctionModel:
    script = ScriptedModel(replies)

    def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        given = script()
        if isinstance(given, str):
            return ModelResponse(parts=[TextPart(given)])
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, given)])

    return FunctionModel(reply)


def test_pydantic_ai_asks_again_for_an_output_that_does_not_fit() -> None:
    """Its reasks are part of one attempt: `retries=` of the agent, not attempts of the call."""
    agent = Agent(scripted({"days": "soon"}, {"days": 2}), output_type=Parcel, retries=1)

    @reliai.Retry(3)
    async def parcel(prompt: str) -> Parcel:
        return (await agent.run(prompt)).output

    with records() as seen:
        assert asyncio.run(parcel("hi")) == Parcel(days=2)
    assert len(seen[0].attempts) == 1


def test_an_output_that_never_fits_is_invalid_output() -> None:
    agent = Agent(scripted({"days": "a"}, {"days": "b"}), output_type=Parcel, retries=1)

    @reliai.reliable(reliai.Fallback(Parcel(days=9)))
    async def parcel(prompt: str) -> Parcel:
        return (await agent.run(prompt)).output

    with records() as seen:
        assert asyncio.run(parcel("hi")) == Parcel(days=9)
    assert seen[0].status == "degraded"
    assert seen[0].attempts[0].error is not None
    assert seen[0].attempts[0].error.kind == "invalid_output"
    assert seen[0].attempts[0].error.type.endswith("UnexpectedModelBehavior")


def test_or_reliai_validates_and_asks_again() -> None:
    agent = Agent(scripted('{"days": "soon"}', '{"days": 2}'), retries=0)

    @reliai.reliable(reliai.Validate(output=Parcel, reask=1))
    async def parcel(prompt: str) -> Any:
        return (await agent.run(prompt)).output

    with records() as seen:
        assert asyncio.run(parcel("hi")) == Parcel(days=2)
    assert len(seen[0].attempts) == 2


def test_a_spent_budget_of_the_framework_is_neither_retried_nor_held_against_the_model() -> None:
    breaker = reliai.CircuitBreaker("m", consecutive=1)

    @reliai.reliable(reliai.Retry(3), breaker)
    async def answer(prompt: str) -> str:
        limits = UsageLimits(request_limit=0)
        return str((await Agent(scripted("a")).run(prompt, usage_limits=limits)).output)

    with records() as seen, pytest.raises(UsageLimitExceeded):
        asyncio.run(answer("hi"))
    assert len(seen[0].attempts) == 1
    assert breaker.state == "closed"


# --- jumps --------------------------------------------------------------------------------------


def test_model_retry_in_a_guarded_tool_passes_every_policy() -> None:
    breaker = reliai.CircuitBreaker("tool", consecutive=1)
    tried: list[str] = []

    def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if len(tried) < 2:
            return ModelResponse(parts=[ToolCallPart("track", {"number": f"n{len(tried)}"})])
        return ModelResponse(parts=[TextPart("done")])

    agent = Agent(FunctionModel(reply))

    @agent.tool_plain
    @reliai.reliable(reliai.Fallback("unknown"), reliai.Retry(5), breaker)
    def track(number: str) -> str:
        tried.append(number)
        if number == "n0":
            raise ModelRetry("ask with the number on the label")
        return "on its way"

    with records() as seen:
        assert asyncio.run(agent.run("hi")).output == "done"
    assert tried == ["n0", "n1"]
    assert [len(record.attempts) for record in seen] == [1, 1]
    assert breaker.snapshot().failures == 0


# --- around each request ------------------------------------------------------------------------


def test_a_guarded_model_retries_a_request_and_repeats_no_tool(server: FaultServer) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "track", "arguments": '{"number": "7"}'},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    asks_for_the_tool = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
    server.reset([asks_for_the_tool, Status(503), "It is on its way."])
    tracked: list[str] = []

    async def main() -> str:
        async with later_client(server) as client:
            inner = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client))
            agent = Agent(ReliableModel(inner, reliai.Retry(3, wait=0), reliai.Timeout(10)))

            @agent.tool_plain
            def track(number: str) -> str:
                tracked.append(number)
                return "on its way"

            return (await agent.run("Where is parcel 7?")).output

    with records() as seen:
        assert asyncio.run(main()) == "It is on its way."
    assert tracked == ["7"]
    assert [[each.status for each in record.attempts] for record in seen] == [
        ["success"],
        ["error", "success"],
    ]
    assert seen[0].output_tokens == 4


def test_a_guarded_model_retries_the_opening_of_a_stream(server: FaultServer) -> None:
    server.reset([Status(503), "It is on its way."])

    async def main() -> list[str]:
        async with later_client(server) as client:
            inner = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client))
            agent = Agent(ReliableModel(inner, reliai.Retry(3, wait=0)))
            async with agent.run_stream("hi") as result:
                return [text async for text in result.stream_text(delta=True, debounce_by=None)]

    assert asyncio.run(main()) == ["It ", "is ", "on ", "its ", "way."]


def test_a_guarded_models_requests_are_replayed_from_a_cassette(tmp_path: Path) -> None:
    """Messages carry times and ids, which differ each time: `match=` says what counts."""
    replies = ScriptedModel(["on its way"])

    def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[TextPart(replies())], model_name="m")

    def said(call: Any) -> list[object]:
        messages = call.arguments["messages"]
        return [part.content for message in messages for part in message.parts]

    agent = Agent(ReliableModel(FunctionModel(reply)))
    for _ in range(2):
        with cassette(tmp_path / "a.json", match=said, strict=True):
            assert asyncio.run(agent.run("hi")).output == "on its way"
    assert len(replies.calls) == 1


# --- streams ------------------------------------------------------------------------------------


def guarded_stream(agent: Agent[object, Any], *policies: Any) -> Any:
    @reliai.reliable(*policies)
    async def stream(prompt: str) -> AsyncIterator[str]:
        async with agent.run_stream(prompt) as result:
            async for text in result.stream_text(delta=True, debounce_by=None):
                yield text

    return stream


@every_model
def test_a_stream_is_retried_until_its_first_chunk(kind: Any, server: FaultServer) -> None:
    server.reset([Status(529), "It is on its way."])

    async def main() -> list[str]:
        async with later_client(server) as client:
            stream = guarded_stream(agent_at(client, kind), reliai.Retry(3, wait=0))
            return [chunk async for chunk in stream("two words")]

    with records() as seen:
        assert asyncio.run(main()) == ["It ", "is ", "on ", "its ", "way."]
    (record,) = seen
    assert [attempt.status for attempt in record.attempts] == ["error", "success"]
    assert record.chunks == 5
    assert (record.input_tokens, record.output_tokens) == (2, 5)


@every_model
def test_after_it_nothing_is_said_twice(kind: Any, server: FaultServer) -> None:
    """Rows 9 and 22: what was delivered is the beginning of one answer."""
    server.reset([Cut(after=2, then="It is on its way.")])

    async def main() -> list[str]:
        chunks: list[str] = []
        async with later_client(server) as client:
            stream = guarded_stream(agent_at(client, kind), reliai.Retry(3, wait=0))
            try:
                async for chunk in stream("two words"):
                    chunks.append(chunk)  # noqa: PERF401  what came before the error counts
            except Exception as error:
                chunks.append(type(error).__name__)
        return chunks

    first, second, error = asyncio.run(main())
    assert (first, second) == ("It ", "is ")
    assert error
    assert len(server.requests) == 1


def test_model_retry_of_an_output_check_is_taken_care_of_before_anything_is_delivered() -> None:
    agent = Agent(scripted("short", "long enough"))

    @agent.output_validator
    def long_enough(output: str) -> str:
        if output == "short":
            raise ModelRetry("more, please")
        return output

    @reliai.reliable(reliai.Retry(3))
    async def answer(prompt: str) -> AsyncIterator[str]:
        yield (await agent.run(prompt)).output

    async def main() -> list[str]:
        return [chunk async for chunk in answer("hi")]

    with records() as seen:
        assert asyncio.run(main()) == ["long enough"]
    assert len(seen[0].attempts) == 1


def test_unexpected_behaviour_is_an_ordinary_exception() -> None:
    assert reliai.classify(UnexpectedModelBehavior("odd")).kind == "invalid_output"
