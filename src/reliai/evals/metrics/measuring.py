"""What a metric of a whole run is: a function of its trials, and what it gives.

A metric reads the scores alone, which hold what was expected and what was predicted; so it works on
a stored run without its dataset, its target or its scorers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypedDict

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals.scoring import score_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from reliai.evals.trial import Trial

__all__ = ["Metric", "MetricResult", "Resampling", "Rows", "rows_of"]

_NOT_ASKED: Final = frozenset(("missing_reference", "not_applicable", "skipped"))
"""Reasons for which nothing was asked of a case, so that nothing of it is missing."""

_FEW: Final = 10


class Resampling(TypedDict, total=False):
    """How the confidence interval of a metric is made.

    Attributes:
        resamples: of the bootstrap over whole clusters; 300 unless said, 0 for no interval.
        confidence: of the interval, in (0, 1); 0.95 unless said.
        seed: of the bootstrap; 0 unless said.
    """

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """What a metric says of a run.

    Attributes:
        name: of the metric and the score it reads.
        value: of the metric; None where it has none, and `note` says why.
        low, high: ends of its confidence interval, or None.
        n_scored: trials that it is from.
        n_total: trials that it should be from: those that are missing are in no number.
        unscored: how many are missing, by the code of the reason.
        clusters: cases, or groups of them, which are what varies; each counts with all its trials.
        confidence: of the interval, in (0, 1).
        detail: more of it.
        note: why numbers are missing or to be taken with care; "" for nothing to say.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n_scored: int = 0
    n_total: int = 0
    unscored: Mapping[str, int] = field(default_factory=dict[str, int])
    clusters: int = 0
    confidence: float = 0.95
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

    def __str__(self) -> str:
        shown = "none" if self.value is None else f"{self.value:.3f}"
        ends = "" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]"
        note = f" ({self.note})" if self.note else ""
        return f"{self.name} {shown}{ends}, {self.n_scored} of {self.n_total} scored{note}"


@dataclass(frozen=True, slots=True)
class Rows:
    """What the scores of a run say, row by row.

    Attributes:
        told: the metadata of each score, with its value under "value".
        clusters: of each row: the group of its case, or the case itself.
        unscored: trials without a row, by reason.
        n_total: trials of which a row was asked.
    """

    told: Sequence[Mapping[str, Any]]
    clusters: Sequence[str]
    unscored: Mapping[str, int]
    n_total: int


def rows_of(trials: Iterable[Trial], name: str, needs: Sequence[str]) -> Rows:
    """The rows of one score; tries beyond the planned ones are left out.

    Args:
        trials: of a run.
        name: of the score.
        needs: what a row must have; without it, it is missing for the reason "no_" and this.
    """
    told: list[Mapping[str, Any]] = []
    clusters: list[str] = []
    unscored: Counter[str] = Counter()
    for trial in trials:
        if trial.extra:
            continue
        score = score_in(trial.scores, name)
        said = score.metadata or {}
        reason = score.unscored
        if reason is None:
            without = (each for each in needs if said.get(each) is None)
            reason = next((f"no_{each}" for each in without), None)
        if reason is not None:
            unscored[reason] += 1
            continue
        told.append({**said, "value": score.value})
        clusters.append(trial.case if trial.group is None else f"group {trial.group}")
    asked = len(told) + sum(n for code, n in unscored.items() if code not in _NOT_ASKED)
    return Rows(told, clusters, dict(unscored), asked)


class Metric:
    """A figure of a whole run, that no mean of its cases is.

    Args:
        name: of the figure.
        score: the name of the score that it reads.
        needs: what the metadata of that score must have.
        value: gives the figure of some rows; NaN where it has none. It gets the columns that
            `columns` makes, all indexed alike.
        columns: makes of the rows the arrays that `value` takes.
        resampled: gives the same figure faster; it is asked hundreds of times. None: `value`.
        detail: gives more of it, from the same columns.
        resamples: of the bootstrap that the confidence interval is from; 0 for no interval.
        confidence: of the interval, in (0, 1).
        seed: of the bootstrap: the same run gives the same numbers.

    Raises:
        ConfigurationError: for a number out of its range.
    """

    def __init__(
        self,
        name: str,
        score: str,
        *,
        needs: Sequence[str],
        columns: Callable[[Sequence[Mapping[str, Any]]], tuple[NDArray[Any], ...]],
        value: Callable[..., float],
        resampled: Callable[..., float] | None = None,
        detail: Callable[..., Mapping[str, Any]] | None = None,
        resamples: int = 300,
        confidence: float = 0.95,
        seed: int = 0,
        note: str = "",
    ) -> None:
        if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 0:
            raise ConfigurationError(f"{name}(resamples={resamples!r}): must be 0 or more")
        if isinstance(confidence, bool) or not 0 < confidence < 1:
            raise ConfigurationError(f"{name}(confidence={confidence!r}): must be in (0, 1)")
        if not isinstance(score, str) or not score:
            raise ConfigurationError(f"{name}({score!r}): must be the name of a score")
        self.name = f"{name}({score})"
        self.score = score
        self._needs = needs
        self._columns = columns
        self._value = value
        self._resampled = value if resampled is None else resampled
        self._detail = detail
        self._resamples = resamples
        self._confidence = confidence
        self._seed = seed
        self._note = note

    def __repr__(self) -> str:
        return f"<reliai metric {self.name}>"

    def __call__(self, trials: Iterable[Trial]) -> MetricResult:
        """The figure of a run, or of what is left of it.

        Args:
            trials: of the run: `run.trials()`, or those of a slice.
        """
        rows = rows_of(trials, self.score, self._needs)
        told: dict[str, Any] = {
            "name": self.name,
            "n_scored": len(rows.told),
            "n_total": rows.n_total,
            "unscored": rows.unscored,
            "clusters": len(set(rows.clusters)),
            "confidence": self._confidence,
        }
        if not rows.told:
            return MetricResult(value=None, note="nothing was scored", **told)
        columns = self._columns(rows.told)
        found = self._value(*columns)
        detail = {} if self._detail is None else self._detail(*columns)
        if not np.isfinite(found):
            return MetricResult(value=None, detail=detail, note="it has no value here", **told)
        low, high, note = self._interval(columns, rows.clusters)
        return MetricResult(
            value=float(found), low=low, high=high, detail=detail, note=self._note or note, **told
        )

    def _interval(
        self, columns: tuple[NDArray[Any], ...], clusters: Sequence[str]
    ) -> tuple[float | None, float | None, str]:
        """Percentiles of the bootstrap over whole clusters."""
        if not self._resamples:
            return None, None, ""
        _, places = np.unique(np.asarray(clusters), return_inverse=True)
        order = np.argsort(places, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(places))[:-1])
        if len(members) < 2:
            return (
                None,
                None,
                "one case, or one group of them: there is no telling how far it is off",
            )
        chance = np.random.default_rng(self._seed)
        single = len(members) == len(clusters)
        found: list[float] = []
        for _ in range(self._resamples):
            drawn = chance.integers(0, len(members), len(members))
            index = order[drawn] if single else np.concatenate([members[each] for each in drawn])
            value = self._resampled(*(each[index] for each in columns))
            if np.isfinite(value):
                found.append(float(value))
        if len(found) < self._resamples / 2:
            return None, None, "most resamples have no value: have more cases"
        tail = (1.0 - self._confidence) / 2.0
        low, high = np.quantile(found, [tail, 1.0 - tail])
        few = f"only {len(members)} clusters: take the interval with care"
        return float(low), float(high), few if len(members) < _FEW else ""
