"""reliai around LangChain: chains, chat models, streams, and jumps of LangGraph."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda

import reliai
from reliai.testing import Cut, FaultServer, Status, cassette, records, virtual_clock
from tests.recipes.clients import client, later_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

PROMPT = ChatPromptTemplate.from_messages([("user", "{question}")])


class Chat(BaseChatModel):
    """A chat model on the OpenAI SDK, as small as it can be."""

    blocking: Any = None
    suspending: Any = None

    @property
    def _llm_type(self) -> str:
        return "chat"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return _result(self.blocking.chat.completions.create(**_request(messages)))

    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        return _result(await self.suspending.chat.completions.create(**_request(messages)))

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for event in self.blocking.chat.completions.create(**_request(messages), stream=True):
            yield from _chunks(event)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        request = _request(messages)
        async for event in await self.suspending.chat.completions.create(**request, stream=True):
            for chunk in _chunks(event):
                yield chunk


def _request(messages: list[BaseMessage]) -> dict[str, Any]:
    said = [{"role": "user", "content": message.content} for message in messages]
    return {"model": "m", "messages": said}


def _result(answer: Any) -> ChatResult:
    message = AIMessage(
        answer.choices[0].message.content,
        usage_metadata={
            "input_tokens": answer.usage.prompt_tokens,
            "output_tokens": answer.usage.completion_tokens,
            "total_tokens": answer.usage.total_tokens,
        },
        response_metadata={"id": answer.id, "model_name": answer.model, "finish_reason": "stop"},
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunks(event: Any) -> Iterator[ChatGenerationChunk]:
    for choice in event.choices:
        if choice.delta.content:
            yield ChatGenerationChunk(message=AIMessageChunk(content=choice.delta.content))


def said(text: str) -> AIMessage:
    return AIMessage(
        text, usage_metadata={"input_tokens": 4, "output_tokens": 3, "total_tokens": 7}
    )


def fake(*answers: Any) -> GenericFakeChatModel:
    """A model of LangChain's own that gives messages, one a call."""
    return GenericFakeChatModel(messages=iter(answers))


# --- a chain inside a guarded function ----------------------------------------------------------


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_one_retries_and_it_is_reliai(*, asynchronous: bool, server: FaultServer) -> None:
    """The wrapped client retries nothing by itself, and no `with_retry` is in the chain."""
    server.reset([Status(429, retry_after=2), Status(500), "It is on its way."])

    def blocking() -> AIMessage:
        with client(server) as sdk:
            chain = PROMPT | Chat(blocking=sdk)

            @reliai.reliable(reliai.Retry(3), reliai.Timeout(60))
            def answer(question: str) -> Any:
                return chain.invoke({"question": question})

            found: AIMessage = answer("two words")
            return found

    async def suspending() -> AIMessage:
        async with later_client(server) as sdk:
            chain = PROMPT | Chat(suspending=sdk)

            @reliai.reliable(reliai.Retry(3), reliai.Timeout(60))
            async def answer(question: str) -> Any:
                return await chain.ainvoke({"question": question})

            found: AIMessage = await answer("two words")
            return found

    with virtual_clock() as clock, records() as seen:
        message = asyncio.run(suspending()) if asynchronous else blocking()
    assert message.content == "It is on its way."
    (record,) = seen
    kinds = [attempt.error and attempt.error.kind for attempt in record.attempts]
    assert kinds == ["rate_limited", "server", None]
    assert len(server.requests) == 3
    assert clock.slept[0] >= 2
    assert (record.model_served, record.input_tokens, record.output_tokens) == ("m", 2, 5)


def test_a_returned_message_is_read_by_itself() -> None:
    chain = PROMPT | fake(said("yes"))

    @reliai.reliable()
    def answer(question: str) -> Any:
        return chain.invoke({"question": question})

    with records() as seen:
        answer("hi")
    assert (seen[0].input_tokens, seen[0].output_tokens) == (4, 3)


def test_a_message_that_a_parser_takes_apart_is_read_on_the_way() -> None:
    chain = PROMPT | fake(said("yes")) | RunnableLambda(reliai.read) | StrOutputParser()

    @reliai.reliable()
    def answer(question: str) -> str:
        return chain.invoke({"question": question})

    with records() as seen:
        assert answer("hi") == "yes"
    assert (seen[0].input_tokens, seen[0].output_tokens) == (4, 3)


def test_langchain_parses_and_what_does_not_parse_is_invalid_output() -> None:
    chain = PROMPT | fake(said("no JSON at all")) | JsonOutputParser()

    @reliai.reliable(reliai.Fallback({"days": 9}))
    def answer(question: str) -> Any:
        return chain.invoke({"question": question})

    with records() as seen:
        assert answer("hi") == {"days": 9}
    error = seen[0].attempts[0].error
    assert error is not None
    assert error.kind == "invalid_output"


