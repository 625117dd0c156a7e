"""Whether a dataset still is like the traffic: what it covers, what has moved, how old it is.

A gate on last year's questions passes everything. This compares the tags and measured values of a
dataset's cases with those of the calls that a store has kept of late. Floor 5.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.datasets._traffic import NONE, Traffic, cases_of, live_of
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from reliai.datasets.version import Version
    from reliai.records.store import RecordStore

__all__ = ["Drift", "Health", "SliceCoverage", "Staleness", "Suggestion", "health_of"]

DAY: Final = 86_400.0

_MOST_VALUES: Final = 50
"""Values of a tag that are looked at; a tag with more is no slice but a name."""

_FEWEST_NUMBERS: Final = 50
"""Measured values on either side, for a comparison of numbers."""


@dataclass(frozen=True, slots=True)
class SliceCoverage:
    """How well one slice of the traffic is covered.

    Attributes:
        slice: the tag.
        value: of the tag; "(none)" for calls and cases without it.
        calls: how many of the calls have it.
        call_share: their share of the calls.
        cases: how many cases have it.
        case_share: their share of the dataset, weighted as the traffic where weights are known.
        covered: whether it is rare in the traffic, or there are enough cases.
    """

    slice: str
    value: str
    calls: int
    call_share: float
    cases: int
    case_share: float
    covered: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the traffic is from the dataset, in a tag or a measured value.

    Attributes:
        slice: "tag:NAME" or "value:NAME".
        psi: the population stability index; 0 for the same distribution.
        threshold: the larger of what chance alone exceeds once in a thousand and of what matters.
        moved: whether it is above the threshold.
        rose, fell: the value whose share rose or fell most; None for numbers.
        cases, calls: how many have it on either side.
        note: what to be careful about; "" for nothing.
    """

    slice: str
    psi: float
    threshold: float
    moved: bool
    rose: str | None
    fell: str | None
    cases: int
    calls: int
    note: str


@dataclass(frozen=True, slots=True)
class Staleness:
    """How old the cases are, as far as they say when they were captured.

    Attributes:
        newest, oldest: Unix seconds; None where no case says it.
        median_days: of the ages.
        old_share: the share of cases older than the limit.
        limit_days: the limit.
        stale: whether even the newest is older than the limit.
        dated: how many cases say when they were captured.
    """

    newest: float | None
    oldest: float | None
    median_days: float | None
    old_share: float | None
    limit_days: float
    stale: bool
    dated: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Calls that would make up for a slice that is not covered.

    Attributes:
        slice: the tag.
        value: of the tag.
        wanted: how many cases are missing.
        calls: how many calls there are to take them from.
        since: when the first of them started; Unix seconds.
        call_ids: some of them, the latest first.
    """

    slice: str
    value: str
    wanted: int
    calls: int
    since: float
    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """What a dataset is like beside the traffic.

    Attributes:
        version: the text by which `resolve` finds it.
        cases: how many cases there are.
        calls: how many calls they were compared with.
        coverage: slices of the traffic, the most frequent first.
        drifts: tags and measured values, those that moved first.
        staleness: how old the cases are.
        suggestions: calls to add, see `add_suggested`.
        warnings: what to look at, in words.
    """

    version: str
    cases: int
    calls: int
    coverage: tuple[SliceCoverage, ...]
    drifts: tuple[Drift, ...]
    staleness: Staleness
    suggestions: tuple[Suggestion, ...]
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is nothing to look at."""
        return not self.warnings

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "ok": self.ok}

    def __str__(self) -> str:
        lines = [f"{self.version}: {self.cases} cases beside {self.calls} calls"]
        lines += [f"  ! {warning}" for warning in self.warnings] or ["  nothing to look at"]
        lines += [
            f"  + {each.slice}={each.value}: {each.wanted} cases of {each.calls} calls, such as "
            f"{', '.join(each.call_ids[:3])}"
            for each in self.suggestions
        ]
        return "\n".join(lines)


