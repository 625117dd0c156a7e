"""Whether some users are served worse than others: rates of bad feedback by slice, with intervals.

A slice with few judgements is "insufficient", which is not fair and not unfair.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.feedback._export_rows import is_good
from reliai.feedback._stores import store_for
from reliai.feedback._walking import calls_in_pieces

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reliai.records import RecordStore, StoredCall

    Verdict: TypeAlias = Literal["worse", "better", "no difference seen", "insufficient"]

__all__ = ["Bias", "SliceRate", "bias"]

_ATTRIBUTES: Final = frozenset(
    "name model_requested model_served provider target variant tenant service release environment "
    "status".split()
)


@dataclass(frozen=True, slots=True)
class SliceRate:
    """How often what a slice was given was found bad.

    Attributes:
        value: of the tag or attribute.
        bad, n: judgements that found it bad, of so many.
        rate, low, high: their share, with its Wilson interval.
        ratio: that share over the one of all other slices; None where theirs is 0.
        p_value: of Fisher's exact test against all other slices; None where it is insufficient.
        adjusted: the same, adjusted for the number of slices that were tested (Benjamini-Hochberg).
        verdict: "worse" or "better" than the others, "no difference seen", or "insufficient".
    """

    value: str
    bad: int
    n: int
    rate: float
    low: float
    high: float
    ratio: float | None
    p_value: float | None
    adjusted: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Bias:
    """The slices, those with most judgements first.

    Attributes:
        slice, metric: what was asked for.
        slices: the rates.
        without: judgements of calls that have no such tag or attribute: they are in no slice.
    """

    slice: str
    metric: str
    slices: tuple[SliceRate, ...]
    without: int

    @property
    def worse(self) -> tuple[str, ...]:
        """Slices that are served worse than the others."""
        return tuple(one.value for one in self.slices if one.verdict == "worse")

    def __str__(self) -> str:
        lines = [f"bad {self.metric} by {self.slice} (without: {self.without})"]
        for one in self.slices:
            share = f"{one.rate:6.1%} [{one.low:.1%}, {one.high:.1%}]"
            ratio = "" if one.ratio is None else f"  {one.ratio:.2f} x the others"
            lines.append(f"  {one.value:<12} {one.bad:>5}/{one.n:<6} {share}{ratio}  {one.verdict}")
        return "\n".join(lines)


def bias(
    slice: str,  # noqa: A002  the word for it
    metric: str = "thumbs",
    *,
    good: Callable[[Any], bool | None] = is_good,
    min_n: int = 30,
    alpha: float = 0.05,
    since: float | datetime | None = None,
    store: RecordStore | None = None,
    **which: Any,
) -> Bias:
    """Compare how often feedback is bad in each slice with all other slices together.

    Each current judgement counts once. One person who judges a hundred calls counts a hundred
    times: where few judge much, the intervals are too narrow.

    Args:
        slice: a tag, as "locale" or "tag:locale", or an attribute of calls such as "tenant",
            "model_served" or "variant".
        metric: the feedback.
        good: whether a value of it is good: by default numbers above 0 are. None: it does not say.
        min_n: judgements below which a slice is "insufficient".
        alpha: share of false alarms among the slices that are called worse or better.
        since: when the calls started at the earliest.
        store: the record store; by default the one that is configured.
        **which: as of `RecordStore.calls`: name, status, tenant, where …

    Raises:
        ConfigurationError: for a number out of its range, or without a store.
    """
    if type(min_n) is not int or min_n < 1:
        raise ConfigurationError(f"feedback.bias(min_n={min_n!r}): must be at least 1")
    if type(alpha) is not float or not 0 < alpha < 1:
        raise ConfigurationError(f"feedback.bias(alpha={alpha!r}): must be between 0 and 1")
    bad: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    without = 0
    for call in calls_in_pieces(store or store_for("feedback.bias"), since, which):
        verdicts = [
            verdict
            for said in call.feedback
            if said.name == metric and (verdict := good(said.value)) is not None
        ]
        value = _value_of(slice, call) if call.environment != "eval" else None
        if value is None:
            without += len(verdicts)
            continue
        judged[value] += len(verdicts)
        bad[value] += verdicts.count(False)
    counts = [(value, bad[value], n) for value, n in judged.most_common() if n]
    return Bias(slice, metric, tuple(_rates(counts, min_n, alpha)), without)


def _value_of(name: str, call: StoredCall) -> str | None:
    if name in _ATTRIBUTES and name not in call.tags:
        found = getattr(call, name)
    else:
        found = call.tags.get(name.removeprefix("tag:"))
    return None if found is None else str(found)


def _rates(counts: list[tuple[str, int, int]], min_n: int, alpha: float) -> list[SliceRate]:
    from reliai.stats import adjust, proportion_interval  # noqa: PLC0415  loads numpy

    exact = needed("scipy.stats", "stats", "feedback.bias").fisher_exact
    all_bad, everyone = sum(bad for _, bad, _ in counts), sum(n for _, _, n in counts)
    p_values: list[float | None] = []
    for _, bad, n in counts:
        others = everyone - n
        table = [[bad, n - bad], [all_bad - bad, others - (all_bad - bad)]]
        p_values.append(float(exact(table)[1]) if n >= min_n and others else None)
    adjusted = adjust(p_values, method="bh").p_values
    found: list[SliceRate] = []
    for (value, bad, n), p_value, shown in zip(counts, p_values, adjusted, strict=True):
        interval = proportion_interval(bad, n)
        others, bad_others = everyone - n, all_bad - bad
        ratio = (bad / n) / (bad_others / others) if bad_others else None
        verdict: Verdict = "no difference seen"
        if shown is None:
            verdict = "insufficient"
        elif shown <= alpha:
            verdict = "worse" if ratio is None or ratio > 1 else "better"
        low, high = interval.low or 0.0, 1.0 if interval.high is None else interval.high
        found.append(SliceRate(value, bad, n, bad / n, low, high, ratio, p_value, shown, verdict))
    return found
