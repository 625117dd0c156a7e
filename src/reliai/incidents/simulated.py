"""A provider that fails as told, in virtual time: what the scenarios call in place of one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai.incidents.trial import Trial

__all__ = ["HttpError", "Provider", "Quota", "Watch"]


class HttpError(Exception):
    """An answer with an error status, as an SDK raises it."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status
        self.headers = dict(headers or {})


class Provider:
    """Answers after a while, or does not.

    Args:
        trial: gives time and chance.
        latency: seconds an answer takes, drawn evenly between the two.
        failing: the share of requests that fail, by virtual time.
        error: makes the error of one that fails.
        error_latency: seconds that takes.
        slow: the share of requests that take `slow_latency`, by virtual time.
        slow_latency: seconds.
        connections: how many requests it is asked at the same time; more wait for one of them.

    Attributes:
        requests: when each request came, in virtual seconds.
        failures: how many failed.
        running: requests that are being answered, or wait for a connection.
    """

    def __init__(
        self,
        trial: Trial,
        *,
        latency: tuple[float, float] = (0.3, 0.9),
        failing: Callable[[float], float] = lambda _: 0.0,
        error: Callable[[], Exception] = lambda: HttpError(503),
        error_latency: float = 0.05,
        slow: Callable[[float], float] = lambda _: 0.0,
        slow_latency: float = 9.0,
        connections: int | None = None,
    ) -> None:
        self._trial = trial
        self._latency = latency
        self._failing = failing
        self._error = error
        self._error_latency = error_latency
        self._slow = slow
        self._slow_latency = slow_latency
        self._free = None if connections is None else asyncio.Semaphore(connections)
        self.requests: list[float] = []
        self.failures = self.running = 0

    async def answer(self, question: object) -> str:
        """One request."""
        self.running += 1
        try:
            if self._free is None:
                return await self._answer(question)
            async with self._free:
                return await self._answer(question)
        finally:
            self.running -= 1

    async def _answer(self, question: object) -> str:
        chance, now = self._trial.random, self._trial.now
        self.requests.append(now)
        if chance.random() < self._failing(now):
            self.failures += 1
            await asyncio.sleep(self._error_latency)
            raise self._error()
        slow = chance.random() < self._slow(now)
        await asyncio.sleep(self._slow_latency if slow else chance.uniform(*self._latency))
        return f"answer to {question}"

    def requests_between(self, begin: float, end: float) -> int:
        """How many requests came from `begin` to `end`."""
        return sum(begin <= at < end for at in self.requests)


class Quota:
    """So many requests a second: a bucket of tokens of one second's worth.

    Args:
        trial: gives the time.
        rate: tokens a second.
        used_up: seconds from now for which nothing is there, because others have used it; 0: it
            begins full.
    """

    def __init__(self, trial: Trial, rate: float, used_up: float = 0.0) -> None:
        self._trial = trial
        self._rate = rate
        self._opens = trial.now + used_up
        self._tokens, self._filled_at = 0.0 if used_up else rate, self._opens

    def take(self) -> bool:
        """Take a token; False when there is none."""
        now = self._trial.now
        if now < self._opens:
            return False
        filled = self._tokens + self._rate * (now - self._filled_at)
        self._tokens, self._filled_at = min(self._rate, filled), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Watch:
    """An observer that counts what policies did, and notes when.

    Attributes:
        counts: by kind of event.
        circuits: when a circuit opened or closed: (virtual seconds, kind, reason).
    """

    inline = True

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.counts: Counter[str] = Counter()
        self.circuits: list[tuple[float, str, str]] = []

    def on_event(self, _call: Any, event: Any) -> None:
        """Count it."""
        self.counts[event.kind] += 1
        if event.kind in {"circuit_opened", "circuit_closed"}:
            reason = str(event.attributes.get("reason"))
            self.circuits.append((self._trial.now, event.kind, reason))

    def first_opened(self, since: float = 0.0) -> float | None:
        """When a circuit first opened after `since`."""
        found = (at for at, kind, _ in self.circuits if kind == "circuit_opened" and at >= since)
        return next(found, None)

    def first_closed(self, since: float = 0.0) -> float | None:
        """When a circuit first closed after `since`."""
        found = (at for at, kind, _ in self.circuits if kind == "circuit_closed" and at >= since)
        return next(found, None)

    @property
    def refusals(self) -> int:
        """Calls that reliai turned away."""
        return sum(number for kind, number in self.counts.items() if kind.endswith("_rejected"))

    @property
    def opened(self) -> int:
        """How often a circuit opened."""
        return self.counts["circuit_opened"]
