"""The figures of one run. Needs the extra `evals`.

Every mean says of how many cases it is, and between which bounds it lies whatever the missing ones
would have got: a target that fails on hard cases must not look better for it.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reliai._needs import needed
from reliai.evals.reducers import stability
from reliai.evals.scoring import score_in
from reliai.evals.trial import NOT_ASKED
from reliai.stats import Interval, mean_interval, production_estimate, proportion_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliai.evals.run import Run
    from reliai.evals.trial import Score, Trial
    from reliai.stats import ProductionEstimate

__all__ = ["ScoreSummary", "Summary", "summary_of"]

_PERCENTILES: Final = (50, 95, 99)


@dataclass(frozen=True, kw_only=True)
class ScoreSummary:
    """What one scorer said of a run.

    Attributes:
        name: of the scorer.
        kind: "assertion", "number" or "label".
        n_scored: cases with a score.
        n_total: cases that should have one.
        not_asked: cases of which it has nothing to say, for example without a reference.
        mean: over the cases, each the mean of its planned tries, with the interval, clustered by
            group.
        low, high: the mean if all that is missing had scored 0, and if it had scored 1; None where
            scores lie outside of [0, 1], and for labels.
        unscored: tries without a score, by the code of the reason.
        labels: tries by label.
        stable: cases by "stable_pass", "flaky", "stable_fail" and "error", over all tries; empty
            but for assertions that were tried more than once.
        production: the estimate for the traffic that the cases were captured from, where the
            chance of each is known.
    """

    name: str
    kind: str
    n_scored: int
    n_total: int
    not_asked: int = 0
    mean: Interval
    low: float | None = None
    high: float | None = None
    unscored: Mapping[str, int] = field(default_factory=dict[str, int])
    labels: Mapping[str, int] = field(default_factory=dict[str, int])
    stable: Mapping[str, int] = field(default_factory=dict[str, int])
    production: ProductionEstimate | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Summary:
    """The figures of a run; printed, a page of text.

    Attributes:
        experiment, run, state, stopped: which run, and how it ended.
        cases: with at least one try.
        of_cases: of the dataset; None where only some were asked for.
        tries: all of them, with those of `extra`.
        extra: beyond the planned ones.
        cached: that came from an earlier run.
        statuses: tries by status.
        errors: tries that failed by the type of the error; what it said, which may be content, is
            in the trials.
        retried: tries that the transport needed more than once.
        scores: by scorer.
        latency: seconds by percentile ("p50", "p95", "p99"), of the target alone, over tries that
            ended well or ran out of time; empty without one.
        cost_usd: of all tries whose cost is known; None where none is.
        unpriced: tries whose cost is unknown.
        tokens: (input, output) that were measured.
        exit_code: of the run.
        notes: what else is to be known: inputs that do not fit the target's parameters, tries that
            were left out.
    """

    experiment: str
    run: str
    state: str
    stopped: str | None
    cases: int
    of_cases: int | None
    tries: int
    extra: int
    cached: int
    statuses: Mapping[str, int]
    errors: Mapping[str, int]
    retried: int
    scores: Mapping[str, ScoreSummary]
    latency: Mapping[str, float]
    cost_usd: float | None
    unpriced: int
    tokens: tuple[int, int]
    exit_code: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

    def __str__(self) -> str:
        from reliai.evals._summary_text import text_of  # noqa: PLC0415  not for data

        return text_of(self)

    __repr__ = __str__


def summary_of(run: Run) -> Summary:
    """The figures of a run, in one pass over its trials; no output is held."""
    reader = _Reader(run.scorers)
    for trials in run.cases():
        reader.take(trials)
    return Summary(
        experiment=str(run.manifest.get("experiment", "")),
        run=run.id,
        state=run.state,
        stopped=run.manifest.get("stopped"),
        exit_code=run.exit_code,
        of_cases=_of(run.manifest),
        notes=(*reader.mistakes(), *_curtailed(run.manifest)),
        **reader.told(),
    )


def _of(manifest: Mapping[str, Any]) -> int | None:
    some = manifest.get("selection") or manifest.get("shard")
    return None if some else manifest.get("cases")


def _curtailed(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    if not manifest.get("curtailed") or (manifest.get("repeats") or 1) == 1:
        return ()
    return (_CURTAILED,)


_CURTAILED: Final = (
    "tries that could not change how many of a case pass were left out (min_pass): judge each "
    "case, as means lean to 0 and 1"
)
_MISFIT: Final = re.compile(
    r"([\w.<>]+\(\) )?(got an unexpected keyword argument '\w+'( or .*)?|"
    r"missing \d+ required (positional|keyword-only) arguments?: ['\w, ]+|"
    r"missing a required (keyword-only )?argument: '\w+')"
)
"""What Python says of arguments that do not fit: names, and nothing of what was in them."""


class _Reader:
    """Takes cases in, one by one."""

    def __init__(self, scorers: Sequence[str]) -> None:
        self._columns = {name: _Column(name) for name in scorers}
        self._groups: dict[str, int] = {}
        self._durations = array("d")
        self._statuses: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._misfits: Counter[str] = Counter()
        self._cases = self._extra = self._cached = self._retried = 0
        self._cost, self._priced, self._unpriced = 0.0, 0, 0
        self._tokens = [0, 0]

    def take(self, trials: tuple[Trial, ...]) -> None:
        first = trials[0]
        if all(trial.status == "skipped" for trial in trials):
            self._statuses["skipped"] += len(trials)
            return
        self._cases += 1
        label = first.group or first.case
        group = self._groups.setdefault(label, len(self._groups)) if first.group else -1
        for trial in trials:
            self._count(trial)
            for name in trial.scores:
                if name not in self._columns and not self._is_failure(name, trial):
                    self._columns[name] = _Column(name)
        for column in self._columns.values():
            column.take(trials, group)

    def _is_failure(self, name: str, trial: Trial) -> bool:
        """Whether it stands for several scores, which the other cases have."""
        several = f"{name}."
        score = trial.scores[name]
        return score.unscored is not None and any(
            known.startswith(several) for known in self._columns
        )

    def mistakes(self) -> list[str]:
        """The commonest thing that is said of inputs that the target cannot take."""
        return [
            f"{count} tries: {said} (inputs are passed by name)"
            for said, count in self._misfits.most_common(1)
        ]

    def told(self) -> dict[str, Any]:
        columns = self._columns
        shown = {
            name: column.summary()
            for name, column in columns.items()
            if not (column.is_empty and any(other.startswith(f"{name}.") for other in columns))
        }
        return {
            "cases": self._cases,
            "tries": sum(self._statuses.values()),
            "extra": self._extra,
            "cached": self._cached,
            "statuses": dict(self._statuses),
            "errors": dict(self._errors),
            "retried": self._retried,
            "scores": shown,
            "latency": _percentiles(self._durations),
            "cost_usd": self._cost if self._priced else None,
            "unpriced": self._unpriced,
            "tokens": (self._tokens[0], self._tokens[1]),
        }

    def _count(self, trial: Trial) -> None:
        self._statuses[trial.status] += 1
        if trial.error is not None:
            self._errors[trial.error.type] += 1
            if trial.error.type == "TypeError" and _MISFIT.fullmatch(trial.error.message):
                self._misfits[trial.error.message] += 1
        self._extra += trial.extra
        self._cached += trial.cached
        self._retried += trial.retries > 0
        if trial.status in {"ok", "degraded", "timeout"}:
            self._durations.append(trial.duration)
        if trial.cost_usd is None:
            self._unpriced += 1
        else:
            self._priced += 1
            self._cost += trial.cost_usd
        self._tokens[0] += trial.input_tokens or 0
        self._tokens[1] += trial.output_tokens or 0


class _Column:
    """One scorer, by case."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values = array("d")
        self._groups = array("q")
        self._chances = array("d")
        self._low = self._high = 0.0
        self._within = True
        self._total = self._not_asked = self._labelled = 0
        self._kinds: Counter[str] = Counter()
        self._unscored: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._stable: Counter[str] = Counter()

    @property
    def is_empty(self) -> bool:
        return not self._values and not self._labels

    def take(self, trials: tuple[Trial, ...], group: int) -> None:
        every = [score_in(trial.scores, self._name) for trial in trials]
        asked = [
            score
            for score, trial in zip(every, trials, strict=True)
            if score.unscored not in NOT_ASKED and trial.status != "skipped"
        ]
        self._describe(every, asked)
        planned = [
            score
            for score, trial in zip(every, trials, strict=True)
            if not trial.extra and score.unscored not in NOT_ASKED and trial.status != "skipped"
        ]
        if not planned:
            self._not_asked += 1
            return
        self._total += 1
        self._labelled += any(score.label is not None and score.value is None for score in planned)
        self._put(planned, group, trials[0].inclusion_probability)

    def _put(self, planned: list[Score], group: int, chance: float | None) -> None:
        values = [score.value for score in planned if score.value is not None]
        total, tries = sum(values), len(planned)
        self._low += total / tries
        self._high += (total + tries - len(values)) / tries
        if values:
            self._within = self._within and min(values) >= 0.0 and max(values) <= 1.0
            self._values.append(total / len(values))
            self._groups.append(group)
            self._chances.append(chance or 0.0)

    def _describe(self, every: list[Score], asked: list[Score]) -> None:
        for score in every:
            if score.unscored is not None:
                self._unscored[score.unscored] += 1
            else:
                self._kinds[score.kind] += 1
                if score.label is not None:
                    self._labels[score.label] += 1
        if len(asked) > 1 and all(
            score.kind == "assertion" or score.unscored is not None for score in asked
        ):
            self._stable[stability(asked).verdict] += 1

    def summary(self) -> ScoreSummary:
        kind = self._kinds.most_common(1)[0][0] if self._kinds else "number"
        bounded = self._within and kind != "label" and self._total > 0
        assertions = kind == "assertion"
        return ScoreSummary(
            name=self._name,
            kind=kind,
            n_scored=self._labelled if kind == "label" else len(self._values),
            n_total=self._total,
            not_asked=self._not_asked,
            mean=self._mean(),
            low=_rounded(self._low / self._total) if bounded else None,
            high=_rounded(self._high / self._total) if bounded else None,
            unscored=dict(self._unscored),
            labels=dict(self._labels),
            stable=dict(self._stable) if assertions else {},
            production=self._production(),
        )

    def _mean(self) -> Interval:
        # In an order of their own, so that the last digit does not hang on that of the trials.
        pairs = sorted(zip(self._values, self._groups, strict=True))
        values = [value for value, _ in pairs]
        grouped = any(group >= 0 for _, group in pairs)
        if not grouped and all(value in {0.0, 1.0} for value in values):
            return proportion_interval(int(sum(values)), len(values))
        if not grouped:
            return mean_interval(values)
        # A case without a group is one of its own.
        cluster = [group if group >= 0 else -2 - at for at, (_, group) in enumerate(pairs)]
        return mean_interval(values, cluster=cluster)

    def _production(self) -> ProductionEstimate | None:
        chances = self._chances
        if not chances or min(chances) <= 0.0 or min(chances) == max(chances):
            return None
        return production_estimate(self._values, chances)


def _rounded(value: float) -> float:
    """Without the last digits, which hang on the order of the trials."""
    return round(value, 12)


def _percentiles(durations: array[float]) -> dict[str, float]:
    if not durations:
        return {}
    numpy = needed("numpy", "evals")
    shares = [each / 100 for each in _PERCENTILES]
    found = numpy.quantile(numpy.asarray(durations), shares, method="inverted_cdf")
    return {f"p{name}": float(value) for name, value in zip(_PERCENTILES, found, strict=True)}
