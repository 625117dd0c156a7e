"""A provider's stream, read while it passes: when its content begins, how it ends, what it used.

The leaf reads on until the first chunk with content, so that a failure before it is an ordinary
failed attempt; the chunks before it are delivered first. A stream of text is not read at all.
"""

from __future__ import annotations

from collections import deque
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

from reliai._core.limits import sooner
from reliai._core.usage import known_id, note_stream, remember, settle_readings, was_given
from reliai._core.values import PLAIN

if TYPE_CHECKING:
    from reliai._core.call import Call, Limit
    from reliai._core.record import Attempt
    from reliai.providers import StreamReader
    from reliai.providers.streams import InStreamError

__all__ = ["MOST_AHEAD", "Reading", "begin_reading", "end_reading", "note_first"]

MOST_AHEAD = 512
"""Chunks without content, such as a model's reasoning, that are held back until content comes."""

_SDKS = frozenset({"google", "openai", "anthropic", "cohere", "mistralai", "vertexai", "litellm"})
"""Packages whose generators leave no events away."""

_NONE: Any = object()


class Reading:
    """What is known of one stream of provider events.

    Attributes:
        reader: what sums the events.
        ahead: chunks read and not yet delivered.
        counted: whether a call inside this one, or `read`, counts the usage of this stream.
        mixed: whether chunks of another form are among them: then they are the user's own, and
            only look like a provider's.
        picked: whether whoever made the stream may have left events away.
        quiet: seconds waited since a chunk last said something, keep-alives in between.
    """

    __slots__ = (
        "_asked",
        "_call",
        "_first",
        "_last",
        "_since",
        "ahead",
        "counted",
        "mixed",
        "picked",
        "quiet",
        "reader",
    )

    def __init__(self, call: Call, reader: StreamReader, *, picked: bool) -> None:
        self._call = call
        self.reader = reader
        self.picked = picked
        self.ahead: deque[Any] = deque()
        self.counted = self.mixed = False
        self.quiet = 0.0
        self._since = self._asked = call.clock.monotonic()
        self._first = self._last = _NONE

    @property
    def waiting(self) -> bool:
        """Whether nothing has come yet that a caller could be given as the beginning of an answer.

        Asked after each `hold`.
        """
        reader = self.reader
        begun = reader.content or reader.finished or reader.failure is not None
        return not (begun or self.mixed or len(self.ahead) >= MOST_AHEAD)

    def failed(self) -> InStreamError | None:
        """The error that came as an event; None when none did."""
        failure = self.reader.failure
        return None if failure is None else failure.again()

    def hold(self, chunk: Any) -> None:
        """Read a chunk, and keep it for later delivery."""
        self.reader.feed(chunk)
        if self.ahead and not self.reader.content:
            self.mixed = not _same_form(self.reader, chunk)
        self.ahead.append(chunk)
        if self.reader.alive:
            self._since = self._call.clock.monotonic()

    def limit(self, limit: Limit | None) -> Limit | None:
        """The limit for the next chunk before the first content."""
        idle = self._call.idle
        return limit if idle is None else sooner(limit, (self._since + idle, "idle", idle))

    def asks(self, now: float) -> float:
        """The caller asks for the next chunk; gives the seconds that were quiet before."""
        self._asked = now
        return self.quiet

    def takes(self, chunk: Any) -> None:
        """Read a chunk that goes to the caller right away."""
        self.reader.feed(chunk)
        if self.reader.alive:
            self.quiet = 0.0
        else:
            self.quiet += self._call.clock.monotonic() - self._asked
        self.gives(chunk)

    def gives(self, chunk: Any) -> None:
        """A chunk goes to the caller."""
        if self._first is _NONE:
            self._first = chunk
        self._last = chunk

    def gave(self, chunk: object) -> bool:
        """Whether this stream has just delivered a chunk; then an outer one need not count it."""
        return chunk is self._last or chunk is self._first

    def ending(self) -> InStreamError | None:
        """Why a stream whose source has just ended is not complete; None when it is."""
        reader = self.reader
        target = self._call._target  # noqa: SLF001  the engine's own
        if reader.finished:
            target.whole = True
        missed = reader.ending()
        if missed is None or reader.failure is not None:
            return missed
        if self.mixed:
            return None
        # A generator may pick events out: then the last one is missing in every stream of it.
        if self.picked and not (reader.whole or target.whole):
            self._call.emit("stream_unfinished", missing=reader.missing)
            return None
        return missed


def begin_reading(call: Call, chunk: Any, source: Any) -> Reading | None:
    """A reading of the stream that begins with a chunk; None when it is no provider's."""
    if type(chunk) in PLAIN:
        return None
    from reliai.providers import stream_reader  # noqa: PLC0415  loaded for streams of events

    reader = stream_reader(chunk)
    if reader is None:
        return None
    reading = Reading(call, reader, picked=_is_users(source))
    reading.counted = was_given(call, chunk)
    remember(call, reading)
    reading.hold(chunk)
    return reading


def _same_form(reader: StreamReader, chunk: Any) -> bool:
    from reliai.providers import stream_reader  # noqa: PLC0415  loaded by now

    return type(stream_reader(chunk)) is type(reader)


def _is_users(source: Any) -> bool:
    """Whether a stream is a generator of the user's, and not one of an SDK."""
    if isinstance(source, GeneratorType):
        frame = source.gi_frame
    elif isinstance(source, AsyncGeneratorType):
        frame = source.ag_frame
    else:
        return False
    module = "" if frame is None else str(frame.f_globals.get("__name__"))
    return module.partition(".")[0] not in _SDKS


def end_reading(call: Call, attempt: Attempt, reading: Reading) -> None:
    """Count what a stream used; whoever read the same events before has done so already."""
    reader = reading.reader
    if reading.counted:  # by `read`, which does not see that its stream is closed
        settle_readings(call._record, attempt)  # noqa: SLF001  the engine's own
        return
    if known_id(call, attempt, reader.id):
        return
    note_stream(call, attempt, reader)


def note_first(call: Call, attempt: Attempt, reading: Reading | None, began: float) -> None:
    """Say when the first event came, when the content did not come with it."""
    if reading is not None and (len(reading.ahead) > 1 or reading.reader.failure is not None):
        call.emit("first_event", seconds=began - attempt.began)