def test_or_reliai_validates_and_asks_again() -> None:
    chain = PROMPT | fake(said("[1]"), said('{"days": 2}')) | StrOutputParser()

    @reliai.reliable(reliai.Validate(output=dict[str, int], reask=1, repair=False))
    def answer(question: str) -> Any:
        return chain.invoke({"question": question})

    assert answer("hi") == {"days": 2}


# --- a guarded function inside a chain ----------------------------------------------------------


def test_a_guarded_function_is_a_step_of_a_chain_and_of_a_batch(tmp_path: Path) -> None:
    """LangChain takes the context along into its threads, so cassettes hold there too."""
    calls: list[str] = []

    @reliai.reliable(reliai.Retry(3), name="answer")
    def answer(question: str) -> str:
        calls.append(question)
        return question.upper()

    chain = RunnableLambda(answer) | StrOutputParser()
    for _ in range(2):
        with cassette(tmp_path / "a.json", strict=True):
            assert chain.batch(["a", "b", "c"]) == ["A", "B", "C"]
    assert sorted(calls) == ["a", "b", "c"]


def test_an_asynchronous_one_is_too() -> None:
    @reliai.reliable(reliai.Retry(3))
    async def answer(question: str) -> str:
        return question.upper()

    chain = RunnableLambda(answer) | StrOutputParser()
    assert asyncio.run(chain.ainvoke("a")) == "A"


def test_a_guarded_stream_stays_incremental_as_a_step() -> None:
    """Row 10: what is wrapped still gives its chunks one by one."""
    given: list[str] = []

    @reliai.reliable(reliai.Retry(3))
    def words(question: str) -> Iterator[str]:
        for word in question.split():
            given.append(word)
            yield word

    def step(questions: Iterator[str]) -> Iterator[str]:
        for question in questions:
            yield from words(question)

    chain: Any = RunnableGenerator(step)
    stream = chain.stream("a b c")
    assert next(stream) == "a"
    assert len(given) < 3
    assert list(stream) == ["b", "c"]


# --- streams ------------------------------------------------------------------------------------


def test_a_stream_is_retried_until_its_first_chunk(server: FaultServer) -> None:
    """Row 11: LangChain's own `with_retry` does nothing for streams."""
    server.reset([Status(503), "It is on its way."])
    with client(server) as sdk:
        chain = PROMPT | Chat(blocking=sdk) | StrOutputParser()

        @reliai.reliable(reliai.Retry(3, wait=0))
        def stream(question: str) -> Iterator[str]:
            yield from chain.stream({"question": question})

        with records() as seen:
            chunks = list(stream("two words"))
    assert "".join(chunks) == "It is on its way."
    assert len(chunks) >= 5
    assert [attempt.status for attempt in seen[0].attempts] == ["error", "success"]
    assert seen[0].output_tokens == 5


def test_an_asynchronous_stream_is_too(server: FaultServer) -> None:
    server.reset([Status(503), "It is on its way."])

    async def main() -> list[str]:
        async with later_client(server) as sdk:
            chain = PROMPT | Chat(suspending=sdk) | StrOutputParser()

            @reliai.reliable(reliai.Retry(3, wait=0))
            async def stream(question: str) -> AsyncIterator[str]:
                async for chunk in chain.astream({"question": question}):
                    yield chunk

            return [chunk async for chunk in stream("two words")]

    assert "".join(asyncio.run(main())) == "It is on its way."


def test_after_the_first_chunk_nothing_is_said_twice(server: FaultServer) -> None:
    server.reset([Cut(after=2, then="It is on its way.")])
    read: list[str] = []
    with client(server) as sdk:
        chain = PROMPT | Chat(blocking=sdk) | StrOutputParser()

        @reliai.reliable(reliai.Retry(3, wait=0))
        def stream(question: str) -> Iterator[str]:
            yield from chain.stream({"question": question})

        with pytest.raises(Exception, match=r".+"):
            read.extend(stream("two words"))
    assert "".join(read) == "It is "
    assert len(server.requests) == 1


# --- jumps --------------------------------------------------------------------------------------


def test_an_interrupt_of_langgraph_passes_every_policy() -> None:
    """LangGraph stops a graph by an exception; it is known by its name, installed or not."""
    bubble_up = type("GraphBubbleUp", (Exception,), {"__module__": "langgraph.errors"})
    interrupt = type("GraphInterrupt", (bubble_up,), {"__module__": "langgraph.errors"})
    breaker = reliai.CircuitBreaker("node", consecutive=1)
    tried: list[int] = []

    @reliai.reliable(reliai.Fallback("instead"), reliai.Retry(5), breaker)
    def node(state: str) -> str:
        tried.append(1)
        raise interrupt("ask a human")

    with pytest.raises(interrupt):
        RunnableLambda(node).invoke("state")
    assert len(tried) == 1
    assert breaker.state == "closed"
