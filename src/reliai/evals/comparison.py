"""A run beside a baseline: the same cases, paired by what they are called and what they say.

Needs numpy and scipy, which come with the extra `evals`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals._absent import NoBaseline
from reliai.evals._columns import Columns, columns_of
from reliai.evals._matching import incomparable, matching_of, notes_of_both, notes_of_run
from reliai.evals._paired import Pairs, observed
from reliai.evals._readings import reading_of
from reliai.evals._slices import grouped, one_slice, range_of, slices_in
from reliai.stats import adjust, production_estimate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from reliai.evals._columns import Codes, Floats
    from reliai.evals._matching import Matching
    from reliai.evals._readings import Reading
    from reliai.stats import Comparison, ProductionEstimate

__all__ = ["RunComparison", "SliceDifference", "compare"]

_SAME: Final = 1e-9


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """The difference on the cases of one slice.

    Attributes:
        slice: as "locale=de".
        comparison: candidate less baseline.
        p_adjusted: its p-value, adjusted for the number of slices; None where it has none.
    """

    slice: str
    comparison: Comparison
    p_adjusted: float | None


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A candidate's run, and what there is to compare it with.

    Attributes:
        candidate: the run, as columns.
        baseline: the other one; None where there is none.
        no_baseline: why there is none; "" where there is one.
        missing_policy: what a rule that compares says then: "fail" or "warn".
        matching: which cases are compared.
        incomparable: scorers that are not the same on both sides, with the reason.
        notes: what a reader has to know.
        runs: the two runs as they were given.
    """

    candidate: Columns
    baseline: Columns | None
    no_baseline: str = ""
    missing_policy: str = "fail"
    matching: Matching | None = None
    incomparable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    runs: tuple[Any, Any] = (None, None)
    _rows: dict[str, dict[str, Codes]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def scorers(self) -> tuple[str, ...]:
        """Those that both sides have, and have alike."""
        if self.baseline is None:
            return ()
        theirs = self.baseline.scores
        return tuple(n for n in self.candidate.scores if n in theirs and n not in self.incomparable)

    @property
    def common(self) -> int:
        """How many cases both sides ran."""
        return 0 if self.matching is None else self.matching.common

    def pairs(
        self,
        metric: str,
        slice: str | None = None,  # noqa: A002  its name
        *,
        score_range: tuple[float, float] | None = None,
    ) -> Pairs:
        """What both say of each case that the metric asks for.

        Raises:
            ConfigurationError: for a metric that is none, or that the two do not have alike.
        """
        return self._aligned(metric, slice, score_range)[0]

    def difference(self, scorer: str, slice: str | None = None) -> Comparison:  # noqa: A002  its name
        """The mean difference, candidate less baseline, of the cases that both have a score for.

        A case counts once, with the mean over its tries; cases of one group are a cluster. The
        p-value is McNemar's, exact, for passes and fails without groups.

        Args:
            scorer: its name, or that of a measure which is a mean.
            slice: as "locale=de".

        Raises:
            ConfigurationError: for a metric or slice that is none, or that cannot be compared.
        """
        return observed(self.pairs(scorer, slice), 0.95)

    def by_slice(
        self, scorer: str, tag: str, *, method: Literal["holm", "bh"] = "bh"
    ) -> tuple[SliceDifference, ...]:
        """The difference for each value of a tag, with p-values adjusted for their number.

        Args:
            scorer: its name.
            tag: a tag of the cases.
            method: "bh" for reports: the share of false alarms among the alarms; "holm" for what
                blocks: no false alarm at all.

        Raises:
            ConfigurationError: when no case has the tag, or as `difference` does.
        """
        names = list(self.rows_of(tag))
        found = [self.difference(scorer, name) for name in names]
        adjusted = adjust([each.p_value for each in found], method).p_values
        return tuple(SliceDifference(*each) for each in zip(names, found, adjusted, strict=True))

    def changed(self, scorer: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Keys of the cases that became worse, and of those that became better, most first."""
        pairs, rows = self._aligned(scorer, None, None)
        off = pairs.ours - pairs.theirs
        order = np.argsort(np.nan_to_num(off), kind="stable").tolist()
        keys = self.candidate.keys
        worse = tuple(keys[rows[i]] for i in order if off[i] < -_SAME)
        better = tuple(keys[rows[i]] for i in reversed(order) if off[i] > _SAME)
        return worse, better

    def production(self, scorer: str, *, of: Columns | None = None) -> ProductionEstimate | None:
        """The candidate's plain mean, and what it is likely to be on production traffic.

        None where no case has an inclusion probability, or no case that has one has a score.
        """
        columns = of or self.candidate
        reading = reading_of(columns, scorer)
        chances = np.asarray([np.nan if p is None else p for p in columns.probabilities])
        known = ~(np.isnan(reading.mean) | np.isnan(chances)) if len(columns) else chances > 0
        if not known.any():
            return None
        return production_estimate(reading.mean[known], chances[known])

    def rows_of(self, name: str) -> dict[str, Codes]:
        """The candidate's rows by slice: for each value of a tag, or of the one that is named.

        Raises:
            ConfigurationError: when there is no such case.
        """
        if name not in self._rows:
            self._rows[name] = slices_in(self.candidate, name)
        return self._rows[name]

    def _aligned(
        self, metric: str, slice_name: str | None, score_range: tuple[float, float] | None
    ) -> tuple[Pairs, Codes]:
        """The pairs, and the candidate's row of each; -1 for a case that it did not run."""
        baseline, matching = self.comparable(metric)
        ours, theirs = reading_of(self.candidate, metric), reading_of(baseline, metric)
        rows, others = matching.ours, matching.theirs
        if slice_name is not None:
            wanted = np.isin(rows, one_slice(self.rows_of(slice_name), slice_name))
            rows, others = rows[wanted], others[wanted]
        here, there = _taken(ours, rows), _taken(theirs, others)
        asked = (here[2] & (rows >= 0)) | (there[2] & (others >= 0))
        low, high = range_of((ours, theirs), score_range, metric)
        # What one side alone has nothing to say of is missing there.
        our_lost = np.where(here[2], here[1], 1.0)
        their_lost = np.where(there[2], there[1], 1.0)
        pairs = Pairs(
            here[0][asked],
            there[0][asked],
            our_lost[asked],
            their_lost[asked],
            self._groups(rows[asked], others[asked], baseline),
            low,
            high,
        )
        return pairs, rows[asked]

    def comparable(self, metric: str) -> tuple[Columns, Matching]:
        """The baseline, and which cases are compared by a metric.

        Raises:
            ConfigurationError: when there is no baseline, or the scorers are not the same.
        """
        if self.baseline is None or self.matching is None:
            raise ConfigurationError(f"there is no baseline: {self.no_baseline}")
        if metric in self.incomparable:
            raise ConfigurationError(f"{metric!r} cannot be compared: {self.incomparable[metric]}")
        return self.baseline, self.matching

    def _groups(self, rows: Codes, others: Codes, baseline: Columns) -> tuple[object, ...] | None:
        """The group of each pair; None where each stands for itself."""
        labels: list[str] = []
        for ours, theirs in zip(rows.tolist(), others.tolist(), strict=True):
            columns, row = (self.candidate, ours) if ours >= 0 else (baseline, theirs)
            group = columns.groups[row]
            labels.append(f"case {columns.keys[row]}" if group is None else f"group {group}")
        return grouped(labels)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was compared, and the difference of each scorer."""
        from reliai.evals._summaries import comparison_dict  # noqa: PLC0415  it builds on this

        return comparison_dict(self)

    def __repr__(self) -> str:
        other = "no baseline" if self.baseline is None else self.baseline.label
        return f"<RunComparison of {self.candidate.label} with {other}: {self.common} cases>"


def compare(candidate: Any, baseline: Any = None) -> RunComparison:
    """Compare a run with another one, on the cases that are the same for both.

    Cases are paired by key, and only where their content is the same: a case that was edited
    since is another case. Scores of scorers that are not the same are not compared.

    Args:
        candidate: a run.
        baseline: a run, a pin as `baseline()` reads it, or what that gives when there is none;
            None for none.
    """
    ours = columns_of(candidate)
    if baseline is None or isinstance(baseline, NoBaseline):
        reason = "none was given" if baseline is None else baseline.reason
        policy = "fail" if baseline is None else baseline.policy
        return RunComparison(
            ours, None, reason, policy, notes=notes_of_run(ours), runs=(candidate, None)
        )
    theirs = columns_of(baseline)
    matching = matching_of(ours, theirs)
    return RunComparison(
        ours,
        theirs,
        matching=matching,
        incomparable=incomparable(ours, theirs),
        notes=(*notes_of_run(ours), *notes_of_both(ours, theirs, matching)),
        runs=(candidate, baseline),
    )


def _taken(reading: Reading, rows: Codes) -> tuple[Floats, Floats, Any]:
    """A reading's means, lost shares and who was asked, for rows of which some are -1."""
    if not len(reading.mean):
        nothing = np.full(len(rows), np.nan)
        return nothing, np.ones(len(rows)), np.zeros(len(rows), dtype=np.bool_)
    here = rows >= 0
    return (
        np.where(here, reading.mean[rows], np.nan),
        np.where(here, reading.lost[rows], 1.0),
        here & reading.asked[rows],
    )
