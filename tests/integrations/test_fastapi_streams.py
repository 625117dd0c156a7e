"""Streams as server-sent events, from a real server to a real client."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator  # noqa: TC003  FastAPI reads annotations
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, Request, Response

import reliai
from reliai.integrations.fastapi import install, sse
from reliai.testing import records, sdk_stream
from tests.integrations._web import Event, events, served

if TYPE_CHECKING:
    from reliai.telemetry import Memory

app = FastAPI()
install(app)


class Gates:
    """Where streams of the server and tests wait for one another."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.closed = threading.Event()
        self.after = threading.Event()


gates = Gates()


@pytest.fixture(autouse=True)
def new_gates() -> Iterator[None]:
    gates.__init__()  # type: ignore[misc]
    yield
    gates.go.set()


async def passed(gate: threading.Event) -> None:
    while not gate.is_set():  # noqa: ASYNC110  it is set by another thread
        await asyncio.sleep(0.002)


@reliai.reliable(name="stream")
async def stream(*chunks: Any) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


@reliai.reliable(name="slow")
async def slow() -> AsyncIterator[str]:
    try:
        yield "first"
        await passed(gates.go)
        yield "second"
    finally:
        gates.closed.set()


@reliai.reliable(name="slow")
def slow_sync() -> Iterator[str]:
    try:
        yield "first"
        gates.go.wait(10)
        yield "second"
    finally:
        gates.closed.set()


@reliai.reliable(name="slow")
def long_sync() -> Iterator[str]:
    try:
        yield "first"
        for _ in range(1000):  # until the server has noticed that the reader is gone
            yield "more"
            time.sleep(0.005)
    finally:
        gates.closed.set()


@reliai.reliable(name="never")
async def never() -> AsyncIterator[str]:
    try:
        await asyncio.sleep(60)
        yield "too late"
    finally:
        gates.closed.set()


@reliai.reliable(reliai.Guard(reliai.MaxLength(3)), name="guarded")
async def guarded(prompt: str) -> AsyncIterator[str]:
    yield prompt


@reliai.reliable(reliai.Timeout(5, first_chunk=5, idle=0.05), name="stalling")
async def stalling() -> AsyncIterator[str]:
    yield "first"
    await asyncio.sleep(60)


@reliai.reliable(name="breaking")
async def breaking() -> AsyncIterator[str]:
    yield "first"
    message = "secret"
    raise ConnectionError(message)


async def unguarded() -> AsyncIterator[str]:
    yield "first"
    raise LookupError


@reliai.reliable(name="title")
async def title() -> str:
    return "a title"


@reliai.reliable(name="asking")
async def asking() -> AsyncIterator[str]:
    yield "first"


async def titled() -> Response:
    chunks = asking()
    await title()
    return sse(chunks)


app.add_api_route("/two", titled)

CHUNKS: dict[str, list[Any]] = {
    "text": ["Hello", " world", "", "\n", "two\nlines", "\r\nreturn", "ünï"],
    "json": [{"a": 1}, [1, None], 3, True],
    "none": [],
    "openai": list(sdk_stream("Hello world", "responses")),
}


@app.get("/chunks/{what}")
async def chunks(what: str) -> Response:
    return sse(stream(*CHUNKS[what]))


@app.get("/encoded")
async def encoded() -> Response:
    return sse(stream(1, 2, 3), encode=lambda n: None if n == 2 else f"<{n}>")


@app.get("/slow")
async def slowly() -> Response:
    return sse(slow(), keepalive=0.05)


@app.get("/sync")
def slowly_sync() -> Response:
    return sse(slow_sync())


@app.get("/long")
def long() -> Response:
    return sse(long_sync())


@app.get("/never")
async def never_ending() -> Response:
    return sse(never())


@app.get("/guarded")
async def with_guard() -> Response:
    return sse(guarded("too long"))


@app.get("/stalling")
async def stalled() -> Response:
    return sse(stalling())


@app.get("/breaking")
async def broken() -> Response:
    return sse(breaking())


@app.get("/unguarded")
async def without_guard() -> Response:
    return sse(unguarded())


@app.get("/unsendable")
async def unsendable() -> Response:
    return sse(stream("first", object()))


