"""A stream for synchronous code: an iterator, a generator and a context manager in one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from reliai._core import workers
from reliai._core.limits import overrun
from reliai._core.outcome import StreamOutcome
from reliai._core.stream import NOTHING, Stream, abandon

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from types import TracebackType

    from reliai._core.call import Call, Limit
    from reliai._core.workers import Worker

__all__ = ["DictStream", "SyncStream", "replayed"]


class SyncStream(Stream):
    """An iterator of chunks; see `Stream`."""

    __slots__ = ("_worker",)

    def __init__(  # noqa: PLR0917  made in two places of the engine
        self,
        call: Call,
        context: Context,
        source: Any,
        iterator: Any,
        first: Any,
        worker: Worker | None = None,
    ) -> None:
        super().__init__(call, context, source, iterator, first)
        self._worker = worker

    def __iter__(self) -> SyncStream:
        return self

    def __next__(self) -> Any:
        if self._first is not NOTHING:
            return self._deliver_first()
        if self._end is not None:
            raise StopIteration
        return self._step(next, self._iterator)

    async def read(self) -> Any:
        """The next chunk, for a policy; NOTHING at the end."""
        return next(self, NOTHING)

    def send(self, value: Any) -> Any:
        """As a generator's `send`."""
        if self._first is not NOTHING or self.ended:
            if value is None or self.ended:
                return self.__next__()
            message = "can't send non-None value to a just-started generator"
            raise TypeError(message)
        return self._step(self._iterator.send, value)

    def throw(self, error: BaseException, *_: object) -> Any:
        """As a generator's `throw`."""
        if self.ended:
            raise error
        self._first = NOTHING
        throw = getattr(self._iterator, "throw", None)
        if throw is None:
            self.close()
            raise error
        return self._step(throw, error)

    def close(self) -> None:
        """Close the stream early; nothing when it has ended. Never fails on a second call."""
        if self.ended:
            return
        leaving = self._leaving()
        try:
            self._close_source()
        finally:
            self.end(leaving)
            self._release()
            del leaving  # no cycle, should the closing have failed

    def _step(self, action: Callable[..., Any], *args: Any) -> Any:
        limit = self._next_limit()
        try:
            if limit is not None and limit[0] <= self._call.clock.monotonic():
                raise self._interruption(limit)
            step = self._call.hooks.activated(self._call, action)
            if self._worker is None:
                chunk = self._context.run(step, *args)
            else:
                chunk = self._bounded(self._worker, limit, step, args)
        except StopIteration:
            missed = None if self._reading is None else self._missed()
            self.end(missed)
            self._release()
            if missed is None:
                raise
            try:
                raise missed from missed.__cause__
            finally:
                del missed  # no cycle through the traceback
        except BaseException as error:
            self._give_up()
            interrupted = self._cut_by(error)
            self.end(interrupted or error)
            self._release()
            if interrupted is None:
                raise
            try:
                raise interrupted from error
            finally:
                del interrupted  # as above
        return self._deliver(chunk)

    def _bounded(
        self, worker: Worker, limit: Limit | None, step: Callable[..., Any], args: tuple[Any, ...]
    ) -> Any:
        seconds = None if limit is None else limit[0] - self._call.clock.monotonic()
        try:
            chunk, error = worker.call(self._context, seconds, step, args)
        except workers.Abandoned:
            assert limit is not None  # noqa: S101  only a limit abandons
            raise self._interruption(limit) from overrun(self._call, limit)
        if error is not None:
            try:
                raise error
            finally:
                del error  # no cycle through the traceback
        return chunk

    def _give_up(self) -> None:
        """Close the source of a stream that failed; a stuck one as soon as it can be."""
        close, worker = _closer(self._source), self._worker
        if worker is None:
            with suppress(Exception):  # the failure is what is told
                self._context.run(close)
        elif worker.abandoned:
            self._call._target.stragglers.add(worker, close)  # noqa: SLF001  the engine's own
        else:
            worker.call(self._context, None, close)

    def _close_source(self) -> None:
        close = _closer(self._source)
        if self._worker is None:
            self._context.run(close)
            return
        _, error = self._worker.call(self._context, None, close)
        if error is not None:
            raise error

    def _release(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            workers.release(worker)

    def __enter__(self) -> Self:
        enter = getattr(self._source, "__enter__", None)
        if enter is not None:
            self._context.run(enter)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave = getattr(self._source, "__exit__", None)
        if leave is None:
            self.close()
            return
        leaving = self._leaving()
        try:  # it closes its stream itself
            self._context.run(leave, kind, error, traceback)
        finally:
            self.end(leaving)
            self._release()
            del leaving

    def __del__(self) -> None:
        if not getattr(self, "ended", True):
            abandon(self._left)

    def _left(self) -> None:
        with suppress(Exception):  # nobody is there to be told
            self.close()


class DictStream(SyncStream):
    """The stream of an answer that is a dictionary; it also answers for that.

    Its key "stream" gives the guarded stream, the others what the provider put there.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        return self if key == "stream" else self._source.answer[key]

    def get(self, key: str, default: Any = None) -> Any:
        """As a dictionary's `get`."""
        return self if key == "stream" else self._source.answer.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._source.answer

    def keys(self) -> Any:
        """As a dictionary's `keys`."""
        return self._source.answer.keys()


def _closer(source: Any) -> Callable[[], object]:
    close = getattr(source, "close", None)
    return close if callable(close) else _nothing


def _nothing() -> None:
    return None


def replayed(call: Call, chunks: list[Any], context: Context) -> StreamOutcome:
    """An outcome that delivers chunks already at hand."""
    iterator = iter(chunks)
    return StreamOutcome(SyncStream(call, context, iterator, iterator, next(iterator, NOTHING)))
