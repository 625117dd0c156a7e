"""From an answer to a value of the type that was asked for: strict first, then repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.checks._types import TypeReader
from reliai.checks.repair import read_json

if TYPE_CHECKING:
    from pydantic import ValidationError

    from reliai.policies._answers import Answer

__all__ = [
    "BROKEN",
    "INVALID",
    "LATE",
    "REFUSED",
    "TRUNCATED",
    "Parsed",
    "Parser",
    "Problem",
]

INVALID, TRUNCATED, REFUSED, BROKEN = "invalid", "truncated", "refused", "broken"
"""What is wrong with an answer. Only an invalid one is asked for again."""

LATE = "late"
"""The kind of problem that is none of the answer's: the call's deadline passed during a check."""


class Problem(NamedTuple):
    """Why an answer is not accepted.

    Attributes:
        kind: one of the kinds above.
        errors: a sentence each, without the answer's content.
        advice: the same for the model, who may be told what its own words broke.
        cause: the exception behind it, when a check or the type's own code crashed.
    """

    kind: str
    errors: tuple[str, ...]
    advice: tuple[str, ...] = ()
    cause: Exception | None = None


class Parsed(NamedTuple):
    """A value of the type, and whether the text had to be repaired to get it."""

    value: Any
    repaired: bool = False


LENGTH = Problem(TRUNCATED, ("the answer reached its length limit",))
UNFINISHED = Problem(TRUNCATED, ("its JSON stops before the end",))
REFUSAL = Problem(REFUSED, ("the model refused to answer",))


class Parser:
    """Reads answers as one type.

    Raises:
        ConfigurationError: when pydantic cannot build the type.
    """

    def __init__(self, output: Any, *, repair: bool) -> None:
        self.reader = TypeReader(output)
        self._repair = repair

    def parse(self, answer: Answer) -> Parsed | Problem:
        """The value, or why there is none. Never raises."""
        try:
            if answer.text is None or answer.parsed is not None or self.reader.is_text:
                return self._from_value(answer)
            return self._from_text(answer, answer.text)
        except Exception as error:  # noqa: BLE001  a validator's fault is not the model's
            name = type(error).__name__
            return Problem(BROKEN, (f"$: the type's own code failed ({name})",), cause=error)

    def _from_value(self, answer: Answer) -> Parsed | Problem:
        value = answer.subject if answer.parsed is None else answer.parsed
        try:
            return Parsed(self.reader.validate_python(value))
        except self.reader.Error as error:
            return _stopped_early(answer) or self._invalid(error)

    def _from_text(self, answer: Answer, text: str) -> Parsed | Problem:
        reader = self.reader
        try:
            value = reader.validate_json(text)
        except reader.Error as error:
            return _stopped_early(answer) or self._repaired(text, error)
        # Of a number that reached the length limit nobody knows whether it is all there.
        complete = not answer.cut_off or text.rstrip()[-1:] in {"}", "]", '"'}
        return Parsed(value) if complete else LENGTH

    def _repaired(self, text: str, problem: ValidationError) -> Parsed | Problem:
        reader, reading = self.reader, read_json(text)
        if reading.truncated:
            return UNFINISHED
        try:
            if reading.text is not None and reading.repaired and self._repair:
                return Parsed(reader.validate_json(reading.text), repaired=True)
        except reader.Error as error:
            return self._invalid(error)
        try:
            # A label such as Literal["yes", "no"] comes without the quotes that JSON would want.
            return Parsed(reader.validate_python(text.strip()))
        except reader.Error:
            return self._invalid(problem)

    def _invalid(self, error: ValidationError) -> Problem:
        return Problem(INVALID, self.reader.problems(error), self.reader.advice(error))


def _stopped_early(answer: Answer) -> Problem | None:
    if answer.refused:
        return REFUSAL
    return LENGTH if answer.cut_off else None
