"""A stream of chunks whose first one has been read, as policies and callers hold it.

The first chunk a caller gets is the commit point: nothing is replayed after it, so what was
delivered is a prefix of exactly one attempt. All that was taken for the call, its permits, its
breaker verdict and its record, ends when the stream ends: exhausted, failed, closed or abandoned.
"""

from __future__ import annotations

import gc
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from reliai._core.complaints import note
from reliai._core.delivery import deliver
from reliai._core.limits import overrun, sooner
from reliai._core.outcome import Outcome
from reliai.errors import StreamInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from reliai._core.call import Call, Limit
    from reliai._core.content import Capture
    from reliai._core.reading import Reading
    from reliai._core.record import CallRecord

__all__ = ["NOTHING", "Stream", "abandon", "abandoned", "settle_abandoned"]

_HELPERS = frozenset(
    """text_stream until_done get_final_message get_final_text get_final_completion
    get_final_response""".split()
)
"""What the stream objects of OpenAI and Anthropic offer that reads events by itself."""

_FAILURES = "reliai.providers.streams.failures"
"""Where the errors are that `read` raises; loaded with the first stream that is read."""

NOTHING: Any = object()
"""Stands where no chunk is."""


class Stream:
    """What the synchronous and the asynchronous stream share: limits, counts and the one end.

    Attributes:
        chunks: how many chunks were delivered.
        call_id: the id of the call.
    """

    __slots__ = (
        "__weakref__",
        "_call",
        "_context",
        "_counted",
        "_done",
        "_end",
        "_first",
        "_held_since",
        "_idle",
        "_iterator",
        "_kept",
        "_partial",
        "_reading",
        "_source",
        "_taken",
        "_total",
        "chunks",
    )

    def __init__(
        self, call: Call, context: Context, source: Any, iterator: Any, first: Any
    ) -> None:
        self._end: Outcome | None = None
        self._counted: CallRecord | None = None
        self._kept: Capture | None = None
        self._call = call
        self._context = context
        self._source = source
        self._iterator: Any = iterator
        self._first = first
        self._done: list[Callable[[Outcome], None]] = []
        self._idle = call.idle
        self._total: Limit | None = (
            None if call.deadline is None else (call.deadline, call.layer, call.limit)
        )
        self._held_since: float | None = None
        self._partial: list[Any] | None = None
        # Only a stream that reliai may cut has to know what was delivered, and since when.
        if self._idle is not None or self._total is not None:
            self._partial = []
            self._held_since = call.clock.monotonic()
        else:
            call.bound = None  # the limit for the first chunk was the last one
        self._reading: Reading | None = None
        self._taken = False
        self.chunks = 0

    def follow(self, reading: Reading) -> None:
        """Deliver the chunks that were read ahead, and read those that come after."""
        self._reading = reading
        self._first = reading.ahead.popleft()

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self._call.id

    @property
    def record(self) -> CallRecord | None:
        """The call's record; None until the stream has ended."""
        record = self._call._record  # noqa: SLF001  the engine's own
        return record if record.ended else None

    @property
    def ended(self) -> bool:
        """Whether it was exhausted, has failed, or was closed."""
        return self._end is not None

    def on_end(self, done: Callable[[Outcome], None]) -> None:
        """Have `done` told the end exactly once; at once when the stream has ended."""
        if self._end is None:
            self._done.append(done)
        else:
            _tell(done, self._end)

    def counted_by(self, record: CallRecord) -> None:
        """Have the record say, at the end, how many chunks were delivered."""
        self._counted = record
        if self._end is not None:
            record.chunks = self.chunks

    def kept_by(self, capture: Capture | None) -> None:
        """Have what keeps the call's content keep what is delivered."""
        if capture is not None:
            capture.follows()
            self._kept = capture

    def end(self, error: BaseException | None = None) -> None:
        """End the stream, once: all that was taken for the call is given back."""
        if self._end is not None:
            return
        # Who comes later is told no more than this: the error itself would be a cycle, from its
        # traceback to the frames that hold this stream.
        self._end = Outcome(error=None if error is None else GeneratorExit())
        outcome = Outcome(error=error)
        self._first = NOTHING
        if self._taken:
            self._let_go()
        if self._counted is not None:
            self._counted.chunks = self.chunks
        if self._kept is not None:
            self._keep()
        callbacks, self._done = self._done, []
        for done in callbacks:
            _tell(done, outcome)
        if self._counted is None:
            return  # nobody got its chunks but a policy, which delivers what it makes of them
        if isinstance(error, Exception) and not isinstance(error, StreamInterrupted):
            note(error, f"reliai: the stream failed after {self.chunks} delivered chunks")

    def _keep(self) -> None:
        """Hand over what a stream of events said; the text of any other was told on the way."""
        kept, self._kept = self._kept, None
        if kept is not None and self._reading is not None and self.chunks:
            kept.read_by(self._reading.reader)

    def _deliver_first(self) -> Any:
        chunk, self._first = self._first, NOTHING
        self.chunks += 1
        if self._kept is not None and self._reading is None:
            self._kept.delivers(chunk)
        reading = self._reading
        if reading is not None:
            if reading.ahead:
                self._first = reading.ahead.popleft()
            reading.gives(chunk)
        elif self._partial is not None:
            self._partial.append(chunk)  # held since it was read, whoever waited since
        return chunk

    def _deliver(self, chunk: Any) -> Any:
        if self._reading is not None:
            return self._deliver_read(chunk, self._reading)
        self.chunks += 1
        if self._kept is not None:
            self._kept.delivers(chunk)
        if self._partial is not None:
            self._partial.append(chunk)
            self._held_since = self._call.clock.monotonic()
        return chunk

    def _deliver_read(self, chunk: Any, reading: Reading) -> Any:
        self.chunks += 1
        reading.takes(chunk)
        if self._partial is not None:
            self._held_since = self._call.clock.monotonic()
        reported = self._reported()
        if reported is not None:  # the next step fails with it
            self._iterator = _Failing(reported)
        return chunk

    def _cut_by(self, error: BaseException) -> StreamInterrupted | None:
        """The interruption, when an error is one that `read` found in the stream; None if not."""
        if type(error).__module__ != _FAILURES or not self.chunks:
            return None
        return self._interrupted(cast("Exception", error))

    def _missed(self) -> Exception | None:
        """Why the source's end is not the answer's; None when it is."""
        reading = self._reading
        if reading is None or (cause := reading.ending()) is None:
            return None
        return self._interrupted(cause)

    def _reported(self) -> Exception | None:
        """The error that came as the last delivered event; None when that was none."""
        reading = self._reading
        if reading is None or reading.reader.failure is None:
            return None
        return self._interrupted(reading.reader.failure.again())

    def _leaving(self) -> BaseException | None:
        """How a stream ends that its consumer leaves: well, when it delivered all of an answer."""
        reading = self._reading
        if reading is None or self._first is not NOTHING:
            return GeneratorExit()
        reported = self._reported()
        return None if reported is None and reading.reader.finished else reported or GeneratorExit()

    def _next_limit(self) -> Limit | None:
        """The limit for the next chunk. Time during which the caller held a chunk is given back."""
        if self._partial is None:
            return None
        now = self._call.clock.monotonic()
        if self._total is not None and self._held_since is not None:
            until, layer, seconds = self._total
            if layer != "inherited":  # that one is the consumer's own
                self._total = (until + now - self._held_since, layer, seconds)
        self._held_since = None
        idle = None if self._idle is None else (now + self._idle, "idle", self._idle)
        if idle is not None and self._reading is not None:  # keep-alives are no signs of life
            idle = (idle[0] - self._reading.asks(now), *idle[1:])
        limit = sooner(self._total, idle)
        self._call.bound = None if limit is None else limit[0]
        return limit

    def _interruption(self, limit: Limit) -> StreamInterrupted:
        return self._interrupted(overrun(self._call, limit))

    def _interrupted(self, cause: Exception) -> StreamInterrupted:
        partial: Any = self._partial
        if self._reading is not None:
            partial = self._reading.reader.text
        elif partial is None:
            partial = getattr(cause, "partial", None)
        elif all(isinstance(chunk, str) for chunk in partial):
            partial = "".join(partial)
        error = StreamInterrupted(
            f"{cause}, after {self.chunks} chunks were delivered; "
            "the answer is incomplete, see .partial",
            chunks=self.chunks,
            partial=partial,
        )
        error.__cause__ = cause
        return error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in Stream.__slots__:
            raise AttributeError(name)
        if name in _HELPERS and getattr(self._inmost()._source, "_iterator", None) is not None:  # noqa: SLF001  a stream's own
            return getattr(self._take_over(), name)
        # A provider's stream object keeps its attributes: its response, its request id.
        return getattr(self._source, name)

    def _inmost(self) -> Stream:
        """The stream around what the function gave; others may be around that one."""
        inner = self
        while isinstance(inner._source, Stream):
            inner = inner._source
        return inner

    def _take_over(self) -> Any:
        """Have what an SDK's stream offers besides its events pass through this one as well.

        Returns:
            The SDK's stream.
        """
        source = self._inmost()._source  # noqa: SLF001  a stream's own
        if not self.ended:
            self._taken = True
            source._iterator = self  # noqa: SLF001  there all its helpers look
        return source

    def _let_go(self) -> None:
        """No cycle after the end."""
        self._taken = False
        inmost = self._inmost()
        with suppress(AttributeError):
            inmost._source._iterator = inmost._iterator  # noqa: SLF001  ended as well


