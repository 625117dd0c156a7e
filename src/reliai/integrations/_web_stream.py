"""The response that sends a stream as server-sent events. Loaded where FastAPI is needed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from reliai.integrations._web_calls import calls_here
from reliai.integrations._web_errors import answer_to
from reliai.integrations._web_frames import KEEP_ALIVE, frame, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.integrations._web_context import Message, Receive, Scope, Send

__all__ = ["EventStream"]

_END: Any = object()


class _Gone(Exception):
    """Nobody is there to send to any more; a signal, never seen by users."""


class EventStream(Response):
    """Sends chunks as they come; its status is known when the first one is there.

    Args:
        stream: an iterator, asynchronous or not.
        encode: what is sent of a chunk; None from it: nothing.
        keepalive: seconds of silence after which a comment is sent; None: never.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        stream: Any,
        encode: Callable[[Any], str | None],
        keepalive: float | None,
    ) -> None:
        self._asynchronous = hasattr(stream, "__aiter__")
        self._stream = stream
        self._chunks: Any = stream.__aiter__() if self._asynchronous else iter(stream)
        self._encode = encode
        self._keepalive = keepalive
        self._call_id: str | None = getattr(stream, "call_id", None)
        self._sending = asyncio.Lock()
        self._sent = 0.0
        self._whole = False
        self._step: asyncio.Future[Any] | None = None
        self.status_code = 200
        self.background = cast("Any", None)  # the framework puts its tasks there
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request to the end of the stream, or until its sender has gone.

        Raises:
            Exception: what the stream raises before its first chunk; and later, of one that is not
                guarded, after the client was told.
        """
        serving = asyncio.ensure_future(self._serve(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if self._whole:  # servers tell of a response that is complete as if its sender left
                await asyncio.wait({serving})
        finally:
            left = not serving.done()
            await _ended(leaving)
            if left:
                await _ended(serving)
        if not left:
            with suppress(_Gone):
                serving.result()
        if self.background is not None:
            await self.background()

    async def _serve(self, send: Send) -> None:
        try:
            chunk = await self._next()
            self._name_call()
            await _sent(
                send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            )
            await self._send_all(chunk, send)
            await self._send(send, b"", more=False)
        finally:
            await self._close()

    def _name_call(self) -> None:
        """Put the call's id on the answer, or have the middleware do it, which knows the header."""
        calls = calls_here()
        if self._call_id is None:
            return
        if calls is None:
            self.headers["X-Call-Id"] = self._call_id
        else:
            calls.choose(self._call_id)

    async def _send_all(self, chunk: Any, send: Send) -> None:
        self._sent = asyncio.get_running_loop().time()
        living = asyncio.ensure_future(self._keep_alive(send))
        try:
            while chunk is not _END:
                data = self._encode(chunk)
                if data is not None:
                    await self._send(send, frame(data))
                chunk = await self._next()
            await self._send(send, told("end", {"call_id": self._call_id}))
        except _Gone:
            raise
        except Exception as error:
            _, code, detail = answer_to(error)
            said = {"error": code, "detail": detail, "call_id": self._call_id}
            await self._send(send, told("error", said))
            if self._call_id is None or not getattr(self._stream, "ended", True):
                await self._send(send, b"", more=False)
                raise  # no record tells of it
        finally:
            await _ended(living)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with self._sending:
            self._whole = not more
            await _sent(send, {"type": "http.response.body", "body": body, "more_body": more})
            self._sent = asyncio.get_running_loop().time()

    async def _keep_alive(self, send: Send) -> None:
        silence = self._keepalive
        if silence is None:
            return
        time = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(max(0.0, self._sent + silence - time()))
            if time() >= self._sent + silence:
                await self._send(send, KEEP_ALIVE)

    async def _next(self) -> Any:
        if self._asynchronous:
            return await anext(self._chunks, _END)
        # Cancelled, it goes on in its thread; closing waits for it.
        self._step = asyncio.ensure_future(run_in_threadpool(next, self._chunks, _END))
        return await asyncio.shield(self._step)

    async def _close(self) -> None:
        """Close the stream; one that has ended has nothing to close."""
        if self._step is not None and not self._step.done():
            await asyncio.wait({self._step})
        close = getattr(self._chunks, "aclose" if self._asynchronous else "close", None)
        if close is None:
            return
        with suppress(Exception):  # what is told is how the stream ended, not how its closing went
            await (close() if self._asynchronous else run_in_threadpool(close))


async def _sent(send: Send, message: Message) -> None:
    try:
        await send(message)
    except OSError as error:
        raise _Gone from error


async def _left(receive: Receive) -> None:
    """Wait until the sender of the request has gone."""
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


async def _ended(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait for its end; what it raised was for others to hear, or for nobody."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
