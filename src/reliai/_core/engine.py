"""The start and the end of one logical call: arguments to `Call`, outcome to record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai._core import stream
from reliai._core.ambient import NOWHERE, ambient, current
from reliai._core.call import Call
from reliai._core.delivery import deliver
from reliai._core.frames import empty_frames
from reliai._core.outcome import Outcome
from reliai._core.record import CallRecord, ErrorInfo
from reliai._core.settings import settings
from reliai._core.usage import joined, note_request, settle_readings
from reliai._core.usage_sums import settle_usage
from reliai.errors import CircuitOpen, ConfigurationError, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from reliai._core.site import Site

__all__ = ["announce", "finish", "finish_cancelled", "restart", "serve_now", "start", "suspended"]


def start(site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Make the call; `announce` or `restart` then shows that it starts."""
    if stream.abandoned:
        stream.settle_abandoned()
    time = clock.active()
    here = ambient.get()
    record = CallRecord()
    record.started_at = time.time()
    record.duration = record.status = None
    record._site = site  # noqa: SLF001  the engine fills the record
    record._ambient = here  # noqa: SLF001
    record._identity = settings.identity  # noqa: SLF001
    record._attempts = record._began = None  # noqa: SLF001
    record._events = record._after = record._notes = None  # noqa: SLF001
    record._told = False  # noqa: SLF001
    record._id = _take_id(here.call_ids) if here.call_ids else None  # noqa: SLF001
    record._started = now = time.monotonic()  # noqa: SLF001
    call = Call(site, args, kwargs, record, here, time, now)
    parent = current.get()
    if parent is not None:
        record._parent = parent._record  # noqa: SLF001
        parent._record._inner = not site.is_tool or parent._record._inner  # noqa: SLF001
        call.parent = parent
        call.meters = parent.meters
        if parent.bound is not None and parent._record.duration is None:  # noqa: SLF001
            _inherit(call, parent.bound)
    if here is not NOWHERE:
        if here.evaluation is not None:
            here.evaluation.enter(call)
        if here.shadow is not None and parent is None:
            record._parent = here.shadow.parent_id  # noqa: SLF001
        if here.meters:
            call.meters = joined(call.meters, here.meters)
        if here.deadline is not None:
            _inherit(call, here.deadline)
        if here.mode is not None:
            call.mode = here.mode
            return call
    call.mode = settings.mode
    return call


def announce(call: Call) -> None:
    """Show a call that starts to the collectors and observers."""
    for collector in call.ambient.collectors:
        collector.append(call._record)  # noqa: SLF001  the engine's own
    if call.hooks.starting:
        call.hooks.start(call)


def restart(call: Call) -> None:
    """Count time from now on: a stream's call starts when it is first asked for a chunk."""
    call.started = call._record._started = call.clock.monotonic()  # noqa: SLF001
    call._record.started_at = call.clock.time()  # noqa: SLF001  the engine's own
    trial, site = call.ambient.evaluation, call._site  # noqa: SLF001  the engine's own
    # Observers may have come since.
    call.hooks = hooks = site.hooks() if trial is None else site.hooks_of_evaluations()
    call.watched = call.ambient.leaf_filter is not None or hooks.watching
    announce(call)


def _take_id(box: list[str]) -> str | None:
    try:
        return box.pop()
    except IndexError:  # another call took it in between
        return None


def _inherit(call: Call, until: float) -> None:
    if call.deadline is None or until < call.deadline:
        call.deadline, call.layer = until, "inherited"
        call.limit = max(0.0, until - call.started)


