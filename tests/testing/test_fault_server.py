"""Scripts, schedules, models, records and the life of the fault server, over plain HTTP."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from reliai.errors import ConfigurationError
from reliai.testing import (
    Cut,
    FaultServer,
    Hang,
    InStreamError,
    Latency,
    ReceivedRequest,
    Stall,
    Status,
    Truncated,
    fault_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def connect(server: FaultServer) -> closing[HTTPConnection]:
    return closing(HTTPConnection(urlsplit(server.url).netloc, timeout=20))


def send(
    connection: HTTPConnection, path: str = "/v1/chat/completions", **body: Any
) -> tuple[int, Any]:
    connection.request("POST", path, json.dumps({"model": "m", **body}))
    response = connection.getresponse()
    data = response.read()
    is_json = "json" in response.headers["content-type"]
    return response.status, json.loads(data) if is_json else data.decode()


def start_stream(connection: HTTPConnection, until: bytes) -> None:
    """Read a stream up to a line that holds some bytes."""
    connection.request("POST", "/v1/messages", json.dumps({"stream": True}))
    response = connection.getresponse()
    while until not in response.readline():
        pass


def ask(server: FaultServer, path: str = "/v1/chat/completions", **body: Any) -> Any:
    """The text of a chat answer, or the status of an error."""
    with connect(server) as connection:
        status, answer = send(connection, path, **body)
    return answer["choices"][0]["message"]["content"] if status == 200 else status


# --- scripts --------------------------------------------------------------------------------


def test_a_list_is_used_up_item_by_item_and_its_last_stays(server: FaultServer) -> None:
    server.reset([Status(500), "a", "b"])
    assert [ask(server) for _ in range(4)] == [500, "a", "b", "b"]


def test_after_a_list_the_default_answers() -> None:
    with fault_server(["a"], default=Status(503)) as server:
        assert [ask(server) for _ in range(3)] == ["a", 503, 503]


def test_after_a_list_the_model_answers() -> None:
    with fault_server(["a", None], model=lambda request: request["user"] + "!") as server:
        assert [ask(server, user="u") for _ in range(3)] == ["a", "u!", "u!"]


def test_one_item_serves_every_request(server: FaultServer) -> None:
    server.reset(Status(500))
    assert [ask(server) for _ in range(2)] == [500, 500]


def test_without_a_script_there_is_an_answer_all_the_same(server: FaultServer) -> None:
    assert "answer" in ask(server)


def test_a_callable_is_asked_with_the_request(server: FaultServer) -> None:
    def script(request: ReceivedRequest) -> object:
        return Status(500) if request.stream else f"{request.number} {request.model}"

    server.reset(script)
    assert ask(server, model="x") == "1 x"
    assert ask(server, model="x", stream=True) == 500


def test_a_mapping_looks_at_the_model_and_then_at_the_path(server: FaultServer) -> None:
    server.reset({"big": ["one", "two"], "/v1/chat/completions": "path", "responses": Status(500)})
    assert [ask(server, model="big") for _ in range(2)] == ["one", "two"]
    assert ask(server, model="small") == "path"
    assert ask(server, "/v1/responses") == 500
    with connect(server) as connection:
        assert send(connection, "/v1/messages")[0] == 200


def test_faults_nest(server: FaultServer) -> None:
    server.reset([Latency(0.001, Stall(0.001, then=Truncated(then="a b c d")))])
    with connect(server) as connection:
        choice = send(connection)[1]["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("a b ", "length")


def test_a_fault_without_an_answer_happens_to_the_usual_one() -> None:
    with fault_server([Latency(0.001), None], model=lambda _: "usual") as server:
        assert [ask(server) for _ in range(2)] == ["usual", "usual"]


def test_what_no_script_may_hold_is_said_with_http_500(server: FaultServer) -> None:
    server.reset([42])
    with connect(server) as connection:
        status, body = send(connection)
    assert status == 500
    assert "42" in body["error"]["message"]
    assert isinstance(server.requests[0].error, ConfigurationError)


@pytest.mark.parametrize("fault", [Status, InStreamError])
def test_a_kind_that_is_none_is_refused_with_the_list_of_kinds(fault: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"'nonsense' is no kind of error; use one of .*quota"
    ):
        fault("nonsense")


def test_a_model_and_a_default_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        fault_server(model=lambda _: "a", default="b")


# --- models ---------------------------------------------------------------------------------


def test_a_model_gets_the_request_and_may_answer_piece_by_piece() -> None:
    def model(request: dict[str, Any]) -> Iterator[str]:
        yield from (f"{message['content']} " for message in request["messages"])

    messages = [{"role": "user", "content": text} for text in ("a", "b")]
    with fault_server(model=model) as server:
        assert ask(server, messages=messages) == "a b "
        with connect(server) as connection:
            _, events = send(connection, messages=messages, stream=True)
    assert events.count('"content": "a "') == events.count('"content": "b "') == 1


def test_a_model_that_raises_is_http_500_and_on_the_record() -> None:
    def model(_: object) -> str:
        raise LookupError("no weights")

    with fault_server(model=model) as server:
        assert ask(server) == 500
        assert isinstance(server.requests[0].error, LookupError)


def test_a_model_that_raises_in_the_middle_breaks_the_stream() -> None:
    def model(_: object) -> Iterator[str]:
        yield "a"
        raise LookupError("lost")

    with fault_server(model=model) as server:
        with connect(server) as connection, pytest.raises(HTTPException):
            send(connection, stream=True)
        assert server.requests[0].wait()
        assert server.requests[0].outcome == "failed"
        assert isinstance(server.requests[0].error, LookupError)


def test_a_model_that_raises_in_the_middle_of_an_answer_in_one_piece_is_http_500() -> None:
    def model(_: object) -> Iterator[str]:
        yield "a"
        raise LookupError("lost")

    with fault_server(model=model) as server:
        assert ask(server) == 500
        assert isinstance(server.requests[0].error, LookupError)


def test_a_model_that_streams_is_closed_when_its_client_leaves() -> None:
    closed = threading.Event()

    def model(_: object) -> Iterator[str]:
        try:
            yield from ("word " for _ in range(1_000_000))
        finally:
            closed.set()

    with fault_server(model=model, chunk_delay=0.001) as server:
        with connect(server) as connection:
            start_stream(connection, until=b"word ")
        assert closed.wait(10)


# --- schedules ------------------------------------------------------------------------------


def test_a_schedule_is_asked_before_the_script() -> None:
    asked: list[tuple[float, int]] = []

    def schedule(seconds: float, request: ReceivedRequest) -> object:
        asked.append((seconds, request.number))
        return Status(503) if request.number < 3 else None

    with fault_server(["a", "b"], schedule=schedule) as server:
        assert [ask(server) for _ in range(4)] == [503, 503, "a", "b"]
        assert [number for _, number in asked] == [1, 2, 3, 4]
        assert [seconds for seconds, _ in asked] == [r.elapsed for r in server.requests]
        assert asked == sorted(asked)


def test_a_schedules_faults_happen_to_what_the_script_answers() -> None:
    with fault_server(["a b c d"], schedule=lambda *_: Truncated(after=1)) as server:
        assert ask(server) == "a "


def test_a_schedule_may_be_pairs_of_a_second_and_an_item() -> None:
    with fault_server("a", schedule=[(0, Status(503)), (3600, None)]) as server:
        assert ask(server) == 503
    with fault_server("a", schedule=[(-1, None), (-2, Status(503))]) as server:
        assert ask(server) == "a"
    with fault_server("a", schedule=[(3600, Status(503))]) as server:
        assert ask(server) == "a"


def test_an_outage_lasts_as_long_as_its_block(server: FaultServer) -> None:
    server.reset(["a", "b"])
    assert ask(server) == "a"
    with server.outage(Status(503)):
        assert ask(server) == 503
        with server.outage(Status(429)):
            assert ask(server) == 429
        assert ask(server) == 503
    assert ask(server) == "b"


# --- what is recorded -----------------------------------------------------------------------


def test_a_request_is_recorded_as_it_came(server: FaultServer) -> None:
    server.reset(["a", Status(500)])
    with connect(server) as connection:
        connection.request("POST", "/v1/responses?x=1", '{"model": "n"}', {"X-Mine": "yes"})
        read = len(connection.getresponse().read())
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert (request.json, request.model, request.stream) == ({"model": "n"}, "n", False)
    assert request.headers["x-mine"] == "yes"
    assert request.number == 1
    assert (request.item, request.status, request.outcome) == ("a", 200, "answered")
    assert request.bytes_sent > read
    assert not request.client_disconnected
    assert request.at == pytest.approx(time.time(), abs=600)


def test_reset_forgets_rewinds_and_may_bring_another_script() -> None:
    with fault_server(["a", "b"]) as server:
        assert ask(server) == "a"
        server.reset()
        assert server.requests == []
        assert ask(server) == "a"
        server.reset(["c"])
        assert ask(server) == "c"
        server.reset({"m": ["d", "e"]})
        assert ask(server) == "d"
        server.reset()
        assert ask(server) == "d"


def test_a_client_that_leaves_is_recorded(server: FaultServer) -> None:
    server.reset([["a", "b", Stall(60), "c"]])
    with connect(server) as connection:
        start_stream(connection, until=b'"b"')
    request = server.requests[0]
    assert request.wait()
    assert request.client_disconnected
    assert request.outcome == "disconnected"
    assert request.disconnected_at is not None
    assert request.disconnected_at >= request.at
    assert request.chunks_sent == 2


# --- HTTP -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
def test_paths_work_with_and_without_the_version(server: FaultServer, path: str) -> None:
    server.reset("a")
    assert ask(server, path) == "a"


def test_an_unknown_path_is_not_found(server: FaultServer) -> None:
    server.reset(["kept"])
    assert ask(server, "/v1/moderations") == 404
    assert ask(server) == "kept"


@pytest.mark.parametrize("body", ["", "{", "[1]"])
def test_a_body_that_is_no_json_object_is_a_bad_request(server: FaultServer, body: str) -> None:
    with connect(server) as connection:
        connection.request("POST", "/v1/messages", body)
        response = connection.getresponse()
        assert response.status == 400
        assert json.loads(response.read())["error"]["type"] == "invalid_request_error"


def test_one_connection_serves_many_requests(server: FaultServer) -> None:
    server.reset("a")
    with connect(server) as connection:
        send(connection)
        first = connection.sock
        send(connection, stream=True)
        send(connection)
        assert connection.sock is first
    assert len(server.requests) == 3


def test_a_client_may_ask_for_the_end_of_the_connection(server: FaultServer) -> None:
    with connect(server) as connection:
        connection.request("POST", "/v1/messages", "{}", {"Connection": "close"})
        connection.getresponse().read()
        connection.sock.settimeout(20) if connection.sock else None
        assert connection.sock is None or connection.sock.recv(1) == b""


def test_a_client_may_wait_for_the_servers_consent_to_its_body(server: FaultServer) -> None:
    server.reset("a")
    with connect(server) as connection:
        connection.putrequest("POST", "/v1/messages")
        connection.putheader("Expect", "100-continue")
        connection.putheader("Content-Length", "2")
        connection.endheaders()
        assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(b"{}")
        assert connection.getresponse().status == 200


def test_a_body_may_come_in_chunks(server: FaultServer) -> None:
    server.reset("a")
    with connect(server) as connection:
        connection.request("POST", "/v1/messages", iter([b'{"mod', b'el": "m"}']))
        assert connection.getresponse().status == 200
    assert server.requests[0].json == {"model": "m"}


@pytest.mark.parametrize(
    ("path", "sign"),
    [("/v1/chat/completions", ": keep-alive"), ("/v1/messages", "event: ping")],
)
def test_a_silent_stream_may_give_signs_of_life(server: FaultServer, path: str, sign: str) -> None:
    server.reset([["a", Stall(0.06, keep_alive=0.01), "b"]])
    with connect(server) as connection:
        _, events = send(connection, path, stream=True)
    silence = events.partition('"a"')[2].partition('"b"')[0]
    assert silence.count(sign) >= 5


def test_nonsense_on_the_line_ends_the_connection_and_nothing_else(server: FaultServer) -> None:
    with connect(server) as connection:
        connection.connect()
        connection.sock.sendall(b"nonsense\r\n\r\n")
        assert connection.sock.recv(1) == b""
    assert ask(server)
    assert len(server.requests) == 1


def test_fifty_requests_at_once_are_answered_and_counted_once(server: FaultServer) -> None:
    server.reset([*(str(number) for number in range(50)), Status(500)])
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask(server), range(50)))
    assert sorted(answers, key=int) == [str(number) for number in range(50)]
    assert [request.number for request in server.requests] == list(range(1, 51))


# --- life -----------------------------------------------------------------------------------


def servers_threads(server: FaultServer) -> list[threading.Thread]:
    port = str(urlsplit(server.url).port)
    return [thread for thread in threading.enumerate() if thread.name.endswith(port)]


@pytest.mark.parametrize(
    "item",
    [Hang(), Latency(60), Stall(60), ["a", Stall(60)], ["a", Stall(60, keep_alive=0.01)]],
    ids=str,
)
def test_stop_ends_whatever_is_being_waited_for(item: object) -> None:
    server = fault_server([item]).start()
    asked = threading.Event()
    ended: list[Exception] = []

    def client() -> None:
        with connect(server) as connection:
            connection.request("POST", "/v1/messages", json.dumps({"stream": True}))
            asked.set()
            try:
                connection.getresponse().read()
            except (HTTPException, OSError) as error:
                ended.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    assert asked.wait(10)
    while not server.requests:
        time.sleep(0.001)
    server.stop()
    thread.join(10)
    assert len(ended) == 1
    assert server.requests[0].outcome == "stopped"
    assert not server.requests[0].client_disconnected
    assert servers_threads(server) == []


def test_stop_ends_idle_connections_too() -> None:
    with fault_server("a") as server, connect(server) as connection:
        send(connection)
        server.stop()
        assert connection.sock.recv(1) == b""
        assert servers_threads(server) == []


def test_a_stopped_server_refuses_and_may_start_again_on_its_port() -> None:
    server = fault_server("a").start()
    url = server.url
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(server)
    with server:
        assert server.url == url
        assert ask(server) == "a"


def test_a_cut_body_is_shorter_than_announced(server: FaultServer) -> None:
    server.reset(Cut(then="a b c"))
    with connect(server) as connection:
        connection.request("POST", "/v1/messages", "{}")
        response = connection.getresponse()
        announced = int(response.headers["content-length"])
        with pytest.raises(IncompleteRead) as caught:
            response.read()
    assert 0 < len(caught.value.partial) < announced
