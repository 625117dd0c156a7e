"""From an answer to a value of the type that was asked for: strict first, then repaired."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.checks._types import TypeReader
from reliai.checks.repair import NO_VALUE, Reading, is_json, read_json
from reliai.policies._numbers import looks_odd, odd_numbers

if TYPE_CHECKING:
    from pydantic import ValidationError

    from reliai.policies._answers import Answer
    from reliai.providers import ToolCall

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
_SENTENCE = "it holds NaN, Infinity or a number beyond all bounds; JSON has finite numbers only"
NOT_FINITE = Problem(INVALID, (_SENTENCE,), (_SENTENCE,))


class Parser:
    """Reads answers as one type.

    Raises:
        ConfigurationError: when pydantic cannot build the type.
    """

    def __init__(self, output: Any, *, repair: bool) -> None:
        self.reader = TypeReader(output)
        self._repair = repair

    def quick(self, text: str) -> Any:
        """The value of strict JSON that has nothing odd about it.

        Raises:
            ValueError: for everything else, which `parse` looks at with more patience.
        """
        if self.reader.floats and looks_odd(text):
            raise ValueError
        return self.reader.validate_json(text)

    def parse(self, answer: Answer) -> Parsed | Problem:
        """The value, or why there is none. Never raises."""
        try:
            return self._parse(answer)
        except Exception as error:  # noqa: BLE001  a validator's fault is not the model's
            name = type(error).__name__
            return Problem(BROKEN, (f"$: the type's own code failed ({name})",), cause=error)

    def _parse(self, answer: Answer) -> Parsed | Problem:
        if answer.text is None or answer.parsed is not None or self.reader.is_text:
            return self._from_value(answer)
        if not answer.text.strip() and answer.calls:
            return self._from_call(answer, answer.calls)
        return self._from_text(answer, answer.text)

    def _from_value(self, answer: Answer) -> Parsed | Problem:
        value = answer.subject if answer.parsed is None else answer.parsed
        try:
            return Parsed(self.reader.validate_python(value))
        except self.reader.Error as error:
            return _stopped_early(answer) or self._invalid(error)

    def _from_text(self, answer: Answer, text: str) -> Parsed | Problem:
        try:
            value = self.reader.validate_json(text)
        except self.reader.Error as error:
            return _stopped_early(answer) or self._repaired(answer, text, error)
        # Of a number that reached the length limit nobody knows whether it is all there.
        complete = not answer.cut_off or text.rstrip()[-1:] in {"}", "]", '"'}
        return self._accepted(answer, text, value) if complete else LENGTH

    def _accepted(
        self, answer: Answer, text: str, value: Any, *, repaired: bool = False
    ) -> Parsed | Problem:
        """A value whose numbers are numbers: pydantic's parser takes NaN and Infinity too."""
        if self.reader.floats and looks_odd(text) and (not is_json(text) or odd_numbers(value)):
            return _stopped_early(answer) or NOT_FINITE
        return Parsed(value, repaired=repaired)

    def _repaired(self, answer: Answer, text: str, problem: ValidationError) -> Parsed | Problem:
        reader, reading = self.reader, self._reading(text)
        if reading.truncated:
            return UNFINISHED
        try:
            if reading.text is not None and self._repair:
                value, mended = self._decoded(reading.text)
                return self._accepted(answer, mended, value, repaired=True)
        except reader.Error as error:
            if reading.repaired:
                return self._invalid(error)
        try:
            # A label such as Literal["yes", "no"] comes without the quotes that JSON would want.
            return self._accepted(answer, text, reader.validate_python(text.strip()))
        except reader.Error:
            if reading.reason == NO_VALUE and answer.calls:
                return self._from_call(answer, answer.calls)
            return self._invalid(problem)

    def _reading(self, text: str) -> Reading:
        reading = read_json(text)
        if reading.text is None and not reading.truncated and self._repair:
            reading = read_json(text, dialect=True)
        return reading

    def _decoded(self, text: str) -> tuple[Any, str]:
        """The value in strict JSON, or in JSON that was written as a string of JSON.

        Raises:
            ValidationError: pydantic's, when it is not of the type.
        """
        try:
            return self.reader.validate_json(text), text
        except self.reader.Error:
            inner = json.loads(text) if text.lstrip().startswith('"') else None
            if not isinstance(inner, str) or not is_json(inner):
                raise
            return self.reader.validate_json(inner), inner

    def _from_call(self, answer: Answer, calls: tuple[ToolCall, ...]) -> Parsed | Problem:
        """The arguments of the one tool that the model called in place of writing an answer.

        They are taken as they stand: what a tool is to do must not be guessed.
        """
        only, *more = calls
        if more:
            sentence = f"it calls {len(calls)} tools, where one answer was asked for"
            return Problem(INVALID, (sentence,), (sentence,))
        given = only.arguments
        text = given if isinstance(given, str) else json.dumps(given)
        try:
            value = self.reader.validate_json(text)
        except self.reader.Error as error:
            cut_off = isinstance(given, str) and read_json(given).truncated
            return _stopped_early(answer) or (UNFINISHED if cut_off else self._invalid(error))
        return self._accepted(answer, text, value)

    def _invalid(self, error: ValidationError) -> Problem:
        return Problem(INVALID, self.reader.problems(error), self.reader.advice(error))


def _stopped_early(answer: Answer) -> Problem | None:
    if answer.refused:
        return REFUSAL
    return LENGTH if answer.cut_off else None
