"""What a metric says of each case: the mean over its tries, and how much of it is missing.

A metric is the name of a scorer, or one of the measures here, which have their names for
themselves: `failure_rate`, `cost_usd`, `tokens`, `input_tokens`, `output_tokens`, `latency_mean`,
`latency_p50` (and any other percentile) and `throughput`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai.evals._columns import Columns, Flags, Floats

__all__ = ["AMOUNTS", "MEANS", "Reading", "reading_of", "share_above"]

MEANS: Final = frozenset(
    {"failure_rate", "cost_usd", "tokens", "input_tokens", "output_tokens", "latency_mean"}
)
"""Measures that are means over the cases."""


AMOUNTS: Final = MEANS - {"failure_rate"}
"""Those of them that are no shares: seconds, dollars, tokens."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of a run, by case.

    Attributes:
        mean: shape (cases,), over the tries that gave a number; NaN where none did.
        lost: shape (cases,), the share of its tries that should have given one, and did not.
        asked: shape (cases,), whether the metric has anything to say of the case.
        tries: shape (cases,), how many gave a number.
        within: shape (cases,), variance of those of one case; NaN for less than two.
    """

    mean: Floats
    lost: Floats
    asked: Flags
    tries: Floats
    within: Floats

    @property
    def missing(self) -> float:
        """How many cases are missing, those of which a part is missing in part."""
        return float(self.lost[self.asked].sum())


def reading_of(columns: Columns, metric: str) -> Reading:
    """The reading of a scorer, or of a measure that is a mean.

    Raises:
        ConfigurationError: when the run has no such metric, naming those it has.
    """
    if metric in columns.scores:
        column = columns.scores[metric]
        return _by_case(columns, column.value, column.asked)
    every = np.ones(len(columns.case), dtype=np.bool_)
    if metric == "failure_rate":
        return _by_case(columns, columns.failed.astype(np.float64), every)
    if metric == "latency_mean":
        unknown = columns.failed & ~columns.late
        return _by_case(columns, np.where(unknown, np.nan, columns.duration), every)
    if metric in MEANS:
        return _by_case(columns, _measured(columns, metric), every)
    known = ", ".join(sorted(columns.scores)) or "none"
    raise ConfigurationError(
        f"{metric!r} is no metric of {columns.label}: its scorers are {known}; the measures are "
        f"{', '.join(sorted(MEANS))}, latency_p50 (or another percentile) and throughput"
        f"{_similar(metric, columns)}"
    )


def share_above(columns: Columns, seconds: float) -> Reading:
    """The share of each case's tries that took longer; one that ran out of time did."""
    slow = ((columns.duration > seconds) | columns.late).astype(np.float64)
    unknown = columns.failed & ~columns.late
    every = np.ones(len(columns.case), dtype=np.bool_)
    return _by_case(columns, np.where(unknown, np.nan, slow), every)


def _measured(columns: Columns, metric: str) -> Floats:
    if metric == "cost_usd":
        return columns.cost
    if metric == "input_tokens":
        return columns.tokens_in
    if metric == "output_tokens":
        return columns.tokens_out
    return columns.tokens_in + columns.tokens_out


def _by_case(columns: Columns, value: Floats, asked: Flags) -> Reading:
    count = len(columns)
    given = asked & ~np.isnan(value)
    rows, numbers = columns.case[given], value[given]
    tries = np.bincount(rows, minlength=count).astype(np.float64)
    wanted = np.bincount(columns.case[asked], minlength=count).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(rows, weights=numbers, minlength=count) / tries
        off = (numbers - mean[rows]) ** 2
        within = np.bincount(rows, weights=off, minlength=count) / (tries - 1.0)
        lost = np.where(wanted > 0, 1.0 - tries / wanted, 0.0)
    within[tries < 2] = np.nan
    return Reading(mean, lost, wanted > 0, tries, within)


def _similar(metric: str, columns: Columns) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  few mistype

    names = [*columns.scores, *MEANS, "throughput", "latency_p50", "latency_p95", "latency_p99"]
    near = get_close_matches(re.sub(r"\W", "_", metric), names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
