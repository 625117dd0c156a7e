"""Scorers of how near a text is to what was expected, letter by letter or word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.evals.scorers._making import Place, made, minimum_of, passing, references, text_at
from reliai.evals.scoring import configurable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.datasets.case import Case
    from reliai.evals.scoring import Scorer

__all__ = ["edit_distance", "similarity"]

Unit: TypeAlias = Literal["characters", "words"]
Way: TypeAlias = Literal["letters", "part", "words", "word_set"]

_WAYS: Final = {
    "letters": "ratio",
    "part": "partial_ratio",
    "words": "token_sort_ratio",
    "word_set": "token_set_ratio",
}


@configurable
def edit_distance(
    *,
    unit: Unit = "characters",
    minimum: float | None = None,
    ignore_case: bool = False,
    at: str | None = None,
    name: str = "edit_distance",
) -> Scorer:
    """How few edits lie between the output and what is expected: 1 for none, 0 for all of it.

    One minus the distance of Levenshtein over the length of the longer text. With unit="words"
    this is one minus the word error rate, of two texts as long as one another. Of several texts
    that are expected the nearest counts. Needs `reliai[similarity]`.

    Args:
        unit: what is put in, left out or replaced: "characters" or "words".
        minimum: the likeness from which the output passes, in (0, 1]; None: it is the score.
        ignore_case: whether capital letters may differ.
        at: where to look in the output, and in an expected structure: "answer.text".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it, or a missing extra.
    """
    if unit not in get_args(Unit):
        raise ConfigurationError(f'edit_distance(unit={unit!r}): use "characters" or "words"')
    # A module travels to other processes by its name; its functions do not.
    levenshtein = needed("rapidfuzz.distance.Levenshtein", "similarity")

    def likeness(one: str, other: str) -> float:
        if ignore_case:
            one, other = one.casefold(), other.casefold()
        pair = (one.split(), other.split()) if unit == "words" else (one, other)
        return float(levenshtein.normalized_similarity(*pair))

    settings = {"unit": unit, "minimum": minimum, "ignore_case": ignore_case, "at": at}
    return _nearest("edit_distance", likeness, settings, name)


@configurable
def similarity(
    *,
    way: Way = "letters",
    minimum: float | None = None,
    at: str | None = None,
    name: str = "similarity",
) -> Scorer:
    """How alike the output and what is expected are, in [0, 1], whatever their spaces and capitals.

    Of several texts that are expected the nearest counts. Needs `reliai[similarity]`.

    Args:
        way: "letters": those they have in common, in order; "part": those of the shorter in the
            part of the longer that is nearest; "words": whatever their order; "word_set": whatever
            their order and how often they stand there.
        minimum: the likeness from which the output passes, in (0, 1]; None: it is the score.
        at: where to look in the output, and in an expected structure: "answer.text".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it, or a missing extra.
    """
    if way not in _WAYS:
        raise ConfigurationError(f"similarity(way={way!r}): use one of {', '.join(_WAYS)}")
    fuzz, measure = needed("rapidfuzz.fuzz", "similarity"), _WAYS[way]

    def likeness(one: str, other: str) -> float:
        one, other = _plain(one), _plain(other)
        if not one or not other:
            return float(one == other)
        return float(getattr(fuzz, measure)(one, other)) / 100.0

    settings = {"way": way, "minimum": minimum, "at": at}
    return _nearest("similarity", likeness, settings, name)


def _nearest(
    kind: str, likeness: Callable[[str, str], float], settings: dict[str, Any], name: str
) -> Scorer:
    place, least = Place(kind, settings["at"]), minimum_of(kind, settings["minimum"])

    def judge(output: Any, case: Case) -> Any:
        said = text_at(place, output)
        return passing(max(likeness(said, each) for each in references(case, place)), least)

    return made(
        kind,
        1,
        judge,
        name=name,
        settings=settings,
        needs_expected=True,
        absent_is=False if least is not None else 0.0,
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
