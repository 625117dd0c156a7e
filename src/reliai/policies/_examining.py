"""What is to be delivered of an answer, or why nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.checks.base import Replace, Score
from reliai.policies._judging import MISSING, CheckOverrun, broken, reason_of, scored, verdict_on
from reliai.policies._structured import BROKEN, INVALID, LATE, REFUSED, TRUNCATED, Problem

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai.checks.base import Check
    from reliai.policies._answers import Answer
    from reliai.policies._structured import Parser

__all__ = ["CANNOT_PUT_BACK", "Accepted", "Examiner", "as_it_ended", "problem_of"]


class Accepted(NamedTuple):
    """What is delivered, and whether it is something else than the answer itself."""

    value: Any
    changed: bool


class Examiner:
    """The checks of one Validate, in the order in which they are made.

    Attributes:
        parser: reads the type that is asked for; None when none is.
        of_text: the checks made of the answer's text, or of the response it came in, before it is
            parsed.
        of_value: the checks made of the value, after it.
    """

    def __init__(self, checks: tuple[Check, ...], parser: Parser | None) -> None:
        self.parser = parser
        early = tuple(parser is None or c.reads_text or c.reads_response for c in checks)
        self.of_text = tuple(c for c, first in zip(checks, early, strict=True) if first)
        self.of_value = tuple(c for c, first in zip(checks, early, strict=True) if not first)

    async def examine(
        self, call: Call, answer: Answer, first: int, known: Any, *, observing: bool
    ) -> Accepted | Problem:
        """Judge an answer.

        Args:
            call: the call that it answers.
            answer: the answer.
            first: the check of its text to begin with, since those before it have passed.
            known: what that check has returned or raised already; MISSING to ask it.
            observing: whether checks must change nothing.
        """
        subject = answer.subject
        text = await self._text_checked(call, answer, first, known, observing=observing)
        if isinstance(text, Problem):
            return as_it_ended(text, answer)
        if text is not subject:
            if answer.response and self.parser is None:
                return CANNOT_PUT_BACK
            answer.replace(text)
        if self.parser is None:
            return Accepted(answer.value, changed=text is not subject)
        parsed = self.parser.parse(answer)
        if isinstance(parsed, Problem):
            return parsed
        if parsed.repaired:
            call.emit("output_repaired")
        value = parsed.value
        for check in self.of_value:
            value = await _checked(call, check, value, observing=observing)
            if isinstance(value, Problem):
                return as_it_ended(value, answer)
        return Accepted(value, changed=True)

    async def _text_checked(
        self, call: Call, answer: Answer, first: int, known: Any, *, observing: bool
    ) -> Any:
        """The answer's text as the checks of it leave it, or the `Problem` that one has with it."""
        text = answer.subject
        for check in self.of_text[first:]:
            seen = answer.seen_by(check, text)
            found = await _checked(call, check, seen, known, observing=observing)
            known = MISSING
            if isinstance(found, Problem):
                return found
            if seen is text:
                text = found
            elif found is not seen:
                return CANNOT_PUT_BACK
        return text


CANNOT_PUT_BACK = Problem(
    BROKEN,
    ("a check changed the text of a provider's response; let the function return its text",),
)


async def _checked(
    call: Call, check: Check, value: Any, known: Any = MISSING, *, observing: bool
) -> Any:
    """`value` as a check leaves it, or the `Problem` that the check has with it."""
    found = await verdict_on(call, check, value, known)
    if found is None or found is True:
        return value
    if isinstance(found, Replace):
        reason = "it would change it" if observing else "changed"
        call.check(check.name, passed=True, reason=reason)
        call.emit("output_would_replace" if observing else "output_replaced", check=check.name)
        return value if observing else found.value
    return problem_of(call, check, found) or value


def problem_of(call: Call, check: Check, found: object) -> Problem | None:
    """What a check that did not pass has against an answer; None when that is let through."""
    if isinstance(found, CheckOverrun) and found.deadline is not None:
        return Problem(LATE, (), cause=found.deadline)
    if isinstance(found, Score):
        scored(call, check, found)
        return None
    cause = found if isinstance(found, Exception) else None
    reason = reason_of(found) if cause is None else broken(call, check, cause)
    if reason is None:
        return None
    call.check(check.name, passed=False, reason=reason or None)
    errors = (f"{check.name}: {reason or 'it did not pass'}",)
    return Problem(check.fails_as if cause is None else BROKEN, errors, errors, cause)


def as_it_ended(problem: Problem, answer: Answer) -> Problem:
    """A problem that an answer has because it was refused or cut off is told as that."""
    if problem.kind != INVALID:
        return problem
    if answer.refused:
        return problem._replace(kind=REFUSED)
    return problem._replace(kind=TRUNCATED) if answer.cut_off else problem
