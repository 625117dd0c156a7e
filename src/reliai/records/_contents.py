"""What a store writes of the content of calls: redacted, cut to size, and only so much at once."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Final, TypeAlias

from reliai._core.content import content_of
from reliai.checks.redaction import message_of
from reliai.records._rows import without_nul

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai._core.content import Content
    from reliai._core.record import CallRecord, ErrorInfo
    from reliai.checks.redaction import Redacted, Redaction

__all__ = ["MOST_BYTES", "MOST_RAW", "Contents"]

MOST_RAW: Final = 256
"""Contents that wait as they are, for the thread that writes; more are made fit to be written at
once, so that a database that is away does not keep what may be megabytes each."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of contents that wait to be written; more are dropped, and their records are kept."""

Made: TypeAlias = "tuple[str | None, str | None, int | None, int | None]"
"""Inputs and output as JSON; and the bytes of all their texts, where not all are there."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class Contents:
    """The content of records that wait, and what may be written of it.

    Args:
        redaction: what makes content fit to be recorded; None when the store keeps none.
    """

    def __init__(self, redaction: Redaction | None) -> None:
        self._redaction = redaction
        self.renew()

    @property
    def keeps(self) -> bool:
        """Whether the store keeps content."""
        return self._redaction is not None

    def renew(self) -> None:
        """Begin anew, in a forked child."""
        self._lock = threading.RLock()
        self._raw: dict[int, Content] = {}
        self._made: dict[int, Made] = {}
        self._bytes = 0
        self.replaced = self.failed = self.dropped = 0

    def take(self, record: CallRecord) -> None:
        """Take the content of a record in that goes to the queue."""
        if self._redaction is None:
            return
        content = content_of(record)
        with self._lock:
            if content is None or self._bytes > MOST_BYTES:
                self.dropped += 1
            elif len(self._raw) < MOST_RAW:
                self._raw[id(record)] = content
            else:
                self._make(id(record), content, self._redaction)

    def of(self, record: CallRecord) -> Made | None:
        """What to write of a record's content; None for nothing. The same when asked again."""
        if self._redaction is None:
            return None
        key = id(record)
        with self._lock:
            content = self._raw.pop(key, None)
            if content is not None:
                self._make(key, content, self._redaction)
            return self._made.get(key)

    def _make(self, key: int, content: Content, redaction: Redaction) -> None:
        inputs, output = redaction.apply(content.inputs), redaction.apply(content.answer)
        failed = int(inputs.dropped) + int(output.dropped)
        self.replaced += inputs.replaced + output.replaced
        self.failed += failed
        self.dropped += bool(failed)
        made = self._made[key] = (
            _written(inputs),
            _written(output),
            inputs.original_bytes,
            content.output_bytes or output.original_bytes,
        )
        self._bytes += _size(made)

    def message(self, error: ErrorInfo | None) -> str | None:
        """What to write of an error's message."""
        return message_of(error, self._redaction)

    def let_go(self, records: Iterable[CallRecord]) -> None:
        """Records are written, or given up."""
        if self._redaction is None:
            return
        with self._lock:
            for record in records:
                self._raw.pop(id(record), None)
                made = self._made.pop(id(record), None)
                if made is not None:
                    self._bytes -= _size(made)


def _written(redacted: Redacted) -> str | None:
    return None if redacted.value is None else without_nul(_encode(redacted.value))


def _size(made: Made) -> int:
    return sum(len(text) for text in made[:2] if text is not None)
