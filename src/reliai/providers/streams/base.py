"""What the readers of all streams share: summing what the events of one answer say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from reliai.providers.answer import Response, ToolCall
from reliai.providers.reading import text
from reliai.providers.streams.failures import IncompleteStream

if TYPE_CHECKING:
    from reliai.providers.streams.failures import InStreamError

__all__ = ["StreamReader"]


class StreamReader:
    """Reads the events of one stream, one by one. Never raises, whatever an event does.

    Attributes:
        content: whether the last event carried content for the user: text, a tool call, a refusal.
        alive: whether the last event said anything at all; False for keep-alives.
        finished: whether the event was seen that ends every complete answer.
        settled: whether the provider has told the usage of the whole answer.
        whole: whether an event was seen that whoever picks events out would have left away.
        failure: an error that came as an event, and that the SDK does not raise.
    """

    missing: ClassVar[str] = "its last event"
    """What a cut stream of this form lacks, in words."""

    def __init__(self) -> None:
        self.content = self.alive = self.finished = self.settled = self.whole = False
        self.failure: InStreamError | None = None
        self.provider: str | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.finish: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.cache_write_tokens: int | None = None
        self.cost_usd: float | None = None
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._tools: dict[object, _Tool] = {}

    @property
    def requires_terminal(self) -> bool:
        """Whether a stream of this form that ends without its last event was cut."""
        return True

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def refusing(self) -> bool:
        """Whether the model has begun to say that it refuses, in the provider's own field."""
        return bool(self._refusals)

    def feed(self, chunk: object) -> str | None:
        """Take one event; give the text that it carries, None for none."""
        self.content = self.alive = False
        try:
            said = self._take(chunk)
        except Exception:  # noqa: BLE001  whatever an event's attributes do, the stream goes on
            return None
        if not said:
            self.alive = self.alive or self.content
            return None
        self._texts.append(said)
        self.content = self.alive = True
        return said

    def ending(self) -> InStreamError | None:
        """Why a stream that has ended by now is no complete answer; None when it is one."""
        if self.failure is not None:
            return self.failure.again()
        if self.finished or not self.requires_terminal:
            return None
        return IncompleteStream(self.missing)

    def response(self) -> Response:
        """The answer so far, in one form."""
        refusal = "".join(self._refusals) or None
        calls = tuple(each.call() for each in self._tools.values() if each.name is not None)
        finish = self.finish
        if refusal is not None:
            finish = "refusal" if finish in (None, "stop") else finish
        elif calls and finish == "stop":
            finish = "tool_call"
        return Response(
            provider=self.provider,
            model=self.model,
            id=self.id,
            text="".join(self._texts) if self._texts else None,
            finish_reason=finish,
            refusal=refusal,
            tool_calls=calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_tokens=self.cached_tokens,
            cache_write_tokens=self.cache_write_tokens,
            cost_usd=self.cost_usd,
        )

    def written(self) -> int:
        """Bytes of text, refusals and tool arguments so far."""
        parts = [*self._texts, *self._refusals]
        for tool in self._tools.values():
            parts.extend(tool.parts)
        return sum(len(each.encode("utf-8", "replace")) for each in parts)

    def _take(self, chunk: object) -> str | None:
        """Read one event into the sums; give its text."""
        raise NotImplementedError

    def _refuse(self, said: str | None) -> None:
        if said:
            self._refusals.append(said)
            self.content = True

    def _call_tool(
        self, key: object, name: object = None, arguments: object = None, call_id: object = None
    ) -> None:
        """Add to a tool call. One that comes with another id under the same key is another one."""
        known = self._tools.get(key)
        named = text(call_id) or None
        if known is not None and named is not None and known.id not in (None, named):
            self._tools[key, known.id] = self._tools.pop(key)
            known = None
        if known is None:
            known = self._tools[key] = _Tool()
        known.id = named or known.id
        known.name = text(name) or known.name
        if isinstance(arguments, str):
            known.parts.append(arguments)
        elif arguments is not None:
            known.whole = arguments
        self.content = True


class _Tool:
    """A tool call, as its parts come in."""

    __slots__ = ("id", "name", "parts", "whole")

    def __init__(self) -> None:
        self.name: str | None = None
        self.id: str | None = None
        self.parts: list[str] = []
        self.whole: Any = None

    def call(self) -> ToolCall:
        arguments = "".join(self.parts) if self.parts or self.whole is None else self.whole
        return ToolCall(self.name or "", arguments, self.id)
