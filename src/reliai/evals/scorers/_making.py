"""What the ready-made scorers have in common: how they are made, and where they look."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reliai.comparisons.answers import text_of
from reliai.errors import ConfigurationError
from reliai.evals.scoring import Scorer
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.datasets.case import Case

__all__ = [
    "Absent",
    "Place",
    "composed",
    "found_at",
    "made",
    "minimum_of",
    "passing",
    "reference",
    "references",
    "share",
    "text_at",
]


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
    """The text that an output has at a place, in the Unicode form that cases have (NFC).

    Raises:
        Absent: when it has none there.
    """
    found = found_at(place, output)
    text = found if isinstance(found, str) else text_of(found)
    if text is None:
        raise Absent(f"{type(found).__name__}, where a text is expected")
    return composed(text)


def composed(text: str) -> str:
    """The text in one Unicode form: "é" is one character, however it was written."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def share(what: str, value: Any) -> float:
    """`value`, when it is a share.

    Raises:
        ConfigurationError: naming `what` has it.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ConfigurationError(f"{what}={value!r}): must be a number in [0, 1]")


def minimum_of(what: str, value: Any) -> float | None:
    """The share from which an output passes, when it is one; None for none.

    Raises:
        ConfigurationError: naming `what` has it.
    """
    if value is None:
        return None
    found = share(f"{what}(minimum", value)
    if not found:
        raise ConfigurationError(f"{what}(minimum={value!r}): every output would pass; give > 0")
    return found


def passing(value: float, least: float | None, reason: str | None = None) -> Any:
    """How good an output is, as the score; or, with a least value, whether it passes."""
    if least is None:
        return Score(value=value, explanation=reason)
    said = reason or (None if value >= least else f"{value:.3f}, at least {least:g} is needed")
    told = {"likeness": value}
    return Score(value=float(value >= least), kind="assertion", explanation=said, metadata=told)


def references(case: Case, place: Place) -> tuple[str, ...]:
    """The texts that are expected, of which one has to be met.

    Raises:
        TypeError: when they are no texts.
    """
    expected = reference(case, place)
    several = (expected,) if isinstance(expected, str) else expected
    if isinstance(several, list | tuple) and several and all(isinstance(e, str) for e in several):
        return tuple(map(composed, several))
    raise TypeError(f"{type(expected).__name__} is expected, where it must be a text, or several")
