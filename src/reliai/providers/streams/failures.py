"""What a provider reports inside a stream without its SDK raising it, as errors to be classified.

They say of themselves what `classify` reads off any SDK's error: the codes of the event's body, and
that the answer had begun well.
"""

from __future__ import annotations

from typing import Any

from reliai.providers.reading import attribute, dig, text

__all__ = ["InStreamError", "IncompleteStream"]

_FIELDS = ("code", "type", "status", "message")


class InStreamError(Exception):
    """An error event inside a stream that began with a good status.

    Attributes:
        body: the event's error as a dictionary: code, type, status, message.
        code: the provider's own word for it, or None.
        type: the provider's category, or None.
        status_code: 200, the status that the stream began with.
        partial: the text that had come before, where it is known.
    """

    status_code = 200
    partial: str | None = None

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.body = body
        self.code = text(body.get("code"))
        self.type = text(body.get("type"))

    @classmethod
    def of(cls, event: object, kind: str | None = None) -> InStreamError:
        """The error in an event, an object or its JSON.

        Args:
            event: what carries code, type or message.
            kind: its category, when the event names it in another place.
        """
        body: dict[str, Any] = {}
        for name in _FIELDS:
            said = dig(event, name) if isinstance(event, dict) else attribute(event, name)
            if isinstance(said, (str, int)) and not isinstance(said, bool):
                body[name] = said
        if kind is not None:
            body["type"] = kind
        return cls(body)

    def again(self) -> InStreamError:
        """The same error as a new object: what has been raised leads to whoever raised it."""
        return InStreamError(self.body)

    def __str__(self) -> str:
        word = self.code or self.type
        message = text(self.body.get("message"))
        said = ": ".join(each for each in (word, message) if each)
        return f"the provider reported an error inside the stream: {said or 'without a reason'}"


class IncompleteStream(InStreamError):
    """A stream that ended without the event which every complete answer of its form ends with."""

    def __init__(self, missing: str) -> None:
        super().__init__({})
        self.args = (missing,)
        self.missing = missing

    def __str__(self) -> str:
        return f"the stream ended without {self.missing}; the answer is incomplete"
