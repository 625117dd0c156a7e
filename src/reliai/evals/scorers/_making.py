"""What the ready-made scorers have in common: how they are made, and where they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reliai.comparisons.answers import text_of
from reliai.errors import ConfigurationError
from reliai.evals.scoring import Scorer, Unscored

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.datasets.case import Case

__all__ = ["Place", "made", "reference", "share", "text"]


def made(
    kind: str,
    version: int,
    function: Callable[[Any, Case], Any],
    *,
    name: str,
    settings: Mapping[str, Any],
    needs_expected: bool,
    blocking: bool = False,
) -> Scorer:
    """A scorer of reliai's own.

    Args:
        kind: which one it is.
        version: of what it does: to be raised with every change that may change a score, for that
            and the settings are its identity.
        function: of (output, case).
        name: of the score.
        settings: what it was made with; functions among them count by their code.
        needs_expected: whether cases without a reference are unscored.
        blocking: whether it runs in a thread.
    """
    return Scorer(
        function,
        name=name,
        settings=settings,
        needs_expected=needs_expected,
        blocking=blocking,
        identity=f"reliai.{kind}/{version}",
    )


class Place:
    """Where to look in a value: keys and places with dots, such as "answer.items.0"; None: all.

    Raises:
        ConfigurationError: for a place that is none.
    """

    __slots__ = ("steps", "text")

    def __init__(self, what: str, at: str | None) -> None:
        if at is not None and (not isinstance(at, str) or not all(at.split("."))):
            raise ConfigurationError(
                f"{what}(at={at!r}): must be keys and places with dots, 'answer.items.0', or None"
            )
        self.text = at
        self.steps = () if at is None else tuple(at.split("."))

    def of(self, value: Any) -> Any:
        """What is there.

        Raises:
            LookupError: when nothing is there.
        """
        for step in self.steps:
            if isinstance(value, Mapping):
                value = value[step]
            elif isinstance(value, Sequence) and not isinstance(value, str):
                value = _item(value, step)
            else:
                value = _attribute(value, step)
        return value


def _item(value: Sequence[Any], step: str) -> Any:
    try:
        return value[int(step)]
    except ValueError:
        raise LookupError(step) from None


def _attribute(value: Any, step: str) -> Any:
    try:
        return getattr(value, step)
    except AttributeError:
        raise LookupError(step) from None


def reference(case: Case, place: Place) -> Any:
    """What is expected at a place; the expected value itself when it is no structure."""
    expected = case.expected
    if place.steps and isinstance(expected, Mapping):
        return place.of(expected)
    return expected


def text(value: Any) -> str | Unscored:
    """The text of a value; unscored for one that has none."""
    found = text_of(value)
    if found is None:
        return Unscored("not_applicable", f"{type(value).__name__} has no text")
    return found


def share(what: str, value: Any) -> float:
    """`value`, when it is a share.

    Raises:
        ConfigurationError: naming `what` has it.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ConfigurationError(f"{what}={value!r}): must be a number in [0, 1]")
