"""How one decided fault happens to one call of a function of any kind.

Waits go through `reliai.clock`, so they are virtual under a virtual clock, and policies see them.
"""

from __future__ import annotations

import errno
import inspect
import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from reliai import clock
from reliai.testing._errors import fresh
from reliai.testing._wire.errors import openai_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Fault", "InjectedFault", "faulty"]

ErrorLike = str | BaseException | type[BaseException]


class InjectedFault(Exception):
    """An HTTP error that no provider sent.

    Attributes:
        status_code: the HTTP status it stands for.
        code: the provider's word for it.
    """

    def __init__(self, kind: str) -> None:
        status, body = openai_error(kind)
        super().__init__(f"injected fault: {status} {kind}")
        self.kind = kind
        self.status_code = status
        self.code: str = body["error"]["code"] or body["error"]["type"]

    def __reduce__(self) -> tuple[type[InjectedFault], tuple[str]]:
        return type(self), (self.kind,)


class Fault(NamedTuple):
    """What shall happen to one call.

    Attributes:
        kind: what goes wrong; "none" for nothing but latency.
        latency: seconds before the call is made.
        after: chunks of a stream delivered before it goes wrong.
        seconds: length of a stall.
        error: what is raised when the kind is "error".
    """

    kind: Literal["none", "error", "malformed", "stall", "cut"] = "none"
    latency: float = 0.0
    after: int = 0
    seconds: float = 0.0
    error: ErrorLike = "server"


def faulty(function: Callable[..., Any], fault: Fault, *, asynchronous: bool) -> Callable[..., Any]:
    """Give `function` with a fault. In asynchronous calls the result must be awaited."""
    return _asynchronous(function, fault) if asynchronous else _blocking(function, fault)


def _blocking(function: Callable[..., Any], fault: Fault) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if fault.kind == "error":
            raise injected(fault.error)
        _sleep(fault.latency)
        result = function(*args, **kwargs)
        if hasattr(result, "__next__"):
            return result if fault.kind == "none" else _FaultyStream(result, fault)
        if fault.kind == "stall":
            _sleep(fault.seconds)
        return _spoiled(result, fault)

    return run


def _asynchronous(function: Callable[..., Any], fault: Fault) -> Callable[..., Awaitable[Any]]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        if fault.kind == "error":
            raise injected(fault.error)
        await _async_sleep(fault.latency)
        result = function(*args, **kwargs)
        if inspect.isawaitable(result):
            result = await result
        if hasattr(result, "__aiter__"):
            return result if fault.kind == "none" else _AsyncFaultyStream(result, fault)
        if fault.kind == "stall":
            await _async_sleep(fault.seconds)
        return _spoiled(result, fault)

    return run


def injected(error: ErrorLike) -> BaseException:
    """Make the error for a kind, or a fresh one like an example."""
    if not isinstance(error, str):
        return fresh(error)
    if error == "timeout":
        return TimeoutError("injected fault: timeout")
    if error == "connection":
        return ConnectionRefusedError(errno.ECONNREFUSED, "injected fault: connection refused")
    return InjectedFault(error)


def _spoiled(result: Any, fault: Fault) -> Any:
    """A result that is no stream, with what is wrong with it."""
    if fault.kind == "cut":
        raise _cut()
    if fault.kind == "malformed":
        if isinstance(result, str) and len(result) > 1:
            return result[: len(result) // 2]
        raise _malformed()
    return result


def _cut() -> Exception:
    return ConnectionResetError(errno.ECONNRESET, "injected fault: connection reset by peer")


def _malformed() -> Exception:
    # what the SDKs raise for a body or an event they cannot read
    return json.JSONDecodeError("injected fault: the answer is not JSON", '{"id": "brok', 7)


class _Faulty:
    """A stream with a fault in its place; otherwise it is the stream it wraps."""

    def __init__(self, stream: Any, fault: Fault) -> None:
        self._stream = stream
        self._fault = fault
        self._left = fault.after

    def _due(self) -> bool:
        """Whether the fault happens before the next chunk."""
        self._left -= 1
        return self._left == -1

    def _raise(self) -> None:
        if self._fault.kind == "cut":
            raise _cut()
        if self._fault.kind == "malformed":
            raise _malformed()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _FaultyStream(_Faulty):
    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._due():
            if self._fault.kind == "stall":
                _sleep(self._fault.seconds)
            self._raise()
        try:
            return next(self._stream)
        except StopIteration:
            # a stream too short for its fault fails at its end
            if self._left >= 0:
                self._left = -1
                self._raise()
            raise


class _AsyncFaultyStream(_Faulty):
    def __init__(self, stream: Any, fault: Fault) -> None:
        super().__init__(stream, fault)
        self._iterator = stream.__aiter__()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._due():
            if self._fault.kind == "stall":
                await _async_sleep(self._fault.seconds)
            self._raise()
        try:
            return await self._iterator.__anext__()
        except StopAsyncIteration:
            if self._left >= 0:
                self._left = -1
                self._raise()
            raise


def _sleep(seconds: float) -> None:
    if seconds > 0:
        clock.active().sleep(seconds)


async def _async_sleep(seconds: float) -> None:
    if seconds > 0:
        await clock.active().async_sleep(seconds)
