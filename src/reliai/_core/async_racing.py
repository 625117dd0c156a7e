"""Several runs of the rest of a pipeline at the same time, of an asynchronous call: tasks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core.racing import adopt_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome

__all__ = ["TaskRun"]


class TaskRun:
    """One run as a task; see `ThreadRun`."""

    def __init__(self, call: Call, proceed: Proceed, ended: Callable[[], None]) -> None:
        self.call = call
        self.outcome: Outcome | None = None
        self.interrupt: BaseException | None = None
        self.ended = False
        self._context = copy_context()

        def told(_: asyncio.Task[None]) -> None:
            self.ended = True
            ended()

        self._task = asyncio.get_running_loop().create_task(
            self._run(proceed), context=self._context
        )
        self._task.add_done_callback(told)

    async def _run(self, proceed: Proceed) -> None:
        try:
            self.outcome = await proceed(self.call)
        except asyncio.CancelledError as cancelled:
            self.interrupt = cancelled
            raise
        except BaseException as error:  # noqa: BLE001  raised in the caller's task
            self.interrupt = error

    async def finish(self) -> None:
        """Nothing to take up: its task has ended."""

    async def cancel(self) -> None:
        """Cancel it, wait until it has ended, and close what it gave at the last moment.

        Goes on to the end although the caller is cancelled meanwhile.
        """
        cancelled: BaseException | None = None
        self._task.cancel()
        while not self._task.done():
            try:
                await asyncio.wait([self._task])
            except asyncio.CancelledError as error:
                cancelled = error
        outcome, self.outcome = self.outcome, None
        close: Any = getattr(None if outcome is None else outcome.value, "aclose", None)
        if close is not None:
            with suppress(Exception):  # a value nobody wants cannot fail the call
                await close()
        if cancelled is not None:
            raise cancelled

    def adopt_context(self) -> None:
        """Let the caller see the context variables that it has set."""
        adopt_context(self._context)
