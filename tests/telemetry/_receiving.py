"""A real HTTP receiver on the loopback, which answers as a test tells it to."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Receiver", "Request", "receiver"]


class Request(NamedTuple):
    """What came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """The body as data."""
        return json.loads(self.body)


class Receiver:
    """What a backend saw, and what it says."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.answer: Callable[[Request], int | tuple[int, dict[str, str]]] = lambda _: 200

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The records of all requests that were answered well."""
        return [record for one in self.good for record in one.data["records"]]

    @property
    def good(self) -> list[Request]:
        """The requests that were answered well."""
        return [one for one in self.requests if one.headers.get("X-Answered") == "200"]


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """A backend that takes what is posted to it."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(self.path, dict(self.headers), body)
            given = state.answer(request)
            status, headers = given if isinstance(given, tuple) else (given, {})
            named = {**request.headers, "X-Answered": str(status)}
            state.requests.append(request._replace(headers=named))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
