"""Runs beside each other, for one call: which ended, which won, and the end of the others."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome
    from reliai._core.runtime import Run, Signal

__all__ = ["Race"]


class Race:
    """The runs of one call.

    Attributes:
        runs: all of them, by order of start.
        going: those that have not ended.
        failed: what those that ended came to.
        latest: the one that ended last.
        broke: whether a further one could not be paid for.
    """

    latest: Run

    def __init__(self, call: Call, proceed: Proceed) -> None:
        self.runs: list[Run] = []
        self.going: list[Run] = []
        self.failed: list[Outcome] = []
        self.broke = False
        self._call = call
        self._proceed = proceed
        self._signal: Signal = call.runtime.signal()

    @property
    def started(self) -> int:
        """How many were started."""
        return len(self.runs)

    def start(self, rival: Call, ask: Proceed | None = None) -> None:
        """Start a run, of the rest of the pipeline or of another target."""
        run = self._call.runtime.start(rival, ask or self._proceed, self._ended)
        self.runs.append(run)
        self.going.append(run)

    def _ended(self) -> None:
        self._signal.give()

    async def next_end(self, seconds: float | None) -> Outcome | None:
        """What the next run that ends came to; None when `seconds` have passed before."""
        clock = self._call.clock
        until = None if seconds is None else clock.monotonic() + seconds
        while True:
            for run in self.going:
                if run.ended:
                    return await self._ended_run(run)
            if self._signal.given:  # by one that was seen already
                self._signal = self._call.runtime.signal()
                continue
            left = None if until is None else until - clock.monotonic()
            if (left is not None and left <= 0) or not await self._signal.received(left):
                return None

    async def _ended_run(self, run: Run) -> Outcome:
        self.going.remove(run)
        self.latest = run
        await run.finish()
        if run.interrupt is not None:
            raise run.interrupt
        assert run.outcome is not None  # noqa: S101  one of the two is set
        if run.outcome.error is not None:
            self.failed.append(run.outcome)
        return run.outcome

    async def end(self, winner: Run | None) -> None:
        """End all that still go on, and let the call stand where the winner does."""
        record = self._call._record  # noqa: SLF001  the record is the call's own
        attempts = record.written_attempts()
        now = self._call.clock.monotonic()
        for run in self.going:
            await run.cancel()
            for own in run.call.rival:
                if own in attempts and own.status is None:
                    # Its thread goes on and says so on its own copy; the record is done with it.
                    left = copy.copy(own)
                    left.status, left.duration = "cancelled", now - own.began
                    attempts[attempts.index(own)] = left
        self.going = []
        if winner is not None:
            winner.adopt_context()
            if winner.call.rival:
                self._call.own = winner.call.rival[-1]
