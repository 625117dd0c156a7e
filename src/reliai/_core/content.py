"""What went into a call and what came out of it, for observers that ask for content.

Only a call that an observer with a true `reads_content` sees keeps references to its content, and
only until its observers have had the record. Nothing is copied in the call path but the outermost
list or dictionary of an argument: what a function or its caller adds to it later is no input.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reliai._core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai._core.call import Call
    from reliai._core.lane import Lane
    from reliai._core.outcome import Outcome
    from reliai._core.record import CallRecord
    from reliai._core.site import Site
    from reliai.providers import Response, StreamReader

__all__ = [
    "MOST_ITEMS",
    "MOST_TEXT",
    "MOST_WAITING",
    "Capture",
    "Content",
    "content_of",
    "crowded",
    "forget",
    "keep_inputs",
    "keep_output",
    "reads_content",
    "seen_by",
]

MOST_TEXT: Final = 65_536
"""Bytes of a stream's text that are kept; how many there were is kept too."""

MOST_ITEMS: Final = 1000
"""Items kept of a list or a dictionary that is an argument, and chunks that are no text."""

MOST_WAITING: Final = 512
"""Calls whose content waits for an observer at most; those that come on top are shown without."""

_OWNERS: Final = frozenset({"self", "cls"})
"""Names of a first parameter that is no input but whose method it is."""


class Content:
    """What went into a call and what came out.

    Attributes:
        inputs: the caller's arguments by parameter name, defaults included, as they were given and
            before any policy changed them; a method's own object is left out.
        output: what was delivered: of a stream the text that was, of a provider's response the
            object; None when the call failed.
        text: the text of the output; None where it has none.
        response: what the output says of itself, when it is a provider's response; else None.
        output_bytes: how long a stream's text was, when that was more than is kept; else None.
    """

    __slots__ = ("inputs", "output", "output_bytes", "response", "text")

    def __init__(
        self,
        inputs: Mapping[str, Any],
        output: Any = None,
        text: str | None = None,
        response: Response | None = None,
        output_bytes: int | None = None,
    ) -> None:
        self.inputs = inputs
        self.output = output
        self.text = text
        self.response = response
        self.output_bytes = output_bytes

    @property
    def answer(self) -> Any:
        """The output as data: of a response its text, or what it says in place of one."""
        said = self.response
        if said is None:
            return self.output
        if not said.tool_calls and said.refusal is None:
            return self.text
        found = {
            "text": self.text,
            "refusal": said.refusal,
            "tool_calls": [
                {"name": call.name, "arguments": call.arguments, "id": call.id}
                for call in said.tool_calls
            ],
        }
        return {name: value for name, value in found.items() if value}

    def __repr__(self) -> str:
        return f"<reliai content of {len(self.inputs)} inputs>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # whoever is sent a record is not sent its content


