"""A check that measures how much a text tries to give the model orders. Provisional."""

from __future__ import annotations

from importlib import import_module
from typing import Any

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

    Args:
        threshold: the score (above 0, at most 1) from which on a text fails; None to only measure.

    Raises:
        ConfigurationError: when the threshold is out of its range.
    """

    reads_text = True

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
        if not isinstance(value, str):
            return not_text(value)
        from reliai.checks._injections import signs_in  # noqa: PLC0415  as above

        signs = signs_in(value)
        if self.threshold is None or signs.score < self.threshold:
            return Score(round(signs.score, 4))
        kinds = ", ".join(signs.kinds)
        return f"it reads as an injection: score {signs.score:.2f} ({kinds})"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "threshold": self.threshold}

    def __repr__(self) -> str:
        return f"reliai.checks.Injection({self.threshold})"
