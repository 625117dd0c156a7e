"""Running a session to its end: in threads, or as tasks of an event loop."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

from reliai import clock
from reliai._core.workers import acquire, release

if TYPE_CHECKING:
    from reliai._core.workers import Worker
    from reliai.evals._session import Item, Session
    from reliai.evals._tries import Tries

__all__ = ["in_tasks", "in_threads"]

MOST_STUCK: Final = 32
"""Threads that are left behind in calls without an end before the run gives up."""

_TICK: Final = 0.05
"""Seconds after which what waits for the journal is written."""


def in_threads(session: Session, tries: Tries, timeout: float | None) -> None:
    """Run tries in threads until none is left; this thread watches their time.

    What interrupts this thread comes out of here at once; tries under way are left behind.
    """
    _Threads(session, tries, timeout).run()


class _Threads:
    def __init__(self, session: Session, tries: Tries, timeout: float | None) -> None:
        self._session = session
        self._tries = tries
        self._timeout = timeout
        self._clock = clock.active()
        self._stuck: set[Item] = set()
        self._end = threading.Lock()
        self._end.acquire()

    def run(self) -> None:
        try:
            self._hire()
            if not self._session.workers:
                return
            while not self._clock.wait(self._end, self._pause()):
                self._session.flush()
                self._give_up()
        except BaseException:
            self._session.close()
            raise

    def _hire(self) -> None:
        while self._session.join():
            try:
                self._begin()
            except BaseException:  # there may be no more threads
                self._session.leave()
                raise

    def _begin(self) -> None:
        worker = acquire()
        worker.begin(copy_context(), self._work, told=lambda: _give_back(worker))

    def _work(self) -> None:
        session = self._session
        try:
            while (item := session.take()) is not None:
                trial = self._tries.make(item)
                if not session.done(item, trial):
                    self._stuck.discard(item)
                    return  # it was given up: another works in its place, and left in its place
                if session.limit.value != session.workers:
                    if session.workers > session.limit.value:
                        break
                    self._hire()
        except BaseException as error:  # noqa: BLE001  raised where the run was begun
            session.fail(error)
        if session.leave() == 0:
            self._end.release()

    def _pause(self) -> float | None:
        """Seconds until something may be due."""
        now = self._clock.monotonic()
        with self._session.lock:
            deadlines = [each.deadline for each in self._session.running]
        due = [each for each in deadlines if each is not None]
        if self._timeout is not None:  # a try that begins now is due no earlier than that
            due.append(now + self._timeout)
        if self._session.dirty:
            due.append(now + _TICK)
        return max(0.001, min(due) - now) if due else _TICK * 20

    def _give_up(self) -> None:
        now = self._clock.monotonic()
        with self._session.lock:
            late = [
                each
                for each in self._session.running
                if each.deadline is not None and each.deadline <= now
            ]
            for item in late:
                item.given_up = True
        for item in late:
            self._replace(item, now)

    def _replace(self, item: Item, now: float) -> None:
        """Tell of a try that took too long, and have another thread go on."""
        session = self._session
        session.refused(item.started_at)
        self._stuck.add(item)  # before it is done: its thread may come to an end right then
        session.done(item, self._tries.given_up(item, now), late=True)
        if len(self._stuck) >= MOST_STUCK:
            session.stop("stuck")
        self._begin()


def _give_back(worker: Worker) -> None:
    """Let others use a thread that has come to the end of its work."""
    if not worker.leave():
        release(worker)


async def in_tasks(session: Session, tries: Tries) -> None:
    """Run tries as tasks until none is left. Cancelled, it cancels them."""
    await _Tasks(session, tries).run()


class _Tasks:
    def __init__(self, session: Session, tries: Tries) -> None:
        self._session = session
        self._tries = tries
        self._clock = clock.active()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[None] = self._loop.create_future()
        self._hire()
        try:
            if self._session.workers:
                await self._end
        finally:
            self._ending = True
            if self._timer is not None:
                self._timer.cancel()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hire(self) -> None:
        while self._session.join():
            task = self._loop.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        session = self._session
        try:
            while (item := session.take()) is not None:
                trial = await self._tries.amake(item)
                session.done(item, trial)
                if session.dirty and self._timer is None:
                    self._timer = self._clock.call_later(self._loop, _TICK, self._flush)
                if session.limit.value != session.workers:
                    if session.workers > session.limit.value:
                        break
                    self._hire()
        except asyncio.CancelledError:
            if not self._ending:  # somebody cancels all tasks of the loop: its try is lost
                session.fail(RuntimeError("a task of the run was cancelled by somebody else"))
            raise
        except Exception as error:  # noqa: BLE001  raised where the run was begun
            session.fail(error)
        finally:
            if session.leave() == 0 and not self._end.done():
                self._end.set_result(None)

    def _flush(self) -> None:
        self._timer = None
        try:
            self._session.flush()
        except OSError as error:  # a full disk
            self._session.fail(error)
