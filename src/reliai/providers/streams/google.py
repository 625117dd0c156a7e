"""The chunks of Google's `generate_content_stream`: each has the form of a whole answer."""

from __future__ import annotations

from typing import ClassVar

from reliai.providers.reading import count, dig
from reliai.providers.shapes.google import is_google, read_google
from reliai.providers.streams.base import StreamReader

__all__ = ["GoogleReader", "google_text", "is_google_chunk"]


def is_google_chunk(event: object) -> bool:
    """A chunk with candidates, or one that only tells the usage."""
    counts = ("usage_metadata", "prompt_token_count"), ("usageMetadata", "promptTokenCount")
    return is_google(event) or any(count(dig(event, *path)) is not None for path in counts)


def google_text(event: object) -> str | None:
    """The text that one chunk carries."""
    return read_google(event).text or None


class GoogleReader(StreamReader):
    """Texts add up; the usage of each chunk is that of the answer so far."""

    missing: ClassVar[str] = "a chunk that says why it stopped (finish_reason)"

    def _take(self, chunk: object) -> str | None:
        read = read_google(chunk)
        self.alive = True
        self.provider = read.provider or self.provider
        self.model = read.model or self.model
        self.id = read.id or self.id
        self.input_tokens = _last(self.input_tokens, read.input_tokens)
        self.output_tokens = _last(self.output_tokens, read.output_tokens)
        self.cached_tokens = _last(self.cached_tokens, read.cached_tokens)
        self._refuse(read.refusal)
        for name, arguments, call_id in read.tool_calls:
            self._call_tool((len(self._tools), name), name, arguments, call_id)
        if read.finish_reason is not None:
            self.finish, self.finished = read.finish_reason, True
            self.settled = self.output_tokens is not None
        elif self.finished and read.output_tokens is not None:
            self.settled = True
        return read.text


def _last(before: int | None, now: int | None) -> int | None:
    return before if now is None else now
