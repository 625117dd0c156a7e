"""How one check follows a text that grows: what it is shown, and how much is held back for it.

Validate's stages ask these watches; each is made for one stream. A watch looks at `text`, which is
the end of what has come so far, and at `start`, the place in it where its new part begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.checks.base import Check, CheckVerdict, FunctionCheck
from reliai.checks.text import FORBIDDEN, Pattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.policies._holding_findings import Findings

__all__ = ["CountWatch", "PatternWatch", "Watch", "forbidding", "waits_for_the_end", "watch_for"]


def bare(check: Check) -> Check:
    """The check behind the names and limits that `check(...)` gave it."""
    while type(check) is FunctionCheck and check.inner is not None:
        check = check.inner
    return check


def forbidding(check: Check) -> Pattern | None:
    """The expression whose matches a check forbids, when that is all that it does."""
    inner = bare(check)
    return inner if type(inner) is Pattern and inner.forbid else None


def waits_for_the_end(check: Check) -> bool:
    """Whether a check says something only about an answer that is all there."""
    inner = bare(check)
    return check.reads_response or (type(inner) is Pattern and not inner.forbid)


class Watch:
    """A check that is shown the end of the text: as much as it can object to, and what is new.

    Attributes:
        check: whose name, limits and fail mode count.
        window: characters of the longest text that it can object to.
        held: how many of the last characters it has seen are not cleared by that.
        slow: whether it takes a thread or an await to ask it.
        unseen: how many characters came since it was last asked, where it is not asked each time.
    """

    __slots__ = ("_seen", "check", "held", "slow", "unseen", "window")

    def __init__(self, check: Check, pieces: list[str]) -> None:
        self.check = check
        self.window = check.window or 0
        self.held = max(0, self.window - 1)
        self.slow = check.asynchronous or check.timeout is not None
        self.unseen = 0
        self._seen = pieces

    @property
    def patient(self) -> bool:
        """Whether to ask it only when there is a window full: each time costs something."""
        return self.slow and self.unseen < self.window

    @property
    def owed(self) -> int:
        """How many of the last characters it has not cleared."""
        return self.held + self.unseen

    def look(self, text: str, start: int) -> Any:
        """The verdict on what is new; of an asynchronous check an awaitable."""
        first = max(0, start - self.window)
        if self.check.asynchronous:
            return self._look_later(text[first:])
        return self._again(self.check(text[first:]), text[first:])

    async def _look_later(self, shown: str) -> Any:
        verdict: Any = await self._call(shown)
        whole = self._whole(verdict, shown)
        return verdict if whole is None else await self._call(whole)

    def _call(self, text: str) -> Any:
        return self.check(text)

    def _again(self, verdict: Any, shown: str) -> Any:
        """An objection to a part is made sure of: a part begins where the text does not."""
        whole = self._whole(verdict, shown)
        return verdict if whole is None else self.check(whole)

    def _whole(self, verdict: Any, shown: str) -> str | None:
        if verdict is None or verdict is True:
            return None
        whole = "".join(self._seen)
        return None if len(whole) == len(shown) else whole

    def has_said_all(self, text: str, start: int) -> bool:
        """Whether there is nothing to ask it at the end; of an empty text it was never asked."""
        return bool(text) and start >= len(text)

    def end(self, text: str, start: int) -> Any:
        """Judge what is new when nothing more will come."""
        return self.look(text, start)


class PrefixWatch(Watch):
    """A check of which nothing is held back: it is shown all that has come."""

    __slots__ = ()

    def look(self, text: str, start: int) -> Any:
        return self.check("".join(self._seen))


class CountWatch(Watch):
    """A check that counts, and is shown only what is new.

    Attributes:
        count: judges it.
    """

    __slots__ = ("count",)

    def __init__(self, check: Check, count: Callable[[str], CheckVerdict]) -> None:
        super().__init__(check, [])
        self.count = count

    def look(self, text: str, start: int) -> CheckVerdict:
        return self.count(text[start:])


class PatternWatch(Watch):
    """A forbidden expression: found exactly where it is in the whole text, and nowhere else.

    What a match may begin with, and what it may look at around itself, is within the window. So a
    match is certain when a whole window has come from its beginning on, and where none has begun
    by then none ever will. The text is searched with what stands before `start`, which the
    expression may look back at, and never from a place that only seems to be its beginning.

    Attributes:
        search: `search(text, place)`.
    """

    __slots__ = ("search",)

    def __init__(self, check: Check, search: Callable[..., Any]) -> None:
        super().__init__(check, [])
        self.window = max(1, self.window)
        self.search = search

    def look(self, text: str, start: int) -> CheckVerdict:
        found = self.search(text, max(0, start - self.held))
        if found is None or found.start() + self.window > len(text):
            return None
        return FORBIDDEN

    def has_said_all(self, text: str, start: int) -> bool:
        return False

    def end(self, text: str, start: int) -> CheckVerdict:
        return None if self.search(text, max(0, start - self.held)) is None else FORBIDDEN


class EndWatch(Watch):
    """A check of the whole answer: of the response it came in, or of its text."""

    __slots__ = ("_findings",)

    def __init__(self, check: Check, pieces: list[str], findings: Findings) -> None:
        super().__init__(check, pieces)
        self._findings = findings

    @property
    def patient(self) -> bool:
        return True

    @property
    def owed(self) -> int:
        return self.held

    def look(self, text: str, start: int) -> CheckVerdict:
        return None

    def has_said_all(self, text: str, start: int) -> bool:
        return False

    def end(self, text: str, start: int) -> Any:
        check, findings = self.check, self._findings
        if check.reads_arguments:
            check = check.fitted(findings.call.arguments)
        return check(findings.subject(self.check, "".join(self._seen)))


def watch_for(check: Check, pieces: list[str], findings: Findings) -> Watch:
    """The watch for a check of one stream, whose text so far is in `pieces` when it is asked."""
    if check.window is None or waits_for_the_end(check):
        return EndWatch(check, pieces, findings)
    count = check.stream()
    if count is not None:
        return CountWatch(check, count)
    pattern = forbidding(check)
    if pattern is not None:
        return PatternWatch(check, pattern.search)
    return Watch(check, pieces) if check.window else PrefixWatch(check, pieces)
