"""Each fault of the fault server, as the real SDKs see it with their own retries off."""

from __future__ import annotations

import pytest

pytest.importorskip("openai")
pytest.importorskip("anthropic")

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai

from reliai.testing import (
    Cut,
    Hang,
    InStreamError,
    Latency,
    Malformed,
    Refuse,
    Stall,
    Status,
)
from tests.testing._callers import ALL, MIXED, SYNC, Caller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.testing import FaultServer

every_caller = pytest.mark.parametrize("caller", ALL, ids=str)
every_api = pytest.mark.parametrize("caller", MIXED, ids=str)
CHAT, RESPONSES, MESSAGES = SYNC
ANSWER = "a b c d"

# kind: (OpenAI's class, status, code or type), (Anthropic's class, status, type)
KINDS: dict[str, tuple[tuple[type[Exception], int, str], tuple[type[Exception], int, str]]] = {
    "rate_limited": (
        (openai.RateLimitError, 429, "rate_limit_exceeded"),
        (anthropic.RateLimitError, 429, "rate_limit_error"),
    ),
    "quota": (
        (openai.RateLimitError, 429, "insufficient_quota"),
        (anthropic.BadRequestError, 400, "invalid_request_error"),
    ),
    "server": (
        (openai.InternalServerError, 500, "server_error"),
        (anthropic.InternalServerError, 500, "api_error"),
    ),
    "overloaded": (
        (openai.InternalServerError, 503, "server_is_overloaded"),
        (anthropic.OverloadedError, 529, "overloaded_error"),
    ),
    "unavailable": (
        (openai.InternalServerError, 503, "server_error"),
        (anthropic.ServiceUnavailableError, 503, "api_error"),
    ),
    "timeout": (
        (openai.InternalServerError, 504, "server_error"),
        (anthropic.GatewayTimeoutError, 504, "timeout_error"),
    ),
    "conflict": (
        (openai.ConflictError, 409, "invalid_request_error"),
        (anthropic.ConflictError, 409, "invalid_request_error"),
    ),
    "context_length": (
        (openai.BadRequestError, 400, "context_length_exceeded"),
        (anthropic.BadRequestError, 400, "invalid_request_error"),
    ),
    "content_filter": (
        (openai.BadRequestError, 400, "content_filter"),
        (anthropic.BadRequestError, 400, "invalid_request_error"),
    ),
    "too_large": (
        (openai.APIStatusError, 413, "invalid_request_error"),
        (anthropic.ContentTooLargeError, 413, "request_too_large"),
    ),
    "auth": (
        (openai.AuthenticationError, 401, "invalid_api_key"),
        (anthropic.AuthenticationError, 401, "authentication_error"),
    ),
    "permission": (
        (openai.PermissionDeniedError, 403, "invalid_request_error"),
        (anthropic.PermissionDeniedError, 403, "permission_error"),
    ),
    "not_found": (
        (openai.NotFoundError, 404, "model_not_found"),
        (anthropic.NotFoundError, 404, "not_found_error"),
    ),
}