class Capture:
    """The references that a call keeps while somebody may still ask for its content."""

    __slots__ = (
        "_args",
        "_chunks",
        "_kwargs",
        "_length",
        "_made",
        "_output",
        "_pieces",
        "_reader",
        "_site",
        "_waiting",
    )

    def __init__(self, site: Site, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._site = site
        self._args: tuple[Any, ...] | None = tuple(map(_as_of_now, args)) if args else args
        self._kwargs = {name: _as_of_now(value) for name, value in kwargs.items()}
        self._output: Any = None
        self._pieces: list[str] | None = None
        self._chunks: list[Any] = []
        self._length = 0
        self._reader: StreamReader | None = None
        self._made: Content | None = None
        self._waiting: list[None] = []

    def returned(self, value: Any) -> None:
        """The call returned a value; a stream has told its chunks."""
        if self._pieces is None:
            self._output = value

    def follows(self) -> None:
        """The call gives a stream, whose chunks will be told."""
        self._pieces = []

    def delivers(self, chunk: Any) -> None:
        """A stream that nobody reads delivers a chunk."""
        text = chunk if type(chunk) is str else _text_in(chunk)
        if text is None:
            if self._pieces == [] and len(self._chunks) < MOST_ITEMS:
                self._chunks.append(chunk)
            return
        if self._length < MOST_TEXT and self._pieces is not None:
            self._pieces.append(text)
        self._length += len(text) if text.isascii() else _size(text)

    def read_by(self, reader: StreamReader) -> None:
        """A stream that is read has ended: who read it knows what it said."""
        self._reader = reader

    def content(self) -> Content | None:
        """The content; None when it was let go."""
        made, args = self._made, self._args
        if made is None and args is not None:
            made = self._made = self._make(args)
        return made

    def _make(self, args: tuple[Any, ...]) -> Content:
        inputs = _by_name(self._site, args, self._kwargs)
        if self._pieces is None:
            return _of_value(inputs, self._output)
        if self._reader is not None:
            response = self._reader.response()
            text, length = _kept(response.text)
            return Content(inputs, text, text, response, length)
        if self._pieces or not self._chunks:
            text, _ = _kept("".join(self._pieces))
            return Content(inputs, text, text, None, self._longer())
        return Content(inputs, self._chunks)

    def _longer(self) -> int | None:
        return self._length if self._length > MOST_TEXT else None

    def wait_for(self, readers: int) -> None:
        """So many observers will have seen the content when it can go."""
        self._waiting = [None] * readers

    def seen(self) -> bool:
        """One of them has; says whether it was the last one. Called from several threads."""
        with suppress(IndexError):
            self._waiting.pop()
        return not self._waiting

    def let_go(self) -> None:
        """Nobody will ask any more."""
        self._made = self._args = self._reader = self._output = None
        self._kwargs, self._pieces, self._chunks = {}, None, []

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # as above


def content_of(record: CallRecord) -> Content | None:
    """What went into an ended call and came out, while its observers look at the record.

    None when no observer of the function has a true `reads_content`, once all of them have seen
    the record, and when one of them is so far behind that content would pile up. Observers keep
    what they need of it, redacted, and never the content itself.
    """
    capture = record._content  # noqa: SLF001  the engine's own
    return capture.content() if capture is not None and record.ended else None


def keep_inputs(call: Call) -> None:
    """Keep what a call that starts was given."""
    call._record._content = Capture(call._site, call.args, call.kwargs)  # noqa: SLF001  the engine's own


def keep_output(record: CallRecord, outcome: Outcome, waiting: int) -> None:
    """Keep what a call that ends delivers, until so many observers on workers have seen it."""
    capture = record._content  # noqa: SLF001  the engine's own
    if capture is not None:
        capture.returned(outcome.value)
        capture.wait_for(waiting)


def reads_content(observer: object) -> bool:
    """Whether an observer asks for the content of the calls that it sees."""
    return bool(getattr(observer, "reads_content", False))


def crowded(lanes: Iterable[Lane]) -> bool:
    """Whether an observer is so far behind that no more content should wait for it.

    Records are small and content is not: one call may have been given megabytes.
    """
    return any(lane.pending >= MOST_WAITING for lane in lanes)


def seen_by(observer: object, method: str, args: tuple[Any, ...]) -> None:
    """The worker has shown an observer something, or dropped it: content that all saw goes."""
    if method == "on_end" and reads_content(observer):
        capture = getattr(args[0], "_content", None)
        if capture is not None and capture.seen():
            forget(args[0])


def forget(record: CallRecord) -> None:
    """Let go of the content: all observers have seen the record, or it was dropped."""
    capture = getattr(record, "_content", None)
    if capture is not None:
        record._content = None  # noqa: SLF001  the engine's own
        capture.let_go()


def _as_of_now(value: Any) -> Any:
    """A list or dictionary as it is now; all else is kept as it is."""
    kind = type(value)
    if kind is list:
        return value[:MOST_ITEMS]
    if kind is dict:
        return dict(islice(value.items(), MOST_ITEMS)) if len(value) > MOST_ITEMS else dict(value)
    return value


def _by_name(
    site: Site, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> MappingProxyType[str, Any]:
    try:
        bound = site.signature.bind(*args, **kwargs)
    except TypeError:  # the function said so, too
        numbered = {str(place): value for place, value in enumerate(args)}
        return MappingProxyType({**numbered, **kwargs})
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    first = next(iter(arguments), None)
    if first in _OWNERS:
        del arguments[first]
    return MappingProxyType(arguments)


def _of_value(inputs: Mapping[str, Any], value: Any) -> Content:
    if value is None or isinstance(value, str):
        return Content(inputs, value, value)
    from reliai.providers import looks_like_response, read_response  # noqa: PLC0415  loaded by now

    response = read_response(value) if looks_like_response(value) else None
    return Content(inputs, value, None if response is None else response.text, response)


def _text_in(chunk: Any) -> str | None:
    from reliai.providers import chunk_text  # noqa: PLC0415  loaded for streams of events

    try:
        return str.__str__(chunk) if isinstance(chunk, str) else chunk_text(chunk)
    except Exception:  # noqa: BLE001  whatever an object's attributes do, the stream goes on
        return None


def _kept(text: str | None) -> tuple[str | None, int | None]:
    """The beginning of a text, in whole characters, and how many bytes it had if more."""
    if text is None or len(text) * 4 <= MOST_TEXT:
        return text, None
    size = _size(text)
    if size <= MOST_TEXT:
        return text, None
    beginning = text[:MOST_TEXT].encode("utf-8", "surrogatepass")[:MOST_TEXT]
    return beginning.decode("utf-8", "ignore"), size


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _forget_recent() -> None:
    """In a forked child, where what waited for the observers is the parent's to show them."""
    for record in settings.recent:
        forget(record)


os.register_at_fork(after_in_child=_forget_recent)
