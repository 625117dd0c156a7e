"""What may be recorded of content: with personal data and secrets replaced, and cut to size.

Every sink that records content has it go through here first, on its own thread, whatever else
wrote the content. A redaction that fails gives nothing: content is replaced or dropped, and
never passed on as it was.
"""

from __future__ import annotations

import inspect
import os
import threading
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args

from reliai.checks._recording import Recording, beginning
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.record_parts import ErrorInfo
    from reliai.checks._pii.finding import Hit
    from reliai.checks._recording import Change

__all__ = [
    "ContentMode",
    "Redacted",
    "Redaction",
    "Totals",
    "message_of",
    "redaction_of",
    "totals",
]

ContentMode: TypeAlias = Literal["none", "redacted", "full"]
"""What a sink records of inputs and outputs."""

LIMIT: Final = 8192
"""Bytes of one value that are recorded, unless another limit is given."""

_MARGIN: Final = 512
"""Characters behind the limit that are looked at too, lest half of a card's number be left."""

_MOST_KNOWN: Final = 16_384


class Redacted(NamedTuple):
    """What may be recorded of a value.

    Attributes:
        value: data that JSON can say; None when there was none, or it was dropped.
        replaced: how many pieces of personal data and secrets were replaced.
        original_bytes: bytes of the texts in it, as far as they were counted, when not all of it is
            recorded; else None.
        dropped: whether nothing may be recorded, because the redaction failed.
    """

    value: Any
    replaced: int = 0
    original_bytes: int | None = None
    dropped: bool = False

    def __repr__(self) -> str:
        return f"<reliai content with {self.replaced} replacements>"


class Totals(NamedTuple):
    """What all redactions of this process have done.

    Attributes:
        replaced: pieces of personal data and secrets that were replaced.
        failed: values that were dropped, because their redaction failed.
    """

    replaced: int
    failed: int


