"""What google-genai raises, provoked by driving it against a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google import genai
from google.genai import types

from reliai.errors import ErrorKind
from reliai.providers import classify
from tests.providers.rows import STREAM, Row, caught, check, table
from tests.providers.wire import Reply, refused_url

if TYPE_CHECKING:
    from tests.providers.wire import Wire


def ask(url: str, *, stream: bool = False) -> object:
    options = types.HttpOptions(base_url=url)
    with genai.Client(api_key="x", http_options=options) as sdk:
        models: Any = sdk.models
        if stream:
            return list(models.generate_content_stream(model="m", contents="x"))
        return models.generate_content(model="m", contents="x")


def error(status: int, word: str, message: str = "m", *details: object) -> Reply:
    inner = {"code": status, "message": message, "status": word, "details": list(details)}
    return Reply(status, {"error": inner})


WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
FIRST = 'data: {"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}\n\n'
FAULT = '{"error":{"code":503,"message":"The model is overloaded","status":"UNAVAILABLE"}}\n\n'
ROWS = [
    Row(
        "rate limit",
        error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", KEY | WAIT, WAIT),
        ErrorKind.RATE_LIMITED,
        {"code": "RESOURCE_EXHAUSTED", "retry_after": 34.0},
    ),
    Row("overloaded", error(503, "UNAVAILABLE", "The model is overloaded. Try again"),
        ErrorKind.OVERLOADED),
    Row("unavailable", error(503, "UNAVAILABLE"), ErrorKind.SERVER),
    Row("server error", error(500, "INTERNAL"), ErrorKind.SERVER),
    Row("deadline exceeded", error(504, "DEADLINE_EXCEEDED"), ErrorKind.TIMEOUT),
    Row(
        "context length",
        error(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of "
              "tokens allowed (8)."),
        ErrorKind.CONTEXT_LENGTH,
    ),
    Row("unauthorised", error(401, "UNAUTHENTICATED"), ErrorKind.AUTH),
    Row("forbidden", error(403, "PERMISSION_DENIED"), ErrorKind.AUTH),
    Row("invalid key", error(400, "INVALID_ARGUMENT", "API key not valid", KEY), ErrorKind.AUTH),
    Row("not found", error(404, "NOT_FOUND"), ErrorKind.NOT_FOUND),
    Row("bad request", error(400, "INVALID_ARGUMENT"), ErrorKind.BAD_REQUEST),
    Row("hang-up", Reply(hang_up=True), ErrorKind.CONNECTION, {"sent": True}),
    Row("no JSON", Reply(200, '{"x'), ErrorKind.MALFORMED),
    Row("rate limit before a stream", error(429, "RESOURCE_EXHAUSTED"), ErrorKind.RATE_LIMITED,
        {"in_stream": False}, stream=True),
    Row("overloaded in a stream", Reply(200, FIRST + FAULT, STREAM), ErrorKind.OVERLOADED,
        {"in_stream": True, "status": 503}, stream=True),
    Row("no JSON in a stream", Reply(200, 'data: {"err\n\n', STREAM), ErrorKind.MALFORMED,
        stream=True),
]  # fmt: skip


@table(*ROWS)
def test_an_error_is_told_by_what_the_server_sent(wire: Wire, row: Row) -> None:
    check(caught(lambda: ask(wire.place(row.reply), stream=row.stream)), row)


def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    failure = classify(caught(lambda: ask(refused_url())))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, False)
