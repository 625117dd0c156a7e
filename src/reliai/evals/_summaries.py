"""Comparisons as plain data, and how stable the tries of each case are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from reliai.evals._readings import MEANS, reading_of
from reliai.evals.reducers import stability
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from reliai.evals._columns import Columns
    from reliai.evals.comparison import RunComparison
    from reliai.evals.reducers import Stability
    from reliai.stats import Comparison, ProductionEstimate

__all__ = ["comparison_dict", "stabilities", "unlike"]


def comparison_dict(comparison: RunComparison) -> dict[str, Any]:
    """What was compared, and the difference of each scorer and measure."""
    matching = comparison.matching
    return {
        "candidate": comparison.candidate.label,
        "baseline": None if comparison.baseline is None else comparison.baseline.label,
        "no_baseline": comparison.no_baseline or None,
        "compared": comparison.common,
        "edited": [] if matching is None else list(matching.edited),
        "only_candidate": [] if matching is None else list(matching.only_ours),
        "only_baseline": [] if matching is None else list(matching.only_theirs),
        "incomparable": dict(comparison.incomparable),
        "notes": list(comparison.notes),
        "scorers": {
            name: {
                "n_scored": _scored(comparison.candidate, name),
                "n_total": len(comparison.candidate),
                "difference": _difference(comparison, name),
                "production": _production(comparison.production(name)),
            }
            for name in comparison.candidate.scores
        },
        "measures": {name: _difference(comparison, name) for name in sorted(MEANS)},
    }


def unlike(comparison: RunComparison, name: str) -> Comparison | None:
    """The difference, where there is one to be had."""
    if comparison.baseline is None or name in comparison.incomparable:
        return None
    if name in comparison.candidate.scores and name not in comparison.baseline.scores:
        return None
    return comparison.difference(name)


def stabilities(columns: Columns, scorer: str) -> dict[str, Stability]:
    """How stable the tries of each case are, those beyond the planned ones included.

    Only of cases that were tried twice or more, and of scorers that pass or fail; else empty.
    """
    column = columns.scores[scorer]
    rows, values = columns.case[column.asked], column.value[column.asked]
    if scorer in columns.extras:
        more = columns.extras[scorer]
        rows, values = np.concatenate([rows, more[0]]), np.concatenate([values, more[1]])
    given = values[~np.isnan(values)]
    if not bool(((given == 0.0) | (given == 1.0)).all()):
        return {}
    tries: dict[int, list[Score]] = {}
    for row, value in zip(rows.tolist(), values.tolist(), strict=True):
        tries.setdefault(row, []).append(_MADE.get(value, _MISSING))
    return {
        columns.keys[row]: stability(scores) for row, scores in tries.items() if len(scores) > 1
    }


_MADE = {value: Score(value=value, kind="assertion") for value in (0.0, 1.0)}
_MISSING = Score(value=None, unscored="missing")


def stability_counts(found: dict[str, Stability]) -> dict[str, int]:
    """How many cases are how stable."""
    return dict(Counter(each.verdict for each in found.values()))


def _scored(columns: Columns, name: str) -> int:
    return int((~np.isnan(reading_of(columns, name).mean)).sum())


def _difference(comparison: RunComparison, name: str) -> dict[str, Any] | None:
    found = unlike(comparison, name)
    if found is None:
        return None
    return {each: getattr(found, each) for each in found.__slots__}


def _production(found: ProductionEstimate | None) -> dict[str, Any] | None:
    return None if found is None else {each: getattr(found, each) for each in found.__slots__}
