"""What the Anthropic SDK raises, provoked by driving it against a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest

from reliai.errors import ErrorKind
from reliai.providers import classify
from tests.providers.rows import STREAM, Row, caught, check, table
from tests.providers.wire import Reply, refused_url, sse

if TYPE_CHECKING:
    from tests.providers.wire import Wire


def ask(url: str, *, stream: bool = False, **options: Any) -> object:
    made: dict[str, Any] = {"max_retries": 0, **options}
    with anthropic.Anthropic(api_key="x", base_url=url, **made) as sdk:
        create: Any = sdk.messages.create
        answer = create(model="m", max_tokens=5, messages=[], stream=stream)
        return list(answer) if stream else answer


def body(kind: str, message: str = "m", **details: Any) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": kind, "message": message}
    if details:
        inner["details"] = details
    return {"type": "error", "error": inner}


def error(status: int, kind: str, message: str = "m", **details: Any) -> Reply:
    return Reply(status, body(kind, message, **details))


MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [],
    "model": "claude",
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
START = {"type": "message_start", "message": MESSAGE}


def broken(kind: str, message: str = "m") -> Reply:
    """A stream which begins with status 200 and then holds an error."""
    return Reply(200, sse(START, body(kind, message)), STREAM)


IN_STREAM = {"in_stream": True, "status": None, "sent": True}
ROWS = [
    Row(
        "rate limit",
        Reply(429, body("rate_limit_error"), {"retry-after": "12"}),
        ErrorKind.RATE_LIMITED,
        {"code": "rate_limit_error", "retry_after": 12.0},
    ),
    Row("rate limit in a stream", broken("rate_limit_error"), ErrorKind.RATE_LIMITED,
        IN_STREAM, stream=True),
    Row(
        "no credit",
        error(400, "invalid_request_error", "Your credit balance is too low to access the API"),
        ErrorKind.QUOTA,
    ),
    Row("billing", error(403, "billing_error"), ErrorKind.QUOTA),
    Row("payment required", error(402, "x"), ErrorKind.QUOTA),
    Row("spend limit", error(429, "rate_limit_error", error_code="workspace_spend_limit_reached"),
        ErrorKind.QUOTA),
    Row("overloaded", error(529, "overloaded_error"), ErrorKind.OVERLOADED),
    Row("overloaded by status", Reply(529, "busy", {"content-type": "text/plain"}),
        ErrorKind.OVERLOADED),
    Row("overloaded in a stream", broken("overloaded_error"), ErrorKind.OVERLOADED,
        IN_STREAM, stream=True),
    Row("unavailable", error(503, "x"), ErrorKind.SERVER),
    Row("server error", error(500, "api_error"), ErrorKind.SERVER),
    Row("server error in a stream", broken("api_error"), ErrorKind.SERVER, IN_STREAM, stream=True),
    Row("request timeout", error(408, "timeout_error"), ErrorKind.TIMEOUT),
    Row("gateway timeout", error(504, "timeout_error"), ErrorKind.TIMEOUT),
    Row("timeout in a stream", broken("timeout_error"), ErrorKind.TIMEOUT, IN_STREAM, stream=True),
    Row(
        "context length",
        error(400, "invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum"),
        ErrorKind.CONTEXT_LENGTH,
    ),
    Row(
        "context length with the answer's",
        error(400, "invalid_request_error", "input length and `max_tokens` exceed context limit"),
        ErrorKind.CONTEXT_LENGTH,
    ),
    Row("unauthorised", error(401, "authentication_error"), ErrorKind.AUTH),
    Row("forbidden", error(403, "permission_error"), ErrorKind.AUTH),
    Row("not found", error(404, "not_found_error"), ErrorKind.NOT_FOUND),
    Row("conflict", error(409, "x"), ErrorKind.CONFLICT),
    Row("bad request", error(400, "invalid_request_error"), ErrorKind.BAD_REQUEST),
    Row("bad request in a stream", broken("invalid_request_error"), ErrorKind.BAD_REQUEST,
        IN_STREAM, stream=True),
    Row("too large", error(413, "request_too_large"), ErrorKind.BAD_REQUEST),
    Row("unprocessable", error(422, "x"), ErrorKind.BAD_REQUEST),
    Row("hang-up", Reply(hang_up=True), ErrorKind.CONNECTION, {"sent": True}),
    Row("stream broken off", Reply(200, sse(START), STREAM, cut=True), ErrorKind.CONNECTION,
        {"sent": True}, stream=True),
    Row("no JSON", Reply(200, '{"id'), ErrorKind.MALFORMED),
    Row("no JSON in a stream",
        Reply(200, sse(START, 'event: content_block_delta\ndata: {"id'), STREAM),
        ErrorKind.MALFORMED, stream=True),
]  # fmt: skip


@table(*ROWS)
def test_an_error_is_told_by_what_the_server_sent(wire: Wire, row: Row) -> None:
    """Case 10, as far as telling goes: an overload inside a stream comes with status 200."""
    check(caught(lambda: ask(wire.place(row.reply), stream=row.stream)), row)


def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    failure = classify(caught(lambda: ask(refused_url())))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, False)


@pytest.mark.parametrize(
    ("raised", "sent"), [(httpx2.ReadTimeout, True), (httpx2.PoolTimeout, False)]
)
def test_a_timeout_tells_by_its_phase_whether_the_request_was_sent(
    raised: type[httpx2.TimeoutException], sent: bool
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise raised("")

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    failure = classify(caught(lambda: ask("http://nowhere", http_client=http)))
    assert (failure.kind, failure.status, failure.sent) == (ErrorKind.TIMEOUT, None, sent)


def test_an_answer_of_the_wrong_shape_is_malformed(wire: Wire) -> None:
    options = {"_strict_response_validation": True}
    failure = classify(caught(lambda: ask(wire.place(Reply(200, {"id": []})), **options)))
    assert (failure.kind, failure.status, failure.sent) == (ErrorKind.MALFORMED, None, True)
