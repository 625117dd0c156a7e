"""A real server for ASGI applications, on a free port of the loopback."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn

from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Event", "events", "served"]


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application; gives its URL."""
    port = free_port()
    config = uvicorn.Config(
        app, port=port, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended at once"
            time.sleep(0.005)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class Event(NamedTuple):
    """One server-sent event."""

    kind: str
    data: str

    def json(self) -> Any:
        return json.loads(self.data)


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream, as a browser would understand its lines."""
    kind, data = "message", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(kind, "\n".join(data))
            kind, data = "message", []
        elif field == "event":
            kind = value
        elif field == "data":
            data.append(value)