@app.get("/tasks")
async def with_tasks(tasks: BackgroundTasks) -> Response:
    tasks.add_task(gates.after.set)
    return sse(stream("a"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app) as url:
        yield url


def got(url: str) -> list[Event]:
    with httpx.stream("GET", url) as response:
        assert response.status_code == 200
        return list(events(response.iter_lines()))


@contextmanager
def reading(url: str) -> Iterator[tuple[httpx.Response, Iterator[str]]]:
    with httpx.stream("GET", url) as response:
        yield response, response.iter_lines()


def ended(seen: Memory, number: int = 1) -> reliai.CallRecord:
    """The record, when the server has come to its end."""
    for _ in range(2000):
        if len(seen) >= number:
            return seen[number - 1]
        gates.after.wait(0.005)
    raise AssertionError("the call did not end")


def test_chunks_come_as_they_are_made_and_the_last_event_is_the_end(url: str) -> None:
    with reading(f"{url}/slow") as (response, lines):
        arriving = events(lines)
        assert next(arriving) == Event("message", "first")
        assert not gates.go.is_set()
        gates.go.set()
        second, end = list(arriving)
    assert second.data == "second"
    assert end.kind == "end"
    assert end.json() == {"call_id": response.headers["X-Call-Id"]}


def test_the_headers_keep_proxies_from_holding_it_back(url: str) -> None:
    got = httpx.get(f"{url}/chunks/text")
    assert got.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert got.headers["Cache-Control"] == "no-store"
    assert got.headers["X-Accel-Buffering"] == "no"


def test_the_header_names_the_call(url: str) -> None:
    with records() as seen:
        response = httpx.get(f"{url}/chunks/text")
        record = ended(seen)
    assert response.headers.get_list("X-Call-Id") == [record.id]
    assert (record.status, record.chunks) == ("success", 7)


def test_the_header_names_the_streams_call_although_another_came_after(url: str) -> None:
    with records() as seen:
        response = httpx.get(f"{url}/two")
        ended(seen, 2)
    names = {record.id: record.name for record in seen}
    assert names[response.headers["X-Call-Id"]] == "asking"


@pytest.mark.parametrize(("header", "named"), [("X-Ours", ["x-ours"]), (None, [])])
def test_a_stream_has_the_header_that_the_application_chose(
    header: str | None, named: list[str]
) -> None:
    small = FastAPI()
    install(small, header=header)
    small.add_api_route("/", encoded)
    with served(small) as url:
        headers = httpx.get(url).headers
    assert [name for name in headers if name in {"x-ours", "x-call-id"}] == named


def test_without_the_middleware_the_header_is_there_all_the_same() -> None:
    bare = FastAPI()
    bare.add_api_route("/", encoded)
    with served(bare) as url:
        response = httpx.get(url)
    assert response.headers["X-Call-Id"] in response.text


def test_texts_arrive_as_they_are(url: str) -> None:
    arrived = [each.data for each in got(f"{url}/chunks/text") if each.kind == "message"]
    assert arrived == ["Hello", " world", "\n", "two\nlines", "\nreturn", "ünï"]


def test_other_chunks_are_sent_as_json(url: str) -> None:
    arrived = [each.json() for each in got(f"{url}/chunks/json") if each.kind == "message"]
    assert arrived == CHUNKS["json"]


def test_of_a_providers_events_the_text_is_sent(url: str) -> None:
    arrived = [each.data for each in got(f"{url}/chunks/openai") if each.kind == "message"]
    assert "".join(arrived) == "Hello world"


def test_an_empty_stream_has_an_end(url: str) -> None:
    assert [each.kind for each in got(f"{url}/chunks/none")] == ["end"]


def test_what_is_sent_can_be_chosen(url: str) -> None:
    arrived = [each.data for each in got(f"{url}/encoded") if each.kind == "message"]
    assert arrived == ["<1>", "<3>"]


def test_a_synchronous_stream_is_sent_too(url: str) -> None:
    with reading(f"{url}/sync") as (_, lines):
        arriving = events(lines)
        assert next(arriving).data == "first"
        gates.go.set()
        assert [each.kind for each in arriving] == ["message", "end"]


def test_what_fails_before_the_first_chunk_has_its_status(url: str) -> None:
    with records() as seen:
        response = httpx.get(f"{url}/guarded")
        record = ended(seen)
    assert response.status_code == 422
    assert response.json()["error"] == "input_rejected"
    assert response.headers["X-Call-Id"] == record.id


def test_what_fails_later_is_an_event_that_tells_nothing_of_the_inside(url: str) -> None:
    with records() as seen:
        first, error = got(f"{url}/breaking")
        record = ended(seen)
    assert first.data == "first"
    assert error.kind == "error"
    assert error.json() == {
        "error": "failed",
        "detail": "The answer could not be given.",
        "call_id": record.id,
    }


def test_a_stream_that_is_cut_says_so(url: str) -> None:
    assert got(f"{url}/stalling")[-1].json()["error"] == "interrupted"


@pytest.mark.parametrize("path", ["unguarded", "unsendable"])
def test_an_error_that_no_record_tells_of_reaches_the_servers_log(
    url: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, error = got(f"{url}/{path}")
    assert first.data == "first"
    assert error.kind == "error"
    for _ in range(400):
        if any("ASGI" in each.message for each in caplog.records):
            return
        gates.after.wait(0.005)
    raise AssertionError("nothing was logged")


@pytest.mark.parametrize("path", ["slow", "long"])
def test_a_stream_is_closed_when_its_reader_goes(url: str, path: str) -> None:
    with records() as seen:
        with reading(f"{url}/{path}") as (_, lines):
            assert next(events(lines)).data == "first"
        assert gates.closed.wait(5)
        assert ended(seen).status == "cancelled"


def test_a_model_that_has_not_begun_is_cancelled_when_its_reader_goes(url: str) -> None:
    with records() as seen:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/never", timeout=0.2)
        assert gates.closed.wait(5)
        assert ended(seen).status == "cancelled"


def test_it_is_noticed_behind_a_middleware_of_the_framework_too() -> None:
    behind = FastAPI()
    behind.add_api_route("/slow", slowly)

    @behind.middleware("http")
    async def between(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    install(behind)
    with served(behind) as url, records() as seen:
        with reading(f"{url}/slow") as (_, lines):
            assert next(events(lines)).data == "first"
        assert gates.closed.wait(5)
        assert ended(seen).status == "cancelled"


def test_silence_is_filled_with_comments(url: str) -> None:
    with reading(f"{url}/slow") as (_, lines):
        for line in lines:
            if line == ": keep-alive":
                break
        gates.go.set()
        assert [each.kind for each in events(lines)] == ["message", "end"]


def test_background_tasks_run_after_the_stream(url: str) -> None:
    assert [each.kind for each in got(f"{url}/tasks")] == ["message", "end"]
    assert gates.after.wait(5)


@pytest.mark.parametrize("thing", ["text", b"bytes", {"a": 1}, 3, None])
def test_what_is_no_stream_is_refused(thing: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"sse\(\) of a \w+: give a stream"):
        sse(thing)


@pytest.mark.parametrize("keepalive", [0, -1, True, "1", float("inf"), float("nan")])
def test_the_seconds_of_silence_must_be_some(keepalive: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"keepalive=.*give seconds above 0"):
        sse(["a"], keepalive=keepalive)


def test_a_client_that_cannot_be_sent_to_any_more_ends_the_stream() -> None:
    """Servers of a newer kind say so by an `OSError`."""

    async def main() -> str | None:
        chunks = stream("a", "b")

        async def receive() -> Any:
            await asyncio.sleep(60)

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                raise OSError

        await sse(chunks)({"type": "http"}, receive, send)
        record: reliai.CallRecord = chunks.record  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return record.status

    assert asyncio.run(main()) == "cancelled"


def test_a_server_that_stops_closes_the_stream() -> None:
    async def main() -> None:
        async def receive() -> Any:
            await asyncio.sleep(60)

        async def send(message: Any) -> None:
            """Take it."""

        task = asyncio.ensure_future(sse(never())({"type": "http"}, receive, send))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert gates.closed.is_set()