def health_of(
    version: Version,
    store: RecordStore,
    *,
    since: float | datetime | None = None,
    slices: Iterable[str] | None = None,
    name: str | None = None,
    minimum: int = 10,
    rare: float = 0.01,
    stale_days: float = 30.0,
    limit: int = 5000,
) -> Health:
    """Compare a version with the calls of a store.

    Cases with an inclusion probability count with the calls that they stand for, so that a dataset
    of errors is not said to drift because it is one. The index is that of `reliai.stats.psi`.

    Args:
        version: of a dataset.
        store: of the calls.
        since: when the calls started at the earliest; by default seven days ago.
        slices: tags to look at; by default all with at most 50 values.
        name: the guarded function's name; by default all.
        minimum: how many cases a slice needs.
        rare: the share of the traffic below which a slice need not be covered, in [0, 1).
        stale_days: days after which a dataset with nothing newer is stale.
        limit: the latest so many calls are looked at.

    Raises:
        DatasetError: for a setting out of its range.
        ConfigurationError: when the extra `stats` is missing.
    """
    _check(minimum, rare, stale_days, limit)
    now = clock.active().time()
    live = live_of(store, now - 7 * DAY if since is None else since, name, limit)
    ours = cases_of(version)
    names = _slices(live, ours, slices)
    coverage = [each for tag in names for each in _coverage(tag, ours, live, minimum, rare)]
    drifts = [_tag_drift(tag, ours, live) for tag in names]
    drifts += [
        _value_drift(value, ours, live) for value in sorted(set(ours.values) & set(live.values))
    ]
    known = sorted(filter(None, drifts), key=lambda each: (not each.moved, -each.psi))
    staleness = _staleness(ours, now, stale_days)
    return Health(
        version=version.reference,
        cases=ours.count,
        calls=live.count,
        coverage=tuple(coverage),
        drifts=tuple(known),
        staleness=staleness,
        suggestions=tuple(_suggestions(coverage, live, minimum)),
        warnings=tuple(_warnings(live, coverage, known, staleness)),
    )


