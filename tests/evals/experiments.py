"""Targets, cases and scorers that the tests of experiments share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from reliai.datasets import Case
from reliai.evals import Experiment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def cases(count: int, **fields: Any) -> list[Case]:
    """Cases that ask for `q0`, `q1`, …, and expect just that."""
    return [
        Case(inputs={"question": f"q{at}"}, expected=f"q{at}", id=f"case-{at}", **fields)
        for at in range(count)
    ]


def exact(output: Any, case: Case) -> bool:
    return bool(output == case.expected)


def length(output: Any, case: Case) -> float:
    return len(output) / 10


class Target:
    """A target that counts its calls and answers as a function of the question and the call says.

    Args:
        answer: of (question, how often it was asked before); None: the question itself.
    """

    digest = "the same however often it was called"  # what a fingerprint says of the object

    def __init__(self, answer: Callable[[str, int], Any] | None = None) -> None:
        self.answer = answer
        self.asked: dict[str, int] = {}
        self.lock = threading.Lock()

    @property
    def calls(self) -> int:
        return sum(self.asked.values())

    def _next(self, question: str) -> int:
        with self.lock:
            before = self.asked.get(question, 0)
            self.asked[question] = before + 1
            return before

    @property
    def sync(self) -> Callable[..., Any]:
        def answer(question: str) -> Any:
            before = self._next(question)
            return question if self.answer is None else self.answer(question, before)

        return answer

    @property
    def asynchronous(self) -> Callable[..., Any]:
        async def answer(question: str) -> Any:
            before = self._next(question)
            return question if self.answer is None else self.answer(question, before)

        return answer

    def of(self, kind: str) -> Callable[..., Any]:
        """As a function of that kind."""
        return self.sync if kind == "sync" else self.asynchronous


def experiment(
    folder: Path, target: Callable[..., Any], dataset: Any, scorers: Any = (exact,), **settings: Any
) -> Experiment:
    """An experiment that keeps its runs in `folder`, with one try a case and no cache."""
    given: dict[str, Any] = {"repeats": 1, "cache": False, "name": "trying", **settings}
    return Experiment(target, dataset, scorers, runs=folder / "runs", **given)
