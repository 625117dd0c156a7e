"""A tiny HTTP server which answers each test with what that test asked for.

Tests run in parallel against one server: every reply has a place of its own in the address.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Reply", "Wire", "refused_url", "serving", "sse"]


@dataclass
class Reply:
    """What the server answers."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cut: bool = False
    """Promise more than is sent, and hang up."""
    silent: bool = False
    """Say nothing until the client hangs up."""
    hang_up: bool = False
    """Hang up without an answer."""

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


def sse(*events: Any, done: bool = False) -> str:
    """Server-sent events: dictionaries as data, named by their type, and strings as they are."""
    written: list[str] = []
    for event in events:
        if isinstance(event, str):
            written.append(event)
        else:
            name = f"event: {event['type']}\n" if "type" in event else ""
            written.append(f"{name}data: {json.dumps(event)}")
    return "\n\n".join([*written, *(["data: [DONE]"] if done else [])]) + "\n\n"


class Wire:
    """The server's address, with a place in it for each reply."""

    def __init__(self, url: str, replies: dict[str, Reply]) -> None:
        self._url = url
        self._replies = replies
        self._numbers = count()

    def place(self, reply: Reply) -> str:
        """An address below which everything is answered with `reply`."""
        name = f"r{next(self._numbers)}"
        self._replies[name] = reply
        return f"{self._url}/{name}"


@contextmanager
def serving() -> Iterator[Wire]:
    """Run the server on a free port of this machine."""
    replies: dict[str, Reply] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(replies))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Wire(f"http://127.0.0.1:{server.server_address[1]}", replies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refused_url() -> str:
    """An address at which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{holder.getsockname()[1]}"


def _handler(replies: dict[str, Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            self.rfile.read(int(self.headers.get("content-length") or 0))
            reply = replies[self.path.split("/")[1]]
            if reply.silent:
                self.rfile.read(1)  # returns when the client hangs up
            elif not reply.hang_up:
                self._answer(reply)

        do_GET = do_POST  # noqa: N815  the name http.server looks for

        def _answer(self, reply: Reply) -> None:
            body = reply.encoded()
            self.send_response(reply.status)
            headers = {"content-type": "application/json", **reply.headers}
            headers["content-length"] = str(len(body) + 1000 * reply.cut)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name
            """Say nothing."""

    return Handler
