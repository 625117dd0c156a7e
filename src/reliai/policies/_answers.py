"""What a function answered, as Validate looks at it: its text, and how it came to its end."""

from __future__ import annotations

import json
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core.stream import NOTHING
from reliai._core.usage import reading_of
from reliai.providers import Response, looks_like_response, read_response
from reliai.providers.streams import stream_reader

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.outcome import Outcome
    from reliai.checks.base import Check
    from reliai.providers import ToolCall

__all__ = ["REFUSALS", "Answer", "answer_of", "close_unread", "collect", "replay"]

REFUSALS = frozenset({"refusal", "content_filter"})


class Answer:
    """An answer.

    Attributes:
        raw: the answer as it came; of a stream its whole text, or the list of its chunks.
        value: the answer as the checks left it.
        text: its text; None when it is neither text nor a provider's response.
        source: what the provider's response said; None where no response was seen. Of a text that
            was taken from one, what the record tells of it.
        response: whether it is a provider's response object.
        parsed: what the provider's SDK built from it; None when nothing.
        cut_off: whether it reached its length limit.
        refused: whether the model refused to answer.
        chunks: of a stream, its chunks.
    """

    __slots__ = (
        "chunks",
        "cut_off",
        "parsed",
        "raw",
        "refused",
        "response",
        "source",
        "text",
        "value",
    )

    def __init__(self, value: Any, text: str | None = None, source: Response | None = None) -> None:
        self.value = self.raw = value
        self.text = text
        self.source = source
        self.response = text is not None and not isinstance(value, str)
        finish = None if source is None else source.finish_reason
        self.parsed = None if source is None else source.parsed
        self.cut_off = finish == "length"
        self.refused = finish in REFUSALS
        self.chunks: list[Any] | None = None

    @property
    def subject(self) -> Any:
        """What checks look at when nothing is parsed from it."""
        return self.value if self.text is None else self.text

    @property
    def words(self) -> Any:
        """What the model said in refusing; the answer as it came when it said nothing."""
        source = self.source
        return (source and (source.refusal or source.text)) or self.raw

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model called."""
        return () if self.source is None else self.source.tool_calls

    @property
    def said(self) -> str:
        """What the model said, as text: its words, or the arguments of the tools it called."""
        if self.text is None:
            return repr(self.raw)
        if self.text.strip() or not self.calls:
            return self.text
        return "\n".join(_as_text(call.arguments) for call in self.calls)

    def seen_by(self, check: Check, subject: Any) -> Any:
        """What `check` is called with, where the text or value is `subject` by now."""
        return self.source if check.reads_response and self.source is not None else subject

    def replace(self, value: Any) -> None:
        """Put what a check made of it in its place."""
        self.value = value
        self.text = value if isinstance(value, str) else None
        self.parsed = None


def _as_text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, default=repr)


def answer_of(call: Call, value: Any) -> Answer:
    """Read an answer of any kind."""
    if isinstance(value, str):
        return Answer(value, value, _read_before(call, value))
    response = reading_of(call, value)
    if response is None and looks_like_response(value):
        response = read_response(value)
    if response is None:
        return Answer(value)
    return Answer(value, response.text or "", response)


def _read_before(call: Call, text: str) -> Response | None:
    """What `reliai.read` told the record of the response that a text was taken from.

    Only the attempt that gave the text counts: an earlier one may have read another response.
    """
    record = call._record  # noqa: SLF001  the call's own
    attempts = record.written_attempts()
    if not attempts:
        return None
    answering = call.current_attempt()
    finish: str | None = answering.finish_reason
    if finish is None and len(attempts) == 1:
        finish = record.finish_reason
    model = answering.model
    if finish is None and model is None:
        return None
    return Response(provider=record.provider, model=model, text=text, finish_reason=finish)


async def collect(call: Call, stream: Any) -> Answer:
    """Read a stream to its end.

    Raises:
        Exception: what the stream failed with.
    """
    chunks: list[Any] = []
    while (chunk := await stream.read()) is not NOTHING:
        chunks.append(chunk)
    answer = _of_chunks(call, chunks)
    answer.chunks = chunks
    return answer


def _of_chunks(call: Call, chunks: list[Any]) -> Answer:
    """What chunks of text say, or events of a provider's stream; of others their list."""
    if all(isinstance(chunk, str) for chunk in chunks):
        return answer_of(call, "".join(chunks))
    reader = stream_reader(chunks[0])
    if reader is None:
        return Answer(chunks)
    for chunk in chunks:
        reader.feed(chunk)
    response = reader.response()
    return Answer(chunks, response.text or "", response)


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
