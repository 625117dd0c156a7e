"""Calls for the tests of capture: a guarded function that does as it is told, and its dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.datasets import Capture, Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reliai._core.record import CallRecord
    from reliai.datasets import Case, Rule


class Bench:
    """A capture, and a function whose calls it sees."""

    def __init__(self, folder: Path, rules: Iterable[Rule], **settings: Any) -> None:
        self.dataset = Dataset.open(folder / "bench")
        self.capture = Capture(self.dataset, rules, **settings)
        self.answer: Callable[..., Any] = reliai.reliable(
            observers=[self.capture], name="answer", tags={"team": "support"}
        )(self._answer)

    @staticmethod
    def _answer(prompt: str, says: Any = "fine", confidence: float | None = None) -> Any:
        if confidence is not None:
            reliai.measure(confidence=confidence, length=len(str(prompt)))
        if isinstance(says, Exception):
            raise says
        return says

    def call(self, prompt: Any, says: Any = "fine", **more: Any) -> CallRecord:
        """Make a call, whatever comes of it."""
        with reliai.collect() as calls:
            reliai.execute(self.answer, prompt, says, **more)
        return calls[0]

    def settle(self) -> None:
        """Have the capture look at all calls so far."""
        assert self.capture.flush(60)

    def cases(self) -> list[Case]:
        """The cases of the next version."""
        self.settle()
        return list(self.dataset.commit("test"))

    def prompts(self) -> set[str]:
        return {case.inputs["prompt"] for case in self.cases()}
