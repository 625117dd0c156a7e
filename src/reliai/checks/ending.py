"""Checks of how an answer came to its end: refused by the model, or cut off by a length limit.

Both are told by the provider beside the text, so these checks read the response and not the text.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from reliai._core.complaints import warn
from reliai.checks.base import Check, CheckVerdict
from reliai.errors import ReliaiWarning
from reliai.providers import Response

__all__ = ["NoRefusal", "NotTruncated"]

_FIX = (
    "return the provider's response object, or pass it through reliai.read(response) before taking "
    "the text from it"
)


class _Ending(Check):
    """A check that wants a provider's response and says so once when it never gets one."""

    reads_response = True

    def __init__(self) -> None:
        self._informed = False

    def _uninformed(self, message: str) -> None:
        """Warn, unless that was done or a response was seen: then this answer is an exception."""
        if not self._informed:
            self._informed = True
            with suppress(ReliaiWarning):  # warnings are errors here; the call goes on all the same
                warn(message)

    def __repr__(self) -> str:
        return f"reliai.{self.name}()"


class NotTruncated(_Ending):
    """Passes answers that did not stop at their length limit; others end in `OutputTruncated`.

    The provider's finish reason says so; nothing in a text does. Where no response is seen it
    passes, and warns once.
    """

    fails_as = "truncated"

    def __call__(self, value: Any, /) -> CheckVerdict:
        finish = value.finish_reason if isinstance(value, Response) else None
        if finish is None:
            self._uninformed(
                f"NotTruncated() saw no finish reason, so it lets every answer pass: {_FIX}"
            )
            return None
        self._informed = True
        return "the answer reached its length limit" if finish == "length" else None


class NoRefusal(_Ending):
    """Passes answers in which the model did not refuse; others end in `OutputRefused`.

    A provider's refusal field and the finish reasons `refusal` and `content_filter` are believed.
    A text that opens as refusals do, in any of 14 languages, is one too; what is not clear passes.
    A refused call is not repeated; a fallback is asked once.
    """

    fails_as = "refused"

    def prepare(self) -> None:
        import_module("reliai.checks._refusals")  # builds its expressions: 20 ms

    def __call__(self, value: Any, /) -> CheckVerdict:
        text = value
        if isinstance(value, Response):
            self._informed = True
            if value.refusal is not None or value.finish_reason == "refusal":
                return "the model refused to answer"
            if value.finish_reason == "content_filter":
                return "a content filter stopped the answer"
            text = None if value.tool_calls else value.text
        elif not isinstance(value, str):
            self._uninformed(f"NoRefusal() saw neither a response nor a text: {_FIX}")
        return "the answer reads as a refusal" if isinstance(text, str) and _reads(text) else None


def _reads(text: str) -> bool:
    from reliai.checks._refusals import reads_as_refusal  # noqa: PLC0415  as above

    return reads_as_refusal(text)
