"""What pydantic-ai and LangChain raise: their own names above the SDKs'."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import openai
import pytest
from langchain_core import exceptions as langchain
from pydantic_ai import Agent
from pydantic_ai import exceptions as pydantic_ai
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from reliai.errors import ErrorKind
from reliai.providers import classify
from tests.providers.rows import STREAM, Row, caught, check, table
from tests.providers.wire import Reply, refused_url, sse

if TYPE_CHECKING:
    from tests.providers.wire import Wire


def ask(url: str, *, stream: bool = False, twice: bool = False, **options: Any) -> object:
    async def run() -> object:
        async with openai.AsyncOpenAI(api_key="x", base_url=url, max_retries=0) as sdk:
            one = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=sdk))
            model = FallbackModel(one, one) if twice else one
            agent: Any = Agent(model, **options)
            if not stream:
                return await agent.run("x")
            async with agent.run_stream("x") as answer:
                return [text async for text in answer.stream_text()]

    return asyncio.run(run())


def error(status: int, code: str, message: str = "m", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"message": message, "code": code, "type": "t"}}, named)


def said(content: str | None, reason: str = "stop") -> Reply:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": reason, "message": message}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Reply(200, body)


CHUNK = {
    "id": "1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "hi"}}],
}
FAULT = {"error": {"message": "boom", "code": "rate_limit_exceeded", "type": "tokens"}}
ROWS = [
    Row("rate limit", error(429, "rate_limit_exceeded", retry_after="3"), ErrorKind.RATE_LIMITED,
        {"retry_after": 3.0, "code": "rate_limit_exceeded"}),
    Row("rate limit in a stream", Reply(200, sse(CHUNK, FAULT), STREAM), ErrorKind.RATE_LIMITED,
        {"in_stream": True, "status": 429}, stream=True),
    Row("quota", error(429, "insufficient_quota"), ErrorKind.QUOTA),
    Row("overloaded", error(503, "x", "overloaded"), ErrorKind.OVERLOADED),
    Row("unavailable", error(503, "x"), ErrorKind.SERVER),
    Row("server error", error(500, "server_error"), ErrorKind.SERVER),
    Row("context length", error(400, "context_length_exceeded"), ErrorKind.CONTEXT_LENGTH),
    Row("content filter", error(400, "content_filter"), ErrorKind.CONTENT_FILTER),
    Row("unauthorised", error(401, "invalid_api_key"), ErrorKind.AUTH),
    Row("not found", error(404, "model_not_found"), ErrorKind.NOT_FOUND),
    Row("bad request", error(400, "x"), ErrorKind.BAD_REQUEST),
    Row("hang-up", Reply(hang_up=True), ErrorKind.CONNECTION, {"sent": True}),
    Row("stream broken off", Reply(200, sse(CHUNK), STREAM, cut=True), ErrorKind.CONNECTION,
        {"sent": True}, stream=True),
    Row("filtered answer", said(None, "content_filter"), ErrorKind.CONTENT_FILTER),
]  # fmt: skip


@table(*ROWS)
def test_an_error_of_pydantic_ai_is_told_by_what_the_server_sent(wire: Wire, row: Row) -> None:
    check(caught(lambda: ask(wire.place(row.reply), stream=row.stream)), row)


def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    failure = classify(caught(lambda: ask(refused_url())))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, False)


def test_a_group_of_failed_models_is_what_the_first_of_them_was(wire: Wire) -> None:
    reply = error(429, "rate_limit_exceeded", retry_after="3")
    group = caught(lambda: ask(wire.place(reply), twice=True))
    assert isinstance(group, ExceptionGroup)
    failure = classify(group)
    assert (failure.kind, failure.retry_after) == (ErrorKind.RATE_LIMITED, 3.0)


def test_an_answer_that_fails_validation_may_be_asked_for_again(wire: Wire) -> None:
    failure = classify(caught(lambda: ask(wire.place(said("no number")), output_type=int)))
    assert failure.kind is ErrorKind.INVALID_OUTPUT
    assert failure.verdict.retry


def test_a_truncated_answer_is_not_asked_for_again(wire: Wire) -> None:
    failure = classify(caught(lambda: ask(wire.place(said(None, "length")))))
    assert failure.kind is ErrorKind.INVALID_OUTPUT
    assert (failure.verdict.retry, failure.verdict.fall_back) == (False, True)


@pytest.mark.parametrize(
    ("phase", "sent"), [("pool", False), ("connect", False), ("write", None), ("read", True)]
)
def test_the_phase_of_a_failed_connection_tells_whether_the_request_was_sent(
    phase: Any, sent: bool | None
) -> None:
    failure = classify(pydantic_ai.ModelConnectionError("m", "down", phase=phase))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, sent)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (pydantic_ai.ModelTimeoutError("m", "slow"), ErrorKind.TIMEOUT),
        (pydantic_ai.ModelRequestTimeout("m", 3.0), ErrorKind.TIMEOUT),
        (pydantic_ai.ModelRateLimitError("m", "slow", retry_after=4.0), ErrorKind.RATE_LIMITED),
        (pydantic_ai.RunTimedOut("late"), ErrorKind.TIMEOUT),
        (pydantic_ai.RunCancelled("stop"), ErrorKind.CANCELLED),
        (pydantic_ai.ConcurrencyLimitExceeded("full"), ErrorKind.REJECTED),
        (pydantic_ai.UsageLimitExceeded("spent"), ErrorKind.REJECTED),
        (pydantic_ai.ModelAPIError("m", "says nothing"), ErrorKind.UNKNOWN),
        (langchain.ModelRateLimitError(), ErrorKind.RATE_LIMITED),
        (langchain.ModelAPIError(), ErrorKind.SERVER),
        (langchain.ModelConnectionError(), ErrorKind.CONNECTION),
        (langchain.ModelTimeoutError(), ErrorKind.TIMEOUT),
        (langchain.ModelAuthenticationError(), ErrorKind.AUTH),
        (langchain.ModelPermissionDeniedError(), ErrorKind.AUTH),
        (langchain.ModelNotFoundError(), ErrorKind.NOT_FOUND),
        (langchain.ModelInvalidRequestError(), ErrorKind.BAD_REQUEST),
        (langchain.ContextOverflowError(), ErrorKind.CONTEXT_LENGTH),
        (langchain.OutputParserException("no number"), ErrorKind.INVALID_OUTPUT),
    ],
    ids=lambda value: type(value).__module__ + type(value).__name__,
)
def test_a_name_tells_where_there_is_no_status(made: Exception, kind: ErrorKind) -> None:
    assert classify(made).kind is kind


def test_a_spent_budget_of_a_framework_goes_to_no_other_target() -> None:
    failure = classify(pydantic_ai.UsageLimitExceeded("spent"))
    assert (failure.verdict.retry, failure.verdict.fall_back) == (False, False)


def test_the_neutral_name_beside_an_sdk_error_is_the_more_telling_one(wire: Wire) -> None:
    """LangChain's integrations raise classes that are both the SDK's and the neutral one."""

    class Overflow(openai.BadRequestError, langchain.ContextOverflowError):
        pass

    def chat() -> object:
        with openai.OpenAI(api_key="x", base_url=wire.place(error(400, "x"))) as sdk:
            return sdk.chat.completions.create(model="m", messages=[])

    plain: Any = caught(chat)
    both = Overflow(str(plain), response=plain.response, body=plain.body)
    assert classify(plain).kind is ErrorKind.BAD_REQUEST
    assert classify(both).kind is ErrorKind.CONTEXT_LENGTH
    assert classify(both).status == 400
