"""What the checks of one stream have found, and what becomes of the stream by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._core.transform import time_left
from reliai.checks.base import Replace
from reliai.policies._answers import Answer, answer_of
from reliai.policies._examining import CANNOT_PUT_BACK, as_it_ended, problem_of
from reliai.policies._judging import verdict_of
from reliai.policies._structured import BROKEN, INVALID, LATE, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call
    from reliai.checks.base import Check
    from reliai.providers.streams import StreamReader

__all__ = ["Findings"]

_NO_PLACE = (
    "a check replaced a part of a stream without saying which: give it a method `spans`, or use "
    "Validate(…, buffer=True)"
)
_NO_TEXT = (
    "a chunk of the stream is neither text nor an event of a known provider, but {}: use "
    "Validate(…, buffer=True), whose checks see the list of all chunks"
)


class Findings:
    """The verdicts on one stream.

    Attributes:
        call: the call that it answers.
        observing: whether to refuse and change nothing, and only say so.
        pieces: its text so far, as it came.
        reader: what reads the events of a provider's stream; None for one of text.
        ended: whether it is all there.
        refused: what was wrong with it, without the exception behind that: the frames in the
            traceback of one lead back to this object.
    """

    __slots__ = (
        "_error",
        "_told",
        "call",
        "ended",
        "observing",
        "pieces",
        "reader",
        "refused",
        "stream",
    )

    def __init__(
        self,
        call: Call,
        stream: Any,
        error: Callable[[Call, Problem, Answer], Exception],
        *,
        observing: bool,
    ) -> None:
        self.call = call
        self.stream = stream
        self.observing = observing
        self.pieces: list[str] = []
        self.reader: StreamReader | None = None
        self.ended = False
        self.refused: Problem | None = None
        self._error = error
        self._told: set[str] = set()

    def timed_call(self) -> Call:
        """The call with the deadline that it has by now: the consumer's time was given back."""
        until, layer, limit = time_left(self.stream) or (None, self.call.layer, self.call.limit)
        return self.call._copy(deadline=until, layer=layer, limit=limit, cut=None)  # noqa: SLF001

    def answer(self) -> Answer:
        """The answer as far as it has come."""
        text = "".join(self.pieces)
        if self.reader is None:
            return answer_of(self.call, text)
        response = self.reader.response()
        return Answer(text, text, response)

    def subject(self, check: Check, text: str) -> Any:
        """What `check` is called with at the end, where the text is `text` by then."""
        return self.answer().seen_by(check, text)

    def objected(self, check: Check, found: Any) -> None:
        """Act on what a check found that is no pass. Returns when the stream goes on without it.

        Raises:
            OutputInvalid: when the stream is refused.
            CallTimeout: when the call's deadline passed during the check.
        """
        if not isinstance(found, Exception):
            try:
                found = verdict_of(check, found)
            except TypeError as error:
                found = error
        try:
            if isinstance(found, Replace):
                self._cannot_replace(check)
                return
            problem = problem_of(self.call, check, found)
        finally:
            del found  # no cycle through the traceback of a crash
        if problem is not None:
            self.refuse(as_it_ended(problem, self.answer()) if self.ended else problem)

    def _cannot_replace(self, check: Check) -> None:
        if self.observing:
            self.replaced(check)
        else:
            self.refuse(Problem(BROKEN, (_NO_PLACE,)))

    def replaced(self, check: Check) -> None:
        """Say, once, that a check changes the text.

        Raises:
            OutputInvalid: when the text cannot be put back into a provider's events.
        """
        if check.name not in self._told:
            self._told.add(check.name)
            reason = "it would change it" if self.observing else "changed"
            event = "output_would_replace" if self.observing else "output_replaced"
            self.call.check(check.name, passed=True, reason=reason)
            self.call.emit(event, check=check.name)
        if self.reader is not None and not self.observing:
            self.refuse(CANNOT_PUT_BACK)

    def no_text(self, chunk: object) -> None:
        """Refuse a stream that checks of text cannot look at."""
        errors = (_NO_TEXT.format(type(chunk).__name__),)
        if not (self.observing and "" in self._told):
            self._told.add("")
            self.refuse(Problem(INVALID, errors, errors))

    def refuse(self, problem: Problem) -> None:
        """End the stream because of a problem; only say so when observing."""
        if problem.kind == LATE and problem.cause is not None:
            raise problem.cause
        if self.observing:
            self.call.emit("output_would_reject", problem=problem.kind, errors=problem.errors)
            return
        self.refused = problem._replace(cause=None)
        raise self._error(self.call, problem, self.answer())
