"""Making one try: the call, again where the transport failed, and what scorers say of it."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai import clock
from reliai._core.ambient import deadline
from reliai._core.binding import bound_of
from reliai._core.outcome import Outcome
from reliai._core.workers import acquire, release
from reliai.errors import CircuitOpen, ErrorKind
from reliai.evals._outages import Outages
from reliai.evals._outputs import fresh
from reliai.evals._persistence import Persistence, is_pacing
from reliai.evals._tried import kept_of, timed_out, tried_of
from reliai.evals.scoring import scored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reliai.evals._isolation import Isolated
    from reliai.evals._session import Item, Session
    from reliai.evals._settings import Settings
    from reliai.evals._tried import Tried
    from reliai.evals.scoring import Scorer
    from reliai.evals.trial import Score, Trial

    _Made: TypeAlias = tuple[Outcome, float]

__all__ = ["Tries"]

_GRACE: Final = 1.0
"""Seconds that a cancelled call has to come to its end."""

_ENDS: Final = (SystemExit, asyncio.CancelledError)
"""What a target may raise that would end more than its own try."""


class Tries:
    """Makes the tries of one run.

    Args:
        isolated: the target.
        scorers: what judges its outputs.
        settings: of the experiment.
        session: told of refusals.
        target: as it was given.
    """

    def __init__(
        self,
        isolated: Isolated,
        scorers: tuple[Scorer, ...],
        settings: Settings,
        session: Session,
        target: Callable[..., Any],
    ) -> None:
        self._isolated = isolated
        self._scorers = scorers
        self._waits = any(each.asynchronous or each.blocking for each in scorers)
        self._timeout = settings.timeout
        self._retries = settings.retries
        self._session = session
        self._clock = clock.active()
        self._random = Random(settings.seed)
        self._left: set[Any] = set()
        self._outages = Outages()
        self._guarded = bound_of(target) is not None

    @property
    def blocks(self) -> bool:
        """Whether neither target nor scorers need an event loop."""
        return not self._isolated.asynchronous and not self._waits

    def make(self, item: Item) -> Trial:
        """A try of a synchronous target, in this thread; its time is watched from outside."""
        if item.kept is not None:
            return self._scored_now(item, kept_of(item))
        again = Persistence(self._retries, self._isolated.effects, self._random)
        while True:
            began, started = self._clock.time(), self._clock.monotonic()
            item.started_at = started
            if self._timeout is not None:
                item.deadline = started + self._timeout
            outcome, duration = copy_context().run(self._call, fresh(item.case.inputs))
            item.deadline = None
            wait = self._next(outcome, again, started, duration)
            if wait is None:
                return self._scored_now(item, self._tried(outcome, began, duration, again.retries))
            self._clock.sleep(wait)

    async def amake(self, item: Item) -> Trial:
        """A try of a target of any kind, on an event loop."""
        if item.kept is not None:
            await asyncio.sleep(0)  # others have their turn, and a cancellation too
            return await self._scored(item, kept_of(item))
        again = Persistence(self._retries, self._isolated.effects, self._random)
        while True:
            began, started = self._clock.time(), self._clock.monotonic()
            made = await self._attempt(fresh(item.case.inputs))
            if made is None:
                self._session.refused(started)
                duration = self._clock.monotonic() - started
                return await self._scored(item, timed_out(began, duration, again.retries))
            outcome, duration = made
            wait = self._next(outcome, again, started, duration)
            if wait is None:
                tried = self._tried(outcome, began, duration, again.retries)
                return await self._scored(item, tried)
            await self._clock.async_sleep(wait)

    def given_up(self, item: Item, now: float) -> Trial:
        """The trial of a try that ran out of time in a thread."""
        duration = now - item.started_at
        return self._scored_now(item, timed_out(self._clock.time() - duration, duration, 0))

    def _next(
        self, outcome: Outcome, again: Persistence, started: float, duration: float
    ) -> float | None:
        """Seconds until the next attempt; None when there is none."""
        if outcome.error is None:
            self._outages.served()
            return None
        self._outages.failed(outcome, started)
        failure: Any = outcome.failure
        if failure.kind is ErrorKind.TIMEOUT or is_pacing(failure, outcome.error):
            self._session.refused(started)
        if self._timeout is not None and duration >= self._timeout:
            return None  # it has kept to the deadline, and to come to its end took all of the time
        if isinstance(outcome.error, CircuitOpen):
            patience = self._outages.patience(outcome.error, self._clock.monotonic())
            return None if patience is None else again.wait(outcome, patience)
        return again.wait(outcome)

    def _tried(self, outcome: Outcome, began: float, duration: float, retries: int) -> Tried:
        made = tried_of(outcome, began, duration, retries)
        if isinstance(outcome.error, CircuitOpen):  # it is the target that failed, not the inputs
            made.status, made.error = "error", self._outages.reason(outcome.error)
        return made

    def _call(self, inputs: Mapping[str, Any]) -> _Made:
        """One call in this thread, and its seconds; what ends a program ends only the try."""
        started = self._clock.monotonic()
        try:
            if self._timeout is None or not self._guarded:
                outcome = self._isolated.call(inputs)
            else:
                with deadline(self._timeout):  # policies and clients of the target keep to it
                    outcome = self._isolated.call(inputs)
        except _ENDS as error:
            outcome = _ended_by(error)
        return outcome, self._clock.monotonic() - started

    async def _acall(self, inputs: Mapping[str, Any]) -> _Made:
        started = self._clock.monotonic()
        try:
            if self._timeout is None or not self._guarded:
                outcome = await self._isolated.acall(inputs)
            else:
                with deadline(self._timeout):
                    outcome = await self._isolated.acall(inputs)
        except SystemExit as error:
            outcome = _ended_by(error)
        return outcome, self._clock.monotonic() - started

    async def _attempt(self, inputs: Mapping[str, Any]) -> _Made | None:
        """One call, and its seconds; None when it ran out of time.

        The seconds are taken beside the call, not here: the loop may be busy with scorers when it
        comes to its end.
        """
        if not self._isolated.asynchronous:
            return await self._in_thread(inputs)
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._acall(inputs), context=copy_context())
        if self._timeout is None:
            return await _ended(task)
        waiter: asyncio.Future[None] = loop.create_future()
        task.add_done_callback(lambda _: _release(waiter))
        late = _Late(self._clock, loop, task, waiter)
        timer = self._clock.call_later(loop, self._timeout, late)
        try:
            await waiter
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE)  # it has a while to let go of what it holds
            raise
        finally:
            timer.cancel()
            late.end()
        if not task.done():
            self._left.add(task)  # the loop itself holds no task that goes on
            task.add_done_callback(self._forget)
            return None
        return None if late.came and task.cancelled() else await _ended(task)

    def _forget(self, task: asyncio.Task[_Made]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()

    async def _in_thread(self, inputs: Mapping[str, Any]) -> _Made | None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def told() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_release, waiter)

        worker = acquire()
        worker.begin(copy_context(), self._call, (inputs,), told=told)
        timer = None
        if self._timeout is not None:
            timer = self._clock.call_later(loop, self._timeout, lambda: _release(waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if not worker.leave():
                release(worker)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if worker.leave():
            return None
        made, error = worker.take()
        release(worker)
        return made if error is None else (Outcome(error=error), 0.0)

    def _scored_now(self, item: Item, tried: Tried) -> Trial:
        with self._isolated.scope():
            coroutine = scored(self._scorers, tried.output, item.case, status=tried.status)
            try:
                coroutine.send(None)
            except StopIteration as end:
                return tried.trial(item, end.value)
        coroutine.close()
        raise AssertionError("a scorer waits that said it does not")

    async def _scored(self, item: Item, tried: Tried) -> Trial:
        with self._isolated.scope():
            scores = await self._said(self._scorers, item, tried)
            again = Persistence(0, "none", self._random)
            while late := [each for each in self._scorers if _comes_too_early(scores, each)]:
                wait = again.put_off()
                if wait is None:
                    break
                self._session.refused(self._clock.monotonic())
                await self._clock.async_sleep(wait)
                scores |= await self._said(late, item, tried)
        return tried.trial(item, scores)

    async def _said(self, scorers: Iterable[Scorer], item: Item, tried: Tried) -> dict[str, Score]:
        given = scorers, tried.output, item.case
        return await scored(*given, status=tried.status, seconds=self._timeout)


def _comes_too_early(scores: Mapping[str, Score], scorer: Scorer) -> bool:
    """Whether the grader of a judge wants to be asked later: target and judges share the limit."""
    said = scores.get(scorer.name)
    return said is not None and said.unscored == "judge_rate_limited"


class _Late:
    """Cancels a call that took too long, and then waits for it no more than a while."""

    __slots__ = ("_clock", "_loop", "_task", "_timer", "_waiter", "came")

    def __init__(
        self,
        time: clock.Clock,
        loop: asyncio.AbstractEventLoop,
        task: asyncio.Task[_Made],
        waiter: asyncio.Future[None],
    ) -> None:
        self.came = False
        self._clock, self._loop, self._task, self._waiter = time, loop, task, waiter
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        self.came = True
        self._task.cancel()
        self._timer = self._clock.call_later(self._loop, _GRACE, lambda: _release(self._waiter))

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _ended(task: asyncio.Task[_Made]) -> _Made:
    """What a call came to; a target that cancels itself has failed, and not the run."""
    try:
        return await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        return Outcome(error=RuntimeError("the target cancelled itself")), 0.0


def _ended_by(error: BaseException) -> Outcome:
    return Outcome(error=RuntimeError(f"the target raised {type(error).__name__}"))
