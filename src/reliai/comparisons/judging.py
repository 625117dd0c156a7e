"""From what a comparator gives to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from reliai.errors import ConfigurationError

__all__ = ["MINIMUM", "Comparator", "Judgement", "Scored", "checked_share", "judged"]

Comparator: TypeAlias = Callable[[Any, Any], Any]
"""A function of (primary, candidate)."""

MINIMUM = 0.8
"""How alike two answers have to be to count as the same, where a comparator gives a number."""


class Judgement(NamedTuple):
    """What a comparator said.

    Attributes:
        same: whether the two count as the same.
        score: how alike they are, in [0, 1]; None where it gave no number.
        reason: why they are not the same; None where it gave none.
    """

    same: bool
    score: float | None = None
    reason: str | None = None


class Scored:
    """A function that gives a number, with the number from which two answers count as the same.

    Args:
        function: of (primary, candidate), giving a number in [0, 1].
        minimum: in [0, 1].

    Raises:
        ConfigurationError: when `minimum` is out of its range, or `function` is none.
    """

    def __init__(self, function: Comparator, minimum: float) -> None:
        if not callable(function) or isinstance(function, type):
            raise ConfigurationError(f"Scored({function!r}): must be a function of two answers")
        self.function = function
        self.minimum = checked_share("Scored(minimum", minimum)

    def __call__(self, primary: Any, candidate: Any) -> Any:
        return self.function(primary, candidate)

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", "a function")
        return f"reliai.comparisons.Scored({name}, minimum={self.minimum:g})"


def judged(comparator: Comparator, given: Any) -> Judgement:
    """The verdict behind what a comparator gave.

    Raises:
        ValueError: when it gave a number outside of [0, 1], or no number.
        TypeError: when it gave something else.
    """
    if given is None or given is True:
        return Judgement(same=True)
    if given is False:
        return Judgement(same=False)
    if isinstance(given, str):
        return Judgement(same=False, reason=given)
    number = getattr(given, "item", None)  # of numpy's numbers and booleans
    if callable(number):
        return judged(comparator, number())
    if not isinstance(given, int | float):
        name = type(given).__name__
        raise TypeError(f"a comparator gave {name}; it must give True, False, a number or a reason")
    if not 0 <= given <= 1:
        raise ValueError(f"a comparator gave {given!r}; a number must be in [0, 1]")
    return Judgement(same=given >= getattr(comparator, "minimum", MINIMUM), score=float(given))


def checked_share(what: str, value: Any) -> float:
    """`value`, when it is a share.

    Raises:
        ConfigurationError: naming `what` has it.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ConfigurationError(f"{what}={value!r}): must be a number in [0, 1]")
