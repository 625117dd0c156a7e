"""Tags, measured values and ages of calls and of cases, to be compared. Floor 5."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reliai.datasets.case import Case
    from reliai.records.store import RecordStore

__all__ = ["NONE", "Traffic", "cases_of", "live_of"]

NONE: Final = "(none)"
"""The value of a tag that is not there."""


class Traffic:
    """Calls, or cases with the calls that each stands for.

    Attributes:
        count: how many.
        tags: the names of tags that there are.
        values: measured numbers by name, each with its weight.
        moments: when they were captured, as far as that is known.
    """

    def __init__(self) -> None:
        self.count = 0
        self.tags: set[str] = set()
        self.values: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.moments: list[float] = []
        self._rows: list[tuple[Mapping[str, str], float, tuple[str, float] | None]] = []

    def add(
        self,
        tags: Mapping[str, str],
        values: Mapping[str, Any],
        weight: float = 1.0,
        call: tuple[str, float] | None = None,
    ) -> None:
        """One more, with its weight; of a call its id and when it started."""
        self.count += 1
        self.tags.update(tags)
        self._rows.append((tags, weight, call))
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.values[name].append((float(value), weight))

    def counts(self, tag: str) -> Counter[str]:
        """How many have each value of a tag."""
        return Counter(tags.get(tag, NONE) for tags, _, _ in self._rows)

    def weighed(self, tag: str) -> dict[str, float]:
        """The weights of those that have each value of a tag."""
        made: dict[str, float] = defaultdict(float)
        for tags, weight, _ in self._rows:
            made[tags.get(tag, NONE)] += weight
        return dict(made)

    def effective(
        self, weighed: Sequence[float], weights: Sequence[float] | None = None
    ) -> list[float]:
        """Weights as counts of a sample that says as much as these do (Kish)."""
        each = [weight for _, weight, _ in self._rows] if weights is None else weights
        squares = sum(weight * weight for weight in each)
        total = sum(each)
        scale = total / squares if squares else 0.0
        return [weight * scale for weight in weighed]

    def calls(self, tag: str, value: str) -> list[tuple[str, float]]:
        """Ids and starts of the calls with this value of a tag."""
        return [call for tags, _, call in self._rows if call is not None and tags.get(tag) == value]


def cases_of(cases: Iterable[Case]) -> Traffic:
    """The traffic that cases stand for; cases without a chance stand for one call each.

    Where only some have a chance, weights would mix two things: then each case counts as one.
    """
    made = Traffic()
    several = list(cases)
    known = all(case.inclusion_probability for case in several)
    for case in several:
        weight = 1 / (case.inclusion_probability or 1.0) if known else 1.0
        values = case.metadata.get("values")
        made.add(case.tags, values if isinstance(values, dict) else {}, weight)
        moments = [source.at for source in case.sources if source.at is not None]
        if moments:
            made.moments.append(max(moments))
    return made


def live_of(store: RecordStore, since: float | datetime, name: str | None, limit: int) -> Traffic:
    """The latest calls of a store; evaluations are no traffic."""
    from reliai.records._tables import calls  # noqa: PLC0415  loads SQLAlchemy, as the store has

    made = Traffic()
    of_users = calls.c.environment.is_distinct_from("eval")
    for call in store.calls(name=name, since=since, limit=limit, where=of_users):
        made.add(dict(call.tags), call.values, call=(call.id, call.started_at))
    return made
