"""What an attempt of a synchronous function gave: a value to hand on, or a stream to open."""

from __future__ import annotations

from contextlib import suppress
from contextvars import copy_context
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from reliai._core import workers
from reliai._core.ambient import current
from reliai._core.attempts import attempt_failed, attempt_succeeded, first_chunk_limit
from reliai._core.limits import overrun
from reliai._core.outcome import Outcome, StreamOutcome
from reliai._core.reading import begin_reading, end_reading, note_first
from reliai._core.record import Attempt, ErrorInfo
from reliai._core.stream import NOTHING
from reliai._core.usage import note_nothing, note_value
from reliai._core.values import InDict, opaque_stream, stream_in
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from reliai._core.call import Call, Limit
    from reliai._core.reading import Reading
    from reliai._core.stream import Stream
    from reliai._core.workers import Worker

__all__ = ["open_generator", "opened_stream", "received"]


def received(
    call: Call, attempt: Attempt, value: Any, context: Context, worker: Worker | None
) -> Outcome:
    """The outcome for a value of any kind; a stream is opened, a provider's response is read."""
    if type(value) is dict and "stream" in value:
        value = stream_in(value) or value
    problem = _awaitable_problem(call, value)
    if problem is None and (call._site.streaming or type(value) is InDict or opaque_stream(value)):  # noqa: SLF001
        return _opened_value(call, attempt, value, context, worker)
    if worker is not None:
        workers.release(worker)
    if problem is not None:
        return attempt_failed(call, attempt, problem)
    attempt_succeeded(call, attempt)
    note_value(call, attempt, value)
    return Outcome(value)


def _awaitable_problem(call: Call, value: Any) -> ConfigurationError | None:
    if not _must_be_awaited(type(value)):  # type: ignore[arg-type]
        return None
    close = getattr(value, "close", None)
    if callable(close):
        close()
    return ConfigurationError(
        f"{call.name} is a plain function that returned {type(value).__name__}, which must be "
        'awaited; declare it as `async def`, annotate what it returns, or pass kind="async"'
    )


@lru_cache(1024)  # a model of pydantic's takes 4 µs to say that it has no such method
def _must_be_awaited(kind: type) -> bool:
    if hasattr(kind, "__await__"):
        return True
    return hasattr(kind, "__anext__") and not hasattr(kind, "__next__")


def _opened_value(
    call: Call, attempt: Attempt, value: Any, context: Context, worker: Worker | None
) -> Outcome:
    context.run(current.set, call)
    if (
        not hasattr(value, "__next__") and type(value) is not InDict and not opaque_stream(value)
    ):  # one value where a stream was expected: a fallback's
        value = iter((value,))

    def source() -> Any:
        return value

    return _open_on(context, call, attempt, source, worker)


def open_generator(call: Call, attempt: Attempt, function: Callable[..., Any]) -> Outcome:
    """Call a generator function and read its first chunk."""
    context = copy_context()
    context.run(current.set, call)

    def source() -> Any:
        return function(*call.args, **call.kwargs)

    return _open_on(context, call, attempt, source, None)


def _open_on(
    context: Context,
    call: Call,
    attempt: Attempt,
    source: Callable[[], Any],
    worker: Worker | None,
) -> Outcome:
    """Read the first chunk of what `source` gives: failing to start is an ordinary failure."""
    from reliai._core.sync_stream import DictStream, SyncStream  # noqa: PLC0415  for streams only

    limit = first_chunk_limit(call, attempt)
    call.bound = None if limit is None else limit[0]
    opened: list[Any] = []

    def first() -> Any:
        stream = source()
        opened.append(stream)
        iterator = iter(stream)
        opened.append(iterator)
        return next(iterator, NOTHING)

    site = call._site  # noqa: SLF001  the engine's own
    threaded = site.threaded or site.spared
    if threaded and (limit is not None or call.idle is not None):
        worker = worker or workers.acquire()
    elif worker is not None:
        workers.release(worker)
        worker = None
    step = call.hooks.activated(call, first)
    chunk, error = _first_chunk(context, call, step, limit, worker, opened)
    reading = None
    if error is None and type(chunk) is not str and chunk is not NOTHING:
        reading = begin_reading(call, chunk, opened[0])
        if reading is not None:
            began = call.clock.monotonic()
            error = _read_ahead(context, call, reading, limit, worker, opened)
            note_first(call, attempt, reading, began)
    if error is not None:
        _discard(context, worker, opened)
        if reading is not None:
            end_reading(call, attempt, reading)
        try:
            if isinstance(error, Exception):
                return attempt_failed(call, attempt, error)  # kept in no variable: see below
            attempt_failed(call, attempt, error)
            raise error
        finally:
            del error  # the frames of its traceback lead back to this one, which must not hold it
    kind = DictStream if type(opened[0]) is InDict else SyncStream
    stream = kind(call, context, opened[0], opened[1], chunk, worker)
    return opened_stream(call, attempt, stream, reading)


