"""The innermost step of a synchronous call: one attempt, its exception made an `Outcome`."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core import workers
from reliai._core.ambient import current
from reliai._core.attempts import attempt_failed, attempt_limit, attempt_succeeded, begin_attempt
from reliai._core.limits import nearest, overrun
from reliai._core.opening import open_generator, received
from reliai._core.outcome import LeavingOutcome, Outcome
from reliai._core.target import MAX_STRAGGLERS
from reliai._core.values import PLAIN
from reliai.errors import BulkheadFull

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Limit, Proceed
    from reliai._core.site import Site
    from reliai._core.target import Target

__all__ = ["faulty", "sync_leaf", "too_many", "watched"]


def sync_leaf(site: Site, target: Target) -> Proceed:
    """One attempt of a function or generator function, in the caller's thread or on a worker."""
    return (
        _generator_leaf(site, target) if target.kind == "generator" else _plain_leaf(site, target)
    )


def _plain_leaf(site: Site, target: Target) -> Proceed:  # noqa: C901  the hot path, in one piece
    function, streaming, primary = target.function, site.streaming, target.primary

    async def leaf(call: Call) -> Outcome:
        now = call.clock.monotonic()
        if call.deadline is not None or call.attempt_limit is not None or call.cut is not None:
            limit = nearest(call, now)
            if limit[0] <= now:
                return Outcome(error=overrun(call, limit))
            if site.threaded or (site.spared and not primary and not target.keeps_time):
                return _on_worker(target, call, limit)
        record = call._record  # noqa: SLF001  the engine fills the record
        attempt = None
        if primary and record._began is None and not call.watched:  # noqa: SLF001
            # Of a first attempt that succeeds, two numbers say all; see `written_attempts`.
            record._began = now  # noqa: SLF001
            run = function
        else:
            attempt = begin_attempt(call, now)
            run = watched(call, function)
        token = None if current.get() is call else current.set(call)
        try:
            value = run(*call.args, **call.kwargs)
        except Exception as error:  # noqa: BLE001  becomes an outcome
            return attempt_failed(call, attempt or call.current_attempt(), error)
        except BaseException as error:
            attempt_failed(call, attempt or call.current_attempt(), error)
            raise
        finally:
            if token is not None:
                current.reset(token)
        if type(value) not in PLAIN or streaming or call.meters:
            made = attempt or call.current_attempt()
            return received(call, made, value, copy_context(), None)
        if record._attempts is None:  # noqa: SLF001
            record._spent = call.clock.monotonic() - now  # noqa: SLF001
        else:
            attempt_succeeded(call, attempt or call.current_attempt())
        return Outcome(value)

    return leaf


def _generator_leaf(site: Site, target: Target) -> Proceed:
    function = target.function

    async def leaf(call: Call) -> Outcome:
        now = call.clock.monotonic()
        limit = attempt_limit(call, now)
        if limit is not None and limit[0] <= now:
            return Outcome(error=overrun(call, limit))
        if site.threaded and target.stragglers.full:
            return Outcome(error=too_many(call))
        attempt = begin_attempt(call, now)
        return open_generator(call, attempt, faulty(call, function))

    return leaf


def faulty(call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with the faults that a test injects."""
    leaf_filter = call.ambient.leaf_filter
    return function if leaf_filter is None else leaf_filter(call, function)


def watched(call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with injected faults, and inside what observers make current."""
    return call.hooks.activated(call, faulty(call, function))


def _on_worker(target: Target, call: Call, limit: Limit) -> Outcome:
    """An attempt that can be left behind when its time runs out."""
    if target.stragglers.full:
        return Outcome(error=too_many(call))
    attempt = begin_attempt(call, call.clock.monotonic())
    context = copy_context()
    context.run(current.set, call)
    run = watched(call, target.function) if call.watched else target.function
    worker = workers.acquire()
    seconds = limit[0] - call.clock.monotonic()
    try:
        value, error = worker.call(context, seconds, run, call.args, call.kwargs)
    except workers.Abandoned:
        return LeavingOutcome(attempt_failed(call, attempt, overrun(call, limit)), worker)
    except BaseException as interrupt:
        attempt_failed(call, attempt, interrupt)
        raise
    finally:
        if worker.abandoned:
            target.stragglers.add(worker)
    if error is not None:
        workers.release(worker)
        try:
            if not isinstance(error, Exception):
                attempt_failed(call, attempt, error)
                raise error
            return attempt_failed(call, attempt, error)
        finally:
            del error  # no cycle through the traceback
    return received(call, attempt, value, context, worker)


def too_many(call: Call) -> BulkheadFull:
    """The refusal to start one more thread for a function that never ends."""
    return BulkheadFull(
        f"{call.target} of {call.name} has left {MAX_STRAGGLERS} threads behind that still run "
        "after their time limit; no more are started until one ends. Give its client a time "
        "limit of its own, from reliai.remaining()"
    )
