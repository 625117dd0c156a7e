"""What is written down of a bandit: its batches, and what its variants came to in those before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.decisions.assignment import BUCKETS
from reliai.rollout.thompson import Pooled, chances_of_lowest, shares_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BanditPlan", "Batch", "Ledger", "Sums"]

_KEPT: Final = 200
"""Batches that are kept to be looked at."""

Sums = tuple[float, ...]
"""Of each variant in turn: calls, sum of their values, sum of their squares."""


class BanditPlan(NamedTuple):
    """All that a bandit's shares hang on, besides what was counted.

    Attributes:
        kind: "event" or "mean".
        floors: the least share of each variant, in their order.
        batch: seconds.
        min_calls: of each variant, before shares change at all.
        discount: what a batch weighs when the next one is over, in (0, 1].
    """

    kind: str
    floors: dict[str, float]
    batch: float
    min_calls: int
    discount: float


class Batch(NamedTuple):
    """A time in which the shares stay as they are.

    Attributes:
        number: from 0; it is the `phase` of choices and records.
        since: when it began, Unix seconds.
        shares: of each variant, in millionths.
        counts: of each variant calls, sum and sum of squares of their values; () while it runs.
        chances: of each variant to be the best one, that the shares were made from; {} at first.
    """

    number: int
    since: float
    shares: dict[str, int]
    counts: Sums = ()
    chances: dict[str, float] = {}  # noqa: RUF012  never changed


class Ledger(NamedTuple):
    """The document.

    Attributes:
        digest: of the settings.
        batches: the last ones; the one under way last. Of the two last ones the counts are in the
            state's counters, for calls end after their batch.
        pooled: what each variant came to in all batches before these two.
        killed: who ended it, and why; None while it goes on.
    """

    digest: str
    batches: tuple[Batch, ...]
    pooled: dict[str, Pooled]
    killed: tuple[str, str] | None = None

    @classmethod
    def first(cls, digest: str, plan: BanditPlan, now: float) -> Ledger:
        """Before the first call: the same share for all, as far as the floors allow."""
        names = list(plan.floors)
        shares = shares_by(dict.fromkeys(names, 1.0 / len(names)), plan.floors)
        return cls(digest, (Batch(0, now, shares),), {name: Pooled() for name in names})

    @classmethod
    def loaded(cls, data: bytes) -> Ledger:
        """From bytes.

        Raises:
            ValueError: when they are no document; so do KeyError and TypeError.
        """
        raw = json.loads(data)
        return cls(
            str(raw["digest"]),
            tuple(
                Batch(number, since, shares, tuple(counts), chances)
                for number, since, shares, counts, chances in raw["batches"]
            ),
            {name: Pooled(*each) for name, each in raw["pooled"].items()},
            None if raw["killed"] is None else (raw["killed"][0], raw["killed"][1]),
        )

    def dumped(self) -> bytes:
        """As bytes."""
        return json.dumps(self._asdict(), ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def live(self) -> tuple[Batch, ...]:
        """The batches whose counts still change."""
        return self.batches[-2:]

    def seen(self, counts: Mapping[int, Sums], discount: float) -> dict[str, Pooled]:
        """What each variant came to, with the batches that still change."""
        pooled = dict(self.pooled)
        for batch in self.live:
            pooled = _with(pooled, batch, counts.get(batch.number, ()), discount)
        return pooled

    def turned(self, plan: BanditPlan, counts: Mapping[int, Sums], now: float) -> Ledger:
        """With the next batch, whose shares follow from what was seen."""
        last = self.batches[-1]
        seen = self.seen(counts, plan.discount)
        chances: dict[str, float] = {}
        shares = last.shares
        if all(each.calls >= plan.min_calls for each in seen.values()):
            found = chances_of_lowest(plan.kind, list(seen.values()))
            chances = dict(zip(seen, found, strict=True))
            shares = shares_by(chances, plan.floors)
        done = [each._replace(counts=counts.get(each.number, ())) for each in self.live]
        pooled = self.pooled
        if len(done) > 1:
            pooled = _with(pooled, done[0], done[0].counts, plan.discount)
        before = self.batches[: -len(done)]
        batches = (*before, *done, Batch(last.number + 1, now, shares, (), chances))
        return self._replace(batches=batches[-_KEPT:], pooled=pooled)


def _with(
    pooled: Mapping[str, Pooled], batch: Batch, counts: Sequence[float], discount: float
) -> dict[str, Pooled]:
    made: dict[str, Pooled] = {}
    for number, (name, each) in enumerate(pooled.items()):
        sums: Any = counts[3 * number : 3 * number + 3] or (0.0, 0.0, 0.0)
        made[name] = each.aged(discount).with_batch(batch.shares[name] / BUCKETS, *sums)
    return made
