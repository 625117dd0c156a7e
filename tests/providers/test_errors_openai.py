"""What the OpenAI SDK raises, provoked by driving it against a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pydantic
import pytest

from reliai.errors import ErrorKind
from reliai.providers import classify, looks_like_response, read_response
from tests.providers.rows import STREAM, Row, caught, check, table
from tests.providers.wire import Reply, refused_url, sse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.providers.wire import Wire


class Answer(pydantic.BaseModel):
    """A type to parse into."""

    number: int


def client(url: str, **options: Any) -> Any:
    made: dict[str, Any] = {"max_retries": 0, **options}
    return openai.OpenAI(api_key="x", base_url=url, **made)


def ask(url: str, *, stream: bool = False, **options: Any) -> object:
    with client(url, **options) as sdk:
        answer = sdk.chat.completions.create(model="m", messages=[], stream=stream)
        return list(answer) if stream else answer


def parse(url: str) -> object:
    with client(url) as sdk:
        return sdk.chat.completions.parse(model="m", messages=[], response_format=Answer)


def error(status: int, message: str = "m", **headers: str) -> Callable[..., Reply]:
    def build(code: str | None = None, type: str = "t", **more: Any) -> Reply:  # noqa: A002
        body = {"message": message, "type": type, "param": None, "code": code, **more}
        return Reply(status, {"error": body}, {k.replace("_", "-"): v for k, v in headers.items()})

    return build


CHUNK = {
    "id": "1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "hi"}}],
}


def broken(**inside: Any) -> Reply:
    """A stream which begins well and then holds an error."""
    return Reply(200, sse(CHUNK, {"error": {"message": "boom", **inside}}), STREAM)


def finished(reason: str) -> Reply:
    message = {"role": "assistant", "content": "{"}
    choice = {"index": 0, "finish_reason": reason, "message": message}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Reply(200, body)


LONG = "This model's maximum context length is 8192 tokens. Please reduce the length."

ROWS = [
    Row(
        "rate limit by code",
        error(429, retry_after="2")("rate_limit_exceeded", "tokens"),
        ErrorKind.RATE_LIMITED,
        {"retry_after": 2.0, "code": "rate_limit_exceeded", "sent": True, "in_stream": False},
    ),
    Row("rate limit by type", error(429)(None, "requests"), ErrorKind.RATE_LIMITED),
    Row("rate limit by status", error(429)(), ErrorKind.RATE_LIMITED),
    Row(
        "rate limit in a stream",
        broken(code="rate_limit_exceeded", type="tokens"),
        ErrorKind.RATE_LIMITED,
        {"in_stream": True, "sent": True, "status": None},
        stream=True,
    ),
    Row(
        "rate limit in a proxy's stream",
        broken(code=429),
        ErrorKind.RATE_LIMITED,
        {"in_stream": True, "status": 429, "code": "429"},
        stream=True,
    ),
    Row(
        "quota by code",
        error(429)("insufficient_quota", "insufficient_quota"),
        ErrorKind.QUOTA,
        {"code": "insufficient_quota"},
    ),
    Row("quota by type", error(429)(None, "insufficient_quota"), ErrorKind.QUOTA),
    Row("billing limit", error(429)("billing_hard_limit_reached"), ErrorKind.QUOTA),
    Row("spend limit", error(429)("project_spend_limit_exceeded"), ErrorKind.QUOTA),
    Row("overloaded by text", error(503, "The engine is overloaded")(), ErrorKind.OVERLOADED),
    Row("overloaded by code", error(503)("server_is_overloaded"), ErrorKind.OVERLOADED),
    Row("overloaded by code at 500", error(500)("slow_down"), ErrorKind.OVERLOADED),
    Row("unavailable", error(503)(), ErrorKind.SERVER),
    Row("bad gateway", Reply(502, "<html>", {"content-type": "text/html"}), ErrorKind.SERVER),
    Row("server error", error(500)("server_error"), ErrorKind.SERVER),
    Row("unlisted server error", error(599)(), ErrorKind.SERVER),
    Row(
        "server error in a stream",
        broken(type="server_error"),
        ErrorKind.SERVER,
        {"in_stream": True},
        stream=True,
    ),
    Row(
        "an error in a stream that says nothing",
        broken(),
        ErrorKind.SERVER,
        {"in_stream": True, "code": None},
        stream=True,
    ),
    Row("bad request in a stream", broken(type="invalid_request_error"), ErrorKind.BAD_REQUEST,
        {"in_stream": True}, stream=True),
    Row("request timeout", error(408)(), ErrorKind.TIMEOUT),
    Row("gateway timeout", error(504)(), ErrorKind.TIMEOUT),
    Row("context length by code", error(400)("context_length_exceeded"), ErrorKind.CONTEXT_LENGTH),
    Row("context length by text", error(400, LONG)(), ErrorKind.CONTEXT_LENGTH),
    Row("context length called a server error", error(500, LONG)(), ErrorKind.CONTEXT_LENGTH),
    Row("content filter", error(400)("content_filter"), ErrorKind.CONTENT_FILTER),
    Row(
        "content filter of azure",
        error(400)("x", innererror={"code": "ResponsibleAIPolicyViolation"}),
        ErrorKind.CONTENT_FILTER,
    ),
    Row(
        "content filter by text",
        error(400, "triggering Azure OpenAI's content management policy")(),
        ErrorKind.CONTENT_FILTER,
    ),
    Row("unauthorised", error(401)("invalid_api_key", "invalid_request_error"), ErrorKind.AUTH),
    Row("forbidden", error(403)("unsupported_country"), ErrorKind.AUTH),
    Row("not found", error(404)("model_not_found"), ErrorKind.NOT_FOUND),
    Row("model not found at 400", error(400)("model_not_found"), ErrorKind.NOT_FOUND),
    Row("gone", error(410)(), ErrorKind.NOT_FOUND),
    Row("conflict", error(409)(), ErrorKind.CONFLICT),
    Row("bad request", error(400)("x", "invalid_request_error"), ErrorKind.BAD_REQUEST),
    Row("unprocessable", error(422)(), ErrorKind.BAD_REQUEST),
    Row("denied by a gateway's guard", error(446)(), ErrorKind.BAD_REQUEST),
    Row("a quoted 429", error(400, "token 429 in rate_limit_exceeded")(), ErrorKind.BAD_REQUEST),
    Row("a quoted limit", error(401, LONG)(), ErrorKind.AUTH),
    Row("a limit of tokens a minute", error(429, LONG)("rate_limit_exceeded"),
        ErrorKind.RATE_LIMITED),
    Row("overloaded operators in a prompt", error(400, "an overloaded operator")(),
        ErrorKind.BAD_REQUEST),
    Row("hang-up", Reply(hang_up=True), ErrorKind.CONNECTION, {"sent": True, "in_stream": False}),
    Row("broken off", Reply(200, '{"id', cut=True), ErrorKind.CONNECTION, {"sent": True}),
    Row("stream broken off", Reply(200, sse(CHUNK), STREAM, cut=True), ErrorKind.CONNECTION,
        {"sent": True}, stream=True),
    Row("no JSON", Reply(200, '{"id'), ErrorKind.MALFORMED),
    Row("no JSON in a stream", Reply(200, sse(CHUNK, 'data: {"id'), STREAM), ErrorKind.MALFORMED,
        stream=True),
]  # fmt: skip


@table(*ROWS)
def test_an_error_is_told_by_what_the_server_sent(wire: Wire, row: Row) -> None:
    """Cases 5 and 30: a spent quota is no rate limit, a prompt too long no bad request."""
    check(caught(lambda: ask(wire.place(row.reply), stream=row.stream)), row)


def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    failure = classify(caught(lambda: ask(refused_url())))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, False)


@pytest.mark.parametrize(
    ("raised", "sent"),
    [
        (httpx2.ReadTimeout, True),
        (httpx2.WriteTimeout, None),
        (httpx2.ConnectTimeout, False),
        (httpx2.PoolTimeout, False),
    ],
)
def test_a_timeout_tells_by_its_phase_whether_the_request_was_sent(
    raised: type[httpx2.TimeoutException], sent: bool | None
) -> None:
    failure = classify(caught(lambda: ask_with(raised)))
    assert (failure.kind, failure.status, failure.sent) == (ErrorKind.TIMEOUT, None, sent)


def ask_with(raised: type[Exception], **options: Any) -> object:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise raised("")

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return ask("http://nowhere", http_client=http, **options)


def test_after_a_repetition_of_the_sdk_a_failed_connection_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openai.OpenAI, "_sleep_for_retry", lambda *_, **__: None)
    failure = classify(caught(lambda: ask_with(httpx2.ConnectError, max_retries=1)))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, None)


def test_an_answer_of_the_wrong_shape_is_malformed(wire: Wire) -> None:
    options = {"_strict_response_validation": True}
    failure = classify(caught(lambda: ask(wire.place(Reply(200, {"id": []})), **options)))
    assert (failure.kind, failure.status) == (ErrorKind.MALFORMED, None)


def test_a_plain_text_answer_is_a_string_and_no_response(wire: Wire) -> None:
    answer = ask(wire.place(Reply(200, "hello", {"content-type": "text/plain"})))
    assert answer == "hello"
    assert not looks_like_response(answer)
    assert read_response(answer) is None


def test_a_filtered_answer_that_cannot_be_parsed_is_a_content_filter(wire: Wire) -> None:
    failure = classify(caught(lambda: parse(wire.place(finished("content_filter")))))
    assert failure.kind is ErrorKind.CONTENT_FILTER


def test_a_truncated_answer_that_cannot_be_parsed_is_not_asked_for_again(wire: Wire) -> None:
    failure = classify(caught(lambda: parse(wire.place(finished("length")))))
    assert failure.kind is ErrorKind.INVALID_OUTPUT
    assert not failure.verdict.retry
    assert failure.verdict.fall_back


def test_milliseconds_are_preferred_to_seconds(wire: Wire) -> None:
    """Case 2: with `retry-after-ms: 1500` and `retry-after: 2` the wait is 1.5 s."""
    reply = error(429, retry_after="2", retry_after_ms="1500")()
    assert classify(caught(lambda: ask(wire.place(reply)))).retry_after == 1.5
