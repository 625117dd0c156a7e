"""Running one check within its limits, and what becomes of one that gives no verdict."""

from __future__ import annotations

import inspect
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core import workers
from reliai._core.limits import overrun, sooner
from reliai._core.sketches import sketched
from reliai.checks.base import Replace, Score, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Limit
    from reliai.checks.base import Check, CheckVerdict
    from reliai.errors import CallTimeout

__all__ = [
    "MISSING",
    "CheckOverrun",
    "asked",
    "broken",
    "judge",
    "reason_of",
    "scored",
    "verdict_of",
    "verdict_on",
]

REASON_LIMIT = 300
"""Characters of a check's reason that errors and records keep."""

MISSING: Any = object()
"""Stands where there is no value."""


class CheckOverrun(Exception):
    """A check did not finish in time; a signal between two modules, never seen by users.

    Attributes:
        deadline: the error to end the call with, when it was the call's own deadline that came
            first; that says nothing about the value, and `on_error` does not apply.
    """

    def __init__(self, deadline: CallTimeout | None = None) -> None:
        super().__init__()
        self.deadline = deadline


class NoVerdict(TypeError):
    """A check returned what is no verdict. Its message names a type, never what was looked at."""


async def judge(call: Call, check: Check, value: object) -> CheckVerdict:
    """What `check` says of `value`.

    Raises:
        CheckOverrun: when the check's own limit ran out, or the call's deadline before it.
        Exception: what the check raised.
    """
    if check.reads_arguments:
        check = check.fitted(call.arguments)
    return verdict_of(check, await asked(call, check, check, value))


async def asked(call: Call, check: Check, act: Callable[..., Any], *args: Any) -> Any:
    """What `act`, a part of `check`'s work, gives within the check's limits; as `judge` raises."""
    if check.asynchronous:
        return await _awaited(call, check.timeout, act(*args))
    if check.timeout is None:
        return act(*args)
    return await _on_a_worker(call, act, args, check.timeout)


def verdict_of(check: Check, verdict: Any) -> CheckVerdict:
    """`verdict`, when it is one.

    Raises:
        TypeError: when it is something else, which would pass or fail by accident.
    """
    if verdict is None or isinstance(verdict, bool | str | Replace | Score):
        return verdict
    if inspect.iscoroutine(verdict):
        verdict.close()
        raise NoVerdict(f"check {check.name!r} gave a coroutine; declare it as `async def`")
    raise NoVerdict(
        f"check {check.name!r} returned {type(verdict).__name__}; "
        "a check returns None or True, False or a reason, Replace(value) or Score(number)"
    )


async def _awaited(call: Call, seconds: float | None, verdict: Any) -> Any:
    """The verdict that an awaitable gives within its time."""
    from reliai._core.aio import CancelledError  # noqa: PLC0415  imports asyncio
    from reliai._core.alarm import Timer  # noqa: PLC0415  the same

    if seconds is None:
        return await verdict
    limit = _limit(call, seconds)
    timer = Timer(limit[0] - call.clock.monotonic())
    try:
        return await verdict
    except CancelledError:
        if not timer.expired():
            raise
    except Exception:
        if not timer.fired:
            raise
    finally:
        timer.stop()
    raise _overrun(call, limit)


async def _on_a_worker(
    call: Call, act: Callable[..., Any], args: tuple[Any, ...], seconds: float
) -> Any:
    """Run a plain function where it can be left behind, and where it blocks no event loop."""
    stragglers = call._target.stragglers  # noqa: SLF001  one bound for all of the function's
    if stragglers.full:
        raise CheckOverrun
    if call.runtime.asynchronous:
        from reliai._core.aio import in_thread  # noqa: PLC0415  imports asyncio

        return await _awaited(call, seconds, in_thread(stragglers, act, *args))
    limit = _limit(call, seconds)
    worker = workers.acquire()
    try:
        until = limit[0] - call.clock.monotonic()
        verdict, error = worker.call(copy_context(), until, act, args)
    except workers.Abandoned:
        stragglers.add(worker)
        raise _overrun(call, limit) from None
    workers.release(worker)
    if error is None:
        return verdict
    try:
        raise error
    finally:
        del error  # no cycle through the traceback


def _limit(call: Call, seconds: float) -> Limit:
    """The check's own limit, or the deadline of the call when that comes first."""
    own = (call.clock.monotonic() + seconds, "check", seconds)
    until = call.deadline
    whole = None if until is None else (until, call.layer, call.limit)
    return sooner(own, sooner(call.cut, whole)) or own


def _overrun(call: Call, limit: Limit) -> CheckOverrun:
    return CheckOverrun(None if limit[1] == "check" else overrun(call, limit))


async def verdict_on(call: Call, check: Check, value: object, known: Any = MISSING) -> Any:
    """`check`'s verdict on `value`, or the exception it ended in.

    Args:
        call: the call it is made for.
        check: the check.
        value: what it looks at.
        known: what the check has returned or raised already; MISSING to ask it.
    """
    try:
        found = await judge(call, check, value) if known is MISSING else known
        found = found if isinstance(found, Exception) else verdict_of(check, found)
    except Exception as error:  # noqa: BLE001  a check's fault is not the call's
        return error
    if isinstance(found, Score):
        scored(call, check, found)
        return None
    return found


def scored(call: Call, check: Check, score: Score) -> None:
    """Put a number that a check gave on the record: under its name, in lower case."""
    call.check(check.name, passed=True, reason=f"score {score.value:.3g}")
    record = call._record  # noqa: SLF001  the record is the call's own
    if not record.ended:
        record.values = {**record.values, **sketched({check.name.lower(): float(score.value)})}


def reason_of(verdict: object) -> str:
    """Why a check failed, as far as it said."""
    return cut(verdict, REASON_LIMIT) if isinstance(verdict, str) else ""


def broken(call: Call, check: Check, error: Exception, **where: str) -> str | None:
    """What a check that gave no verdict does to the call, by its `on_error`.

    Returns:
        The reason to refuse the call; None when it goes on all the same.
    """
    if isinstance(error, CheckOverrun):
        kind, reason = "timeout", f"the check did not finish in {check.timeout:g} s"
    elif isinstance(error, NoVerdict):
        kind, reason = "TypeError", str(error)
    else:
        kind = type(error).__name__
        reason = f"the check itself failed ({kind})"
    if check.on_error == "allow":
        call.check(check.name, passed=False, reason=f"bypassed: {reason}")
        call.emit("check_bypassed", check=check.name, **where, error=kind)
        return None
    call.emit("check_error", check=check.name, **where, error=kind)
    return reason
