"""A FastAPI application on a real server: whom calls are for, and what errors become."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Response, WebSocket

import reliai
from reliai.integrations.fastapi import ContextMiddleware, install
from reliai.testing import records
from tests.integrations._web import served

if TYPE_CHECKING:
    from collections.abc import Iterator

ERRORS: dict[str, Exception] = {
    "circuit": reliai.CircuitOpen("openai", 7.2),
    "isolated": reliai.CircuitOpen("openai", None),
    "bulkhead": reliai.BulkheadFull("no place left in internal_function"),
    "rate": reliai.RateLimited("5 a second", retry_after=0.2),
    "budget": reliai.BudgetExceeded("spent", retry_after=3600),
    "timeout": reliai.CallTimeout("total", 30, "internal_function"),
    "guard": reliai.GuardRejected("MaxLength said no", check="MaxLength", parameter="prompt"),
    "refused": reliai.OutputRefused("the model refused", raw="secret"),
    "invalid": reliai.OutputInvalid("no answer", raw="secret"),
    "truncated": reliai.OutputTruncated("cut off", raw="secret"),
    "configuration": reliai.ConfigurationError("wrong"),
    "model": ConnectionError("down"),
    "http": HTTPException(418, "short and stout"),
}


@reliai.reliable(name="failing")
def failing(what: str) -> str:
    raise ERRORS[what]


@reliai.reliable(name="answer")
def answer(question: str) -> str:
    return f"answer to {question}"


@reliai.reliable(name="answer")
async def answer_later(question: str) -> str:
    await asyncio.sleep(0.01)
    return f"answer to {question}"


@reliai.reliable(name="outer")
def outer(question: str) -> str:
    return answer(question)


app = FastAPI()


def user(scope: Any) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-user":
            if value == b"nobody":
                raise ValueError(value)
            return str(value.decode())
    return None


install(
    app,
    subject=user,
    session=lambda scope: "s-1",
    tenant=lambda scope: "acme",
    tags=lambda scope: {"path": scope["path"]},
)


@app.get("/fail/{what}")
def fail(what: str) -> str:
    return failing(what)


@app.get("/sync")
def in_a_thread() -> str:
    return answer("q")


@app.get("/async")
async def in_the_loop() -> str:
    return await answer_later("q")


def depended() -> str:
    return answer("dependency")


@app.get("/dependency")
async def with_dependency(found: Annotated[str, Depends(depended)]) -> str:
    return found


@app.get("/plain")
async def plain() -> str:
    return "no call"


@app.get("/own")
async def own(response: Response) -> str:
    response.headers["X-Call-Id"] = "mine"
    return await answer_later("q")


@app.get("/several")
def several() -> str:
    return answer("first") + outer("last")


@app.get("/recovered")
def recovered() -> str:
    try:
        return failing("circuit")
    except reliai.CircuitOpen:
        answer("q")
        raise


@app.get("/background")
async def background(tasks: BackgroundTasks) -> str:
    tasks.add_task(answer, "background")
    return "done"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    # The server closes a connection on which it failed, perhaps while it is being used again.
    limits = httpx.Limits(max_keepalive_connections=0)
    with served(app) as url, httpx.Client(base_url=url, limits=limits) as client:
        yield client


@pytest.mark.parametrize(
    ("what", "status", "code", "retry_after"),
    [
        ("circuit", 503, "unavailable", "8"),
        ("isolated", 503, "unavailable", None),
        ("bulkhead", 503, "overloaded", None),
        ("rate", 429, "rate_limited", "1"),
        ("budget", 429, "budget_exceeded", "3600"),
        ("timeout", 504, "timeout", None),
        ("guard", 422, "input_rejected", None),
        ("refused", 422, "refused", None),
        ("invalid", 502, "invalid_answer", None),
        ("truncated", 502, "invalid_answer", None),
    ],
)
def test_an_error_of_reliais_becomes_an_answer(
    client: httpx.Client, what: str, status: int, code: str, retry_after: str | None
) -> None:
    with records() as seen:
        got = client.get(f"/fail/{what}")
    assert got.status_code == status
    assert got.headers.get("Retry-After") == retry_after
    assert got.headers["X-Call-Id"] == seen[0].id
    said = got.json()
    assert said["error"] == code
    assert said["call_id"] == seen[0].id
    assert not re.search("openai|internal_function|MaxLength|secret", got.text)


@pytest.mark.parametrize("what", ["configuration", "model"])
def test_other_errors_stay_the_servers(client: httpx.Client, what: str) -> None:
    assert client.get(f"/fail/{what}").status_code == 500


def test_an_http_exception_passes_through_a_guarded_call(client: httpx.Client) -> None:
    got = client.get("/fail/http")
    assert got.status_code == 418
    assert got.json() == {"detail": "short and stout"}


@pytest.mark.parametrize("path", ["/sync", "/async", "/dependency", "/background"])
def test_a_call_knows_whom_it_is_for(client: httpx.Client, path: str) -> None:
    with records() as seen:
        assert client.get(path, headers={"X-User": "ana"}).status_code == 200
        client.get("/plain")  # the background task has run by then
    record = seen[0]
    assert (record.subject, record.session, record.tenant) == ("ana", "s-1", "acme")
    assert record.tags["path"] == path


def test_a_request_that_names_nobody_has_no_subject(client: httpx.Client) -> None:
    with records() as seen:
        client.get("/sync")
    assert seen[0].subject is None


def test_where_it_cannot_be_told_whom_a_call_is_for_none_is_made(client: httpx.Client) -> None:
    with records() as seen:
        assert client.get("/sync", headers={"X-User": "nobody"}).status_code == 500
    assert not seen


def test_requests_at_the_same_time_are_not_mixed_up(client: httpx.Client) -> None:
    async def main() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=client.base_url) as many:
            paths = ["/async", "/sync"] * 10
            asked = [many.get(each, headers={"X-User": f"u{n}"}) for n, each in enumerate(paths)]
            return await asyncio.gather(*asked)

    with records() as seen:
        answers = asyncio.run(main())
    subjects = {record.id: record.subject for record in seen}
    assert [subjects[each.headers["X-Call-Id"]] for each in answers] == [f"u{n}" for n in range(20)]


def test_the_answer_names_its_call(client: httpx.Client) -> None:
    with records() as seen:
        got = client.get("/sync")
    assert got.headers["X-Call-Id"] == seen[0].id


def test_an_answer_without_a_call_names_none(client: httpx.Client) -> None:
    assert "X-Call-Id" not in client.get("/plain").headers


def test_a_header_that_the_application_sets_stays(client: httpx.Client) -> None:
    assert client.get("/own").headers.get_list("X-Call-Id") == ["mine"]


def test_of_several_calls_the_last_that_is_in_no_other_is_named(client: httpx.Client) -> None:
    with records() as seen:
        got = client.get("/several")
    assert [record.id for record in seen if record.name == "outer"] == [got.headers["X-Call-Id"]]


def test_an_error_names_the_call_that_it_is_from(client: httpx.Client) -> None:
    with records() as seen:
        got = client.get("/recovered")
    failed = [record.id for record in seen if record.name == "failing"]
    assert failed == [got.headers["X-Call-Id"]] == [got.json()["call_id"]]


def test_a_real_circuit_says_when_to_come_again() -> None:
    small = FastAPI()
    install(small)

    @small.get("/")
    @reliai.CircuitBreaker(consecutive=1, open_for=20)
    def down() -> str:
        raise ConnectionError

    with served(small) as url:
        assert httpx.get(url).status_code == 500
        got = httpx.get(url)
    assert got.status_code == 503
    assert 18 <= int(got.headers["Retry-After"]) <= 20


def test_a_handler_that_the_application_has_stays() -> None:
    small = FastAPI()

    def mine(request: object, error: object) -> Response:
        return Response("mine", 599)

    small.add_exception_handler(reliai.CircuitOpen, mine)
    install(small)
    assert small.exception_handlers[reliai.CircuitOpen] is mine
    assert reliai.RateLimited in small.exception_handlers


@pytest.mark.parametrize("setting", ["subject", "session", "tenant", "tags"])
def test_a_setting_that_is_no_function_is_refused_at_once(setting: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=f"{setting}='x'.: give a function"):
        install(FastAPI(), **{setting: "x"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_without_a_header_none_is_sent() -> None:
    small = FastAPI()
    install(small, header=None)
    small.add_api_route("/", fail)
    with served(small) as url:
        got = httpx.get(url, params={"what": "guard"})
    assert got.status_code == 422
    assert "X-Call-Id" not in got.headers
    assert got.json()["call_id"]


# --- the middleware by itself ---------------------------------------------------------------
async def _nothing() -> Any:
    return {"type": "http.request"}


async def _no(message: Any) -> None:
    """Send nothing."""


def test_the_middleware_needs_no_framework() -> None:
    sent: list[Any] = []

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        answer("q")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    with records() as seen:
        wrapped = ContextMiddleware(bare, subject=lambda scope: scope["user"], header="X-Ours")
        asyncio.run(wrapped({"type": "http", "user": 7}, _nothing, send))
    assert seen[0].subject == "7"
    assert sent[0]["headers"] == [(b"x-ours", seen[0].id.encode())]


def test_what_is_no_request_passes_untouched() -> None:
    scopes: list[Any] = []

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        scopes.append((scope, receive, send))

    scope = {"type": "lifespan"}
    asyncio.run(ContextMiddleware(bare, subject=user)(scope, _nothing, _no))
    assert scopes == [(scope, _nothing, _no)]


def test_what_a_request_said_ends_with_it() -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError

    async def main() -> reliai.CallRecord | None:
        with pytest.raises(LookupError):
            await ContextMiddleware(bare, subject=lambda _: "ana")({"type": "http"}, _nothing, _no)
        return (await reliai.aexecute(answer_later, "q")).record

    record = asyncio.run(main())
    assert record is not None
    assert record.subject is None


def test_a_web_socket_is_closed_with_the_code_of_the_error() -> None:
    small = FastAPI()
    install(small, subject=lambda scope: "ana")

    @small.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        failing("circuit")

    sent: list[Any] = []
    incoming = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/talk", "headers": [], "query_string": b"", "app": small}
    with records() as seen:
        asyncio.run(small(scope, receive, send))
    assert seen[0].subject == "ana"
    assert sent[-1] == {"type": "websocket.close", "code": 1013, "reason": "unavailable"}
