"""Several runs of the rest of a pipeline at the same time, of a synchronous call: on threads.

A thread cannot be cancelled, so a run that lost is left behind: its function goes on, what it took
is given back when it ends, and what it gives then is closed and seen by nobody.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core import workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome

__all__ = ["ThreadRun", "adopt_context"]


class ThreadRun:
    """One run on a worker thread.

    Attributes:
        call: the call it makes.
        outcome: what it came to; None while it goes on.
        interrupt: a `KeyboardInterrupt` or another `BaseException` that ended it.
        ended: whether it has ended.
    """

    def __init__(self, call: Call, proceed: Proceed, ended: Callable[[], None]) -> None:
        self.call = call
        self.outcome: Outcome | None = None
        self.interrupt: BaseException | None = None
        self.ended = False
        self._context = copy_context()
        self._left = False

        def told() -> None:
            self.ended = True
            ended()

        self._worker = workers.acquire()
        self._worker.begin(self._context, self._run, (proceed,), told=told)

    def _run(self, proceed: Proceed) -> None:
        awaited: Any = proceed(self.call)
        driving = awaited.__await__()  # an outcome at hand, such as a refusal, has no `send`
        try:
            driving.send(None)
        except StopIteration as stop:
            self.outcome = stop.value
        except BaseException as error:  # noqa: BLE001  raised in the caller's thread
            self.interrupt = error
        else:
            from reliai._core.engine import suspended  # noqa: PLC0415  for a mistake only

            self.outcome = suspended(awaited)
        finally:
            if self._left:
                self._discard()

    async def finish(self) -> None:
        """Take up what has ended."""
        self._worker.leave()  # takes up its signal
        self._worker.take()
        workers.release(self._worker)

    async def cancel(self) -> None:
        """Leave it behind, or close what it gave at the last moment."""
        self._left = True
        if self._worker.leave():
            self.call._target.stragglers.add(self._worker)  # noqa: SLF001  the engine's own
            return
        self._worker.take()
        workers.release(self._worker)
        self._discard()

    def adopt_context(self) -> None:
        """Let the caller see the context variables that it has set."""
        adopt_context(self._context)

    def _discard(self) -> None:
        outcome, self.outcome = self.outcome, None
        close = getattr(None if outcome is None else outcome.value, "close", None)
        if callable(close):
            with suppress(Exception):  # a value nobody wants cannot fail the call
                close()


def adopt_context(context: Context) -> None:
    """Set what was set in another context here, too."""
    here = copy_context()
    for variable, value in context.items():
        if here.get(variable, context) is not value:
            variable.set(value)
