"""Acting a plan out on a connection, as a body or as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from reliai.testing._script import (
    Cut,
    Hang,
    InStreamError,
    Latency,
    Malformed,
    Refuse,
    Stall,
    Status,
)
from reliai.testing._server.http import head
from reliai.testing._wire import Event

if TYPE_CHECKING:
    from reliai.testing._server.http import Connection
    from reliai.testing._server.plan import Plan
    from reliai.testing._server.received import ReceivedRequest
    from reliai.testing._wire import Wire

__all__ = ["answer"]

_HTML = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n"
_BROKEN = '{"id": "broken", "choices": [{"delta": {"content": "ha'


def answer(
    connection: Connection, received: ReceivedRequest, wire: Wire, made: Plan, chunk_delay: float
) -> None:
    """Do what the plan says.

    Raises:
        Gone: the client left.
    """
    _Answer(connection, received, wire, chunk_delay).give(made)


class _Cut(Exception):
    """The answer ends here."""


class _Answer:
    """One answer on its way."""

    def __init__(
        self, connection: Connection, received: ReceivedRequest, wire: Wire, chunk_delay: float
    ) -> None:
        self.connection, self.received, self.wire = connection, received, wire
        self.chunk_delay = chunk_delay

    def give(self, made: Plan) -> None:
        self.pause(made.wait)
        try:
            if made.instead is not None:
                self.instead(made.instead)
            elif self.received.stream and made.body is None:
                self.stream(made)
            else:
                self.whole(made)
        except _Cut:
            pass

    # --- in the place of an answer ---------------------------------------------------------
    def instead(self, item: Status | Malformed | Hang | Refuse) -> None:
        match item:
            case Status():
                self.error(item)
            case Hang():
                self.connection.wait(None)
            case Refuse():
                self.cut(Cut(how="reset"))
            case Malformed(kind="html"):
                self.send(item.status, "text/html; charset=utf-8", _HTML)
            case Malformed(kind="empty"):
                self.send(item.status, "application/json", b"")
            case Malformed():
                self.send(item.status, "application/json", b'{"unexpected": true}')

    def error(self, item: Status) -> None:
        kind = item.body if isinstance(item.body, str) else None
        status, body = self.wire.error(item.code, kind, item.message)
        headers = _retry_headers(item)
        if isinstance(item.body, bytes):
            self.send(status, "text/plain; charset=utf-8", item.body, headers)
        else:
            data = _json(item.body if isinstance(item.body, Mapping) else body)
            self.send(status, "application/json", data, headers)

    # --- in one piece ----------------------------------------------------------------------
    def whole(self, made: Plan) -> None:
        silence, spoiled = 0.0, None
        for step in made.steps:
            match step:
                case str():
                    _drain(self.wire.delta(step, refusal=made.finish == "refusal"))
                case Latency() | Stall():
                    silence += step.seconds
                case Cut() | InStreamError() | Malformed():
                    spoiled = step
                    break
                case _:
                    raise _unusable(step)
        data = _json(self.wire.body(made.finish) if made.body is None else made.body)
        match spoiled:
            case InStreamError():
                self.pause(silence)
                self.error(Status(spoiled.kind))
            case Malformed(kind="sse"):
                self.send(spoiled.status, "text/event-stream", f"data: {_BROKEN}\n\n".encode())
            case Malformed():
                broken = _BROKEN.encode() if spoiled.kind == "json" else data[: len(data) // 2]
                self.send(spoiled.status, "application/json", broken, silence=silence)
            case Cut(how="end"):
                self.send(200, "application/json", data[: len(data) // 2], silence=silence)
            case Cut():
                length = {"content-length": str(len(data))}
                self.connection.send(self.head(200, "application/json", length))
                self.pause(silence)
                self.connection.send(data[: len(data) // 2])
                self.cut(spoiled)
            case _:
                self.send(200, "application/json", data, silence=silence)

    # --- piece by piece --------------------------------------------------------------------
    def stream(self, made: Plan) -> None:
        refusal = made.finish == "refusal"
        headers = {"transfer-encoding": "chunked", "cache-control": "no-cache"}
        self.connection.send(self.head(200, "text/event-stream; charset=utf-8", headers))
        self.events(self.wire.opening(refusal=refusal))
        for step in made.steps:
            self.step(step, refusal=refusal)
        *last, terminal = self.wire.closing(made.finish)
        self.events(last)
        # one send for the terminal event and the end: a client that leaves between them is no news
        data = _sse(terminal)
        self.finish(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))

    def step(self, step: Any, *, refusal: bool) -> None:
        match step:
            case str():
                self.pause(self.chunk_delay if self.received.chunks_sent else 0.0)
                self.received.chunks_sent += 1
                self.events(self.wire.delta(step, refusal=refusal))
            case Mapping():
                self.received.chunks_sent += 1
                event = cast("Mapping[str, Any]", step)
                self.events([Event(event.get("type"), event)])
            case Latency():
                self.pause(step.seconds)
            case Stall():
                self.stall(step)
            case InStreamError():
                self.events(self.wire.error_events(step.kind, step.form))
                self.cut(Cut(how="end"))
            case Malformed():
                self.connection.chunk(f"event: broken\ndata: {_BROKEN}\n\n".encode())
                self.cut(Cut(how="end"))
            case Cut():
                self.cut(step)
            case _:
                raise _unusable(step)

    def stall(self, step: Stall) -> None:
        left = step.seconds
        while step.keep_alive and left > step.keep_alive:
            self.connection.wait(step.keep_alive)
            self.connection.chunk(self.wire.keep_alive)
            left -= step.keep_alive
        self.connection.wait(left)

    def events(self, events: Iterable[Event]) -> None:
        for event in events:
            self.connection.wait(0)
            self.connection.chunk(_sse(event))

    # --- the connection --------------------------------------------------------------------
    def pause(self, seconds: float) -> None:
        if seconds > 0:
            self.connection.wait(seconds)

    def cut(self, how: Cut) -> None:
        self.received.outcome = "cut"
        if how.how == "end":
            self.connection.chunk(b"")
        elif how.how == "reset":
            self.connection.reset()
        else:
            self.connection.close()
        raise _Cut

    def head(self, status: int, kind: str, headers: Mapping[str, str]) -> bytes:
        self.received.status = status
        request_id = {self.wire.request_id_header: f"req_{self.received.number:08d}"}
        return head(status, {"content-type": kind, **request_id, **headers})

    def send(
        self,
        status: int,
        kind: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        silence: float = 0.0,
    ) -> None:
        top = self.head(status, kind, {"content-length": str(len(body)), **(headers or {})})
        if silence > 0:
            self.connection.send(top)
            self.connection.wait(silence)
            top = b""
        self.finish(top + body)

    def finish(self, data: bytes) -> None:
        # said first: whoever has read the last byte may look at once
        self.received.outcome = "answered"
        self.connection.send(data)


def _retry_headers(item: Status) -> dict[str, str]:
    headers = dict(item.headers)
    after = item.retry_after
    if isinstance(after, timedelta):
        from email.utils import format_datetime  # noqa: PLC0415  few answers carry a date

        headers["retry-after"] = format_datetime(datetime.now(UTC) + after, usegmt=True)
    elif after is not None:
        headers["retry-after"] = str(after)
    if item.retry_after_ms is not None:
        headers["retry-after-ms"] = f"{item.retry_after_ms:g}"
    return headers


def _unusable(step: object) -> TypeError:
    return TypeError(f"an answer cannot hold {step!r}; use text, a fault, or in a stream a mapping")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _sse(event: Event) -> bytes:
    data = event.data if isinstance(event.data, str) else json.dumps(event.data, ensure_ascii=False)
    name = f"event: {event.name}\n" if event.name else ""
    return f"{name}data: {data}\n\n".encode()


def _drain(events: Iterable[Event]) -> None:
    for _ in events:
        pass
