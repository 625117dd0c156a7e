"""A run as columns: what comparisons and gates compute with. Needs numpy.

A row of `Columns` is a case, an entry of its arrays is one try of it. Outputs are not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals._names import giver_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from reliai.evals.trial import Trial

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Codes = NDArray[np.intp]

__all__ = [
    "NOT_ASKED",
    "Columns",
    "ScoreColumn",
    "columns_of",
    "columns_of_lines",
    "columns_of_trials",
]

NOT_ASKED: Final = frozenset({"missing_reference", "not_applicable"})
"""Reasons for no score that lie in the case, not in the answer: such a case is not missing."""

_NAN: Final = float("nan")

_PLAIN: Final = 2
"""Fields of a score that has but a value, and the kind of it."""

_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """What one scorer said of each try.

    Attributes:
        value: shape (tries,), NaN where there is none.
        asked: shape (tries,), False where the scorer has nothing to say of the case.
        reasons: how often each code is the reason for no score.
        flips: how often a judge of pairs chose otherwise when their order was swapped.
        models: that answered for a judge, as far as that was told.
    """

    value: Floats
    asked: Flags
    reasons: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    flips: int = 0
    models: frozenset[str] = frozenset()


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
        duration, cost, tokens_in, tokens_out: shape (tries,), NaN for unknown.
        started: shape (tries,), NaN for unknown, and where the output is one of an earlier run.
        scores: by scorer.
        statuses: tries by status.
        skipped: tries that were left out, because the case was not run.
        extras: by scorer, rows and values of the tries beyond the planned ones: made because those
            disagreed, they tell how flaky a case is, and are in no mean.
        retried: tries that the transport answered only after retries.
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
    retried: int = 0

    @property
    def digest_of_scorer(self) -> Mapping[str, str]:
        """The digests of the scorers that the run had, by name."""
        return dict(self.manifest.get("scorers") or {})

    @property
    def judges(self) -> Mapping[str, tuple[str, ...]]:
        """The models that answered for each judge, by the name of its score."""
        told = self.manifest.get("judges") or {}  # of a pin, which keeps no more of a score
        found = {name: tuple(sorted(each.models)) for name, each in self.scores.items()}
        return {name: models or tuple(told.get(name, ())) for name, models in found.items()}

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"<Columns of {self.label}: {len(self.keys)} cases, {len(self.case)} tries>"


def columns_of(run: Any) -> Columns:
    """The columns of a run, of something that has columns, or of any trials.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(run, Columns):
        return run
    made = getattr(run, "columns", None)
    if callable(made):
        given = made()
        if isinstance(given, Columns):
            return given
    if not hasattr(run, "trials"):
        return columns_of_trials(_checked(run), "trials", {}, ())
    about = (str(run.id), dict(run.manifest), tuple(run.scorers))
    if hasattr(run, "lines"):  # a quarter of the time that making trials of them takes
        return columns_of_lines(run.lines(), *about)
    return columns_of_trials(run.trials(), *about)


def _checked(given: Any) -> list[Trial]:
    from reliai.evals.trial import Trial  # noqa: PLC0415  few runs are given as trials

    listed = list(given) if isinstance(given, Iterable) else [given]
    if isinstance(given, str) or not all(isinstance(each, Trial) for each in listed):
        raise ConfigurationError(
            f"{type(given).__name__} is no run: give a Run (Run.load(path) reads one), or trials"
        )
    return listed


def columns_of_trials(
    trials: Iterable[Trial], label: str, manifest: Mapping[str, Any], scorers: tuple[str, ...]
) -> Columns:
    """The columns of trials."""
    return columns_of_lines((each.to_dict() for each in trials), label, manifest, scorers)


def columns_of_lines(
    lines: Iterable[Mapping[str, Any]],
    label: str,
    manifest: Mapping[str, Any],
    scorers: tuple[str, ...],
) -> Columns:
    """The columns of trials that are plain data, as `Trial.to_dict` makes them."""
    reader = _Reader(scorers)
    for line in lines:
        reader.take(line)
    table = np.asarray(reader.entries, dtype=np.float64).reshape(-1, 8)
    return Columns(
        label=label,
        manifest=manifest,
        keys=tuple(reader.rows),
        digests=tuple(each.digest for each in reader.cases),
        groups=tuple(each.group for each in reader.cases),
        tags=tuple(each.tags for each in reader.cases),
        probabilities=tuple(each.probability for each in reader.cases),
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
        retried=reader.retried,
    )


