"""What a function answered, as Validate looks at it: its text, and how it came to its end."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core.stream import NOTHING
from reliai.providers import looks_like_response, read_response

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.outcome import Outcome

__all__ = ["Answer", "answer_of", "close_unread", "collect", "replay"]

_REFUSALS = frozenset({"refusal", "content_filter"})


class Answer:
    """An answer.

    Attributes:
        raw: the answer as it came; of a stream its whole text, or the list of its chunks.
        value: the answer as the checks left it.
        text: its text; None when it is neither text nor a provider's response.
        response: whether it is a provider's response object.
        parsed: what the provider's SDK built from it; None when nothing.
        cut_off: whether it reached its length limit.
        refused: whether the model refused to answer.
        chunks: of a stream, its chunks.
    """

    __slots__ = ("chunks", "cut_off", "parsed", "raw", "refused", "response", "text", "value")

    def __init__(
        self, value: Any, text: str | None = None, finish: str | None = None, parsed: Any = None
    ) -> None:
        self.value = self.raw = value
        self.text = text
        self.response = text is not None and not isinstance(value, str)
        self.parsed = parsed
        self.cut_off = finish == "length"
        self.refused = finish in _REFUSALS
        self.chunks: list[Any] | None = None

    @property
    def subject(self) -> Any:
        """What checks look at when nothing is parsed from it."""
        return self.value if self.text is None else self.text

    def replace(self, value: Any) -> None:
        """Put what a check made of it in its place."""
        self.value = value
        self.text = value if isinstance(value, str) else None
        self.parsed = None


def answer_of(call: Call, value: Any) -> Answer:
    """Read an answer of any kind."""
    if isinstance(value, str):
        # What `reliai.read` told the record of the response that the text was taken from.
        return Answer(value, value, call._record.finish_reason)  # noqa: SLF001  the call's own
    response = read_response(value) if looks_like_response(value) else None
    if response is None:
        return Answer(value)
    return Answer(value, response.text or "", response.finish_reason, response.parsed)


async def collect(call: Call, stream: Any) -> Answer:
    """Read a stream to its end.

    Raises:
        Exception: what the stream failed with.
    """
    chunks: list[Any] = []
    while (chunk := await stream.read()) is not NOTHING:
        chunks.append(chunk)
    texts = all(isinstance(chunk, str) for chunk in chunks)
    answer = answer_of(call, "".join(chunks)) if texts else Answer(chunks)
    answer.chunks = chunks
    return answer


def replay(call: Call, chunks: list[Any]) -> Outcome:
    """An outcome that delivers chunks as a stream."""
    if call.runtime.asynchronous:
        from reliai._core.async_stream import replayed  # noqa: PLC0415  imports asyncio
    else:
        from reliai._core.sync_stream import replayed  # noqa: PLC0415  for streams only
    return replayed(call, chunks, copy_context())


async def close_unread(call: Call, stream: Any) -> None:
    """Close a stream that nobody will read."""
    if call.runtime.asynchronous:
        await stream.aclose()
    else:
        stream.close()
