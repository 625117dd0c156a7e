"""A real HTTP server on the loopback that takes alerts, and answers as it is told."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Delivery(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Keeps what arrives. `answers` are the next statuses; 200 when there are none left.

    Attributes:
        hanging: while it is clear, nothing is answered.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.deliveries: list[Delivery] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.hanging = threading.Event()
        self.hanging.set()
        self.arrived = threading.Condition()

    def take(self, delivery: Delivery) -> int:
        with self.arrived:
            self.deliveries.append(delivery)
            self.arrived.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def wait_for(self, count: int) -> list[Delivery]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.deliveries) >= count, timeout=20)
            return list(self.deliveries)


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            status = here.take(Delivery(self.path, dict(self.headers), body))
            here.hanging.wait()
            self.send_response(status)
            for name, value in here.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
            """Nothing on the terminal."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                return  # the sender did not wait

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield here
    finally:
        here.hanging.set()
        server.shutdown()
        thread.join()
        server.server_close()
