"""Calls of every kind, so that everything which metrics can tell is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.checks import Score
from reliai.testing import sdk_stream, virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run_traffic"]

ADDRESS = "mail me at ada@example.org"


def run_traffic(observer: Any, *, name: str = "answer") -> object:
    """Make calls of a function `answer` that succeed, fail and are refused in every way.

    Returns:
        What to hold until all is read: a circuit is told of as long as it lives.
    """
    with virtual_clock():
        for each in (_retries, _fallback, _guard, _checks, _cache, _stream, _budget, _lost):
            each(observer, name)
    circuit = _circuit(observer, name)  # each clock has its own circuits
    assert reliai.flush(60)
    return circuit


class Broken:
    """An exporter that loses what it is told."""

    def on_end(self, record: reliai.CallRecord) -> None:
        raise OSError("no space left")


def _lost(observer: Any, name: str) -> None:
    @reliai.reliable(name=name, observers=[observer, Broken()])
    def answer() -> str:
        return "yes"

    answer()


def _told(model: str = "m-1", cost: float | None = 0.001) -> None:
    reliai.usage(model=model, input_tokens=10, output_tokens=5, cost_usd=cost)


def _retries(observer: Any, name: str) -> None:
    failures: list[Exception] = [ConnectionError("a")]

    @reliai.reliable(reliai.Retry(3), name=name, observers=[observer])
    def answer(model: str) -> str:
        _told()
        if failures:
            raise failures.pop()
        return "yes"

    answer(model="m-1")
    failures += [ConnectionError("b")] * 9
    reliai.execute(answer, model="m-1")

    @reliai.reliable(name=name, observers=[observer])
    def unpriced() -> str:
        _told("nobody-knows-its-price", None)
        return "yes"

    unpriced()


def _fallback(observer: Any, name: str) -> None:
    @reliai.reliable(reliai.Fallback(lambda: "stand-in"), name=name, observers=[observer])
    def answer() -> str:
        raise ConnectionError("x")

    answer()


def _circuit(observer: Any, name: str) -> object:
    breaker = reliai.CircuitBreaker("traffic", consecutive=2)

    @reliai.reliable(reliai.Fallback(lambda: "stand-in"), breaker, name=name, observers=[observer])
    def answer() -> str:
        raise ConnectionError("x")

    for _ in range(5):
        reliai.execute(answer)
    return breaker, answer


def _guard(observer: Any, name: str) -> None:
    @reliai.reliable(
        reliai.Guard(reliai.MaxLength(30), reliai.Pii()), name=name, observers=[observer]
    )
    def answer(prompt: str) -> str:
        return "yes"

    reliai.execute(answer, ADDRESS)
    reliai.execute(answer, "x" * 99)


def _checks(observer: Any, name: str) -> None:
    @reliai.check
    def helpful(text: str) -> object:
        return Score(0.65)

    answers = ["", "good"]

    @reliai.reliable(
        reliai.Validate(reliai.NotEmpty(), helpful, reask=1), name=name, observers=[observer]
    )
    def answer(prompt: str) -> str:
        _told()
        return answers.pop(0)

    answer("x")


def _cache(observer: Any, name: str) -> None:
    @reliai.reliable(reliai.Cache(ttl=60), name=name, observers=[observer])
    def answer(prompt: str) -> str:
        return "yes"

    answer("x")
    answer("x")


def _stream(observer: Any, name: str) -> None:
    @reliai.reliable(name=name, observers=[observer])
    def answer(model: str) -> Iterator[Any]:
        yield from sdk_stream("a streamed answer", "chat", model=model)

    for _ in answer(model="m-1"):
        pass


def _budget(observer: Any, name: str) -> None:
    @reliai.reliable(reliai.Budget(usd=0.0015, estimate=0.001), name=name, observers=[observer])
    def answer() -> str:
        _told()
        return "yes"

    for _ in range(2):
        reliai.execute(answer)
