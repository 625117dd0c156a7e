"""IR-07: streams that fall silent, while their connection stays alive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import Reply, offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Watch
from reliai.incidents.trial import percentile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from reliai.incidents.trial import Trial

IR_07 = incident(
    "IR-07",
    title="streams that stall",
    scenario="5 streams/s; 2 % fall silent after the third chunk and 0.5 % before the first; the "
    "client's own timeout is 600 s",
    evidence="a client wedged for 108 min; timeouts of SDKs that cover the headers only, or each "
    "read, so that keep-alive bytes renew them",
    guard="Timeout(first_chunk=30, idle=30) inside Retry(2)",
)

RATE = 5.0
SECONDS = 1_200.0
STALLS, MUTE = 0.02, 0.005
CLIENT_TIMEOUT, IDLE = 600.0, 30.0
CHUNKS = 6


class Streams:
    """A provider whose streams stall.

    Args:
        trial: gives time and chance.
        stalls: the share that falls silent after the third chunk.
        mute: the share that falls silent before the first.
        chunks: how many a stream has.

    Attributes:
        hung: for each stream that fell silent: when, and for how long it was kept.
        opened: how many were begun.
    """

    def __init__(
        self, trial: Trial, *, stalls: float = 0.0, mute: float = 0.0, chunks: int = CHUNKS
    ) -> None:
        self._trial = trial
        self._stalls = stalls
        self._mute = mute
        self._chunks = chunks
        self.hung: list[tuple[float, float]] = []
        self.opened = 0

    async def open(self, _question: object) -> AsyncGenerator[str, None]:
        """One stream."""
        self.opened += 1
        chance = self._trial.random.random()
        for number in range(self._chunks):
            if chance < self._mute and not number:
                await self._hang()
            if self._mute <= chance < self._mute + self._stalls and number == 3:
                await self._hang()
            await asyncio.sleep(0.3)
            yield f"chunk {number} "

    async def _hang(self) -> None:
        begin = self._trial.now
        try:
            await asyncio.sleep(CLIENT_TIMEOUT)
        finally:
            self.hung.append((begin, self._trial.now - begin))
        raise TimeoutError("the client's read timeout")

    def hanging_at(self, now: float) -> int:
        """How many were silent at a time."""
        return sum(begin <= now < begin + seconds for begin, seconds in self.hung)


def guarded(streams: Streams, *observers: Any) -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int) -> AsyncGenerator[str, None]:
        async for chunk in streams.open(question):
            yield chunk

    return reliai.reliable(
        reliai.Retry(2),
        reliai.Timeout(first_chunk=IDLE, idle=IDLE),
        name="stream",
        observers=observers,
    )(ask)


async def _read(stream: AsyncGenerator[str, None]) -> str:
    return "".join([chunk async for chunk in stream])


def _hanging(streams: Streams) -> list[int]:
    """How many hung at the same time, every second once things have settled."""
    settled = int(CLIENT_TIMEOUT)
    return [streams.hanging_at(float(second)) for second in range(settled, int(SECONDS))]


@IR_07.unguarded
async def they_pile_up(trial: Trial) -> None:
    """Nobody notices for ten minutes."""
    streams = Streams(trial, stalls=STALLS, mute=MUTE)
    await offer(trial, lambda n: _read(streams.open(n)), rate=RATE, seconds=SECONDS)
    hanging = _hanging(streams)
    trial.at_least("streams that hang at a time, on average", sum(hanging) / len(hanging), 40)


@IR_07.guarded
async def they_are_ended(trial: Trial) -> None:
    """Silence between two chunks is timed, whatever keeps the connection alive."""
    streams, watch = Streams(trial, stalls=STALLS, mute=MUTE), Watch(trial)
    ask = guarded(streams, watch)
    replies = await offer(trial, lambda n: _read_partly(ask(n)), rate=RATE, seconds=SECONDS)
    hanging = _hanging(streams)
    silent = [seconds for _, seconds in streams.hung]
    trial.at_most("silence until it is ended, at most", max(silent), IDLE + 1, "s")
    trial.at_least("silence until it is ended, at least", min(silent), IDLE - 1, "s")
    mean = sum(hanging) / len(hanging)
    trial.at_most("streams that hang at a time, on average", mean, 3, give=1)
    trial.at_most("streams that hang at a time, at most", max(hanging), 10)
    broken = [reply for reply in replies if isinstance(reply.value, reliai.StreamInterrupted)]
    others = [reply for reply in replies if not isinstance(reply.value, str)]
    trial.exactly("errors that are StreamInterrupted", len(broken), len(others))
    trial.at_least("stalls before the first chunk that were retried", watch.counts["retry"], 1)
    _carry_what_came(trial, broken)
    trial.detected(f"{percentile(silent, 0.5):.0f} s of silence")


@IR_07.healthy
async def a_quiet_day(trial: Trial) -> None:
    """No stream stalls."""
    streams, watch = Streams(trial, chunks=2), Watch(trial)
    ask = guarded(streams, watch)
    replies = await offer(trial, lambda n: _read(ask(n)), rate=RATE, calls=trial.calls, keep=False)
    trial.none("streams that failed", len(replies))
    trial.none("retries", watch.counts["retry"])


async def _read_partly(stream: AsyncGenerator[str, None]) -> Any:
    """The text, or the error that ended the stream."""
    try:
        return await _read(stream)
    except reliai.StreamInterrupted as error:
        return error.with_traceback(None)


def _carry_what_came(trial: Trial, broken: list[Reply]) -> None:
    """What came before the silence is told, and how much it was."""
    expected = "".join(f"chunk {number} " for number in range(3))
    carried = [r.value.chunks == 3 and "".join(r.value.partial) == expected for r in broken]
    trial.exactly("of them with the three chunks that had come", sum(carried), len(broken))
