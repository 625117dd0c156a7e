"""What every API has in common: one `Wire` a request turns an answer into a body or into events."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reliai.testing._wire.errors import ProviderError

__all__ = ["Event", "Finish", "Wire", "words"]

Finish = Literal["stop", "length", "content_filter", "refusal"]
"""Why an answer ended, in OpenAI's words; each API has its own."""


class Event(NamedTuple):
    """One server-sent event; `data` is JSON unless it is a string."""

    name: str | None
    data: Mapping[str, Any] | str


def words(text: str) -> list[str]:
    """Split `text` into chunks of a word and the space after it; joined they give it back."""
    return re.findall(r"\S+\s*|\s+", text)


class Wire(ABC):
    """One answer in the form of one API. It counts a token a word.

    Attributes:
        said: the text sent so far, a chunk an entry.
    """

    request_id_header = "x-request-id"
    keep_alive = b": keep-alive\n\n"
    """What is sent to show that a silent stream is alive."""

    def __init__(self, request: Mapping[str, Any], number: int) -> None:
        self.request = request
        self.number = number
        self.model = str(request.get("model", "scripted"))
        self.created = int(time.time())
        self.input_tokens = sum(len(text.split()) for text in _texts(request))
        self.said: list[str] = []

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self.said)

    @property
    def output_tokens(self) -> int:
        """Words said so far."""
        return len(self.text.split())

    @abstractmethod
    def opening(self, *, refusal: bool = False) -> Iterator[Event]:
        """Give the events before the first text."""

    @abstractmethod
    def delta(self, text: str, *, refusal: bool = False) -> Iterator[Event]:
        """Give the events of one chunk of text."""

    @abstractmethod
    def closing(self, finish: Finish) -> Iterator[Event]:
        """Give the events after the last text, the terminal one included."""

    @abstractmethod
    def body(self, finish: Finish) -> dict[str, Any]:
        """Give the JSON body of an answer that is not streamed."""

    @abstractmethod
    def error(
        self, code: int | str, kind: str | None = None, message: str | None = None
    ) -> ProviderError:
        """Give the error the provider itself would send."""

    @abstractmethod
    def error_events(self, kind: str, form: str) -> Iterator[Event]:
        """Give the events of an error inside a stream."""


_PROMPTS = ("messages", "input", "system", "instructions")


def _texts(request: Mapping[str, Any]) -> Iterator[str]:
    for name in _PROMPTS:
        yield from _strings(request.get(name))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _strings(item)
    elif isinstance(value, dict):
        part = cast("dict[str, object]", value)
        for name in ("content", "text"):
            yield from _strings(part.get(name))
