"""A stream that is judged on its way: held back as far as its checks need, and let out after them.

Text is let out as soon as no check can object to it any more. Events of a provider's stream are let
out whole, in their order, when the text that came up to their end is cleared; those that come
before any content wait for it, so that an answer that is refused at once was never begun.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.transform import transformed
from reliai.policies._holding_findings import Findings
from reliai.policies._holding_stages import Judges, Replacer
from reliai.policies._holding_watches import waits_for_the_end
from reliai.providers.streams import stream_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai._core.call import Call
    from reliai._core.outcome import Outcome
    from reliai._core.stream import Stream
    from reliai.checks.base import Check
    from reliai.policies._answers import Answer
    from reliai.policies._holding_stages import Stage
    from reliai.policies._structured import Problem

__all__ = ["Holding", "held", "holding_of"]


class Holding(NamedTuple):
    """How the checks of one Validate judge a stream on its way.

    Attributes:
        steps: checks that stand together, or one that replaces, in their order.
        quick: whether none of them has to be waited for.
        whole: whether one of them has to see the whole text before any of it may be let out.
    """

    steps: tuple[tuple[Check, ...], ...]
    quick: bool
    whole: bool


async def held(
    holding: Holding,
    call: Call,
    outcome: Outcome,
    error: Callable[[Call, Problem, Answer], Exception],
    refused: Callable[[Call, Problem, BaseException], None],
    *,
    observing: bool,
) -> Outcome | tuple[Problem, Answer]:
    """The stream of an outcome, let out as its checks allow; or what is wrong with its beginning.

    Args:
        holding: its checks.
        call: the call that it answers.
        outcome: a streaming outcome.
        error: makes the exception for a problem with an answer.
        refused: told when the stream is cut because of a problem, with the exception.
        observing: whether to let everything out at once, and only say what was found.
    """
    findings = Findings(call, outcome.value, error, observing=observing)
    holder = (QuickHolder if holding.quick else WaitingHolder)(holding.steps, findings)
    made = await transformed(call, outcome.value, holder)
    if made.error is not None:
        problem = findings.refused
        return made if problem is None else (_with_cause(problem, made), findings.answer())
    made.degraded = outcome.degraded

    def ended(end: Outcome) -> None:  # must not hold the stream: abandoned, it ends at once
        if findings.refused is not None and end.error is not None and end.error.__cause__:
            refused(call, findings.refused, end.error.__cause__)

    stream: Stream = made.value
    stream.on_end(ended)
    return made


def _with_cause(problem: Problem, made: Outcome) -> Problem:
    cause = None if made.error is None else made.error.__cause__
    return problem._replace(cause=cause if isinstance(cause, Exception) else None)


def holding_of(checks: tuple[Check, ...]) -> Holding:
    """The way to hold streams for some checks, made once when a function is decorated."""
    steps: list[list[Check]] = []
    for check in checks:
        if _replaces(check) or not steps or _replaces(steps[-1][0]):
            steps.append([check])
        else:
            steps[-1].append(check)
    quick = not any(c.asynchronous or c.timeout is not None or _replaces(c) for c in checks)
    whole = any(c.window is None and not c.reads_response for c in checks)
    return Holding(tuple(tuple(step) for step in steps), quick, whole)


def _replaces(check: Check) -> bool:
    return (
        check.window is not None
        and not check.asynchronous
        and not waits_for_the_end(check)
        and check.spans("") is not None
    )


class _Event(NamedTuple):
    """An event of a provider's stream: where its text begins and ends in the whole text.

    Attributes:
        content: whether it carries anything for the user: text, a tool call, a refusal.
    """

    chunk: Any
    begin: int
    end: int
    content: bool


AT_THE_END = 1 << 62
"""Where the words of a refusal end: beyond any text, since a check is to say what becomes of it."""


class Holder:
    """What holds one stream back; a `Transformer`.

    Attributes:
        findings: what its checks found.
    """

    asynchronous = False

    def __init__(self, steps: tuple[tuple[Check, ...], ...], findings: Findings) -> None:
        self.findings = findings
        self._pieces = findings.pieces
        self._stages = [_stage(step, findings, first=step is steps[0]) for step in steps]
        self._events: deque[_Event] = deque()
        self._read = 0
        self._out = 0
        self._begun = False
        checks = (check for step in steps for check in step)
        self._waits = not findings.observing and any(check.reads_response for check in checks)

    def feed(self, chunk: Any, /) -> Any:
        """Take the next chunk."""
        raise NotImplementedError(type(self).__name__)

    def finish(self) -> Any:
        """Take note that there are no more."""
        raise NotImplementedError(type(self).__name__)

    def _taken(self, chunk: Any) -> str:
        """The text of a chunk; an event is put in its place."""
        piece = chunk if isinstance(chunk, str) else self._taken_event(chunk)
        if piece:
            self._pieces.append(piece)
            self._read += len(piece)
        return piece

    def _taken_event(self, chunk: Any) -> str:
        findings = self.findings
        reader = findings.reader
        if reader is None:
            reader = findings.reader = stream_reader(chunk)
            if reader is None:
                findings.no_text(chunk)
                self._events.append(_Event(chunk, self._read, self._read, content=True))
                return ""
        piece = reader.feed(chunk) or ""
        end = self._read + len(piece)
        if self._waits and reader.refusing:
            end = AT_THE_END
        self._events.append(_Event(chunk, self._read, end, reader.content))
        return piece

    def _let_all_out(self, cleared: str) -> Sequence[Any]:
        """The chunks that are let out when all of the text is cleared."""
        self._begun = True
        let_out = [*self._let_out(cleared), *(event.chunk for event in self._events)]
        self._events.clear()
        return let_out

    def _let_out(self, cleared: str) -> Sequence[Any]:
        """The chunks that are let out when so much more of the text is cleared."""
        base = place = self._out
        self._out = end = base + len(cleared)
        events = self._events
        if not events:
            return (cleared,) if cleared else ()
        if not self._begun:
            ready = (event.content for event in events if event.end <= end)
            self._begun = events[0].begin > 0 or any(ready)
            if not self._begun:
                return ()
        let_out: list[Any] = []
        while events and events[0].end <= end:
            event = events.popleft()
            if event.begin > place:
                let_out.append(cleared[place - base : event.begin - base])
            let_out.append(event.chunk)
            place = max(place, event.end)
        upto = min(end, events[0].begin) if events else end
        if upto > place:
            let_out.append(cleared[place - base : upto - base])
        return let_out


class QuickHolder(Holder):
    """Of checks that are made in place."""

    def __init__(self, steps: tuple[tuple[Check, ...], ...], findings: Findings) -> None:
        super().__init__(steps, findings)
        (judges,) = self._stages
        assert isinstance(judges, Judges)  # noqa: S101  nothing in them replaces
        self._judges = judges
        self._judged = judges.feed_at_once

    def feed(self, chunk: Any, /) -> Sequence[Any]:
        if type(chunk) is not str or self._events:
            piece = self._taken(chunk)
            return self._let_out(self._judged(piece) if piece else "")
        # The path of nearly every chunk.
        if not chunk:
            return ()
        self._pieces.append(chunk)
        self._read += len(chunk)
        cleared = self._judged(chunk)
        if not cleared:
            return ()
        self._out += len(cleared)
        return (cleared,)

    def finish(self) -> Sequence[Any]:
        self.findings.ended = True
        return self._let_all_out(self._judges.finish_at_once())


class WaitingHolder(Holder):
    """Of checks that replace, or that may have to be waited for."""

    asynchronous = True

    async def feed(self, chunk: Any, /) -> Sequence[Any]:
        piece = self._taken(chunk)
        for stage in self._stages:
            if not piece:
                break
            piece = await stage.feed(piece)
        return self._let_out(piece)

    async def finish(self) -> Sequence[Any]:
        self.findings.ended = True
        piece = ""
        for stage in self._stages:
            fed = await stage.feed(piece) if piece else ""
            piece = fed + await stage.finish()
        return self._let_all_out(piece)


def _stage(step: tuple[Check, ...], findings: Findings, *, first: bool) -> Stage:
    if _replaces(step[0]):
        return Replacer(step[0], findings)
    return Judges(step, findings, findings.pieces if first else None)
