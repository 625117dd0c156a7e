"""The innermost step of an asynchronous call: one attempt, its exception made an `Outcome`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._core.aio import CancelledError, in_thread
from reliai._core.alarm import Timer
from reliai._core.ambient import current
from reliai._core.async_opening import open_stream, translated
from reliai._core.attempts import attempt_failed, attempt_succeeded, begin_attempt
from reliai._core.leaf import faulty, too_many
from reliai._core.limits import nearest, overrun
from reliai._core.outcome import Outcome
from reliai._core.usage import note_value
from reliai._core.values import PLAIN, opaque_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai._core.call import Call, Proceed
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
            return await open_stream(call, attempt, lambda: made(*call.args, **call.kwargs))
        run = _watched(call, function) if call.watched else function
        token = None if current.get() is call else current.set(call)
        timer = None if limit is None else Timer(limit[0] - now)
        try:
            value = await run(*call.args, **call.kwargs)
        except Exception as error:  # noqa: BLE001  becomes an outcome
            return attempt_failed(call, attempt, translated(call, limit, timer, error))
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
        if type(value) in PLAIN and not streaming and not call.meters:
            attempt.status = "success"
            attempt.duration = call.clock.monotonic() - now
            return Outcome(value)
        return await _received(call, attempt, value)

    return leaf


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
        return await open_stream(call, attempt, lambda: value)
    attempt_succeeded(call, attempt)
    note_value(call, attempt, value)
    return Outcome(value)