def finish(call: Call, outcome: Outcome) -> None:
    """End a call's record with what the caller gets, and show it to the observers."""
    record = call._record  # noqa: SLF001  the engine fills the record
    error = outcome.error
    if error is None:
        record.status = "degraded" if outcome.degraded else "success"
    else:
        _fail(record, outcome, error)
        empty_frames(error)
        if call.exhausted and call.parent is not None:
            call.parent.exhausted = call.exhausted
    if call._site.measure is not None:  # noqa: SLF001
        _measure(call, outcome)
    outcome._record = record  # noqa: SLF001
    if call._site.names_model:  # noqa: SLF001
        model = call._site.model_of(call.args, call.kwargs)  # noqa: SLF001
        if isinstance(model, str):
            note_request(call, model)
    if record._told:  # noqa: SLF001
        settle_readings(record)
        record._seen = None  # noqa: SLF001  it held responses
        settle_usage(record, ok=error is None, degraded=outcome.degraded)
    if record._target is not None and not outcome.degraded:  # noqa: SLF001
        record._target = None  # noqa: SLF001  a stand-in's answer was not the last word
    record.duration = call.clock.monotonic() - call.started
    hooks = call.hooks
    hooks.recent.append(record)
    if hooks.queued or hooks.inline:
        hooks.end(record, outcome)
    if record._after is not None:  # noqa: SLF001
        _follow(record)


def _follow(record: CallRecord) -> None:
    """Do what was to be done once the call has ended, such as starting its shadow."""
    actions, record._after = record._after, None  # noqa: SLF001  the engine's own
    for action in actions or ():
        deliver(action, action)


def _fail(record: CallRecord, outcome: Outcome, error: BaseException) -> None:
    if type(error) is CircuitOpen:  # often, and fast: its words can wait
        record.status = "rejected"
        record._error = ("rejected", CircuitOpen, error.args)  # noqa: SLF001  the engine's own
        return
    failure = outcome.failure
    kind = ErrorKind.UNKNOWN if failure is None else failure.kind
    if not isinstance(error, Exception):
        record.status = "cancelled"
    else:
        record.status = "rejected" if kind is ErrorKind.REJECTED else "error"
    record._error = ErrorInfo.of(error, kind)  # noqa: SLF001  the engine's own


def _measure(call: Call, outcome: Outcome) -> None:
    measure = call._site.measure  # noqa: SLF001
    if measure is None or outcome.error is not None:
        return

    from reliai._core.sketches import sketched  # noqa: PLC0415  for functions that measure

    def add() -> None:
        values = sketched(measure(call.arguments, outcome.value))
        call._record.values = {**call._record.values, **values}  # noqa: SLF001

    add.__name__ = "measure"
    deliver(measure, add)


def finish_cancelled(call: Call, error: BaseException) -> None:
    """End the record of a call that a cancellation or an interrupt passed through."""
    finish(call, Outcome(error=error))


def serve_now(call: Call) -> Outcome:
    """Serve a synchronous call; a policy that suspends is a failure that names it."""
    served: Any = call._site.serve(call)  # noqa: SLF001  the engine's own
    if type(served) is Outcome:
        return served
    try:
        served.send(None)
    except StopIteration as stop:
        outcome: Outcome = stop.value
        try:
            return outcome
        finally:
            del outcome  # a traceback may reach this frame, see `frames`
    return suspended(served)


def suspended(coroutine: Coroutine[Any, Any, Any]) -> Outcome:
    """The outcome when a policy waits for an event loop in a synchronous call."""
    name = _suspending(coroutine)
    coroutine.close()
    return Outcome(
        error=ConfigurationError(
            f"{name} awaited something that needs an event loop, but the guarded function is "
            "synchronous; await only proceed(call) and call.runtime, or guard an `async def` one"
        )
    )


def _suspending(coroutine: Any) -> str:
    """The name of the innermost policy of a coroutine that waits."""
    from reliai._core.policy import Middleware  # noqa: PLC0415  off the hot path

    chain = [coroutine]
    while hasattr(inner := getattr(chain[-1], "cr_await", None), "cr_code"):
        chain.append(inner)
    ours = [n for n, each in enumerate(chain) if each.cr_code is Middleware.run.__code__]
    policy = chain[ours[-1] + 1] if ours and ours[-1] + 1 < len(chain) else chain[-1]
    return getattr(policy, "__qualname__", repr(policy))