def _check(minimum: Any, rare: Any, stale_days: Any, limit: Any) -> None:
    for name, value in (("minimum", minimum), ("limit", limit)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise DatasetError(f"health({name}={value!r}): must be a whole number of at least 1")
    if isinstance(rare, bool) or not isinstance(rare, int | float) or not 0 <= rare < 1:
        raise DatasetError(f"health(rare={rare!r}): must be a share from 0 up, below 1")
    days = isinstance(stale_days, int | float) and not isinstance(stale_days, bool)
    if not days or not stale_days > 0:
        raise DatasetError(f"health(stale_days={stale_days!r}): must be a number of days above 0")


def _slices(live: Traffic, ours: Traffic, asked: Iterable[str] | None) -> list[str]:
    if asked is not None:
        given = [asked] if isinstance(asked, str) else list(asked)
        return [each.removeprefix("tag:") for each in given]
    names = sorted({*live.tags, *ours.tags})
    return [each for each in names if len(live.counts(each)) <= _MOST_VALUES]


def _coverage(
    tag: str, ours: Traffic, live: Traffic, minimum: int, rare: float
) -> list[SliceCoverage]:
    calls, cases, weights = live.counts(tag), ours.counts(tag), ours.weighed(tag)
    total = sum(weights.values()) or 1.0
    made = []
    for value, count in calls.most_common():
        share = count / live.count
        made.append(
            SliceCoverage(
                slice=tag,
                value=value,
                calls=count,
                call_share=share,
                cases=cases[value],
                case_share=weights.get(value, 0.0) / total,
                covered=share < rare or cases[value] >= minimum or value == NONE,
            )
        )
    return made


def _tag_drift(tag: str, ours: Traffic, live: Traffic) -> Drift | None:
    from reliai.stats.stability import psi_of_counts  # noqa: PLC0415  loads numpy and scipy

    calls, weights = live.counts(tag), ours.weighed(tag)
    if not calls or not weights:
        return None
    values = sorted({*calls, *weights})
    reference = ours.effective([weights.get(value, 0.0) for value in values])
    found = psi_of_counts(reference, [calls[value] for value in values])
    moves = dict(zip(values, _moves(reference, [calls[value] for value in values]), strict=True))
    rose, fell = max(moves, key=moves.__getitem__), min(moves, key=moves.__getitem__)
    return Drift(
        f"tag:{tag}",
        found.value,
        found.threshold,
        found.moved,
        rose if moves[rose] > 0 else None,
        fell if moves[fell] < 0 else None,
        ours.count,
        live.count,
        found.note,
    )


def _moves(reference: Sequence[float], current: Sequence[float]) -> list[float]:
    """By how much the share of each value rose."""
    m, n = sum(reference), sum(current)
    return [now / n - old / m for old, now in zip(reference, current, strict=True)]


def _value_drift(name: str, ours: Traffic, live: Traffic) -> Drift | None:
    from reliai.stats.stability import psi_of_counts  # noqa: PLC0415  the same

    theirs = sorted(number for number, _ in live.values[name])
    mine = ours.values[name]
    if min(len(theirs), len(mine)) < _FEWEST_NUMBERS:
        return None
    edges = sorted({theirs[len(theirs) * tenth // 10] for tenth in range(1, 10)})
    calls = _binned([(number, 1.0) for number in theirs], edges)
    cases = ours.effective(_binned(mine, edges), [weight for _, weight in mine])
    found = psi_of_counts(cases, calls)
    return Drift(
        f"value:{name}",
        found.value,
        found.threshold,
        found.moved,
        None,
        None,
        len(mine),
        len(theirs),
        found.note,
    )


def _binned(numbers: Iterable[tuple[float, float]], edges: Sequence[float]) -> list[float]:
    from bisect import bisect_right  # noqa: PLC0415  only here

    counts = [0.0] * (len(edges) + 1)
    for number, weight in numbers:
        counts[bisect_right(edges, number)] += weight
    return counts


def _staleness(ours: Traffic, now: float, limit: float) -> Staleness:
    moments = sorted(ours.moments)
    if not moments:
        return Staleness(None, None, None, None, limit, stale=False, dated=0)
    ages = [(now - moment) / DAY for moment in moments]
    middle = len(ages) // 2
    median = ages[middle] if len(ages) % 2 else (ages[middle - 1] + ages[middle]) / 2
    old = sum(age > limit for age in ages) / len(ages)
    return Staleness(
        moments[-1], moments[0], median, old, limit, stale=ages[-1] > limit, dated=len(ages)
    )


def _suggestions(
    coverage: Iterable[SliceCoverage], live: Traffic, minimum: int
) -> Iterable[Suggestion]:
    for each in coverage:
        if each.covered:
            continue
        wanted = minimum - each.cases
        found = live.calls(each.slice, each.value)
        yield Suggestion(
            each.slice,
            each.value,
            wanted,
            each.calls,
            min(started for _, started in found),
            tuple(call for call, _ in found[:20]),
        )


def _warnings(
    live: Traffic, coverage: Iterable[SliceCoverage], drifts: Iterable[Drift], staleness: Staleness
) -> Iterable[str]:
    if not live.count:
        yield "no calls to compare with: look further back, or see whether the store is in use"
    for drift in drifts:
        if drift.moved:
            yield _said(drift)
    missing = Counter(each.slice for each in coverage if not each.covered)
    for each in coverage:
        if not each.covered and missing[each.slice] <= 10:
            yield (
                f"{each.slice}={each.value} is {each.call_share:.1%} of the calls and has "
                f"{each.cases} cases"
            )
    for name, count in missing.items():
        if count > 10:
            yield f"{name}: {count} values have too few cases"
    if staleness.stale and staleness.newest is not None:
        age = clock.active().time() - staleness.newest
        yield f"the newest case is {age / DAY:.0f} days old"


def _said(drift: Drift) -> str:
    index = f"the traffic has moved (PSI {drift.psi:.2f}, above {drift.threshold:.2f})"
    moves = [f"more {drift.rose}" if drift.rose else "", f"less {drift.fell}" if drift.fell else ""]
    told = ", ".join(filter(None, moves))
    return f"{drift.slice}: {index}{': ' if told else ''}{told}"
