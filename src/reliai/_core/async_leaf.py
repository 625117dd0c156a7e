"""The innermost step of an asynchronous call: one attempt, its exception made an `Outcome`."""

from __future__ import annotations

import inspect
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core.aio import CancelledError, InContext, in_thread
from reliai._core.alarm import Timer
from reliai._core.ambient import current
from reliai._core.async_stream import AsyncStream, closed
from reliai._core.attempts import (
    attempt_failed,
    attempt_succeeded,
    begin_attempt,
    first_chunk_limit,
)
from reliai._core.leaf import faulty, too_many
from reliai._core.limits import nearest, overrun
from reliai._core.opening import opened_stream
from reliai._core.outcome import Outcome
from reliai._core.stream import NOTHING
from reliai._core.usage import note_value
from reliai._core.values import PLAIN, opaque_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextvars import Context

    from reliai._core.call import Call, Limit, Proceed
    from reliai._core.record import Attempt
    from reliai._core.site import Site
    from reliai._core.target import Target

__all__ = ["async_leaf"]


def async_leaf(site: Site, target: Target) -> Proceed:  # noqa: C901  the hot path, in one piece
    """One attempt of a function of any kind, from within an event loop."""
    function = target.function if target.kind != "sync" else _in_thread(target)
    generator = target.kind.endswith("generator")
    blocking = not target.kind.startswith("async")
    streaming = site.streaming

    async def leaf(call: Call) -> Outcome:  # noqa: C901, PLR0911
        now = call.clock.monotonic()
        limit = None
        if call.deadline is not None or call.attempt_limit is not None or call.cut is not None:
            limit = nearest(call, now)
            if limit[0] <= now:
                return Outcome(error=overrun(call, limit))
        if blocking and target.stragglers.full:
            return Outcome(error=too_many(call))
        attempt = begin_attempt(call, now)
        if generator:
            made = faulty(call, function)
            return await _open(call, attempt, lambda: made(*call.args, **call.kwargs))
        run = _watched(call, function) if call.watched else function
        token = None if current.get() is call else current.set(call)
        timer = None if limit is None else Timer(limit[0] - now)
        try:
            value = await run(*call.args, **call.kwargs)
        except Exception as error:  # noqa: BLE001  becomes an outcome
            return attempt_failed(call, attempt, _translated(call, limit, timer, error))
        except CancelledError as cancelled:
            if timer is not None and limit is not None and timer.expired():
                return attempt_failed(call, attempt, overrun(call, limit))
            attempt_failed(call, attempt, cancelled)
            raise
        except BaseException as error:
            attempt_failed(call, attempt, error)
            raise
        finally:
            if timer is not None:
                timer.stop()
            if token is not None:
                current.reset(token)
        if type(value) in PLAIN and not streaming:
            attempt.status = "success"
            attempt.duration = call.clock.monotonic() - now
            return Outcome(value)
        return await _received(call, attempt, value)

    return leaf


def _translated(
    call: Call, limit: Limit | None, timer: Timer | None, error: Exception
) -> Exception:
    """Our timeout, when a library turned the cancellation it caused into an error of its own."""
    if limit is None or timer is None or not timer.fired:
        return error
    timeout = overrun(call, limit)
    timeout.__cause__ = error
    return timeout


def _in_thread(target: Target) -> Callable[..., Awaitable[Any]]:
    """A plain function as a target of an asynchronous call: run where it cannot block the loop."""

    async def run(*args: Any, **kwargs: Any) -> Any:
        return await in_thread(target.stragglers, target.function, *args, **kwargs)

    return run


def _watched(call: Call, function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    function = faulty(call, function)
    hooks = call.hooks
    if not hooks.activating:
        return function

    async def run(*args: Any, **kwargs: Any) -> Any:
        with hooks.activation(call):
            return await function(*args, **kwargs)

    return run


async def _received(call: Call, attempt: Attempt, value: Any) -> Outcome:
    # An iterator that need not be awaited is data here.
    if call._site.streaming or (opaque_stream(value) and hasattr(value, "__aiter__")):  # noqa: SLF001
        return await _open(call, attempt, lambda: value)
    attempt_succeeded(call, attempt)
    note_value(call, attempt, value)
    return Outcome(value)


def _as_async(call: Call, value: Any) -> Any:
    if hasattr(value, "__aiter__"):
        return value
    # One value where a stream was expected is a fallback's, and so is a stream that blocks.
    return _each(call, value) if hasattr(value, "__next__") else _only(value)


async def _only(value: Any) -> AsyncIterator[Any]:
    yield value


async def _each(call: Call, chunks: Any) -> AsyncIterator[Any]:
    """The chunks of a plain stream, each waited for on a thread, in a context of its own."""
    step, stragglers = copy_context().run, call._target.stragglers  # noqa: SLF001
    try:
        while (chunk := await in_thread(stragglers, step, next, chunks, NOTHING)) is not NOTHING:
            yield chunk
    finally:
        with suppress(Exception):  # it may still be at work, and ends by itself then
            getattr(chunks, "close", bool)()


async def _open(call: Call, attempt: Attempt, source: Callable[[], Any]) -> Outcome:
    """Read the first chunk of what `source` gives: failing to start is an ordinary failure."""
    context = copy_context()
    context.run(current.set, call)
    limit = first_chunk_limit(call, attempt)
    call.bound = None if limit is None else limit[0]
    timer = None
    opened: list[Any] = []
    try:
        if limit is not None:
            timer = Timer(limit[0] - call.clock.monotonic())
        chunk = await _first_chunk(call, context, source, opened)
    except Exception as error:  # noqa: BLE001  becomes an outcome
        await _close_opened(context, opened)
        return attempt_failed(call, attempt, _translated(call, limit, timer, error))
    except CancelledError as cancelled:
        if timer is not None and limit is not None and timer.expired():
            timer.stop()
            await _close_opened(context, opened)
            return attempt_failed(call, attempt, overrun(call, limit))
        attempt_failed(call, attempt, cancelled)
        await _close_opened(context, opened)
        raise
    except BaseException as error:
        attempt_failed(call, attempt, error)
        raise
    finally:
        if timer is not None:
            timer.stop()
    return opened_stream(call, attempt, AsyncStream(call, context, opened[0], opened[1], chunk))


async def _first_chunk(
    call: Call, context: Context, source: Callable[[], Any], opened: list[Any]
) -> Any:
    if call.hooks.activating:
        with call.hooks.activation_in(context, call):
            return await _step_to_first(call, context, source, opened)
    return await _step_to_first(call, context, source, opened)


async def _step_to_first(
    call: Call, context: Context, source: Callable[[], Any], opened: list[Any]
) -> Any:
    stream = context.run(source)
    if inspect.isawaitable(stream):
        stream = await InContext(context, stream)
    stream = _as_async(call, stream)
    opened.append(stream)
    iterator = stream.__aiter__()
    opened.append(iterator)
    try:
        return await InContext(context, iterator.__anext__())
    except StopAsyncIteration:
        return NOTHING


async def _close_opened(context: Context, opened: list[Any]) -> None:
    """Close a stream that gave no first chunk; nobody else knows of it."""
    if opened:
        await closed(context, opened[0])
