"""What HTTP libraries raise when they are used without a provider's SDK."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from reliai.errors import ErrorKind
from reliai.providers import classify
from tests.providers.rows import Row, caught, check, table
from tests.providers.wire import Reply, refused_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.providers.wire import Wire

GZIP = {"content-encoding": "gzip"}
HTML = {"content-type": "text/html"}
QUOTA = Reply(429, {"error": {"code": "insufficient_quota"}}, {"retry-after": "3"})


def with_httpx(url: str) -> object:
    with httpx.Client() as client:
        return client.post(url).raise_for_status().json()


def with_httpx2(url: str) -> object:
    with httpx2.Client() as client:
        return client.post(url).raise_for_status().json()


def with_requests(url: str, *, stream: bool = False) -> object:
    with requests.post(url, timeout=5, stream=stream) as response:
        response.raise_for_status()
        return response.json()


def with_aiohttp(url: str) -> object:
    async def ask() -> object:
        async with aiohttp.ClientSession() as session, session.post(url) as response:
            response.raise_for_status()
            return await response.json()

    return asyncio.run(ask())


def with_urllib(url: str) -> object:
    with urllib.request.urlopen(urllib.request.Request(url, data=b"x")) as response:  # noqa: S310
        return response.read()


def with_urllib3(url: str) -> object:
    with urllib3.PoolManager() as pool:
        return pool.request("POST", url, retries=urllib3.Retry(0)).data


EVERY: list[Callable[[str], object]] = [
    with_httpx,
    with_httpx2,
    with_requests,
    with_aiohttp,
    with_urllib,
    with_urllib3,
]
RAISING = EVERY[:-1]
STATUSES = [
    Row("rate limit", Reply(429, {}, {"Retry-After": "3"}), ErrorKind.RATE_LIMITED,
        {"retry_after": 3.0, "sent": True}),
    Row("unavailable", Reply(503, {}), ErrorKind.SERVER),
    Row("unauthorised", Reply(401, {}), ErrorKind.AUTH),
    Row("bad request", Reply(400, {}), ErrorKind.BAD_REQUEST),
]  # fmt: skip


@pytest.mark.parametrize("ask", RAISING)
@table(*STATUSES)
def test_a_status_tells(wire: Wire, ask: Callable[[str], object], row: Row) -> None:
    error = caught(lambda: ask(wire.place(row.reply)))
    check(error, row)
    close(error)


def close(error: Exception) -> None:
    if isinstance(error, urllib.error.HTTPError):
        error.close()


@pytest.mark.parametrize("ask", [with_httpx, with_httpx2, with_requests])
def test_the_body_of_a_bare_http_error_is_read_where_it_was_downloaded(
    wire: Wire, ask: Callable[[str], object]
) -> None:
    """Case 5: a spent quota is known without an SDK too."""
    assert classify(caught(lambda: ask(wire.place(QUOTA)))).kind is ErrorKind.QUOTA


def test_a_body_not_yet_downloaded_is_left_where_it_is(wire: Wire) -> None:
    error: Any = caught(lambda: with_requests(wire.place(QUOTA), stream=True))
    assert classify(error).kind is ErrorKind.RATE_LIMITED
    assert error.response._content is False


@pytest.mark.parametrize("ask", EVERY)
def test_a_refused_connection_proves_that_nothing_was_sent(ask: Callable[[str], object]) -> None:
    failure = classify(caught(lambda: ask(refused_url())))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, False)


@pytest.mark.parametrize("ask", EVERY)
def test_a_connection_closed_without_an_answer_came_after_the_request(
    wire: Wire, ask: Callable[[str], object]
) -> None:
    failure = classify(caught(lambda: ask(wire.place(Reply(hang_up=True)))))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, True)


@pytest.mark.parametrize("ask", RAISING)
def test_an_answer_broken_off_is_a_lost_connection(
    wire: Wire, ask: Callable[[str], object]
) -> None:
    failure = classify(caught(lambda: ask(wire.place(Reply(200, '{"x', cut=True)))))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, True)


@pytest.mark.parametrize("ask", [with_httpx, with_httpx2, with_requests])
def test_an_answer_that_cannot_be_unpacked_is_malformed(
    wire: Wire, ask: Callable[[str], object]
) -> None:
    failure = classify(caught(lambda: ask(wire.place(Reply(200, "xxxx", GZIP)))))
    assert (failure.kind, failure.sent) == (ErrorKind.MALFORMED, True)


@pytest.mark.parametrize("ask", [with_httpx, with_httpx2, with_requests, with_aiohttp])
@pytest.mark.parametrize("reply", [Reply(200, '{"x'), Reply(200, "<p>", HTML)], ids=str)
def test_an_answer_that_is_no_json_is_malformed(
    wire: Wire, ask: Callable[[str], object], reply: Reply
) -> None:
    assert classify(caught(lambda: ask(wire.place(reply)))).kind is ErrorKind.MALFORMED


@pytest.mark.parametrize("ask", EVERY[:-2])
def test_an_address_no_library_can_use_is_no_failure_of_the_network(
    ask: Callable[[str], object],
) -> None:
    assert classify(caught(lambda: ask("foo://x"))).kind is ErrorKind.UNKNOWN


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("name", "kind", "sent"),
    [
        ("ConnectTimeout", ErrorKind.TIMEOUT, False),
        ("PoolTimeout", ErrorKind.TIMEOUT, False),
        ("WriteTimeout", ErrorKind.TIMEOUT, None),
        ("ReadTimeout", ErrorKind.TIMEOUT, True),
        ("ConnectError", ErrorKind.CONNECTION, False),
        ("ProxyError", ErrorKind.CONNECTION, False),
        ("WriteError", ErrorKind.CONNECTION, None),
        ("CloseError", ErrorKind.CONNECTION, None),
        ("LocalProtocolError", ErrorKind.CONNECTION, None),
        ("ReadError", ErrorKind.CONNECTION, True),
        ("RemoteProtocolError", ErrorKind.CONNECTION, True),
        ("DecodingError", ErrorKind.MALFORMED, True),
        ("UnsupportedProtocol", ErrorKind.UNKNOWN, False),
        ("TooManyRedirects", ErrorKind.UNKNOWN, None),
    ],
)
def test_httpx_tells_by_the_name_of_the_phase(
    library: Any, name: str, kind: ErrorKind, sent: bool | None
) -> None:
    """Case 52, as far as telling goes. The message of these is empty as often as not."""
    failure = classify(getattr(library, name)(""))
    assert (failure.kind, failure.sent) == (kind, sent)


CONNECTION, TIMEOUT, UNKNOWN = ErrorKind.CONNECTION, ErrorKind.TIMEOUT, ErrorKind.UNKNOWN
STDLIB: list[tuple[BaseException, ErrorKind, bool | None]] = [
    (ConnectionError(), CONNECTION, None),
    (ConnectionResetError(), CONNECTION, None),
    (BrokenPipeError(), CONNECTION, None),
    (ConnectionAbortedError(), CONNECTION, None),
    (ConnectionRefusedError(111, "refused"), CONNECTION, False),
    (TimeoutError(), TIMEOUT, None),
    (OSError(errno.ETIMEDOUT, "timed out"), TIMEOUT, None),
    (OSError(errno.ENETUNREACH, "unreachable"), CONNECTION, False),
    (OSError(errno.EHOSTUNREACH, "unreachable"), CONNECTION, False),
    (OSError(errno.ENOENT, "no file"), UNKNOWN, None),
    (OSError("words"), UNKNOWN, None),
    (socket.gaierror(-2, "unknown name"), CONNECTION, False),
    (socket.herror(), CONNECTION, False),
    (ssl.SSLError("handshake"), CONNECTION, None),
    (ssl.SSLCertVerificationError("expired"), CONNECTION, False),
    (http.client.RemoteDisconnected(""), CONNECTION, True),
    (http.client.IncompleteRead(b""), CONNECTION, True),
    (http.client.BadStatusLine("x"), CONNECTION, None),
    (http.client.InvalidURL(), UNKNOWN, False),
    (urllib.error.URLError("unknown url type: foo"), UNKNOWN, None),
    (urllib.error.URLError(ConnectionRefusedError()), CONNECTION, False),
    (urllib.error.URLError(TimeoutError()), TIMEOUT, None),
    (urllib.error.ContentTooShortError("", ("", http.client.HTTPMessage())), CONNECTION, True),
    (asyncio.IncompleteReadError(b"", 1), CONNECTION, True),
    (json.JSONDecodeError("no JSON", "", 0), ErrorKind.MALFORMED, None),
    (requests.ConnectTimeout(), TIMEOUT, False),
    (requests.ReadTimeout(), TIMEOUT, True),
    (requests.Timeout(), TIMEOUT, None),
    (requests.exceptions.ProxyError(), CONNECTION, False),
    (requests.exceptions.SSLError(), CONNECTION, None),
    (requests.exceptions.ChunkedEncodingError(), CONNECTION, True),
    (aiohttp.ConnectionTimeoutError(), TIMEOUT, False),
    (aiohttp.SocketTimeoutError(), TIMEOUT, True),
    (aiohttp.ServerTimeoutError(), TIMEOUT, None),
    (aiohttp.ClientPayloadError(), CONNECTION, True),
    (aiohttp.ClientOSError(), CONNECTION, None),
    (aiohttp.InvalidURL("x"), UNKNOWN, False),
    (ValueError("x"), UNKNOWN, None),
    (KeyError("x"), UNKNOWN, None),
]


@pytest.mark.parametrize(
    ("error", "kind", "sent"), STDLIB, ids=[f"{n} {e!r}"[:40] for n, (e, *_) in enumerate(STDLIB)]
)
def test_an_error_of_the_network_is_told_by_its_type(
    error: BaseException, kind: ErrorKind, sent: bool | None
) -> None:
    failure = classify(error)
    assert (failure.kind, failure.sent, failure.status) == (kind, sent, None)
    assert classify(error) == failure
