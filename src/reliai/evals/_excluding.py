"""Columns and comparisons without some of their cases."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reliai.evals.comparison import compare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.evals._columns import Codes, Columns
    from reliai.evals.comparison import RunComparison

__all__ = ["columns_without", "rows_only", "without"]


def without(comparison: RunComparison, keys: Iterable[str]) -> RunComparison:
    """The comparison without the cases of those keys, on either side."""
    gone = frozenset(keys)
    candidate = columns_without(comparison.candidate, gone)
    if comparison.baseline is None:
        return replace(comparison, candidate=candidate, _rows={})
    made = compare(candidate, columns_without(comparison.baseline, gone))
    return replace(made, runs=comparison.runs, notes=comparison.notes)


def columns_without(columns: Columns, keys: frozenset[str]) -> Columns:
    """The columns without the cases of those keys."""
    kept = np.asarray([key not in keys for key in columns.keys], dtype=np.bool_)
    if kept.all():
        return columns
    row = np.cumsum(kept) - 1
    tries = kept[columns.case]
    rows = np.flatnonzero(kept).tolist()
    failed = columns.failed[tries]
    statuses = Counter({"ok": int((~failed).sum()), "failed": int(failed.sum())})
    return replace(
        columns,
        keys=tuple(columns.keys[i] for i in rows),
        digests=tuple(columns.digests[i] for i in rows),
        groups=tuple(columns.groups[i] for i in rows),
        tags=tuple(columns.tags[i] for i in rows),
        probabilities=tuple(columns.probabilities[i] for i in rows),
        case=row[columns.case[tries]],
        failed=failed,
        late=columns.late[tries],
        duration=columns.duration[tries],
        cost=columns.cost[tries],
        tokens_in=columns.tokens_in[tries],
        tokens_out=columns.tokens_out[tries],
        started=columns.started[tries],
        scores={
            name: replace(each, value=each.value[tries], asked=each.asked[tries])
            for name, each in columns.scores.items()
        },
        statuses=dict(+statuses),
        extras={
            name: (row[rows_of[kept[rows_of]]], values[kept[rows_of]])
            for name, (rows_of, values) in columns.extras.items()
        },
    )


def rows_only(columns: Columns, rows: Codes) -> Columns:
    """The columns of some of the cases."""
    wanted = {columns.keys[row] for row in rows.tolist()}
    return columns_without(columns, frozenset(columns.keys) - wanted)
