"""Where shadows of asynchronous calls run: tasks of the loop that the call ran in, a few at a time.

Imports asyncio, so it is loaded with the first asynchronous function that has a shadow.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from reliai._core.aio import in_thread
from reliai._core.alarm import Timer
from reliai._core.delivery import complain
from reliai._core.target import Stragglers
from reliai.policies._shadow_job import Answer, examine
from reliai.policies._shadow_request import listened
from reliai.policies._shadow_threads import MAX_CHUNKS, answer_of, asked, failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.binding import Bound
    from reliai.policies._shadow_job import Job, Request

__all__ = ["TASKS", "TaskMeans", "lane"]

TASKS: Final = 8
"""Shadows that run in one event loop at the same time; the others wait."""


class Lane:
    """Runs jobs in one event loop, in the order they came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Job] = deque()
        self._running: dict[asyncio.Task[None], Job] = {}

    @property
    def closed(self) -> bool:
        """Whether its loop will run nothing any more."""
        return self._loop.is_closed()

    def submit(self, job: Job) -> None:
        """Run a job once its turn has come; from any thread."""
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001  half the cost of the way around
            self._take(job)
            return
        try:
            self._loop.call_soon_threadsafe(self._take, job)
        except RuntimeError:  # the loop is closed
            job.lose()

    def _take(self, job: Job) -> None:
        if len(self._running) < TASKS:
            self._begin(job)
        else:
            self._waiting.append(job)

    def _begin(self, job: Job) -> None:
        task = self._loop.create_task(_work(job), context=job.context)
        self._running[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        job = self._running.pop(task)
        if task.cancelled():  # all tasks are: the loop is about to close
            job.lose()
            self.lose_waiting()
            return
        job.lose()  # what was not counted was dropped
        if self._waiting:
            self._begin(self._waiting.popleft())

    def lose_waiting(self) -> None:
        """Let those go whose turn will not come."""
        while self._waiting:
            self._waiting.popleft().lose()

    def lose_all(self) -> None:
        """Its loop is closed: let all go, also tasks that nobody cancelled."""
        self.lose_waiting()
        running: dict[Any, Job] = dict(self._running)
        for task, job in running.items():
            job.lose()
            task._log_destroy_pending = False  # noqa: SLF001  as `gather` does
            with suppress(BaseException):  # it may refuse, and is gone all the same
                task.get_coro().close()
        self._running.clear()


_lanes: dict[asyncio.AbstractEventLoop, Lane] = {}
os.register_at_fork(after_in_child=_lanes.clear)


def lane() -> Lane:
    """The lane of the running event loop."""
    loop = asyncio.get_running_loop()
    known = _lanes.get(loop)
    if known is None:
        for other, old in list(_lanes.items()):
            if old.closed:
                _lanes.pop(other, None)
                old.lose_all()
        known = _lanes.setdefault(loop, Lane(loop))
    return known


async def _work(job: Job) -> None:
    means = TaskMeans(job)
    try:
        await examine(job, means)
    except BaseException as error:
        if means.ends_by(error):
            raise
        complain(job.desk.tally, "could not count a shadow of %s", job.desk.name)
    finally:
        job.empty_frames()


class TaskMeans:
    """Awaits what is asynchronous, and calls on a thread what is not."""

    __slots__ = ("_job",)

    def __init__(self, job: Job) -> None:
        self._job = job

    async def ask(self, bound: Bound, request: Request) -> Answer:
        """Call a function, whose own policies keep it to the time."""
        if not bound.asynchronous:
            answer: Answer = await in_thread(_stragglers, asked, bound, request)
            return answer
        try:
            outcome = await bound.execute(request.args, request.kwargs)
            if not outcome.streaming:
                return answer_of(outcome, outcome.value)
            stream = outcome.value
            heard = listened(stream)
            number = 0
            async for _ in stream:
                number += 1
                if number > MAX_CHUNKS:
                    await stream.aclose()
                    raise ValueError(f"the stream has more than {MAX_CHUNKS} chunks")
            return answer_of(outcome, heard())
        except BaseException as error:
            if self.ends_by(error):
                raise
            return failed(error)

    async def call(self, function: Callable[..., Any], seconds: float, *args: Any) -> Any:
        """Call a function of the user's for at most `seconds`; never block the loop.

        Raises:
            TimeoutError: when it takes longer.
            BaseException: what it raises.
        """
        timer = Timer(seconds)
        try:
            return await _called(function, *args)
        except asyncio.CancelledError:
            if not timer.expired():
                raise
            raise TimeoutError(f"{_name(function)} took longer than {seconds:g} s") from None
        finally:
            timer.stop()

    def ends_by(self, error: BaseException) -> bool:
        """Whether the task is cancelled, or closed: not when a candidate says so of itself."""
        if isinstance(error, GeneratorExit):
            return self._job.over
        task = asyncio.current_task()
        cancelled = isinstance(error, asyncio.CancelledError)
        return cancelled and task is not None and task.cancelling() > 0


_stragglers = Stragglers()


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__


async def _called(function: Callable[..., Any], *args: Any) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    if _stragglers.full:
        raise TimeoutError("too many of a shadow's functions have not ended yet")
    given = await in_thread(_stragglers, function, *args)
    return await given if inspect.isawaitable(given) else given
