"""One process working on a run: hands out tries, and takes what they came to."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai.evals._plans import verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.datasets.case import Case
    from reliai.evals._cache import OutputCache
    from reliai.evals._concurrency import Adaptive, Fixed
    from reliai.evals._journal import RunWriter
    from reliai.evals._plans import Plan
    from reliai.evals._tally import Tally
    from reliai.evals.trial import Trial

    Progress = Callable[[int, int, Trial], object]

__all__ = ["Item", "Session"]

_QUICK = 0.001
"""Seconds; a target that takes less is not waiting for anything, and gains nothing by company."""


class Item:
    """One try to make.

    Attributes:
        case, repeat: what is tried.
        plan: of the case; None when this is its only try.
        extra: whether it is beyond the planned ones.
        kept: what the cache has of it; None for nothing.
        deadline: monotonic time at which it is given up; None while it does not run.
        given_up: whether nobody waits for it any more.
    """

    __slots__ = ("case", "deadline", "extra", "given_up", "kept", "plan", "repeat", "started_at")

    def __init__(self, case: Case, repeat: int, plan: Plan | None) -> None:
        self.case = case
        self.repeat = repeat
        self.plan = plan
        self.extra = plan is not None and plan.is_extra(repeat)
        self.kept: Any = None
        self.deadline: float | None = None
        self.started_at = 0.0
        self.given_up = False


class Session:
    """Hands out tries to workers, threads or tasks, and writes what they came to.

    Args:
        cases: what is left to do: each with its plan, or None for a single try.
        writer: of the journal.
        tally: what the run has come to.
        limit: how many tries run at a time.
        cache: outputs of earlier runs, or None.
        progress: told of each trial.
        total: trials to expect, for `progress`.

    Attributes:
        workers: that run.
        error: that ends the run: of the dataset, the disk or `progress`, never of the target.
    """

    def __init__(
        self,
        cases: Iterator[tuple[Case, Plan | None]],
        *,
        writer: RunWriter,
        tally: Tally,
        limit: Fixed | Adaptive,
        cache: OutputCache | None = None,
        progress: Progress | None = None,
        total: int = 0,
    ) -> None:
        self.lock = threading.Lock()
        self.workers = 0
        self.error: BaseException | None = None
        self.limit = limit
        self.tally = tally
        self.running: set[Item] = set()
        self._cases = cases
        self._more: deque[Item] = deque()
        self._exhausted = self._closed = False
        self._writer = writer
        self._cache = cache
        self._progress = progress
        self._total = total
        self._clock = clock.active()

    def take(self) -> Item | None:
        """The next try; None when there is none to begin now."""
        with self.lock:
            if self.error is not None or not self.tally.may_begin(len(self.running)):
                return None
            try:
                item = self._next()
                if item is not None and self._cache is not None:
                    item.kept = self._cache.get(item.case.digest, item.repeat)
            except BaseException as error:  # noqa: BLE001  raised where the run was begun
                self.error = error
                return None
            if item is not None:
                self.running.add(item)
            return item

    def done(self, item: Item, trial: Trial, *, late: bool = False) -> bool:
        """A try came to its end, or is given up (late); False when it was given up before."""
        with self.lock:
            if self._closed or (item.given_up and not late):
                return False
            self.running.discard(item)
            try:
                self._put(item, trial)
            except BaseException as error:  # noqa: BLE001  as above
                self.error = self.error or error
        return True

    def fail(self, error: BaseException) -> None:
        """End the run with an error."""
        with self.lock:
            self.error = self.error or error

    def stop(self, reason: str) -> None:
        """Begin no more."""
        with self.lock:
            self.tally.stopped = self.tally.stopped or reason

    def close(self) -> None:
        """Take nothing any more: whoever still works was left behind."""
        with self.lock:
            self._closed = True
            self.tally.stopped = self.tally.stopped or "interrupted"

    def room(self) -> int:
        """How many more workers there may be; with the lock held or not."""
        if self.error is not None or self.tally.stopped is not None:
            return 0
        left = self.limit.value - self.workers
        return left if not self._exhausted else min(left, len(self._more))

    def join(self) -> bool:
        """Become a worker, when there is room."""
        with self.lock:
            if self.room() <= 0:
                return False
            self.workers += 1
            return True

    def leave(self) -> int:
        """Be a worker no more; gives how many there are."""
        with self.lock:
            self.workers -= 1
            return self.workers

    def refused(self, started_at: float) -> None:
        """The provider sent an attempt away that began then (monotonic), or it took too long."""
        with self.lock:
            self.limit.refused(started_at, self._clock.monotonic())

    def flush(self) -> None:
        """Write what waits."""
        with self.lock:
            self._writer.flush()

    @property
    def dirty(self) -> bool:
        """Whether something waits to be written."""
        return self._writer.dirty

    def _next(self) -> Item | None:
        if self._more:
            return self._more.popleft()
        while not self._exhausted:
            found = next(self._cases, None)
            if found is None:
                self._exhausted = True
                break
            case, plan = found
            if plan is None:
                return Item(case, 1, None)
            self._more.extend(Item(case, repeat, plan) for repeat in plan.wave())
            if self._more:
                return self._more.popleft()
        return None

    def _put(self, item: Item, trial: Trial) -> None:
        last = True
        plan = item.plan
        if plan is not None:
            last = plan.made(item.repeat, verdict=verdict_of(trial))
            if last:
                wave = plan.wave()
                last = not wave
                self._more.extend(Item(item.case, repeat, plan) for repeat in wave)
        self._writer.write(trial, last=last)
        if self._cache is not None:
            self._cache.put(trial)
        if trial.status == "ok" and not trial.cached and trial.duration > _QUICK:
            self.limit.served()
        self.tally.take(trial, last=last)
        if self._progress is not None:
            total = max(self._total, self.tally.trials)
            self._progress(self.tally.trials, total, trial)
