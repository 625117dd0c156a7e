"""Giving a stream back what stood behind its tokens, though one may be cut over several chunks.

Only what can be the beginning of a token waits: the end of a text, or, among the events of a
provider, the event with that end and those behind it. Everything else goes out as it comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.checks._pii.texts import Rewriting, marks, placed_texts
from reliai.policies._pseudonyms import JSON_TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.checks._pii.texts import Path
    from reliai.policies._pseudonyms import Pseudonyms

__all__ = ["StreamRestorer"]

_MOST_HELD: Final = 64
"""Events that wait for the rest of a token at most; then it counts as none."""
_ENDS: Final = frozenset({"finish_reason", "stop_reason", "finishReason", "stopReason"})


class StreamRestorer:
    """A transformer of one stream, of texts or of a provider's events."""

    def __init__(self, names: Pseudonyms, failed: Callable[[str], None]) -> None:
        self._names = names
        self._forms = names.forms
        self._longest = max(map(len, self._forms))
        self._failed = failed
        self._tail = ""
        self._json: dict[Path, bool] = {}
        self._held: list[_Event] = []
        self._open: dict[Path, list[_Part]] = {}

    def feed(self, chunk: Any, /) -> list[Any]:
        """What can go out with this chunk."""
        if isinstance(chunk, str):
            return self._text(chunk)
        let_out = self._let_out_text()
        return let_out + self._event(chunk)

    def finish(self) -> list[Any]:
        """What waited for the rest of a token that did not come."""
        self._open.clear()
        return self._let_out_text() + self._let_out()

    # --- texts ---------------------------------------------------------------------------

    def _text(self, chunk: str) -> list[Any]:
        if not chunk:
            return [] if self._tail else [chunk]
        text = self._tail + chunk
        end = self._opening(text)
        self._tail = text[end:]
        shown = self._shown(text[:end], ())
        return [shown] if shown else []

    def _let_out_text(self) -> list[Any]:
        tail, self._tail = self._tail, ""
        return [tail] if tail else []

    def _opening(self, text: str) -> int:
        """Where the end of a text begins that can be the beginning of a token."""
        start = max(0, len(text) - self._longest + 1)
        for place in range(start, len(text)):
            if text[place] in "<\\" and self._may_begin(text[place:]):
                return place
        return len(text)

    def _may_begin(self, text: str) -> bool:
        """Whether a token begins so, and goes on."""
        return any(form.startswith(text) and form != text for form in self._forms)

    def _shown(self, text: str, channel: Path) -> str:
        return self._names.shown(text, escaped=self._is_json(text, channel))

    def _is_json(self, text: str, channel: Path) -> bool:
        """Whether a text that comes in parts is JSON: by its field, or by its first character."""
        known = self._json.get(channel)
        if known is None:
            begin = text.lstrip()[:1]
            known = (bool(channel) and channel[-1] in JSON_TEXTS) or begin in {"{", "["}
            if begin:
                self._json[channel] = known
        return known

    # --- events --------------------------------------------------------------------------

    def _event(self, chunk: Any) -> list[Any]:
        event = _Event(chunk, {})
        mark: tuple[object, ...] = ()
        kept: list[tuple[Path, str]] = []
        try:
            mark, kept = marks(chunk), placed_texts(chunk)
        except Exception:  # noqa: BLE001  by a class of somebody else's, in being read
            self._failed(type(chunk).__qualname__)
        self._close_ended(mark, kept)
        for path, text in kept:
            if text:
                self._place(event, path, text, (mark, *path))
        self._held.append(event)
        if len(self._held) > _MOST_HELD:
            self._open.clear()
        return self._let_out()

    def _place(self, event: _Event, path: Path, text: str, channel: Path) -> None:
        """Say what one text of an event becomes, and of those before it whose token it ends."""
        given = text
        parts = self._open.pop(channel, None)
        if parts is not None:
            begun = "".join(part.waiting for part in parts)
            joined = begun + text
            if self._may_begin(joined):
                parts.append(_Part(event, path, "", text))
                self._open[channel] = parts
                return
            form = next((form for form in self._forms if joined.startswith(form)), None)
            if form is not None:
                self._complete(parts, self._shown(form, channel))
                text = joined[len(form) :]
        end = self._opening(text)
        head, waiting = self._shown(text[:end], channel), text[end:]
        if head + waiting != given:
            event.texts[path] = head + waiting
        if waiting:
            self._open[channel] = [_Part(event, path, head, waiting)]

    @staticmethod
    def _complete(parts: list[_Part], value: str) -> None:
        first, *others = parts
        first.event.texts[first.path] = first.head + value
        for part in others:
            part.event.texts[part.path] = ""

    def _close_ended(self, mark: tuple[object, ...], kept: list[tuple[Path, str]]) -> None:
        """Wait no longer for the rest of a token in what this event says is over."""
        if not self._open:
            return
        over = [path[:-1] for path, text in kept if path and path[-1] in _ENDS and text]
        kind = mark[0] if mark else None
        stopped = isinstance(kind, str) and kind.endswith(("_stop", ".done", ".completed"))
        for channel in list(self._open):
            same_part = isinstance(channel[0], tuple) and channel[0][1:] == mark[1:]
            ended = any(channel[1 : 1 + len(path)] == path for path in over)
            if ended or (stopped and same_part):
                del self._open[channel]

    def _let_out(self) -> list[Any]:
        """The events that no token waits for, in order, with what stood there."""
        waiting = {id(part.event) for parts in self._open.values() for part in parts}
        ready = 0
        while ready < len(self._held) and id(self._held[ready]) not in waiting:
            ready += 1
        going, self._held = self._held[:ready], self._held[ready:]
        return [self._made(event) for event in going]

    def _made(self, event: _Event) -> Any:
        if not event.texts:
            return event.chunk
        rewriting = Rewriting(lambda text, path: event.texts.get(path, text))
        made = rewriting.of(event.chunk)
        for kind in rewriting.failed:
            self._failed(kind)
        return made


class _Event(NamedTuple):
    """An event, and what its texts become."""

    chunk: Any
    texts: dict[Path, str]


class _Part(NamedTuple):
    """A text that may hold a part of a token: what is before it, and the part."""

    event: _Event
    path: Path
    head: str
    waiting: str
