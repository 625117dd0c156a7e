"""The recording of one attempt, from its start to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._core.usage import was_given
from reliai.testing._cassette.errors import encode_error
from reliai.testing._cassette.trouble import CassetteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call
    from reliai._core.record import Attempt
    from reliai.providers import Response
    from reliai.testing._cassette.codec import Codec
    from reliai.testing._cassette.redaction import Redactor
    from reliai.testing._cassette.tape import Identity

__all__ = ["USAGE", "Take"]

USAGE = (
    "provider",
    "model",
    "id",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_usd",
)
"""What is kept of a response that the function read itself: its usage, and nothing it said."""


class Take:
    """One attempt that is being recorded. It is a meter of its call, to see what is read inside.

    Attributes:
        composite: whether guarded calls were recorded inside it; then its own code runs on replay.
        open: whether it has not ended.
        entry: what goes into the file; None as long as it has not ended, and when it was dropped.
    """

    def __init__(
        self, call: Call, attempt: Attempt, identity: Identity, codec: Codec, redactor: Redactor
    ) -> None:
        self.call = call
        self.composite = False
        self.entry: dict[str, Any] | None = None
        self.open = True
        self._attempt = attempt
        self._identity = identity
        self._codec = codec
        self._redactor = redactor
        self._inside = False
        self._read = False
        self._usage: list[dict[str, Any]] = []
        self._values = dict(call._record.values)  # noqa: SLF001  the call's own
        self._began = self._last = call.clock.monotonic()
        self._chunks: list[Any] | None = None
        self._waits: list[float] = []

    # --- a meter ---------------------------------------------------------------------------
    def add(self, usd: float | None, tokens: int | None, response: Response) -> None:
        """Keep what was read while the function ran; what it returns is read again on replay."""
        if self._inside:
            self._keep({name: getattr(response, name) for name in USAGE})

    def unknown(self) -> None:
        """Keep what is known of a response whose usage is not."""
        if self._inside:
            record, attempt = self.call._record, self._attempt  # noqa: SLF001  the call's own
            model, finish = attempt.model, attempt.finish_reason
            self._keep({"provider": record.provider, "model": model, "finish_reason": finish})

    def _keep(self, said: dict[str, Any]) -> None:
        known = {name: item for name, item in said.items() if item is not None}
        if known:
            self._usage.append(known)

    def admit(self, *_: object) -> None:
        """Nothing: a recording refuses no attempt."""

    # --- steps -----------------------------------------------------------------------------
    def step(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a part of the function."""
        self._inside = True
        try:
            return function(*args, **kwargs)
        finally:
            self._inside = False

    async def async_step(self, awaitable: Any) -> Any:
        """Await a part of the function."""
        self._inside = True
        try:
            return await awaitable
        finally:
            self._inside = False

    # --- ends ------------------------------------------------------------------------------
    def answered(self, value: Any) -> None:
        """End with a value."""
        if self._may_end():
            seen = self.call._record._seen or ()  # noqa: SLF001  the call's own
            self._read = any(each is value for each in tuple(seen))
            self._end("answer", self._codec.encode(value), self._redactor.tree)

    def failed(self, error: Exception) -> None:
        """End with an error; one that came of the cassette itself is not recorded."""
        if isinstance(error, CassetteError):
            self.open = False
        elif self._chunks is not None:
            self.ended(error)
        elif self._may_end():
            self._end("error", encode_error(self._codec, error), self._redactor.tree)

    def begin_stream(self) -> None:
        """What the function gave is a stream of chunks still to come."""
        self._chunks = []

    def chunk(self, chunk: Any) -> None:
        """Keep a chunk of a stream, as it is now."""
        if self._chunks is None or not self.open:
            return
        if not self._chunks:
            self._read = was_given(self.call, chunk)
        now = self.call.clock.monotonic()
        self._waits.append(round(now - self._last, 3))
        self._chunks.append(self._codec.encode(chunk))
        self._last = now

    def ended(self, error: Exception | None = None, *, closed: bool = False) -> None:
        """End a stream: with its last chunk, an error, or because nobody reads on."""
        if not self.open:
            return
        if closed and not self._chunks:
            self.drop()  # it never began: cancelled, or cut off by a time limit
            return
        self._end("stream", self._chunks or [], self._redactor.stream)
        if self.entry is not None:
            self.entry["waits"] = self._waits
            if closed:
                self.entry["closed"] = True
            if error is not None:
                self.entry["error"] = self._redactor.tree(encode_error(self._codec, error))

    def drop(self) -> None:
        """Keep nothing: it was cancelled, or left behind by a time limit."""
        self.open = False

    def finish(self) -> None:
        """End what is still open when the cassette ends: a stream that nobody reads on."""
        if self._chunks is not None:
            self.ended(closed=True)
        self.drop()

    def detach(self) -> None:
        """Be no meter of the call any more: a call that holds what holds it would be a cycle."""
        call = self.call
        call.meters = tuple(meter for meter in call.meters if meter is not self)

    def _may_end(self) -> bool:
        """Whether anybody still waits for it."""
        if self.open and self._attempt.status is not None:
            self.open = False  # a time limit has left it behind
        return self.open

    def _end(self, name: str, data: Any, redacted: Callable[[Any], Any]) -> None:
        self.open = False
        if self.composite:
            return
        kept = redacted(data)
        if kept != data:
            self._check(name, kept)
        entry = self._identity.entry()
        entry["seconds"] = round(self.call.clock.monotonic() - self._began, 3)
        if self._usage:
            entry["usage"] = self._usage
        if self._read:
            entry["read"] = True
        values = self._new_values()
        if values:
            entry["values"] = values
        entry[name] = kept
        self.entry = entry

    def _new_values(self) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in self.call._record.values.items():  # noqa: SLF001  the call's own
            if name not in self._values:
                try:
                    kept[name] = self._codec.encode(value)
                except CassetteError:
                    continue  # a sketch of an array: nothing a test would look at
        return kept

    def _check(self, name: str, kept: Any) -> None:
        """See that what was redacted can be built again."""
        if name == "error":
            return  # its class is built without a look at what it says
        try:
            self._codec.decode(kept)
        except Exception as error:
            raise CassetteError(
                f"what redact= left of the answer of {self._identity.call} cannot be replayed: "
                f"{error}"
            ) from error
