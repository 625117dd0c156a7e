"""What the page of two runs shows: differences with their intervals, and a gate's verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals import Gate
from reliai.evals._readings import MEANS, reading_of
from reliai.evals._summaries import unlike
from reliai.ui._intervals import scale_for

if TYPE_CHECKING:
    from reliai.evals import GateResult
    from reliai.evals._columns import Columns
    from reliai.evals.comparison import RunComparison, SliceDifference
    from reliai.stats import Comparison
    from reliai.ui._intervals import Drawn, Scale

__all__ = ["Judged", "MetricRow", "SliceRow", "judged", "rows_of", "slices_of", "tags_of", "usual"]

_MARGIN = 0.02
_MOST = 20


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A scorer or measure on both sides.

    Attributes:
        name: of it.
        candidate, baseline: means; None for unknown.
        difference: of the pairs; None where they cannot be compared.
        drawn: its picture.
        why: why they cannot be compared; empty where they can.
        worse, better: keys of cases that became so, the first few.
        changed: how many became worse, and better.
    """

    name: str
    candidate: float | None
    baseline: float | None
    difference: Comparison | None
    drawn: Drawn | None
    why: str = ""
    worse: tuple[str, ...] = ()
    better: tuple[str, ...] = ()
    changed: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A scorer on one slice."""

    scorer: str
    slice: SliceDifference
    drawn: Drawn | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A gate that was asked for.

    Attributes:
        text: of the gate.
        result: what it came to; None where the text is none.
        wrong: why it cannot be judged.
    """

    text: str
    result: GateResult | None
    wrong: str = ""


def rows_of(comparison: RunComparison) -> tuple[list[MetricRow], list[MetricRow]]:
    """The scorers and the measures, each with its difference."""
    names = list(comparison.candidate.scores)
    found = {name: unlike(comparison, name) for name in (*names, *sorted(MEANS))}
    marks = [found[name] for name in names if _bounded(comparison.candidate, name)]
    shared = scale_for([end for each in marks for end in _ends(each)], around_zero=True)
    scorers = [
        _row(
            comparison,
            name,
            found[name],
            shared if _bounded(comparison.candidate, name) else None,
            cases=True,
        )
        for name in names
    ]
    measures = [
        _row(comparison, name, found[name], None, cases=False)
        for name in sorted(MEANS)
        if (each := found[name]) is not None and each.estimate is not None
    ]
    return scorers, measures


def _ends(found: Comparison | None) -> tuple[float | None, ...]:
    return () if found is None else (found.low, found.estimate, found.high)


def _row(
    comparison: RunComparison,
    name: str,
    found: Comparison | None,
    scale: Scale | None,
    *,
    cases: bool,
) -> MetricRow:
    drawn = None
    if found is not None:
        drawn = (scale or scale_for(_ends(found), around_zero=True)).drawn(*_estimate(found))
    worse, better = comparison.changed(name) if cases and found is not None else ((), ())
    why = "" if found is not None else comparison.incomparable.get(name, "the baseline has none")
    return MetricRow(
        name,
        _mean(comparison.candidate, name),
        None if comparison.baseline is None else _mean(comparison.baseline, name),
        found,
        drawn,
        why,
        worse[:_MOST],
        better[:_MOST],
        (len(worse), len(better)),
    )


def _estimate(found: Comparison) -> tuple[float | None, float | None, float | None]:
    return found.estimate, found.low, found.high


def _mean(columns: Columns, name: str) -> float | None:
    if name not in MEANS and name not in columns.scores:
        return None
    mean = reading_of(columns, name).mean
    known = mean[~np.isnan(mean)] if len(mean) else mean
    return float(known.mean()) if len(known) else None


def slices_of(comparison: RunComparison, tag: str) -> list[SliceRow]:
    """The scorers for each value of a tag, with p-values adjusted for their number.

    Raises:
        ConfigurationError: when no case has the tag.
    """
    found = [(name, comparison.by_slice(name, tag)) for name in comparison.scorers]
    ends = [end for _, slices in found for each in slices for end in _ends(each.comparison)]
    scale = scale_for(ends, around_zero=True)
    return [
        SliceRow(name, each, scale.drawn(*_estimate(each.comparison)))
        for name, slices in found
        for each in slices
    ]


def tags_of(comparison: RunComparison) -> list[str]:
    """The tags that cases of the candidate have."""
    return sorted({name for tags in comparison.candidate.tags for name in tags})


def usual(comparison: RunComparison) -> str:
    """The gate that is tried at first: no scorer with marks of 0 to 1 drops by 2 points."""
    names = [name for name in comparison.scorers if _bounded(comparison.candidate, name)]
    return " AND ".join(str(Gate(name, non_inferior=_MARGIN)) for name in names)


def _bounded(columns: Columns, name: str) -> bool:
    values = columns.scores[name].value
    known = values[~np.isnan(values)]
    return bool(len(known)) and float(known.min()) >= 0.0 and float(known.max()) <= 1.0


def judged(comparison: RunComparison, text: str) -> Judged:
    """The verdict of a gate, or why there is none."""
    if not text.strip():
        return Judged(text, None)
    try:
        return Judged(text, Gate.parse(text).judge(comparison))
    except ConfigurationError as error:
        return Judged(text, None, str(error))
