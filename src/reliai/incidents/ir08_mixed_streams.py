"""IR-08: a stream that breaks is begun again, and the reader gets both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from reliai.incidents.trial import Trial

IR_08 = incident(
    "IR-08",
    title="text of two attempts in one answer",
    scenario="5 streams/s of 40 chunks; 3 % break after 1 to 40 of them, 1 % before the first",
    evidence="gateways that began again in the middle of an answer; one in twenty streams of one "
    "of them",
    guard="Retry(3): the first delivered chunk commits",
)

RATE = 5.0
STREAMS = 1_000
BREAK, REFUSE = 0.03, 0.01
CHUNKS = 40


class Talk:
    """A provider that says something else each time, and breaks off now and then.

    Args:
        trial: gives time and chance.
        ill: whether streams break.
        chunks: how many a stream has.

    Attributes:
        said: what each attempt said, by question.
        billed: chunks that the provider bills.
    """

    def __init__(self, trial: Trial, *, ill: bool = True, chunks: int = CHUNKS) -> None:
        self._trial = trial
        self._ill = ill
        self._chunks = chunks
        self.said: dict[int, list[str]] = {}
        self.billed = 0

    async def open(self, question: int) -> AsyncGenerator[str, None]:
        """One attempt."""
        texts = self.said.setdefault(question, [])
        attempt = len(texts)
        texts.append("")
        breaks_after = self._breaks_after() if self._ill else None
        for number in range(self._chunks):
            if number == breaks_after:
                break
            await asyncio.sleep(0.05)
            chunk = f"<{attempt}.{number}>"
            texts[attempt] += chunk
            self.billed += 1
            yield chunk
        if breaks_after is not None:
            raise ConnectionResetError("the connection was reset")

    def _breaks_after(self) -> int | None:
        chance = self._trial.random
        drawn = chance.random()
        if drawn < REFUSE:
            return 0
        return chance.randint(1, self._chunks) if drawn < REFUSE + BREAK else None

    def is_of_one(self, question: int, delivered: str) -> bool:
        """Whether a text is the beginning of what one attempt said."""
        return any(said.startswith(delivered) for said in self.said.get(question, [""]))


class _Tokens(Watch):
    """Also adds up the tokens on the records."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial)
        self.tokens = 0

    def on_end(self, record: Any) -> None:
        """Take in a record."""
        self.tokens += record.output_tokens or 0


class _Reader:
    """Reads streams and compares what it gets with what was said.

    Attributes:
        mixed: how many answers are of several attempts.
        starts: the most first chunks in one answer.
        broken: how many ended with an error.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.mixed = self.starts = self.broken = 0

    async def read(self, question: int, stream: AsyncIterator[str]) -> None:
        """One answer to its end."""
        delivered = ""
        try:
            async for chunk in stream:
                delivered += chunk
        except (ConnectionError, reliai.StreamInterrupted):
            self.broken += 1
        self.mixed += not self._talk.is_of_one(question, delivered)
        self.starts = max(self.starts, delivered.count(".0>"))


def guarded(talk: Talk, *observers: Any) -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int) -> AsyncGenerator[str, None]:
        said = 0
        try:
            async for chunk in talk.open(question):
                said += 1
                yield chunk
        finally:
            reliai.usage(model="simulated", input_tokens=0, output_tokens=said)

    return reliai.reliable(reliai.Retry(3), name="talk", observers=observers)(ask)


@IR_08.unguarded
async def they_mix(trial: Trial) -> None:
    """A loop that asks again when a stream breaks, as it is often written."""
    talk = Talk(trial)
    reader = _Reader(talk)

    async def ask(question: int) -> AsyncGenerator[str, None]:
        for attempt in range(3):
            try:
                async for chunk in talk.open(question):
                    yield chunk
            except ConnectionError:
                if attempt == 2:
                    raise
            else:
                return

    await offer(trial, lambda n: reader.read(n, ask(n)), rate=RATE, calls=STREAMS)
    trial.at_least("answers with text of several attempts", reader.mixed, 10)
    trial.at_least("most beginnings in one answer", reader.starts, 2)


@IR_08.guarded
async def they_do_not(trial: Trial) -> None:
    """Retried until the first chunk is delivered, then never again."""
    talk, watch = Talk(trial), _Tokens(trial)
    reader, ask = _Reader(talk), guarded(talk, watch)
    await offer(trial, lambda n: reader.read(n, ask(n)), rate=RATE, calls=STREAMS)
    trial.none("answers with text of several attempts", reader.mixed)
    trial.at_most("most beginnings in one answer", reader.starts, 1)
    trial.at_least("streams that broke after their first chunk", reader.broken, 10)
    trial.at_least("streams that broke before it, and were retried", watch.counts["retry"], 1)
    trial.exactly("tokens on the records, of those billed", watch.tokens, talk.billed)
    trial.detected("at once")


@IR_08.healthy
async def a_quiet_day(trial: Trial) -> None:
    """No stream breaks."""
    talk, watch = Talk(trial, ill=False, chunks=2), Watch(trial)
    reader, ask = _Reader(talk), guarded(talk, watch)
    await offer(trial, lambda n: reader.read(n, ask(n)), rate=RATE, calls=trial.calls)
    trial.none("streams that failed", reader.broken)
    trial.none("retries", watch.counts["retry"])
    trial.none("answers with text of several attempts", reader.mixed)
