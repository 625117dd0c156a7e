"""The steps a stream's text goes through: each takes what is new and gives what it clears by that.

Checks that let a text out as it is stand together in one step, each with a place of its own in the
text: what the slowest has cleared goes on. A check that replaces parts is a step by itself, so that
those after it look at what it made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from reliai.checks.text import FORBIDDEN
from reliai.policies._holding_watches import CountWatch, PatternWatch, watch_for
from reliai.policies._judging import asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.checks.base import Check, Span
    from reliai.policies._holding_findings import Findings
    from reliai.policies._holding_watches import Watch

__all__ = ["Judges", "Replacer", "Stage"]

_Look: TypeAlias = "tuple[Watch, Callable[[str], Any] | None, Callable[..., Any] | None, int]"
"""A watch, what it counts with or searches with, and how far back it begins to search."""

SLACK = 1024
"""Characters of text already let out that are kept before they are dropped at one go."""


PART = 8
"""The part of a window that a check which replaces lets come before it is asked again: to look at a
window or two for each chunk would cost more than the chunk."""


class Stage:
    """A step. Its methods may wait, where checks are asynchronous or have a time limit."""

    async def feed(self, piece: str) -> str:
        """Take new text that is not empty; give what is cleared by it."""
        raise NotImplementedError(type(self).__name__)

    async def finish(self) -> str:
        """Judge what is left when there is no more; give what is cleared by that."""
        raise NotImplementedError(type(self).__name__)


class Judges(Stage):
    """Checks that let a text out as it is, or not at all.

    Args:
        checks: the checks.
        findings: what is found goes there.
        pieces: the text so far, when somebody else adds to it before `feed`; None to do so here.
    """

    def __init__(
        self, checks: tuple[Check, ...], findings: Findings, pieces: list[str] | None = None
    ) -> None:
        self._findings = findings
        self._pieces: list[str] = []
        self._adds = pieces is None
        seen = self._pieces if pieces is None else pieces
        self._watches = [watch_for(check, seen, findings) for check in checks]
        self._looks = [_look_of(watch) for watch in self._watches]
        self._held = 0 if findings.observing else max(watch.held for watch in self._watches)
        self._kept = 2 * max(watch.window for watch in self._watches) + 2
        self._most = self._kept + SLACK
        self._text = ""
        self._out = 0

    def feed_at_once(self, piece: str) -> str:
        """`feed`, where no check has to be waited for."""
        start = len(self._text)
        self._text = text = self._text + piece
        size = start + len(piece)
        for watch, count, search, before in self._looks:
            try:
                # What `watch.look` does, in so many words: this is done for every chunk.
                if count is not None:
                    found = count(piece)
                elif search is not None:
                    found = search(text, start - before if start > before else 0)
                    if found is not None:
                        found = FORBIDDEN if found.start() + before < size else None
                else:
                    found = watch.look(text, start)
            except Exception as error:  # noqa: BLE001  a check's fault is not the call's
                found = error
            if found is not None and found is not True:
                try:
                    self._objected(watch, found)
                finally:
                    del found  # no cycle through the traceback of a crash
        end = size - self._held
        out = self._out
        if end <= out:
            return ""
        self._out = end
        if end > self._most:
            self._drop(end - self._kept)
        return text[out:end] if self._held else piece

    def finish_at_once(self) -> str:
        """`finish`, where no check has to be waited for."""
        text = self._text
        start = len(text)
        for watch in self._watches:
            if watch.has_said_all(text, start):
                continue
            try:
                found = watch.end(text, start)
            except Exception as error:  # noqa: BLE001  a check's fault is not the call's
                found = error
            if found is not None and found is not True:
                try:
                    self._objected(watch, found)
                finally:
                    del found  # no cycle through the traceback of a crash
        return self._cleared(start)

    async def feed(self, piece: str) -> str:
        self._text = text = self._text + piece
        if self._adds:
            self._pieces.append(piece)
        held = self._held
        for watch in self._watches:
            watch.unseen += len(piece)
            if not watch.patient:
                await self._ask(watch, watch.look)
            held = max(held, watch.owed)
        return self._cleared(len(text) - (0 if self._findings.observing else held))

    async def finish(self) -> str:
        text = self._text
        for watch in self._watches:
            if not watch.has_said_all(text, len(text) - watch.unseen):
                await self._ask(watch, watch.end)
        return self._cleared(len(text))

    async def _ask(self, watch: Watch, look: Any) -> None:
        start = len(self._text) - watch.unseen
        watch.unseen = 0
        check, findings = watch.check, self._findings
        try:
            if watch.slow:
                found = await asked(findings.timed_call(), check, look, self._text, start)
            else:
                found = look(self._text, start)
        except Exception as error:  # noqa: BLE001  a check's fault is not the call's
            found = error
        if found is not None and found is not True:
            try:
                self._objected(watch, found)
            finally:
                del found  # no cycle through the traceback of a crash

    def _objected(self, watch: Watch, found: Any) -> None:
        """When the stream goes on all the same, it does so without the check."""
        try:
            self._findings.objected(watch.check, found)
        finally:
            del found  # no cycle through the traceback of a crash
        self._watches = [each for each in self._watches if each is not watch]
        self._looks = [look for look in self._looks if look[0] is not watch]

    def _cleared(self, end: int) -> str:
        """What is let out when all before `end` is cleared."""
        out = self._out
        if end <= out:
            return ""
        cleared = self._text[out:end]
        self._out = end
        if end > self._most:
            self._drop(end - self._kept)
        return cleared

    def _drop(self, count: int) -> None:
        """Forget text that was let out, and that no check will look back at."""
        self._text = self._text[count:]
        self._out -= count


def _look_of(watch: Watch) -> _Look:
    count = watch.count if isinstance(watch, CountWatch) else None
    search = watch.search if isinstance(watch, PatternWatch) else None
    return watch, count, search, watch.held


class Replacer(Stage):
    """A check that replaces parts of the text, or forbids them, as its `spans` says.

    A part is certain when a whole window has come from its beginning on; what has none before that
    place goes on as it is. It is asked of a window before that place and all that came since.
    """

    def __init__(self, check: Check, findings: Findings) -> None:
        self._check: Check | None = check
        self._window = max(1, check.window or 0)
        self._patience = self._window // (PART if check.timeout is None else 1)
        self._findings = findings
        self._text = ""
        self._out = 0
        self._unseen = 0

    async def feed(self, piece: str) -> str:
        self._text += piece
        self._unseen += len(piece)
        cleared = ""
        if self._unseen >= self._patience:
            cleared = await self._cleared(max(self._out, len(self._text) - self._window + 1))
        return piece if self._findings.observing else cleared

    async def finish(self) -> str:
        cleared = await self._cleared(len(self._text))
        return "" if self._findings.observing else cleared

    async def _cleared(self, end: int) -> str:
        """What is let out when every part that begins before `end` is there as a whole."""
        self._unseen = 0
        parts: list[str] = []
        for begin, over, put in await self._spans():
            if begin >= end or self._check is None:
                break
            if over <= self._out:
                continue
            if put is None:
                await self._forbidden(self._check)
                continue
            self._findings.replaced(self._check)
            parts += (self._text[self._out : begin], put)
            self._out = over
        if self._check is None:
            end = len(self._text)
        if end > self._out:
            parts.append(self._text[self._out : end])
            self._out = end
        drop = self._out - self._window - 1
        if drop > 0:
            self._text = self._text[drop:]
            self._out -= drop
        return "".join(parts)

    async def _spans(self) -> list[Span]:
        check = self._check
        if check is None:
            return []
        try:
            spans: list[Span] = await self._asked(check, _spans_of, check, self._text)
        except Exception as error:  # noqa: BLE001  a check's fault is not the call's
            self._objected(check, error)
            return []
        return spans

    async def _forbidden(self, check: Check) -> None:
        """Object to a part in the check's own words, if it has any for the text as it stands."""
        try:
            said = await self._asked(check, check, self._text)
        except Exception as error:  # noqa: BLE001  a check's fault is not the call's
            said = error
        try:
            self._objected(check, said if isinstance(said, str | Exception) else FORBIDDEN)
        finally:
            del said  # no cycle through the traceback of a crash

    async def _asked(self, check: Check, act: Any, *args: Any) -> Any:
        if check.timeout is None:
            return act(*args)
        return await asked(self._findings.timed_call(), check, act, *args)

    def _objected(self, check: Check, found: Any) -> None:
        """When the stream goes on all the same, it does so without the check."""
        try:
            self._findings.objected(check, found)
        finally:
            del found  # no cycle through the traceback of a crash
        self._check = None


def _spans_of(check: Check, text: str) -> list[Span]:
    return list(check.spans(text) or ())
