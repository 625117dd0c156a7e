"""The four wrappers: what a caller calls in place of the decorated function.

Each is short on purpose. It is the one frame of reliai's that a traceback shows besides the leaf,
and it must not keep the error it raises: that would be a cycle through the traceback.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core.ambient import current
from reliai._core.engine import announce, finish, finish_cancelled, start, suspended
from reliai._core.kinds import generator_like
from reliai._core.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call
    from reliai._core.site import Site

__all__ = ["executor", "wrapper"]


def wrapper(site: Site) -> Callable[..., Any]:
    """The function to call in place of the site's own."""
    if site.streaming:
        return _stream_wrapper(site)
    return _async_wrapper(site) if site.asynchronous else _sync_wrapper(site)


def executor(site: Site) -> Callable[..., Any]:
    """Like the wrapper, but giving the `Outcome`: a function, or a coroutine function."""
    if site.streaming:
        return _stream_executor(site)
    return _async_executor(site) if site.asynchronous else _sync_executor(site)


def deliver_stream(call: Call, outcome: Outcome) -> None:
    """Have the record end with the stream that the function returned."""
    from reliai._core.lazy_stream import deliver_stream as deliver  # noqa: PLC0415  streams only

    deliver(call, outcome)


def _sync_executor(site: Site) -> Callable[..., Outcome]:
    def execute(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        call = start(site, args, kwargs)
        if call.hooks.starting or call.ambient.collectors:
            announce(call)
        token = current.set(call)
        try:
            mine = call._site  # noqa: SLF001  the engine's own; in an evaluation not `site`
            served: Any = mine.target.leaf(call) if call.mode == "off" else mine.chain(call)
            if type(served) is Outcome:  # a refusal, at hand at once
                outcome = served
            else:
                served.send(None)
                outcome = suspended(served)
        except StopIteration as stop:
            outcome = stop.value
        except BaseException as error:
            finish_cancelled(call, error)
            raise
        finally:
            current.reset(token)
        if outcome.streaming:
            deliver_stream(call, outcome)
        else:
            finish(call, outcome)
        try:
            return outcome
        finally:
            del outcome  # a traceback may reach this frame, see `frames`

    return execute


def _sync_wrapper(site: Site) -> Callable[..., Any]:
    execute = _sync_executor(site)

    def guarded(*args: Any, **kwargs: Any) -> Any:
        outcome = execute(args, kwargs)
        error = outcome.error
        if error is None:
            return outcome.value
        try:
            raise error
        finally:
            del error, outcome

    return guarded


def _async_executor(site: Site) -> Callable[..., Any]:
    async def execute(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        call = start(site, args, kwargs)
        if call.hooks.starting or call.ambient.collectors:
            announce(call)
        token = current.set(call)
        try:
            mine = call._site  # noqa: SLF001  the engine's own; in an evaluation not `site`
            outcome = await (mine.target.leaf(call) if call.mode == "off" else mine.chain(call))
        except BaseException as error:
            finish_cancelled(call, error)
            raise
        finally:
            current.reset(token)
        if outcome.streaming:
            deliver_stream(call, outcome)
        else:
            finish(call, outcome)
        try:
            return outcome
        finally:
            del outcome  # a traceback may reach this frame, see `frames`

    return execute


def _async_wrapper(site: Site) -> Callable[..., Any]:
    execute = _async_executor(site)

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        outcome = await execute(args, kwargs)
        error = outcome.error
        if error is None:
            return outcome.value
        try:
            raise error
        finally:
            del error, outcome

    return guarded


def _stream_wrapper(site: Site) -> Callable[..., Any]:
    stream_of = _stream_maker(site)

    def guarded(*args: Any, **kwargs: Any) -> Any:
        return stream_of(args, kwargs)

    return generator_like(guarded, asynchronous=site.asynchronous)


def _stream_executor(site: Site) -> Callable[..., Any]:
    stream_of = _stream_maker(site)

    def execute(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return stream_of(args, kwargs).open()

    return execute


def _stream_maker(site: Site) -> Callable[..., Any]:
    if site.asynchronous:
        from reliai._core.async_lazy_stream import AsyncLazyStream as Made  # noqa: PLC0415
    else:
        from reliai._core.lazy_stream import LazyStream as Made  # type: ignore[assignment]  # noqa: PLC0415

    def stream_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        site.signature.bind(*args, **kwargs)  # a generator function complains when it is called
        return Made(start(site, args, kwargs), copy_context())

    return stream_of
