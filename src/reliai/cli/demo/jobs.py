"""The two jobs of the demo: what is asked, and how to tell whether what came back is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import reliai

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reliai.cli.demo.witness import Witness

__all__ = ["Fault", "Job", "Judged", "StreamJob", "StructuredJob"]

Fault = Literal["invalid", "mixed", "cut"]
"""What can be wrong with a delivered answer: it is not what was promised; its text is of several
attempts, or of none; it was given as whole and is not."""


class Judged(NamedTuple):
    """What an answer is worth.

    Attributes:
        fault: what is wrong with it; None: it is what was promised.
        right: whether the model was right; None where nobody knows.
    """

    fault: Fault | None = None
    right: bool | None = None


class Job(Protocol):
    """Something the application asks a model to do."""

    @property
    def name(self) -> str:
        """The guarded function's name in records."""
        ...

    @property
    def guarded(self) -> Callable[[Any], Any]:
        """The function as its author decorated it; `guarded.__wrapped__` is the bare one."""
        ...

    @property
    def inputs(self) -> Sequence[Any]:
        """What it can be asked."""
        ...

    def ask(self, function: Callable[[Any], Any], question: Any, kept: list[Any]) -> None:
        """Call, and put into `kept` what is delivered, as it is delivered.

        Raises:
            Exception: what the function raised.
        """
        ...

    def judge(
        self,
        question: Any,
        kept: list[Any],
        *,
        ended: bool,
        degraded: bool,
    ) -> Judged:
        """Judge what was delivered; `ended` when it came without an error."""
        ...


@dataclass(frozen=True, slots=True)
class StructuredJob:
    """An answer of one type.

    Attributes:
        output: the type promised to the application, a pydantic model.
        field: the field of `output` that can be right or wrong.
        truth: the right value of `field`, by input; None where nobody knows.
    """

    name: str
    guarded: Callable[[Any], Any]
    inputs: Sequence[Any]
    output: Any
    field: str
    truth: Callable[[Any], object] | None

    def ask(self, function: Callable[[Any], Any], question: Any, kept: list[Any]) -> None:
        """Keep the one answer."""
        kept.append(function(question))

    def judge(
        self,
        question: Any,
        kept: list[Any],
        *,
        ended: bool,
        degraded: bool,
    ) -> Judged:
        """An answer that cannot be read as `output` is invalid."""
        if not ended or not kept:
            return Judged()
        try:
            answer = self._read(kept[0])
        except ValueError:
            return Judged("invalid")
        if self.truth is None:
            return Judged()
        return Judged(right=getattr(answer, self.field) == self.truth(question))

    def _read(self, value: object) -> object:
        response = None if isinstance(value, str) else reliai.read_response(value)
        text = value if response is None else response.text
        if isinstance(text, str):
            return self.output.model_validate_json(text)
        return self.output.model_validate(value)


@dataclass(frozen=True, slots=True)
class StreamJob:
    """An answer piece by piece.

    Attributes:
        witness: knows what the model said in each attempt.
        fallback: the local answer, by question.
    """

    name: str
    guarded: Callable[[Any], Any]
    inputs: Sequence[str]
    witness: Witness
    fallback: Callable[[str], Iterator[str]]

    def ask(self, function: Callable[[Any], Any], question: Any, kept: list[Any]) -> None:
        """Keep the pieces as they come."""
        for piece in function(question):
            kept.append(piece)  # noqa: PERF402  what came before an error counts

    def judge(self, question: Any, kept: list[Any], *, ended: bool, degraded: bool) -> Judged:
        """The text must be the beginning of one attempt, and the whole of it if it ended well."""
        delivered = "".join(kept)
        if degraded:
            local = "".join(self.fallback(question))
            return Judged(None if delivered == local else "mixed")
        attempts = self.witness.texts(question)
        if delivered and not any(text.said.startswith(delivered) for text in attempts):
            return Judged("mixed")
        if ended and not any(text.whole and text.said == delivered for text in attempts):
            return Judged("cut")
        return Judged()
