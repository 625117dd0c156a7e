"""A check that measures how much a text tries to give the model orders. Provisional."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from reliai.checks._pii.texts import texts
from reliai.checks.base import Check, CheckVerdict, Score
from reliai.checks.text import not_text
from reliai.errors import ConfigurationError

__all__ = ["Injection"]


class Injection(Check):
    """Scores a text from 0 to 1 by the phrases of prompt injections in it; *provisional*.

    The score is a heuristic: it knows the wordings of common attacks in 14 languages, not their
    meaning. Without a threshold it only measures: the score goes into the record's `values` (under
    `injection`) and `checks`, and everything passes. Look at the scores of your own traffic before
    you set one; 0.8 is where a single unmistakable phrase lies.

    In a conversation the messages of the user and of tools are looked at, not those of the system
    and of the model itself.

    Args:
        threshold: the score (above 0, at most 1) from which on a text fails; None to only measure.

    Raises:
        ConfigurationError: when the threshold is out of its range.
    """

    reads_text = True
    reads_messages = True

    def __init__(self, threshold: float | None = None) -> None:
        number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if threshold is not None and not (number and 0 < threshold <= 1):
            message = (
                f"Injection(threshold={threshold!r}): must be a score above 0 and at most 1, or "
                "None to measure only"
            )
            raise ConfigurationError(message)
        self.threshold = threshold

    def prepare(self) -> None:
        import_module("reliai.checks._injections")  # builds its expressions: 40 ms

    def __call__(self, value: Any, /) -> CheckVerdict:
        if not isinstance(value, str | list | tuple | dict):
            return not_text(value)
        from reliai.checks._injections import Signs, signs_in  # noqa: PLC0415  as above

        signs = max(map(signs_in, _given_texts(value)), default=Signs(0.0))
        if self.threshold is None or signs.score < self.threshold:
            return Score(round(signs.score, 4))
        kinds = ", ".join(signs.kinds)
        return f"it reads as an injection: score {signs.score:.2f} ({kinds})"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "threshold": self.threshold}

    def __repr__(self) -> str:
        return f"reliai.checks.Injection({self.threshold})"


_OURS = frozenset({"system", "developer", "assistant", "model", "ai"})
"""Roles whose messages the program or the model wrote."""


def _given_texts(value: Any) -> list[str]:
    """The texts that came from outside."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return texts(value)
    return [text for each in value if _role(each) not in _OURS for text in texts(each)]


def _role(message: Any) -> Any:
    if isinstance(message, dict):
        return message.get("role")
    if isinstance(message, tuple) and len(message) == 2:
        return message[0] if isinstance(message[0], str) else None
    return getattr(message, "role", None) or getattr(message, "type", None)
