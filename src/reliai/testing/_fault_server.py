"""A real HTTP server on this machine that speaks as OpenAI and Anthropic do, and fails as told.

It needs nothing but the standard library. It waits in real time: its clients are real programs with
real timeouts. Imported by tests and demos.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from reliai.testing._script import Status
from reliai.testing._server.answer import answer
from reliai.testing._server.director import Director, Schedule
from reliai.testing._server.http import Connection, Gone, HttpRequest
from reliai.testing._server.listener import Listener
from reliai.testing._server.plan import Plan, plan
from reliai.testing._server.received import ReceivedRequest
from reliai.testing._server.script import Script, endpoint
from reliai.testing._wire import Chat, Messages, Responses, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["FaultServer", "ReceivedRequest", "fault_server"]

_APIS: dict[str, type[Wire]] = {
    "chat/completions": Chat,
    "responses": Responses,
    "messages": Messages,
    "models": Chat,
    "embeddings": Chat,
}
_KEEP: Any = object()


def fault_server(
    script: Any = None,
    *,
    model: Callable[[dict[str, Any]], Any] | None = None,
    schedule: Schedule | None = None,
    default: Any = None,
    chunk_delay: float = 0.0,
    models: Sequence[str] = ("scripted-large", "scripted-small"),
    port: int = 0,
) -> FaultServer:
    """Get a server for `with`: it answers on loopback until the block ends.

    It serves `POST /v1/chat/completions`, `/v1/responses` and `/v1/messages`, as JSON and as
    streams, and `GET /v1/models`, each also without "/v1", and below the addresses that Azure,
    Vertex and Bedrock use. `POST /v1/embeddings` answers with a mapping or a fault of the script.

    An item of a script is text; a list of chunks; a mapping, sent as JSON; or a fault such as
    `Status(429)`. In a list of chunks a fault stands where it happens, and a mapping is an event
    sent as it is.

    Args:
        script: a list, used up one item a request; a callable that gets the `ReceivedRequest` and
            gives an item or None; a mapping from models or paths to scripts; or one item for every
            request. After a list ends: `default`, else `model`, else its last item for ever.
        model: answers what the script leaves open: gets the request's JSON, gives text, an iterator
            of text, or any item.
        schedule: `schedule(seconds, request)` gives a fault or None, seconds after the start; or
            pairs such as `[(10, Status("overloaded")), (25, None)]`. Asked before the script; its
            `Latency`, `Stall`, `Cut` … happen to what the script answers.
        default: the item for what the script leaves open, in the place of a model.
        chunk_delay: seconds between the chunks of a stream.
        models: what `GET /v1/models` lists.
        port: 0 for a free one.

    Raises:
        ConfigurationError: both `model` and `default` are given.
    """
    director = Director(Script(None), model, default, schedule, tuple(models), [])
    director.take(script)
    return FaultServer(director, chunk_delay=chunk_delay, port=port)


class FaultServer:
    """What `fault_server` gives. `with` starts and stops it, as do `start` and `stop`."""

    def __init__(self, director: Director, *, chunk_delay: float, port: int) -> None:
        self._director = director
        self._chunk_delay = chunk_delay
        self._listener = Listener(port, self._serve)
        self._lock = threading.Lock()
        self._requests: list[ReceivedRequest] = []
        self._started = time.monotonic()

    # --- life ------------------------------------------------------------------------------
    def start(self) -> Self:
        """Begin to answer."""
        self._started = time.monotonic()
        self._listener.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection, hanging ones too."""
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address, without "/v1": `Anthropic(base_url=url)`, `OpenAI(base_url=url + "/v1")`."""
        return f"http://127.0.0.1:{self._listener.port}"

    # --- what happened, and what shall -----------------------------------------------------
    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests so far, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def reset(self, script: Any = _KEEP) -> None:
        """Forget the requests, rewind the script or take another, and begin the schedule again."""
        with self._lock:
            self._requests.clear()
            self._started = time.monotonic()
            if script is not _KEEP:
                self._director.take(script)
            self._director.script.rewind()

    @contextlib.contextmanager
    def outage(self, item: Any) -> Generator[None]:
        """Give `item` to every request inside the block; schedule and script are not asked."""
        self._director.outages.append(item)
        try:
            yield
        finally:
            self._director.outages.remove(item)

    @contextlib.contextmanager
    def unreachable(self) -> Generator[None]:
        """Close the port inside the block: connections are refused, so no request is ever sent."""
        self._listener.stop()
        try:
            yield
        finally:
            self._listener.start()

    # --- one request -----------------------------------------------------------------------
    def _serve(self, connection: Connection, request: HttpRequest) -> None:
        received = self._record(request)
        connection.sent = received.add_sent
        try:
            self._answer(connection, received)
        except Gone:
            received.lose(stopping=self._listener.stopping)
            raise
        finally:
            received.end()

    def _answer(self, connection: Connection, received: ReceivedRequest) -> None:
        api = _APIS.get(endpoint(received.path))
        wire = (api or Chat)(received.json or {}, received.number)
        made = self._plan(received, known=api is not None)
        try:
            answer(connection, received, wire, made, self._chunk_delay)
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001  the model's own, while it was answering
            received.error = error
            if received.status is None:
                answer(connection, received, wire, _failure(error), 0.0)
            else:
                received.outcome = "failed"
                connection.close()
        finally:
            made.close()

    def _plan(self, received: ReceivedRequest, *, known: bool) -> Plan:
        if not known:
            return plan(Status(404, message=f"no such path: {received.path}"))
        if endpoint(received.path) == "models":
            return self._director.plan_listing(received)
        if received.json is None:
            return plan(Status(400, message="the body of the request is not a JSON object"))
        try:
            return self._director.plan(received)
        except Exception as error:  # noqa: BLE001  the script's own, or the model's
            received.error = error
            return _failure(error)

    def _record(self, request: HttpRequest) -> ReceivedRequest:
        try:
            body: object = json.loads(request.body)
        except ValueError:
            body = None
        with self._lock:
            received = ReceivedRequest(
                number=len(self._requests) + 1,
                method=request.method,
                path=request.path.partition("?")[0],
                headers=request.headers,
                json=cast("dict[str, Any]", body) if isinstance(body, dict) else None,
                at=time.time(),
                elapsed=time.monotonic() - self._started,
            )
            self._requests.append(received)
        return received


def _failure(error: Exception) -> Plan:
    return plan(Status(500, message=f"the script failed: {error!r}"))
