"""Comparing texts by how much of their letters they share."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from reliai.comparisons.answers import text_of
from reliai.comparisons.judging import checked_share
from reliai.errors import ConfigurationError

__all__ = ["Text"]


class Text:
    """Texts that are alike, whatever their spaces and capital letters.

    Gives how alike they are, in [0, 1]: twice the letters they have in common, in order, for each
    letter of the two. Needs `pip install "reliai[similarity]"`.

    Args:
        minimum: how alike they have to be to count as the same, in [0, 1].

    Raises:
        ConfigurationError: when `minimum` is out of its range, or rapidfuzz is missing.
    """

    def __init__(self, minimum: float = 0.8) -> None:
        self.minimum = checked_share("Text(minimum", minimum)
        try:
            fuzz: Any = import_module("rapidfuzz.fuzz")
        except ImportError as error:
            message = (
                'comparing texts by likeness needs rapidfuzz: pip install "reliai[similarity]"'
            )
            raise ConfigurationError(message) from error
        self._ratio = fuzz.ratio

    def __call__(self, primary: Any, candidate: Any) -> float:
        """Compare.

        Raises:
            TypeError: when one of them has no text.
        """
        one, other = _text(primary), _text(candidate)
        return float(self._ratio(one, other)) / 100

    def __repr__(self) -> str:
        return f"reliai.comparisons.Text(minimum={self.minimum:g})"


def _text(value: Any) -> str:
    text = text_of(value)
    if text is None:
        raise TypeError(f"{type(value).__name__} has no text to compare")
    return " ".join(text.casefold().split())
