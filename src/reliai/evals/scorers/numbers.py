"""A scorer of outputs that are a number, or have one in them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from reliai.comparisons.answers import text_of
from reliai.errors import ConfigurationError
from reliai.evals.scorers._making import Absent, Place, found_at, made, reference
from reliai.evals.scoring import configurable
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from reliai.datasets.case import Case
    from reliai.evals.scoring import Scorer

__all__ = ["numeric"]

Find: TypeAlias = Literal["whole", "first", "last"]

_NUMBER: Final = re.compile(r"[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")


@configurable
def numeric(
    *,
    tolerance: float = 0.0,
    relative: float = 1e-9,
    find: Find = "whole",
    at: str | None = None,
    name: str = "numeric",
) -> Scorer:
    """Whether the output is the expected number, or near it.

    Both numbers and their distance are kept with the score: `metrics.mean_absolute_error` and its
    like read them there.

    Args:
        tolerance: how far the two may lie apart (>= 0).
        relative: the same, as a share of the expected one (>= 0); the larger of the two counts.
        find: of a text, whether all of it must be a number ("whole"), or its "first" or "last"
            number counts; "1,234.5" is one.
        at: where to look in the output, and in an expected structure: "answer.total".
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    place = Place("numeric", at)
    near, share = _distance("tolerance", tolerance), _distance("relative", relative)
    if find not in get_args(Find):
        raise ConfigurationError(f'numeric(find={find!r}): use "whole", "first" or "last"')

    def judge(output: Any, case: Case) -> Any:
        expected = _number(reference(case, place), "whole")
        if expected is None:
            raise TypeError(
                f"{type(case.expected).__name__} is expected, where it must be a number"
            )
        found = _number(found_at(place, output), find)
        if found is None:
            raise Absent("the output is no number" if find == "whole" else "it has no number")
        error = abs(found - expected)
        right = error <= max(near, share * abs(expected))
        return Score(
            value=float(right),
            kind="assertion",
            explanation=None if right else f"off by {error:g}",
            metadata={"expected": expected, "predicted": found, "error": error},
        )

    settings = {"tolerance": near, "relative": share, "find": find, "at": at}
    return made("numeric", 1, judge, name=name, settings=settings, needs_expected=True)


def _number(value: Any, find: Find) -> float | None:
    """The finite number that a value is, or has."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    text = text_of(value)
    if text is None:
        item = getattr(value, "item", None)  # of numpy's numbers
        return _number(item(), find) if callable(item) else None
    if find == "whole":
        match = _NUMBER.fullmatch(text.strip())
        found = None if match is None else match[0]
    else:
        every = _NUMBER.findall(text)
        found = every[0 if find == "first" else -1] if every else None
    if found is None:
        return None
    number = float(found.replace(",", "").replace("\u2212", "-"))
    return number if math.isfinite(number) else None


def _distance(what: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and value >= 0 and math.isfinite(value):
        return float(value)
    raise ConfigurationError(f"numeric({what}={value!r}): must be a number of at least 0")
