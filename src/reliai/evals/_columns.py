"""A run as columns: what comparisons and gates compute with. Needs numpy.

A row of `Columns` is a case, an entry of its arrays is one try of it. Outputs are not kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from reliai.evals.trial import Score, Trial

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Codes = NDArray[np.intp]

__all__ = ["NOT_ASKED", "Columns", "ScoreColumn", "columns_of", "columns_of_trials"]

NOT_ASKED: Final = frozenset({"missing_reference", "not_applicable"})
"""Reasons for no score that lie in the case, not in the answer: such a case is not missing."""

_NAN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """What one scorer said of each try.

    Attributes:
        value: shape (tries,), NaN where there is none.
        asked: shape (tries,), False where the scorer has nothing to say of the case.
        reasons: how often each code is the reason for no score.
        flips: how often a judge of pairs chose otherwise when their order was swapped.
    """

    value: Floats
    asked: Flags
    reasons: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    flips: int = 0


@dataclass(frozen=True, slots=True)
class Columns:
    """All tries of a run.

    Attributes:
        label: what to call the run in a report.
        manifest: what the run says of itself.
        keys, digests, groups, tags, probabilities: of the cases, in the order of their first try.
        case: shape (tries,), the row of each try's case.
        failed: shape (tries,), whether it did not end well.
        late: shape (tries,), whether it ran out of time.
        duration, cost, tokens_in, tokens_out, started: shape (tries,), NaN for unknown.
        scores: by scorer.
        statuses: tries by status.
        skipped: tries that were left out, because the case was not run.
        extras: by scorer, rows and values of the tries beyond the planned ones: made because those
            disagreed, they tell how flaky a case is, and are in no mean.
    """

    label: str
    manifest: Mapping[str, Any]
    keys: tuple[str, ...]
    digests: tuple[str, ...]
    groups: tuple[str | None, ...]
    tags: tuple[Mapping[str, str], ...]
    probabilities: tuple[float | None, ...]
    case: Codes
    failed: Flags
    late: Flags
    duration: Floats
    cost: Floats
    tokens_in: Floats
    tokens_out: Floats
    started: Floats
    scores: Mapping[str, ScoreColumn]
    statuses: Mapping[str, int]
    skipped: int = 0
    extras: Mapping[str, tuple[Codes, Floats]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def digest_of_scorer(self) -> Mapping[str, str]:
        """The digests of the scorers that the run had, by name."""
        return dict(self.manifest.get("scorers") or {})

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"<Columns of {self.label}: {len(self.keys)} cases, {len(self.case)} tries>"


def columns_of(run: Any) -> Columns:
    """The columns of a run, of something that has columns, or of any trials."""
    if isinstance(run, Columns):
        return run
    made = getattr(run, "columns", None)
    if callable(made):
        given = made()
        if isinstance(given, Columns):
            return given
    trials = getattr(run, "trials", None)
    if trials is None:
        return columns_of_trials(run, "trials", {}, ())
    manifest = dict(run.manifest)
    return columns_of_trials(trials(), str(run.id), manifest, tuple(run.scorers))


class _Reader:
    """Takes trials in, one by one."""

    def __init__(self, scorers: Iterable[str]) -> None:
        self.rows: dict[str, int] = {}
        self.cases: list[Trial] = []
        self.entries: list[tuple[int, bool, bool, float, float, float, float, float]] = []
        self.values: dict[str, list[tuple[int, float]]] = {name: [] for name in scorers}
        self.unasked: dict[str, list[int]] = {name: [] for name in scorers}
        self.reasons: dict[str, Counter[str]] = {name: Counter() for name in scorers}
        self.statuses: Counter[str] = Counter()
        self.flips: Counter[str] = Counter()
        self.extras: dict[str, list[tuple[int, float]]] = {}

    def take(self, trial: Trial) -> None:
        self.statuses[trial.status] += 1
        if trial.status == "skipped":
            return
        row = self.rows.setdefault(trial.case, len(self.cases))
        if row == len(self.cases):
            self.cases.append(trial)
        if trial.extra:
            for name, score in trial.scores.items():
                value = _NAN if score.value is None or score.unscored else score.value
                self.extras.setdefault(name, []).append((row, value))
            return
        at = len(self.entries)
        self.entries.append(
            (
                row,
                trial.status != "ok",
                trial.status == "timeout",
                trial.duration,
                _NAN if trial.cost_usd is None else trial.cost_usd,
                _NAN if trial.input_tokens is None else trial.input_tokens,
                _NAN if trial.output_tokens is None else trial.output_tokens,
                trial.started_at,
            )
        )
        for name, score in trial.scores.items():
            self._score(at, name, score)

    def _score(self, at: int, name: str, score: Score) -> None:
        if score.metadata and score.metadata.get("flipped"):
            self.flips[name] += 1
        if score.value is not None and score.unscored is None:
            self.values.setdefault(name, []).append((at, score.value))
            return
        self.values.setdefault(name, [])
        reason = score.unscored or ("label" if score.kind == "label" else "no_value")
        self.reasons.setdefault(name, Counter())[reason] += 1
        if reason in NOT_ASKED:
            self.unasked.setdefault(name, []).append(at)

    def column(self, name: str) -> ScoreColumn:
        size = len(self.entries)
        value, asked = np.full(size, np.nan), np.ones(size, dtype=np.bool_)
        given = self.values[name]
        if given:
            where, numbers = zip(*given, strict=True)
            value[list(where)] = numbers
        asked[self.unasked.get(name, [])] = False
        return ScoreColumn(value, asked, dict(self.reasons.get(name, {})), self.flips[name])


def columns_of_trials(
    trials: Iterable[Trial] | Iterator[Trial],
    label: str,
    manifest: Mapping[str, Any],
    scorers: tuple[str, ...],
) -> Columns:
    reader = _Reader(scorers)
    for trial in trials:
        reader.take(trial)
    table = np.asarray(reader.entries, dtype=np.float64).reshape(-1, 8)
    return Columns(
        label=label,
        manifest=manifest,
        keys=tuple(reader.rows),
        digests=tuple(each.digest for each in reader.cases),
        groups=tuple(each.group for each in reader.cases),
        tags=tuple(each.tags for each in reader.cases),
        probabilities=tuple(each.inclusion_probability for each in reader.cases),
        case=table[:, 0].astype(np.intp),
        failed=table[:, 1].astype(np.bool_),
        late=table[:, 2].astype(np.bool_),
        duration=table[:, 3],
        cost=table[:, 4],
        tokens_in=table[:, 5],
        tokens_out=table[:, 6],
        started=table[:, 7],
        scores={name: reader.column(name) for name in sorted(reader.values)},
        statuses=dict(reader.statuses),
        skipped=reader.statuses["skipped"],
        extras={name: _extra(given) for name, given in reader.extras.items()},
    )


def _extra(given: list[tuple[int, float]]) -> tuple[Codes, Floats]:
    rows, values = zip(*given, strict=True)
    return np.asarray(rows, dtype=np.intp), np.asarray(values, dtype=np.float64)
