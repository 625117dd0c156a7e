"""What the SDKs of Mistral and Cohere raise, provoked by driving them against a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cohere
import httpx2
from mistralai.client import Mistral
from mistralai.client.errors import NoResponseError

from reliai.errors import ErrorKind
from reliai.providers import classify
from tests.providers.rows import STREAM, Row, caught, check, table
from tests.providers.wire import Reply, refused_url, sse

if TYPE_CHECKING:
    from tests.providers.wire import Wire

SAY = [{"role": "user", "content": "x"}]
PLAIN = {"content-type": "text/plain"}


def mistral(url: str, *, stream: bool = False) -> object:
    with Mistral(api_key="x", server_url=url) as sdk:
        chat: Any = sdk.chat
        if stream:
            return list(chat.stream(model="m", messages=SAY))
        return chat.complete(model="m", messages=SAY)


def error(status: int, message: str, kind: str, code: str | None = None) -> Reply:
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": code}
    return Reply(status, body, {"retry-after": "7"})


MISTRAL = [
    Row("rate limit", error(429, "slow", "rate_limited", "1300"), ErrorKind.RATE_LIMITED,
        {"retry_after": 7.0, "code": "1300"}),
    Row("payment required", Reply(402, {}), ErrorKind.QUOTA),
    Row("unavailable", Reply(503, "oops", PLAIN), ErrorKind.SERVER),
    Row("server error", Reply(500, "oops", PLAIN), ErrorKind.SERVER),
    Row("context length by code", error(400, "m", "invalid_request_message", "3051"),
        ErrorKind.CONTEXT_LENGTH),
    Row("context length by text", error(400, "exceeds maximum context length", "x"),
        ErrorKind.CONTEXT_LENGTH),
    Row("unauthorised", Reply(401, {"detail": "Unauthorized"}), ErrorKind.AUTH),
    Row("forbidden", Reply(403, {}), ErrorKind.AUTH),
    Row("not found", Reply(404, {}), ErrorKind.NOT_FOUND),
    Row("bad request", error(400, "m", "invalid_request_message"), ErrorKind.BAD_REQUEST),
    Row("unprocessable", Reply(422, {"detail": [{"loc": ["a"], "msg": "m", "type": "t"}]}),
        ErrorKind.BAD_REQUEST),
    Row("hang-up", Reply(hang_up=True), ErrorKind.CONNECTION, {"sent": True}),
    Row("wrong shape", Reply(200, {"x": 1}), ErrorKind.MALFORMED, {"sent": True}),
    Row("wrong shape in a stream", Reply(200, sse({"x": 1}), STREAM), ErrorKind.MALFORMED,
        stream=True),
    Row("rate limit in a stream",
        Reply(200, sse({"object": "error", "message": "m", "type": "rate_limited"}), STREAM),
        ErrorKind.RATE_LIMITED, {"in_stream": True, "code": "rate_limited"}, stream=True),
    Row("overloaded in a proxy's stream",
        Reply(200, sse({"error": {"type": "overloaded"}}), STREAM), ErrorKind.OVERLOADED,
        {"in_stream": True}, stream=True),
]  # fmt: skip


@table(*MISTRAL)
def test_an_error_of_mistral_is_told_by_what_the_server_sent(wire: Wire, row: Row) -> None:
    check(caught(lambda: mistral(wire.place(row.reply), stream=row.stream)), row)


def test_mistral_passes_a_refused_connection_on_as_it_is() -> None:
    error = caught(lambda: mistral(refused_url()))
    assert isinstance(error, httpx2.ConnectError)
    assert (classify(error).kind, classify(error).sent) == (ErrorKind.CONNECTION, False)


def test_no_response_is_a_failed_connection() -> None:
    assert classify(NoResponseError()).kind is ErrorKind.CONNECTION


def ask_cohere(url: str) -> object:
    sdk: Any = cohere.ClientV2(api_key="x", base_url=url, max_retries=0)
    with sdk:
        return sdk.chat(model="m", messages=SAY)


def said(status: int, message: str = "m", **headers: str) -> Reply:
    return Reply(status, {"message": message}, {k.replace("_", "-"): v for k, v in headers.items()})


COHERE = [
    Row("rate limit", said(429, retry_after="3"), ErrorKind.RATE_LIMITED, {"retry_after": 3.0}),
    Row("payment required", said(402), ErrorKind.QUOTA),
    Row("overloaded", said(503, "the model is overloaded"), ErrorKind.OVERLOADED),
    Row("unavailable", said(503), ErrorKind.SERVER),
    Row("server error", said(500), ErrorKind.SERVER),
    Row("not implemented", said(501), ErrorKind.SERVER),
    Row("gateway timeout", said(504), ErrorKind.TIMEOUT),
    Row("client closed request", said(499), ErrorKind.TIMEOUT),
    Row("context length", said(400, "too many tokens: the prompt has 9"), ErrorKind.CONTEXT_LENGTH),
    Row("unauthorised", said(401), ErrorKind.AUTH),
    Row("forbidden", said(403), ErrorKind.AUTH),
    Row("expired token", said(498), ErrorKind.AUTH),
    Row("not found", said(404), ErrorKind.NOT_FOUND),
    Row("bad request", said(400), ErrorKind.BAD_REQUEST),
    Row("unprocessable", said(422), ErrorKind.BAD_REQUEST),
    Row("hang-up", Reply(hang_up=True), ErrorKind.CONNECTION, {"sent": True}),
    Row("no JSON", Reply(200, '{"x'), ErrorKind.MALFORMED),
]


@table(*COHERE)
def test_an_error_of_cohere_is_told_by_what_the_server_sent(wire: Wire, row: Row) -> None:
    check(caught(lambda: ask_cohere(wire.place(row.reply))), row)


def test_cohere_tells_at_which_unix_time_its_limit_is_lifted(wire: Wire) -> None:
    reply = said(429, x_ratelimit_reset="1800000030")
    error = caught(lambda: ask_cohere(wire.place(reply)))
    assert classify(error, now=1_800_000_000.0).retry_after == 30.0
    assert classify(error, now=1_900_000_000.0).retry_after == 0.0


def test_cohere_passes_a_refused_connection_on_as_it_is() -> None:
    failure = classify(caught(lambda: ask_cohere(refused_url())))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, False)
