"""Comparing by structure: JSON in any order of its keys, numbers that lie near one another."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from reliai.comparisons.answers import text_of
from reliai.comparisons.values import Differing, differences, plain
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Json", "Numbers"]


class Json:
    """The same JSON, in whatever order its keys are and however it is spaced.

    Text, and the text of a provider's answer, is parsed; a fence of Markdown around it is left
    away. Models, dataclasses, dictionaries and lists are compared as they are.

    Args:
        ignore: keys that may differ wherever they are ("id"), or paths from the root with dots,
            where `*` stands for any one key or place ("items.*.id").
        tolerance: how far two numbers may lie apart (>= 0).
        relative: the same, as a share of the larger one (>= 0).

    Raises:
        ConfigurationError: for a value out of its range.
    """

    def __init__(
        self, *, ignore: Iterable[str] = (), tolerance: float = 0.0, relative: float = 0.0
    ) -> None:
        self.ignore = _names(ignore)
        self.tolerance = _distance("Json(tolerance", tolerance)
        self.relative = _distance("Json(relative", relative)
        self._rules = Differing(self.ignore, self.tolerance, self.relative)

    def __call__(self, primary: Any, candidate: Any) -> bool | str:
        """Compare.

        Raises:
            ValueError: when neither is JSON, so that this is the wrong comparator.
        """
        one, other = _parsed(primary), _parsed(candidate)
        if one is _NONE and other is _NONE:
            raise ValueError("neither answer is JSON")
        if one is _NONE or other is _NONE:
            return f"the {'primary' if one is _NONE else 'candidate'}'s answer is no JSON"
        return _told(next(differences(one, other, self._rules), None))

    def __repr__(self) -> str:
        return (
            f"reliai.comparisons.Json(ignore={self.ignore!r}, tolerance={self.tolerance:g}, "
            f"relative={self.relative:g})"
        )


class Numbers:
    """Numbers that lie near one another: single ones, lists, arrays, tables, predictions by name.

    Text that is a number counts as one. What is no number has to be equal.

    Args:
        tolerance: how far two numbers may lie apart (>= 0).
        relative: the same, as a share of the larger one (>= 0).

    Raises:
        ConfigurationError: for a value out of its range.
    """

    def __init__(self, *, tolerance: float = 0.0, relative: float = 1e-6) -> None:
        self.tolerance = _distance("Numbers(tolerance", tolerance)
        self.relative = _distance("Numbers(relative", relative)
        self._rules = Differing((), self.tolerance, self.relative)

    def __call__(self, primary: Any, candidate: Any) -> bool | str:
        one, other = _number(primary), _number(candidate)
        return _told(next(differences(one, other, self._rules), None))

    def __repr__(self) -> str:
        return (
            f"reliai.comparisons.Numbers(tolerance={self.tolerance:g}, relative={self.relative:g})"
        )


_NONE: Any = object()


def _told(path: str | None) -> bool | str:
    if path is None:
        return True
    return f"{path!r} differs" if path else "they differ"


def _parsed(value: Any) -> Any:
    """The data that an answer holds; `_NONE` for a text that is no JSON."""
    text = text_of(value)
    if text is None:
        return plain(value)
    try:
        return json.loads(_unfenced(text))
    except (ValueError, RecursionError):
        return _NONE


def _unfenced(text: str) -> str:
    text = text.strip()
    if not text.startswith("```"):
        return text
    _, _, inside = text.partition("\n")
    return inside.rpartition("```")[0]


def _number(value: Any) -> Any:
    text = text_of(value)
    if text is None:
        return plain(value)
    try:
        return float(text)
    except ValueError:
        return text


def _names(ignore: Any) -> tuple[str, ...]:
    names = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    if all(isinstance(name, str) and name for name in names):
        return names
    raise ConfigurationError(f"Json(ignore={ignore!r}): must be names of keys, or paths with dots")


def _distance(what: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and value >= 0 and math.isfinite(value):
        return float(value)
    raise ConfigurationError(f"{what}={value!r}): must be a number of at least 0")
