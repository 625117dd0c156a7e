"""From the scores of a case's repeats to one score of the case, and how stable they are.

A repeat that is missing is no failure and no pass: what it might have been is left open, and where
the result hangs on it the case is unscored. Each case counts its own repeats.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from reliai.errors import ConfigurationError
from reliai.evals.trial import Score
from reliai.stats import pass_at_k, pass_hat_k

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Reducer", "Stability", "StabilityVerdict", "reducer", "stability"]

StabilityVerdict: TypeAlias = Literal["stable_pass", "flaky", "stable_fail", "error"]
"""What the repeats of a case are together; "error": none of them could be scored."""

_NAMED: Final = "mean, median, min, max, first, last, majority, all, any"
_COUNTED: Final = re.compile(r"(pass_k|pass_hat|pass_at_k|pass_at|at_least)_([1-9]\d{0,3})")


class Reducer:
    """Makes one score of the scores of a case's repeats.

    Args:
        name: "mean", "median", "min", "max", "first", "last"; "majority" of labels or assertions;
            "all", "any" (each, or one, passed); "at_least_2" of them passed; "pass_k_3", the chance
            that 3 tries all pass; "pass_at_3", that one of 3 does.
        threshold: the value from which a number counts as passed; assertions need none.

    Raises:
        ConfigurationError: for another name, or a threshold that is no number.
    """

    def __init__(self, name: str, *, threshold: float | None = None) -> None:
        if threshold is not None and (
            not isinstance(threshold, int | float) or isinstance(threshold, bool)
        ):
            raise ConfigurationError(f"reducer(threshold={threshold!r}): must be a number")
        self.name = name
        self.threshold = threshold
        self._reduce = _reduction(name)

    def __call__(self, scores: Iterable[Score]) -> Score:
        """Reduce; the metadata tell how many of the repeats were scored."""
        given = list(scores)
        there = [each for each in given if each.unscored is None]
        said = self._reduce(_Repeats(given, there, self.threshold))
        told = {"n_scored": len(there), "n_total": len(given)}
        if isinstance(said, str):
            why = _why(given) if not there else said
            return Score(value=None, unscored=why, metadata=told)
        value, kind, label = said
        return Score(value=value, kind=kind, label=label, metadata=told)

    def __repr__(self) -> str:
        return f"reliai.evals.reducers.Reducer({self.name!r})"


def reducer(given: str | Reducer, *, threshold: float | None = None) -> Reducer:
    """The reducer of a name; see `Reducer`.

    Raises:
        ConfigurationError: when there is none of that name.
    """
    return given if isinstance(given, Reducer) else Reducer(given, threshold=threshold)


@dataclass(frozen=True, slots=True)
class Stability:
    """How stable the repeats of a case are.

    Attributes:
        verdict: "stable_pass", "stable_fail", "flaky" when some passed and some did not, or "error"
            when none could be scored.
        passed, failed, missing: repeats.
    """

    verdict: StabilityVerdict
    passed: int
    failed: int
    missing: int

    @property
    def pass_rate(self) -> float | None:
        """Share of the scored repeats that passed, in [0, 1]; None without one."""
        scored = self.passed + self.failed
        return self.passed / scored if scored else None


def stability(scores: Iterable[Score], *, threshold: float | None = None) -> Stability:
    """How stable the repeats of a case are.

    Args:
        scores: of the repeats: assertions, or numbers with a threshold.
        threshold: the value from which a number counts as passed.

    Raises:
        ConfigurationError: for numbers without a threshold, and for labels: there is no telling
            which of them pass.
    """
    given = list(scores)
    there = [each for each in given if each.unscored is None]
    passes = _Repeats(given, there, threshold).passes()
    if passes is None:
        raise ConfigurationError(
            "stability(threshold=None): numbers pass from a threshold, and labels not at all"
        )
    passed, failed = sum(passes), len(passes) - sum(passes)
    verdict: StabilityVerdict = "error"
    if passes:
        verdict = "flaky" if passed and failed else "stable_pass" if passed else "stable_fail"
    return Stability(verdict, passed, failed, len(given) - len(there))


_Reduced: TypeAlias = "tuple[float | None, Any, str | None] | str"
"""The value, kind and label of what is reduced; or the code of the reason why nothing is."""


@dataclass(frozen=True, slots=True)
class _Repeats:
    every: Sequence[Score]
    scored: Sequence[Score]
    threshold: float | None

    @property
    def missing(self) -> int:
        return len(self.every) - len(self.scored)

    def passes(self) -> list[bool] | None:
        """Which of the scored ones passed; None when there is no telling."""
        if self.threshold is not None:
            if any(each.value is None for each in self.scored):
                return None
            return [(each.value or 0.0) >= self.threshold for each in self.scored]
        if any(each.kind != "assertion" for each in self.scored):
            return None
        return [each.value == 1.0 for each in self.scored]


def _reduction(name: Any) -> Callable[[_Repeats], _Reduced]:
    if isinstance(name, str):
        if name in _PLAIN:
            return _PLAIN[name]
        match = _COUNTED.fullmatch(name)
        if match is not None:
            how, count = match[1], int(match[2])
            if how == "at_least":
                return lambda repeats: _at_least(repeats, count)
            estimate = pass_hat_k if how in {"pass_k", "pass_hat"} else pass_at_k
            return lambda repeats: _chance(repeats, estimate, count)
    raise ConfigurationError(
        f"reducer({name!r}): use one of {_NAMED}, at_least_2, pass_k_3 or pass_at_3"
    )


def _values(function: Callable[[list[float]], float]) -> Callable[[_Repeats], _Reduced]:
    def reduce(repeats: _Repeats) -> _Reduced:
        values = [each.value for each in repeats.scored if each.value is not None]
        if not values:
            return "not_a_number"
        kinds = {each.kind for each in repeats.scored}
        found = float(function(values))
        assertion = kinds == {"assertion"} and found in {0.0, 1.0}
        return found, "assertion" if assertion else "number", None

    return reduce


def _place(index: int) -> Callable[[_Repeats], _Reduced]:
    def reduce(repeats: _Repeats) -> _Reduced:
        if not repeats.every:
            return "not_scored"
        score = repeats.every[index]
        return score.unscored or (score.value, score.kind, score.label)

    return reduce


def _majority(repeats: _Repeats) -> _Reduced:
    """What more than half of all repeats say, whatever the missing ones might have said."""
    votes = Counter((each.value, each.kind, each.label) for each in repeats.scored)
    if not votes:
        return "not_scored"
    winner, count = votes.most_common(1)[0]
    if 2 * count > len(repeats.every):
        return winner
    return "missing_repeats" if repeats.missing else "no_majority"


def _at_least(repeats: _Repeats, count: int) -> _Reduced:
    passes = repeats.passes()
    if passes is None:
        return "no_threshold"
    if sum(passes) >= count:
        return 1.0, "assertion", None
    if sum(passes) + repeats.missing < count:
        return 0.0, "assertion", None
    return "missing_repeats"


def _all(repeats: _Repeats) -> _Reduced:
    return _at_least(repeats, len(repeats.every)) if repeats.every else "not_scored"


def _any(repeats: _Repeats) -> _Reduced:
    return _at_least(repeats, 1) if repeats.every else "not_scored"


def _chance(
    repeats: _Repeats, estimate: Callable[[int, int, int], float | None], count: int
) -> _Reduced:
    passes = repeats.passes()
    if passes is None:
        return "no_threshold"
    found = estimate(len(passes), sum(passes), count)
    return "too_few_repeats" if found is None else (found, "number", None)


def _why(scores: Sequence[Score]) -> str:
    """The reason that most of the repeats have."""
    reasons = Counter(each.unscored for each in scores)
    return (reasons.most_common(1)[0][0] if reasons else None) or "not_scored"


_PLAIN: Final[dict[str, Callable[[_Repeats], _Reduced]]] = {
    "mean": _values(statistics.fmean),
    "median": _values(statistics.median),
    "min": _values(min),
    "max": _values(max),
    "first": _place(0),
    "last": _place(-1),
    "majority": _majority,
    "all": _all,
    "any": _any,
}
