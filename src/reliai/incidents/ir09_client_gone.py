"""IR-09: the reader leaves, and the answer goes on being written and paid for."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from reliai.incidents.trial import Trial

IR_09 = incident(
    "IR-09",
    title="readers leave, the meter runs on",
    scenario="5 streams/s of 20 s; 15 % of the readers leave after 2 s: their task is cancelled, "
    "they close the stream, or drop it",
    evidence="gateways that read on after their client had gone",
    guard="a stream ends with its reader; CircuitBreaker and Bulkhead learn of it",
)

RATE = 5.0
STREAMS = 1_000
LEAVE, STAYS = 0.15, 2.0
CHUNKS, GAP = 40, 0.5


class Writer:
    """A provider that writes for 20 s, and bills what it writes.

    Args:
        trial: gives the time.
        chunks: how many a stream has.
        gap: seconds before each.

    Attributes:
        written: chunks written, that is, billed.
        open: streams that are being written.
        ended: when the stream of a question ended.
    """

    def __init__(self, trial: Trial, *, chunks: int = CHUNKS, gap: float = GAP) -> None:
        self._trial = trial
        self._chunks = chunks
        self._gap = gap
        self.written = self.open = 0
        self.ended: dict[int, float] = {}

    async def write(self, question: int) -> AsyncGenerator[str, None]:
        """One stream."""
        self.open += 1
        try:
            for number in range(self._chunks):
                await asyncio.sleep(self._gap)
                self.written += 1
                yield f"{number} "
        finally:
            self.open -= 1
            self.ended[question] = self._trial.now


class _Readers:
    """Some stay to the end, some leave.

    Attributes:
        read: chunks that were read.
        left: when the reader of a question left.
    """

    def __init__(self, trial: Trial, ask: Any) -> None:
        self._trial = trial
        self._ask = ask
        self.read = 0
        self.left: dict[int, float] = {}

    async def reader(self, question: int) -> None:
        """One reader, to the end or for two seconds."""
        if self._trial.random.random() >= LEAVE:
            await self._follow(question)
        elif question % 3 == 0:
            await self._is_cancelled(question)
        else:
            await self._closes(question, drop=question % 3 == 1)

    async def _follow(self, question: int) -> None:
        async for _ in self._ask(question):
            self.read += 1

    async def _is_cancelled(self, question: int) -> None:
        task = asyncio.ensure_future(self._follow(question))
        await asyncio.sleep(STAYS)
        self.left[question] = self._trial.now
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _closes(self, question: int, *, drop: bool) -> None:
        stream = self._ask(question)
        until = self._trial.now + STAYS
        async for _ in stream:
            self.read += 1
            if self._trial.now >= until:
                break
        self.left[question] = self._trial.now
        if not drop:
            await stream.aclose()


class _Ends(Watch):
    """Also counts how calls ended."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial)
        self.ends: Counter[str] = Counter()

    def on_end(self, record: Any) -> None:
        """Take in a record."""
        self.ends[record.status] += 1


class _Guarded:
    """The function as its users would decorate it, with its bulkhead and its breaker."""

    def __init__(self, writer: Writer, *observers: Any) -> None:
        self.breaker = reliai.CircuitBreaker("writer")
        self.bulkhead = reliai.Bulkhead(400)

        async def ask(question: int) -> AsyncGenerator[str, None]:
            async with aclosing(writer.write(question)) as stream:
                async for chunk in stream:
                    yield chunk

        policies = reliai.Retry(2), self.breaker, self.bulkhead, reliai.Timeout(idle=30)
        self.ask = reliai.reliable(*policies, name="write", observers=observers)(ask)


@IR_09.unguarded
async def it_writes_on(trial: Trial) -> None:
    """A task reads the provider into a queue for the reader, and nobody tells it."""
    writer = Writer(trial)
    tasks: set[asyncio.Future[None]] = set()

    async def ask(question: int) -> AsyncGenerator[str, None]:
        queue: asyncio.Queue[str | None] = asyncio.Queue()

        async def pump() -> None:
            async for chunk in writer.write(question):
                queue.put_nowait(chunk)
            queue.put_nowait(None)

        task = asyncio.ensure_future(pump())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        while (chunk := await queue.get()) is not None:
            yield chunk

    readers = _Readers(trial, ask)
    await offer(trial, readers.reader, rate=RATE, calls=STREAMS)
    await asyncio.gather(*tasks)
    wasted = 100 * (writer.written - readers.read) / writer.written
    trial.at_least("chunks written for nobody", wasted, 10, "%")


@IR_09.guarded
async def it_stops(trial: Trial) -> None:
    """Cancelled, closed or dropped: the stream ends there and then."""
    writer, watch = Writer(trial), _Ends(trial)
    guarded = _Guarded(writer, watch)
    readers = _Readers(trial, guarded.ask)
    await offer(trial, readers.reader, rate=RATE, calls=STREAMS)
    await asyncio.sleep(1.0)
    late = [writer.ended[question] - at for question, at in readers.left.items()]
    trial.at_most("until the provider's stream is closed", 1000 * max(late), 100, "ms")
    wasted = 100 * (writer.written - readers.read) / writer.written
    trial.at_most("chunks written for nobody", wasted, 2, "%")
    trial.none("streams left open", writer.open)
    trial.exactly("records that say cancelled", watch.ends["cancelled"], len(readers.left))
    seen = guarded.breaker.snapshot()
    trial.none("failures that the circuit breaker counted", seen.failures)
    trial.none("places of the bulkhead not given back", await _places_missing(guarded))
    trial.detected("at once")


@IR_09.healthy
async def a_quiet_day(trial: Trial) -> None:
    """Everyone reads to the end."""
    writer, watch = Writer(trial, chunks=2, gap=0.1), _Ends(trial)
    guarded = _Guarded(writer, watch)
    readers = _Readers(trial, guarded.ask)
    replies = await offer(
        trial,
        readers._follow,  # noqa: SLF001  the scenario's own
        rate=10 * RATE,
        calls=trial.calls,
        keep=False,
    )
    trial.none("streams that failed", len(replies))
    trial.none("calls refused", watch.refusals)
    trial.none("circuits opened", watch.opened)
    trial.exactly("records that say success", watch.ends["success"], trial.calls)


async def _places_missing(guarded: _Guarded) -> int:
    """Places of the bulkhead that cannot be had any more."""
    limit = 400
    held = 0
    streams = [guarded.ask(number) for number in range(limit)]
    for stream in streams:
        try:
            await anext(stream)
        except reliai.BulkheadFull:
            continue
        held += 1
    for stream in streams:
        await stream.aclose()
    return limit - held
