"""Threads that run a function so that its caller can stop waiting for it.

A synchronous call cannot be cancelled. What can be done is to leave it behind: the caller goes on,
the thread ends when the function does. Threads are reused; one is a daemon, so that a function that
never returns does not keep the process alive.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reliai import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

__all__ = ["Abandoned", "Worker", "acquire", "release"]

IDLE_SECONDS = 10.0
"""How long a thread waits for more work before it ends."""

_idle: deque[Worker] = deque()


class Abandoned(Exception):
    """The time to wait for a worker ran out; it goes on by itself."""


_Job = tuple[clock.Clock, "Context", "Callable[..., Any]", tuple[Any, ...], dict[str, Any]]


class Worker:
    """A thread that runs one thing at a time for whoever holds it."""

    __slots__ = (
        "_after",
        "_done",
        "_error",
        "_job",
        "_lock",
        "_result",
        "_told",
        "_wake",
        "abandoned",
    )

    def __init__(self) -> None:
        self._wake = threading.Lock()
        self._wake.acquire()
        self._done = threading.Lock()
        self._done.acquire()
        self._lock = threading.Lock()
        self._job: _Job | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        self._after: list[Callable[[], None]] = []
        self._told: Callable[[], None] | None = None
        self.abandoned = False
        threading.Thread(target=self._loop, name="reliai-call", daemon=True).start()

    def begin(
        self,
        context: Context,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        told: Callable[[], None] | None = None,
    ) -> None:
        """Run `function` in `context` and go on; `told` is called in the worker's thread then."""
        time = clock.active()
        time.busy(1)
        self._told = told
        self._job = (time, context, function, args, kwargs or {})
        self._wake.release()

    def take(self) -> tuple[Any, BaseException | None]:
        """What a function that has ended returned, and None; or None, and what it raised."""
        answer = self._result, self._error
        self._result = self._error = None
        return answer

    def call(
        self,
        context: Context,
        seconds: float | None,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> tuple[Any, BaseException | None]:
        """Run `function` in `context` and wait for it, at most `seconds` (None: without end).

        Returns:
            What it returned and None, or None and what it raised.

        Raises:
            Abandoned: when the time ran out; the worker must not be used again.
        """
        time = clock.active()
        self.begin(context, function, args, kwargs)
        try:
            finished = time.wait(self._done, seconds)
        except BaseException:
            # KeyboardInterrupt reached the waiting caller; the function goes on without it.
            if not self.leave():
                release(self)
            raise
        if not finished and self.leave():
            raise Abandoned
        return self.take()

    def after(self, action: Callable[[], None]) -> None:
        """Have `action` run once an abandoned function has ended; at once if it has."""
        with self._lock:
            if self._job is not None:
                self._after.append(action)
                return
        _finish(action)

    def leave(self) -> bool:
        """Abandon the function; False when it ended at the last moment."""
        with self._lock:
            if self._job is None:
                self._done.acquire()
                return False
            self.abandoned = True
            return True

    def _loop(self) -> None:
        while True:
            if not self._wake.acquire(timeout=IDLE_SECONDS) and self._retire():
                return
            if self._job is None:
                continue
            time, context, function, args, kwargs = self._job
            _ours.time = time
            result, error = None, None
            try:
                result = context.run(function, *args, **kwargs)
            except BaseException as raised:  # noqa: BLE001  handed to the caller as it is
                error = _without_this_frame(raised)
            del context, function, args, kwargs
            with self._lock:
                self._job = None
                left, after, self._after = self.abandoned, self._after, []
                told, self._told = self._told, None
                if not left:
                    self._result, self._error = result, error
                    self._done.release()
            del result, error
            if left:
                for action in after:
                    _finish(action)
            elif told is not None:
                told()
            del told, after  # they lead to what the function gave, which is the caller's
            time.busy(-1)  # the clock it began by: another may be in use by now
            _ours.time = None
            del time
            if left:
                return

    def _retire(self) -> bool:
        """Leave the pool of idle threads; False when someone took this one first."""
        try:
            _idle.remove(self)
        except (ValueError, IndexError):
            self._wake.acquire()
            return False
        return True


def _finish(after: Callable[[], None]) -> None:
    """Clean up behind what was left; it may fail, and nobody is there to be told."""
    with suppress(Exception):
        after()


def _without_this_frame(error: BaseException) -> BaseException:
    """The traceback starts in the user's function: this thread's loop tells nobody anything."""
    traceback = error.__traceback__
    return error.with_traceback(None if traceback is None else traceback.tb_next)


class _Ours(threading.local):
    time: clock.Clock | None = None


_ours = _Ours()


def on_worker() -> clock.Clock | None:
    """The clock that counts the work of this thread, when it is one of ours; None otherwise."""
    return _ours.time


def acquire() -> Worker:
    """A worker for the caller alone."""
    try:
        return _idle.pop()
    except IndexError:
        return Worker()


def release(worker: Worker) -> None:
    """Give a worker back; an abandoned one ends by itself."""
    if not worker.abandoned:
        _idle.append(worker)


os.register_at_fork(after_in_child=_idle.clear)