class _Failing:
    """An iterator of either kind that fails, in place of one that has reported an error."""

    __slots__ = ("_error",)

    def __init__(self, error: Exception) -> None:
        self._error: Exception | None = error

    def __next__(self) -> Any:
        error, self._error = self._error, None  # it must not be held: its traceback leads here
        try:
            raise error or StopIteration
        finally:
            del error

    def send(self, _: object) -> Any:
        """As a generator's `send`."""
        return self.__next__()

    async def __anext__(self) -> Any:
        error, self._error = self._error, None
        try:
            raise error or StopAsyncIteration
        finally:
            del error

    async def asend(self, _: object) -> Any:
        """As an asynchronous generator's `asend`."""
        return await self.__anext__()


def _tell(done: Callable[[Outcome], None], outcome: Outcome) -> None:
    """Tell one the end; whatever it does, the others are told too."""
    deliver(done, done, outcome)


# A destructor that the garbage collector runs may interrupt code that holds a lock; what it would
# have to settle then waits here until the next call.
abandoned: deque[Callable[[], None]] = deque()
_collecting = False


def _watch(phase: str, _info: object) -> None:
    global _collecting  # noqa: PLW0603  one collector a process
    _collecting = phase == "start"


gc.callbacks.append(_watch)


def abandon(settle: Callable[[], None]) -> None:
    """Settle what an object left behind: now, or soon when the collector is at work."""
    if _collecting:
        abandoned.append(settle)
    else:
        settle()


def settle_abandoned() -> None:
    """Settle what the collector found."""
    while abandoned:
        try:
            settle = abandoned.popleft()
        except IndexError:
            return
        with suppress(Exception):  # what was left behind is no concern of who comes by
            settle()
