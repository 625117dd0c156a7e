"""What evaluations are judged by, so that nothing of it gets into training data.

A prompt is the same in other letters, with other spaces, and with its personal data replaced: a
dataset keeps `[EMAIL_1]` where the store of calls may have the address.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from reliai.checks.redaction import Redaction
from reliai.feedback._export_rows import digest_of, messages_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.datasets import Case
    from reliai.feedback._export_rows import Message, Prompt, Row

__all__ = ["HeldOut"]

_LIMIT: Final = 1024 * 1024
_NUMBERED: Final = re.compile(r"\[([A-Z][A-Z0-9_]*?)_[1-9][0-9]*\]")


class HeldOut:
    """The calls and prompts of cases that are held out.

    Args:
        cases: that evaluations are judged by.
        prompt: makes a prompt of inputs.
    """

    def __init__(self, cases: Iterable[Case], prompt: Prompt) -> None:
        self._redaction = Redaction("redacted", limit=_LIMIT)
        self._calls: set[str] = set()
        self._prompts: set[str] = set()
        for case in cases:
            self._calls.update(
                source.id
                for source in case.sources
                if source.kind in {"call", "feedback"} and source.id
            )
            messages = messages_of(prompt(case.inputs))
            if messages is not None:
                self._prompts.add(self._digest(messages))

    def __bool__(self) -> bool:
        return bool(self._calls or self._prompts)

    def has(self, row: Row) -> bool:
        """Whether a row is from one of these calls, or has one of these prompts."""
        if not self._calls.isdisjoint(row.call_ids):
            return True
        return bool(self._prompts) and self._digest(row.prompt) in self._prompts

    def _digest(self, messages: list[Message]) -> str:
        return digest_of([[one["role"], self._plain(one["content"])] for one in messages])

    def _plain(self, text: str) -> str:
        redacted = self._redaction.apply(text)
        said = text if redacted.dropped else str(redacted.value)
        return unicodedata.normalize("NFKC", _NUMBERED.sub(r"[\1]", said)).casefold()