class Redaction:
    """Makes of any value what may be recorded of it.

    Args:
        mode: "redacted" replaces personal data and secrets, in every text and key; "full" only
            makes data of the value and cuts it to size.
        limit: bytes of a value that are recorded at most, from 64; what is behind is not looked at.
        redact: with "redacted", a function of a text that gives the text to record, in place of
            the rules of `Pii` and `Secrets`. What it raises drops the value.

    Attributes:
        replaced: pieces of personal data and secrets that it has replaced.
        failed: values that it has dropped, because their redaction failed.

    Raises:
        ConfigurationError: for another mode or limit, or a function that cannot be it.
    """

    def __init__(
        self,
        mode: str = "redacted",
        *,
        limit: int = LIMIT,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        if mode not in {"redacted", "full"}:
            raise ConfigurationError(f'Redaction(mode={mode!r}): use "redacted" or "full"')
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 64:
            raise ConfigurationError(
                f"Redaction(limit={limit!r}): must be a whole number of bytes, at least 64"
            )
        self.mode = mode
        self.limit = limit
        self._redact = _checked(redact, mode, "Redaction")
        self.replaced = self.failed = 0

    def apply(self, value: Any) -> Redacted:
        """What may be recorded of a value; nothing of one whose redaction fails."""
        recording = Recording(self._change(), self.limit)
        try:
            made = recording.of(value)
        except (Exception, SystemExit):  # noqa: BLE001  whatever it raises, the content must not pass
            self._count(0, 1)
            return Redacted(None, dropped=True)
        if recording.replaced:
            self._count(recording.replaced, 0)
        return Redacted(made, recording.replaced, recording.original if recording.cut else None)

    def _count(self, replaced: int, failed: int) -> None:
        global _replaced, _failed  # noqa: PLW0603  one count a process
        with _counting:
            self.replaced += replaced
            self.failed += failed
            _replaced += replaced
            _failed += failed

    def _change(self) -> Change:
        if self.mode == "full":
            return _shortened
        return _by_rules if self._redact is None else _by(self._redact)

    def __repr__(self) -> str:
        return f"<reliai redaction {self.mode!r} to {self.limit} bytes>"


def redaction_of(
    where: str,
    content: str,
    redact: Callable[[str], str] | None = None,
    *,
    limit: int = LIMIT,
) -> Redaction | None:
    """The redaction of a sink that takes `content=` and `redact=`; None when it records nothing.

    Raises:
        ConfigurationError: naming the sink, for another word or a function that cannot be it.
    """
    if content not in get_args(ContentMode):
        raise ConfigurationError(f'{where}(content={content!r}): use "none", "redacted" or "full"')
    _checked(redact, content, where)
    return None if content == "none" else Redaction(content, limit=limit, redact=redact)


def message_of(error: ErrorInfo | None, redaction: Redaction | None) -> str | None:
    """What may be recorded of an error's message, which may quote what the call was about.

    Where no content is recorded, only messages that cannot, see `ErrorInfo.shown_message`.
    """
    if error is None:
        return None
    if redaction is None:
        return error.shown_message
    made: str | None = redaction.apply(error.message).value
    return made


def _checked(redact: Any, mode: str, where: str) -> Callable[[str], str] | None:
    if redact is None:
        return None
    if mode != "redacted":
        raise ConfigurationError(
            f'{where}(redact=…) is for content that is redacted: give "redacted", not {mode!r}'
        )
    if not callable(redact) or isinstance(redact, type) or inspect.iscoroutinefunction(redact):
        raise ConfigurationError(
            f"{where}(redact={redact!r}): give a plain function of a text that gives a text"
        )
    return cast("Callable[[str], str]", redact)


def _shortened(text: str, room: int, _: str) -> tuple[str, int]:
    return _storable(beginning(text, room)), 0


def _by_rules(text: str, room: int, label: str) -> tuple[str, int]:
    """The text with what the rules find replaced; also what only begins before the limit.

    They look at it together with its key: in `{"password": "…"}` that alone says what it is.
    """
    kept = len(beginning(text, room))
    before = f"{label}: " if label else ""
    looked_at = before + text[: kept + _MARGIN]
    digest = _digest(looked_at)
    if digest in _clean:
        return _storable(text[:kept]), 0
    found = _found(looked_at)
    if not found:
        _remember(digest)
    hits = [hit for hit in found if hit.end > len(before) and hit.start < len(before) + kept]
    pieces: list[str] = []
    end = 0
    for start, stop, name in _joined(hits):
        pieces += (text[end : max(0, start - len(before))], f"[{name.upper()}]")
        end = stop - len(before)
    pieces.append(text[end:kept])
    return _storable(beginning("".join(pieces), room)), len(hits)


def _by(redact: Callable[[str], str]) -> Change:
    def change(text: str, room: int, _: str) -> tuple[str, int]:
        head = beginning(text, room)
        if len(head) < len(text):
            head = _whole_words(head)
        made = redact(str.__str__(head))
        if not isinstance(made, str):
            raise TypeError
        return _storable(beginning(made, room)), int(made != head)

    return change


def _whole_words(head: str) -> str:
    """A text that was cut, without its last word, which may be half of what it was."""
    for place in range(len(head) - 1, max(-1, len(head) - _MARGIN), -1):
        if head[place].isspace():
            return head[:place]
    return head[: max(0, len(head) - _MARGIN)]


def _storable(text: str) -> str:
    """The text as every sink can take it: no halves of surrogate pairs."""
    if text.isascii():
        return str.__str__(text)
    return text.encode("utf-8", "replace").decode()


@lru_cache(1)
def _finders() -> tuple[Callable[[str], list[Hit]], ...]:
    from reliai.checks.pii import Pii  # noqa: PLC0415  loaded when content is recorded
    from reliai.checks.secrets import Secrets  # noqa: PLC0415  the same

    return Secrets("redact").find, Pii("redact").find


def _found(text: str) -> list[Hit]:
    return [hit for find in _finders() for hit in find(text)]


def _joined(hits: list[Hit]) -> list[tuple[int, int, str]]:
    """Where to put which label: of things that overlap one, that of the one that is longer."""
    joined: list[tuple[int, int, str]] = []
    longest = 0
    for hit in sorted(hits, key=lambda each: (each.start, -each.end)):
        if joined and hit.start < joined[-1][1]:
            start, end, name = joined[-1]
            length = hit.end - hit.start
            joined[-1] = (start, max(end, hit.end), hit.kind if length > longest else name)
            longest = max(longest, length)
        else:
            joined.append((hit.start, hit.end, hit.kind))
            longest = hit.end - hit.start
    return joined


# Conversations are sent again with every turn, and prompts with every call. A text in which nothing
# was found is known again by its digest; neither the text nor what was found is kept.
_clean: dict[bytes, None] = {}


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _remember(digest: bytes) -> None:
    if len(_clean) >= _MOST_KNOWN:
        _clean.clear()
    _clean[digest] = None


_counting = threading.Lock()
_replaced = _failed = 0


def totals() -> Totals:
    """What all redactions of this process have done."""
    with _counting:
        return Totals(_replaced, _failed)


def _renew() -> None:
    """In a forked child: nobody is there who would release the lock."""
    global _counting, _replaced, _failed  # noqa: PLW0603  as above
    _counting = threading.Lock()
    _replaced = _failed = 0


os.register_at_fork(after_in_child=_renew)
