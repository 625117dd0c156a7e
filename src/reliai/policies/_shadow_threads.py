"""Where shadows of synchronous calls run: a few threads for the whole process, daemons all.

None is started before there is a shadow to run, and each ends when it had none for a while. What is
called on one of them and does not end in time is left behind on a thread of its own.
"""

from __future__ import annotations

import inspect
from collections import deque
from contextvars import copy_context
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from reliai._core import workers
from reliai._core.delivery import complain
from reliai._core.forking import renew_after_fork
from reliai._core.outcome import Outcome
from reliai._core.target import Stragglers
from reliai.errors import ErrorKind
from reliai.policies._shadow_job import Answer, examine
from reliai.policies._shadow_request import listened

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.binding import Bound
    from reliai._core.workers import Worker
    from reliai.policies._shadow_job import Job, Request

__all__ = ["MAX_CHUNKS", "THREADS", "ThreadMeans", "answer_of", "asked", "failed", "pool"]

THREADS: Final = 4
"""Shadows of synchronous calls that run at the same time; the others wait."""

MAX_CHUNKS: Final = 100_000
"""Chunks of a candidate's stream that are read."""

_OURS: Final = "reliai.comparisons"


class Pool:
    """Runs jobs in the order they came."""

    def __init__(self) -> None:
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        """In a forked child: the threads are gone, and what waited is the parent's to run."""
        self._lock = RLock()  # a destructor may submit while this thread holds it
        self._waiting: deque[Job] = deque()
        self._running = 0

    def submit(self, job: Job) -> None:
        """Run a job as soon as a thread is free."""
        with self._lock:
            if self._running >= THREADS:
                self._waiting.append(job)
                return
            self._running += 1
        try:
            worker = workers.acquire()
        except RuntimeError:  # no thread can be started: at exit, or there are too many
            with self._lock:
                self._running -= 1
            job.lose()
            return
        self._begin(worker, job)

    def _begin(self, worker: Worker, job: Job) -> None:
        worker.begin(job.context, _work, (job,), told=partial(self._next, worker))

    def _next(self, worker: Worker) -> None:
        """On the worker's thread: its job has ended."""
        worker.leave()  # takes up its signal
        worker.take()
        with self._lock:
            job = self._waiting.popleft() if self._waiting else None
            if job is None:
                self._running -= 1
        if job is None:
            workers.release(worker)
        else:
            self._begin(worker, job)


_POOL: Final = Pool()


def pool() -> Pool:
    """The pool of this process."""
    return _POOL


def _work(job: Job) -> None:
    driving = examine(job, ThreadMeans())
    try:
        driving.send(None)
    except StopIteration:
        pass  # it came to its end without waiting, as on a thread it always does
    except BaseException:  # noqa: BLE001  nothing of a shadow gets out of it
        complain(job.desk.tally, "could not count a shadow of %s", job.desk.name)
    finally:
        driving.close()
        job.empty_frames()
        job.lose()  # what was not counted was dropped


class ThreadMeans:
    """Calls functions on this thread, or on one that can be left behind."""

    __slots__ = ()

    async def ask(self, bound: Bound, request: Request) -> Answer:
        """Call a function, whose own policies keep it to the time."""
        return asked(bound, request)

    async def call(self, function: Callable[..., Any], seconds: float, *args: Any) -> Any:
        """Call a function of the user's for at most `seconds`.

        Raises:
            TimeoutError: when it takes longer.
            BaseException: what it raises.
        """
        if type(function).__module__.startswith(_OURS):
            return function(*args)
        if _stragglers.full:
            raise TimeoutError("too many of a shadow's functions have not ended yet")
        worker = workers.acquire()
        try:
            value, error = worker.call(copy_context(), seconds, function, args)
        except workers.Abandoned:
            _stragglers.add(worker)
            name = getattr(function, "__qualname__", repr(function))
            raise TimeoutError(f"{name} took longer than {seconds:g} s") from None
        workers.release(worker)
        if error is not None:
            try:
                raise error
            finally:
                del error  # no cycle through the traceback
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            raise TypeError("gave an awaitable to the shadow of a synchronous function")
        return value

    def ends_by(self, error: BaseException) -> bool:
        """Nobody ends a thread."""
        return False


_stragglers = Stragglers()


def asked(bound: Bound, request: Request) -> Answer:
    """What a synchronous function comes to; its stream is read to the end."""
    try:
        outcome: Outcome = bound.execute(request.args, request.kwargs)
        if not outcome.streaming:
            return answer_of(outcome, outcome.value)
        stream = outcome.value
        answer = listened(stream)
        for number, _ in enumerate(stream):
            if number >= MAX_CHUNKS:
                stream.close()
                raise ValueError(f"the stream has more than {MAX_CHUNKS} chunks")
        return answer_of(outcome, answer())
    except BaseException as error:  # noqa: BLE001  whatever a candidate does, it is its answer
        return failed(error)


def answer_of(outcome: Outcome, value: Any) -> Answer:
    """An outcome that has ended, as an answer."""
    record, error = outcome.record, outcome.error
    seconds = 0.0 if record is None or record.duration is None else record.duration
    usd = None if record is None else record.cost_usd
    if error is None:
        return Answer(value, None, seconds, usd)
    return Answer(None, error, seconds, usd, _kind(outcome))


def failed(error: BaseException) -> Answer:
    """An error as an answer."""
    return Answer(error=error, kind=_kind(Outcome(error=error)))


def _kind(outcome: Outcome) -> str:
    failure = outcome.failure
    return (ErrorKind.UNKNOWN if failure is None else failure.kind).value
