"""What the ready-made scorers have in common: how they are made, and where they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reliai.comparisons.answers import text_of
from reliai.errors import ConfigurationError
from reliai.evals.scoring import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.datasets.case import Case

__all__ = ["Absent", "Place", "found_at", "made", "reference", "share", "text_at"]


def made(
    kind: str,
    version: int,
    function: Callable[[Any, Case], Any],
    *,
    name: str,
    settings: Mapping[str, Any],
    needs_expected: bool,
    absent_is: bool | float = False,
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
        absent_is: what is said of an output that has not what is to be judged.
    """

    def judge(output: Any, case: Case) -> Any:
        try:
            return function(output, case)
        except Absent as absent:
            return absent_is, str(absent)

    return Scorer(
        judge,
        name=name,
        settings=settings,
        needs_expected=needs_expected,
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


class Absent(Exception):
    """An output that has not what is to be judged: it is wrong, and not unscored."""


def found_at(place: Place, output: Any) -> Any:
    """What an output has at a place.

    Raises:
        Absent: when it has nothing there.
    """
    try:
        return place.of(output)
    except (LookupError, TypeError):
        raise Absent(f"the output has no {place.text!r}") from None


def text_at(place: Place, output: Any) -> str:
    """The text that an output has at a place.

    Raises:
        Absent: when it has none there.
    """
    found = found_at(place, output)
    text = found if isinstance(found, str) else text_of(found)
    if text is None:
        raise Absent(f"{type(found).__name__}, where a text is expected")
    return text


def share(what: str, value: Any) -> float:
    """`value`, when it is a share.

    Raises:
        ConfigurationError: naming `what` has it.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ConfigurationError(f"{what}={value!r}): must be a number in [0, 1]")