def _read_ahead(  # noqa: PLR0917
    context: Context,
    call: Call,
    reading: Reading,
    limit: Limit | None,
    worker: Worker | None,
    opened: list[Any],
) -> BaseException | None:
    """Read on until the stream's content begins; give what it failed with before."""
    step = call.hooks.activated(call, partial(next, opened[1], NOTHING))
    while reading.waiting:
        nearest = reading.limit(limit)
        if nearest is not None:
            if nearest[0] <= call.clock.monotonic():
                return overrun(call, nearest)
            call.bound = nearest[0]
        chunk, error = _first_chunk(context, call, step, nearest, worker, opened)
        if error is not None:
            try:
                return error
            finally:
                del error  # no cycle through the traceback
        if chunk is NOTHING:
            return reading.ending()
        reading.hold(chunk)
    return reading.failed()


def _first_chunk(  # noqa: PLR0917
    context: Context,
    call: Call,
    first: Callable[[], Any],
    limit: Limit | None,
    worker: Worker | None,
    opened: list[Any],
) -> tuple[Any, BaseException | None]:
    if worker is None:
        try:
            return context.run(first), None
        except BaseException as error:  # noqa: BLE001  raised again by the caller if it must be
            return None, error
    seconds = None if limit is None else limit[0] - call.clock.monotonic()
    try:
        return worker.call(context, seconds, first)
    except workers.Abandoned:
        assert limit is not None  # noqa: S101  only a limit abandons
        return None, overrun(call, limit)
    except BaseException as interrupt:  # noqa: BLE001  raised again by the caller
        return None, interrupt
    finally:
        if worker.abandoned:
            call._target.stragglers.add(worker, lambda: _close_opened(opened))  # noqa: SLF001


def _discard(context: Context, worker: Worker | None, opened: list[Any]) -> None:
    """Close a stream that gave no first chunk; nobody else knows of it."""
    if worker is None:
        context.run(_close_opened, opened)
    elif not worker.abandoned:
        worker.call(context, None, _close_opened, (opened,))
        workers.release(worker)


def _close_opened(opened: list[Any]) -> None:
    close = getattr(opened[0], "close", None) if opened else None
    if callable(close):
        with suppress(Exception):  # it has failed already, and that is what is told
            close()


def opened_stream(call: Call, attempt: Attempt, stream: Stream, reading: Reading | None) -> Outcome:
    """The outcome for a stream whose first chunk was read; its attempt ends with the stream."""
    record = call._record  # noqa: SLF001  the engine fills the record
    record.time_to_first_chunk = call.clock.monotonic() - call.started

    def ended(outcome: Outcome) -> None:
        attempt.duration = call.clock.monotonic() - attempt.began
        if outcome.error is None:
            attempt.status = "success"
        elif isinstance(outcome.error, Exception):
            failure = outcome.failure
            attempt.status = "error"
            attempt.error = ErrorInfo.of(outcome.error, str(failure.kind if failure else "unknown"))
        else:
            attempt.status = "cancelled"
        if reading is not None:
            end_reading(call, attempt, reading)
        else:
            note_nothing(call, attempt)

    if reading is not None:
        stream.follow(reading)
    stream.on_end(ended)
    empty = stream._first is NOTHING  # noqa: SLF001  the engine's own
    if empty:
        stream.end()
    return StreamOutcome(stream)