def failure_of(caller: Caller, url: str, timeout: float = 20.0) -> Any:
    """What a call in one piece raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  any; the test looks at it
        caller.call(url, timeout)
    return caught.value


# --- HTTP errors ----------------------------------------------------------------------------


@every_api
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_error_is_the_providers_own(
    server: FaultServer, caller: Caller, kind: str
) -> None:
    server.reset(Status(kind))
    expected, status, word = KINDS[kind][caller.provider == "anthropic"]
    error = failure_of(caller, server.url)
    assert type(error).__name__ == expected.__name__
    assert error.status_code == status
    assert word in {getattr(error, "code", None), error.type}


@every_caller
def test_a_stream_that_is_refused_fails_before_its_first_event(
    server: FaultServer, caller: Caller
) -> None:
    server.reset(Status(429))
    seen = caller.stream(server.url)
    assert seen.events == []
    assert type(seen.error).__name__ == "RateLimitError"


def test_a_status_may_carry_another_kinds_body(server: FaultServer) -> None:
    server.reset(Status(429, "insufficient_quota"))
    assert failure_of(CHAT, server.url).code == "insufficient_quota"
    server.reset(Status(503, "overloaded", message="too hot"))
    error = failure_of(MESSAGES, server.url)
    assert (error.status_code, error.type, error.api_message) == (
        503,
        "overloaded_error",
        "too hot",
    )


@pytest.mark.parametrize("status", [400, 401, 402, 404, 418, 429, 500, 502, 503, 529])
def test_a_bare_status_comes_with_a_body_that_fits(server: FaultServer, status: int) -> None:
    server.reset(Status(status))
    for caller in (CHAT, MESSAGES):
        error = failure_of(caller, server.url)
        assert error.status_code == status
        assert isinstance(error.body, dict)


def test_a_status_may_carry_any_body_and_headers(server: FaultServer) -> None:
    server.reset([Status(500, {"detail": "mine"}, {"x-mine": "yes"}), Status(500, b"plain words")])
    error = failure_of(CHAT, server.url)
    assert error.body == {"detail": "mine"}
    assert error.response.headers["x-mine"] == "yes"
    assert failure_of(MESSAGES, server.url).body == "plain words"


def test_errors_carry_the_providers_request_id(server: FaultServer) -> None:
    server.reset(Status(500))
    assert failure_of(CHAT, server.url).request_id == "req_00000001"
    assert failure_of(MESSAGES, server.url).request_id == "req_00000002"


# --- Retry-After ----------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [CHAT, MESSAGES], ids=str)
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (Status(429, retry_after=2), {"retry-after": "2"}),
        (Status(429, retry_after=0.5), {"retry-after": "0.5"}),
        (Status(429, retry_after=-1), {"retry-after": "-1"}),
        (Status(429, retry_after="soon"), {"retry-after": "soon"}),
        (Status(429, retry_after_ms=1500), {"retry-after-ms": "1500"}),
        (
            Status(503, retry_after=2, retry_after_ms=1500),
            {"retry-after": "2", "retry-after-ms": "1500"},
        ),
        (Status(429, headers={"retry-after": "nan"}), {"retry-after": "nan"}),
        (Status(429), {}),
    ],
    ids=lambda value: ",".join(value.values()) or "none" if isinstance(value, dict) else "",
)
def test_every_form_of_retry_after_arrives(
    server: FaultServer, caller: Caller, status: Status, headers: dict[str, str]
) -> None:
    """Acceptance 3 of the LLM cases: what the parsers are to be given."""
    server.reset(status)
    arrived = failure_of(caller, server.url).response.headers
    names = ("retry-after", "retry-after-ms")
    assert {name: arrived[name] for name in names if name in arrived} == headers


@pytest.mark.parametrize("seconds", [90, -3600])
def test_retry_after_may_be_a_date_to_come_or_gone(server: FaultServer, seconds: int) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    server.reset(Status(429, retry_after=timedelta(seconds=seconds)))
    header = failure_of(CHAT, server.url).response.headers["retry-after"]
    assert header.endswith(" GMT")
    date = parsedate_to_datetime(header) - timedelta(seconds=seconds)
    assert before <= date <= datetime.now(UTC)


# --- connections ----------------------------------------------------------------------------


@every_caller
def test_a_server_that_hangs_is_a_timeout(server: FaultServer, caller: Caller) -> None:
    server.reset(Hang())
    error = failure_of(caller, server.url, timeout=0.1)
    assert type(error).__name__ == "APITimeoutError"
    assert server.requests[0].wait()
    assert server.requests[0].client_disconnected
    assert server.requests[0].status is None


@every_caller
def test_a_refused_connection_is_a_connection_error(server: FaultServer, caller: Caller) -> None:
    server.reset(Refuse())
    error = failure_of(caller, server.url)
    assert type(error).__name__ == "APIConnectionError"
    assert isinstance(error.__cause__, httpx2.ReadError)
    assert server.requests[0].outcome == "cut"


@every_caller
def test_an_unreachable_server_is_never_sent_a_request(server: FaultServer, caller: Caller) -> None:
    with server.unreachable():
        error = failure_of(caller, server.url)
    assert type(error).__name__ == "APIConnectionError"
    assert isinstance(error.__cause__, httpx2.ConnectError)
    assert server.requests == []
    assert caller.text(caller.call(server.url))  # and back again, on the same port


@every_caller
@pytest.mark.parametrize(
    ("how", "cause"), [("close", httpx2.RemoteProtocolError), ("reset", httpx2.ReadError)]
)
def test_a_cut_answer_is_a_connection_error(
    server: FaultServer, caller: Caller, how: Any, cause: type[Exception]
) -> None:
    server.reset(Cut(how=how, then=ANSWER))
    error = failure_of(caller, server.url)
    assert type(error).__name__ == "APIConnectionError"
    assert isinstance(error.__cause__, cause)


@every_caller
@pytest.mark.parametrize(
    ("how", "cause"), [("close", httpx2.RemoteProtocolError), ("reset", httpx2.ReadError)]
)
def test_a_stream_cut_in_the_middle_keeps_its_beginning(
    server: FaultServer, caller: Caller, how: Any, cause: type[Exception]
) -> None:
    """Acceptance 11 of the LLM cases: the stream the policies are to be tried on."""
    server.reset(Cut(after=2, how=how, then=ANSWER))
    seen = caller.stream(server.url)
    assert seen.text == "a b "
    # openai wraps what its transport raises in mid-stream, anthropic does not
    raised = seen.error.__cause__ if caller.provider == "openai" and seen.error else seen.error
    assert isinstance(raised, cause)
    assert server.requests[0].chunks_sent == 2
    assert server.requests[0].outcome == "cut"


@every_caller
def test_an_end_without_the_terminal_event_is_no_error_to_the_sdks(
    server: FaultServer, caller: Caller
) -> None:
    server.reset(Cut(after=2, how="end", then=ANSWER))
    seen = caller.stream(server.url)
    assert (seen.text, seen.error) == ("a b ", None)
    last = seen.events[-1]
    if caller.api == "chat":
        assert last.choices[0].finish_reason is None
    else:
        assert last.type in {"response.output_text.delta", "content_block_delta"}


# --- errors inside a stream -----------------------------------------------------------------


@every_caller
def test_an_error_inside_a_stream_comes_after_status_200(
    server: FaultServer, caller: Caller
) -> None:
    """Acceptance 10 of the LLM cases: the stream the policies are to be tried on."""
    server.reset(InStreamError("overloaded", after=2, then=ANSWER))
    seen = caller.stream(server.url)
    assert seen.text == "a b "
    assert server.requests[0].status == 200
    error: Any = seen.error
    if caller.api == "chat":
        assert type(error) is openai.APIError
        assert error.code == "server_is_overloaded"
    elif caller.api == "responses":
        assert error is None  # this SDK hands the event on
        assert seen.events[-1].type == "error"
        assert seen.events[-1].code == "server_is_overloaded"
    else:
        assert type(error) is anthropic.APIStatusError
        assert (error.status_code, error.type) == (200, "overloaded_error")


def test_a_response_may_fail_in_its_last_event(server: FaultServer) -> None:
    server.reset(InStreamError("server", after=1, form="failed", then=ANSWER))
    last = RESPONSES.stream(server.url).events[-1]
    assert last.type == "response.failed"
    assert (last.response.status, last.response.error.code) == ("failed", "server_error")


@every_api
def test_without_a_stream_it_is_an_http_error(server: FaultServer, caller: Caller) -> None:
    server.reset(InStreamError("rate_limited", after=2, then=ANSWER))
    assert failure_of(caller, server.url).status_code == 429


# --- unreadable answers ---------------------------------------------------------------------


@every_api
@pytest.mark.parametrize("kind", ["json", "truncated", "empty"])
def test_broken_json_comes_out_as_a_decoding_error(
    server: FaultServer, caller: Caller, kind: Any
) -> None:
    server.reset(Malformed(kind, then=ANSWER))
    assert type(failure_of(caller, server.url)) is json.JSONDecodeError


@every_api
@pytest.mark.parametrize("kind", ["json", "truncated", "sse"])
def test_a_broken_event_comes_out_as_a_decoding_error(
    server: FaultServer, caller: Caller, kind: Any
) -> None:
    server.reset(Malformed(kind, after=2, then=ANSWER))
    seen = caller.stream(server.url)
    assert seen.text == "a b "
    assert type(seen.error) is json.JSONDecodeError


@every_api
def test_a_page_of_html_comes_back_as_text(server: FaultServer, caller: Caller) -> None:
    server.reset([Malformed("html"), Malformed("html", status=502)])
    page: object = caller.call(server.url)
    assert isinstance(page, str)
    assert "<html>" in page
    assert failure_of(caller, server.url).status_code == 502


@every_api
def test_an_event_stream_nobody_asked_for_comes_back_as_text(
    server: FaultServer, caller: Caller
) -> None:
    server.reset(Malformed("sse"))
    assert str(caller.call(server.url)).startswith("data: ")


@every_api
def test_json_of_another_shape_passes_the_sdk(server: FaultServer, caller: Caller) -> None:
    server.reset(Malformed("schema"))
    answer = caller.call(server.url)
    assert answer.id is None
    assert answer.unexpected is True


# --- time -----------------------------------------------------------------------------------


@every_caller
def test_a_stalled_answer_is_a_timeout_after_its_headers(
    server: FaultServer, caller: Caller
) -> None:
    server.reset(Stall(30, then=ANSWER))
    error = failure_of(caller, server.url, timeout=0.1)
    assert type(error).__name__ == "APITimeoutError"
    assert server.requests[0].status == 200
    assert server.requests[0].wait()
    assert server.requests[0].client_disconnected


@pytest.mark.parametrize("caller", [RESPONSES, MESSAGES], ids=str)
def test_a_stalled_stream_is_a_timeout_after_its_beginning(
    server: FaultServer, caller: Caller
) -> None:
    server.reset([["a ", Stall(30), "b"]])
    seen = caller.stream(server.url, timeout=0.8)
    assert seen.text == "a "
    assert isinstance(seen.error, openai.APITimeoutError | httpx2.ReadTimeout)
    assert server.requests[0].wait()
    assert server.requests[0].outcome == "disconnected"


def test_comments_keep_a_stalled_stream_from_timing_out(server: FaultServer) -> None:
    """Acceptance 13 of the LLM cases: the stream the policies are to be tried on."""
    server.reset(Stall(1.3, after=1, then=ANSWER, keep_alive=0.05))
    seen = CHAT.stream(server.url, timeout=1.0)
    assert (seen.error, seen.text) == (None, ANSWER)


def test_latency_comes_before_the_headers(server: FaultServer) -> None:
    server.reset(Latency(30, Status(500)))
    assert type(failure_of(CHAT, server.url, timeout=0.1)) is openai.APITimeoutError
    assert server.requests[0].status is None
    server.reset(Latency(0.01, Status(500)))
    assert failure_of(CHAT, server.url).status_code == 500


@pytest.fixture(autouse=True)
def _no_request_is_left(server: FaultServer) -> Iterator[None]:
    yield
    assert all(request.wait() for request in server.requests)