class _Case(NamedTuple):
    digest: str
    group: str | None
    tags: Mapping[str, str]
    probability: float | None


class _Reader:
    """Takes trials in, one by one, and keeps nothing of their content."""

    def __init__(self, scorers: Iterable[str]) -> None:
        self.scorers = frozenset(scorers)
        self.rows: dict[str, int] = {}
        self.cases: list[_Case] = []
        self.entries: list[tuple[int, bool, bool, float, float, float, float, float]] = []
        self.values: dict[str, list[tuple[int, float]]] = {name: [] for name in self.scorers}
        self.unasked: dict[str, list[int]] = {}
        self.reasons: dict[str, Counter[str]] = {}
        self.statuses: Counter[str] = Counter()
        self.flips: Counter[str] = Counter()
        self.models: dict[str, set[str]] = {}
        self.extras: dict[str, list[tuple[int, float]]] = {}
        self.retried = 0

    def take(self, line: Mapping[str, Any]) -> None:
        status, get = line["status"], line.get
        self.statuses[status] += 1
        if status == "skipped":
            return
        row = self.rows.setdefault(line["case"], len(self.cases))
        if row == len(self.cases):
            tags = get("tags") or _NO_TAGS
            self.cases.append(
                _Case(line["digest"], get("group"), tags, get("inclusion_probability"))
            )
        scores: Mapping[str, Mapping[str, Any]] = get("scores") or {}
        if get("extra"):
            self._extra(row, scores)
            return
        at = len(self.entries)
        self.retried += bool(get("retries"))
        self.entries.append(
            (
                row,
                status != "ok",
                status == "timeout",
                _known(get("duration")),
                _known(get("cost_usd")),
                _known(get("input_tokens")),
                _known(get("output_tokens")),
                _NAN if get("cached") else _known(get("started_at")),
            )
        )
        values = self.values
        for name, score in scores.items():
            if len(score) > _PLAIN or score["value"] is None:
                self._unusual(at, name, score)
            elif name in values:
                values[name].append((at, score["value"]))
            else:
                values[name] = [(at, score["value"])]

    def _unusual(self, at: int, name: str, score: Mapping[str, Any]) -> None:
        """A score with more to it than a value and its kind."""
        metadata = score.get("metadata") or _NO_TAGS
        if metadata.get("flipped"):
            self.flips[name] += 1
        if "judge_model" in metadata:
            self.models.setdefault(name, set()).update(str(metadata["judge_model"]).split("+"))
        column = self.values.setdefault(name, [])
        value, reason = score["value"], score.get("unscored")
        if value is not None and reason is None:
            column.append((at, value))
            return
        reason = reason or ("label" if score.get("kind") == "label" else "no_value")
        self.reasons.setdefault(name, Counter())[reason] += 1
        if reason in NOT_ASKED:
            self.unasked.setdefault(name, []).append(at)

    def _extra(self, row: int, scores: Mapping[str, Mapping[str, Any]]) -> None:
        for name, score in scores.items():
            value = None if score.get("unscored") else score["value"]
            self.extras.setdefault(name, []).append((row, _known(value)))

    def column(self, name: str) -> ScoreColumn:
        size = len(self.entries)
        value, asked = np.full(size, np.nan), np.ones(size, dtype=np.bool_)
        given = self.values[name]
        if given:
            where, numbers = zip(*given, strict=True)
            value[list(where)] = numbers
        asked[self.unasked.get(name, [])] = False
        asked[self._unasked_as_a_whole(name)] = False
        reasons, models = dict(self.reasons.get(name, {})), frozenset(self.models.get(name, ()))
        return ScoreColumn(value, asked, reasons, self.flips[name], models)

    def _unasked_as_a_whole(self, name: str) -> list[int]:
        """Tries of which the scorer that gives it with others had nothing to say at all."""
        giver = giver_of(name, self.scorers)
        return [] if giver == name else self.unasked.get(giver, [])


def _known(value: float | None) -> float:
    return _NAN if value is None else value


def _extra(given: list[tuple[int, float]]) -> tuple[Codes, Floats]:
    rows, values = zip(*given, strict=True)
    return np.asarray(rows, dtype=np.intp), np.asarray(values, dtype=np.float64)
