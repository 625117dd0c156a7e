"""Queues of calls for people to review: chosen by rules, claimed for a time, blind, and compared.

Which calls get in is recorded with its chance, so that what reviewers find can be read as a number
on all traffic. What they say is feedback like any other, under the queue's name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai.datasets._capture_calls import EndedCall, Said, chance_of
from reliai.datasets.rules import checked_rules
from reliai.errors import ConfigurationError
from reliai.feedback._checked import word_of
from reliai.feedback._review_items import Claim, ReviewItem
from reliai.feedback._stores import store_for
from reliai.feedback._walking import pieces
from reliai.records._reviews import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Literal

    from reliai.datasets.rules import Judge, Rule
    from reliai.records import RecordStore, StoredCall
    from reliai.records._reviews import Progress
    from reliai.stats import Agreement, ProductionEstimate

__all__ = ["ReviewAgreement", "ReviewQueue"]


@dataclass(frozen=True, slots=True)
class ReviewAgreement:
    """How far the reviewers of a queue agree. Show both numbers: neither says enough by itself.

    Attributes:
        alpha: Krippendorff's, of all reviewers, with reviews missing.
        kappa: Cohen's, where there are just two reviewers; else None.
        reviews: how many each reviewer has given.
        apart: of each reviewer, the share of their reviews that no other of that call shares; None
            where no other has reviewed the same calls.
        conflicts: calls whose reviewers do not agree, for somebody to look at.
    """

    alpha: Agreement
    kappa: Agreement | None
    reviews: dict[str, int]
    apart: dict[str, float | None]
    conflicts: tuple[str, ...]


class ReviewQueue:
    """Calls that people review. It lives in the record store: all processes see the same.

    Args:
        name: of the queue; labels are feedback of this name.
        rules: which calls get in, as of `Capture`: `[on_feedback("thumbs", 0), below("confidence",
            .6), uniform(.02)]`. Without any, only what `add` puts there.
        reviews_per_item: how many people review a call: never more.
        lease: seconds that somebody has a call for, until another may have it.
        blind: whether reviewers see nothing of what others said in review: labels, corrections,
            preferences.
        labels: those that may be given; None for any.
        store: the record store; by default the one that is configured.

    Raises:
        ConfigurationError: for a setting that is wrong.
    """

    def __init__(
        self,
        name: str,
        *,
        rules: Iterable[Rule] | None = None,
        reviews_per_item: int = 1,
        lease: float = 900.0,
        blind: bool = True,
        labels: Sequence[str] | None = None,
        store: RecordStore | None = None,
    ) -> None:
        self.name = word_of("ReviewQueue", "name", name)
        self.rules = () if rules is None else checked_rules(rules)
        if any(rule.name.startswith("novel(") and ":" not in rule.name for rule in self.rules):
            message = 'ReviewQueue(rules=…): novel() needs content; use novel("tag:…") or a Capture'
            raise ConfigurationError(message)
        if type(reviews_per_item) is not int or reviews_per_item < 1:
            message = f"ReviewQueue(reviews_per_item={reviews_per_item!r}): must be at least 1"
            raise ConfigurationError(message)
        if type(lease) not in {int, float} or not 0 < lease < 1e9:
            raise ConfigurationError(f"ReviewQueue(lease={lease!r}): must be seconds above 0")
        self.reviews_per_item = reviews_per_item
        self.lease = float(lease)
        self.blind = bool(blind)
        self.labels = None if labels is None else tuple(labels)
        self._store = store
        self._told = False

    @classmethod
    def open(cls, name: str, *, store: RecordStore | None = None) -> ReviewQueue:
        """A queue as it was set up by whoever filled it, without its rules.

        Args:
            name: of the queue.
            store: the record store; by default the one that is configured.

        Raises:
            ConfigurationError: when there is no such queue.
        """
        known = (store or store_for(f"ReviewQueue.open({name!r})")).reviews.queues()
        if name not in known:
            there = ", ".join(known) or "none"
            raise ConfigurationError(f"ReviewQueue.open({name!r}): unknown; there are: {there}")
        queue = cls(name, store=store, **known[name])
        queue._told = True
        return queue

    @classmethod
    def list(cls, *, store: RecordStore | None = None) -> tuple[ReviewQueue, ...]:
        """All queues of a store, by name."""
        known = (store or store_for("ReviewQueue.list")).reviews.queues()
        return tuple(cls.open(name, store=store) for name in known)

    @property
    def store(self) -> RecordStore:
        """The record store that it lives in."""
        return self._store or store_for(f"ReviewQueue({self.name!r})")

    # --- what gets in -----------------------------------------------------------------------------
    def fill(self, *, since: float | datetime | None = None, **which: Any) -> int:
        """Have the rules look at the calls of the store; call it as often as you like.

        Which calls a rate takes is decided by the call's id, so all processes decide alike, and
        looking again adds only what has come or was said meanwhile.

        Args:
            since: when the calls started at the earliest.
            **which: as of `RecordStore.calls`: name, status, subject, where …

        Returns:
            How many calls are new in the queue.

        Raises:
            ConfigurationError: without rules.
        """
        if not self.rules:
            message = f"ReviewQueue({self.name!r}).fill: it has no rules; give some, or use add"
            raise ConfigurationError(message)
        self._tell()
        judges = [None if rule.start is None else rule.start() for rule in self.rules]
        store, added = self.store, 0
        for calls in pieces(store, since, which):
            chosen = [one for call in calls if (one := self._judged(call, judges)) is not None]
            added += store.reviews.add(self.name, chosen, clock.active().time())
        return added

    def _judged(self, call: StoredCall, judges: Sequence[Judge | None]) -> Wanted | None:
        if call.environment == "eval":
            return None
        ended = EndedCall(call, _no_content)
        said = [Said(one.name, one.value, one.at) for one in call.feedback if one.name != self.name]
        matching = [
            rule
            for rule, judge in zip(self.rules, judges, strict=True)
            if _matches(rule, judge, ended, said)
        ]
        chance = max((rule.rate for rule in matching), default=0.0)
        if chance_of(call.id, f"review:{self.name}") >= chance:
            return None
        first = min((rule for rule in matching if rule.rate == chance), key=lambda rule: rule.rank)
        return Wanted(call.id, first.name, first.rank, float(chance))

    def add(self, *call_ids: str, priority: int = 0, rule: str | None = None) -> int:
        """Put calls into the queue by hand; they stand for no others in `estimate`.

        Args:
            *call_ids: of the calls.
            priority: lower ones come first; rules have 0 (errors) to 5 (uniform).
            rule: why.

        Returns:
            How many are new in it.
        """
        self._tell()
        wanted = [Wanted(word_of("add", "call_id", one), rule, priority) for one in call_ids]
        return self.store.reviews.add(self.name, wanted, clock.active().time())

    def _tell(self) -> None:
        """Keep the settings, once, for those who open the queue by its name."""
        if self._told:
            return
        names = ("labels", "reviews_per_item", "lease", "blind")
        self.store.reviews.keep_settings(self.name, {name: getattr(self, name) for name in names})
        self._told = True

    # --- reviewing --------------------------------------------------------------------------------
    def claim(self, reviewer: str) -> Claim:
        """The next call that this reviewer has not reviewed, for `lease` seconds.

        Use it as a context manager: it gives a `ReviewItem`, or None when there is nothing to do.
        When the block ends and nothing was submitted, another may have the call.
        """
        return Claim(self, word_of("ReviewQueue.claim", "reviewer", reviewer))

    def take(self, reviewer: str, *, after: int | None = None) -> ReviewItem | None:
        """The same without a block: it is given back by `release()`, or when its lease is over.

        Args:
            reviewer: who reviews.
            after: the `number` of an item that is passed over: those behind it come first.
        """
        word_of("ReviewQueue.take", "reviewer", reviewer)
        self._tell()
        self.store.flush()
        while True:
            claimed = self.store.reviews.claim(
                self.name,
                reviewer,
                reviews=self.reviews_per_item,
                lease=self.lease,
                now=clock.active().time(),
                after=after,
            )
            if claimed is None:
                return None
            call = self.store.get(claimed.wanted.call_id)
            if call is None:  # it was deleted just now
                self.store.reviews.release(claimed.lease)
                continue
            return ReviewItem(self, reviewer, claimed, self._shown(call))

    def resume(self, reviewer: str, *, call_id: str | None = None) -> ReviewItem | None:
        """The call that a reviewer has taken and not submitted: after a restart, or a reload.

        Args:
            reviewer: who has it.
            call_id: this one, also when its lease is over and nobody else has come.

        Returns:
            None when there is none, or when another has it now.
        """
        word_of("ReviewQueue.resume", "reviewer", reviewer)
        now = clock.active().time()
        claimed = self.store.reviews.held(self.name, reviewer, now, call_id)
        call = None if claimed is None else self.store.get(claimed.wanted.call_id)
        if claimed is None or call is None:
            return None
        return ReviewItem(self, reviewer, claimed, self._shown(call))

    def given(self, reviewer: str, *, limit: int = 100) -> tuple[str, ...]:
        """The calls that somebody has reviewed, the latest first."""
        return tuple(one.call_id for one in self.store.reviews.given(self.name, reviewer, limit))

    def _shown(self, call: StoredCall) -> StoredCall:
        if not self.blind:
            return call
        reviewed = {self.name, "correction", "preference"}
        said = tuple(one for one in call.feedback if one.name not in reviewed)
        return replace(call, feedback=said)

    def progress(self) -> Progress:
        """How far it is: items, done, submitted by reviewer, claimed."""
        return self.store.reviews.progress(self.name, clock.active().time())

    # --- what came of it --------------------------------------------------------------------------
    def labels_given(self) -> dict[str, dict[str, Any]]:
        """The current label of each reviewer, by call; those that were retracted are not there."""
        reviewers = self.store.reviews.reviewers(self.name)
        found: dict[str, dict[str, Any]] = {}
        for said in self.store.feedback.current(name=self.name, limit=None):
            if said.call_id in reviewers and said.by in reviewers[said.call_id]:
                found.setdefault(said.call_id, {})[said.by] = said.value
        return found

    def agreement(
        self, level: Literal["nominal", "ordinal", "interval", "ratio"] = "nominal"
    ) -> ReviewAgreement:
        """How far the reviewers agree.

        Args:
            level: of the labels: "nominal" words, "ordinal" grades, "interval" or "ratio" numbers.
        """
        from reliai.stats import cohen_kappa, krippendorff_alpha  # noqa: PLC0415  loads numpy

        given = self.labels_given()
        people = sorted({who for labels in given.values() for who in labels})
        rows = [[labels.get(who) for labels in given.values()] for who in people]
        kappa = cohen_kappa(*rows) if len(rows) == 2 else None
        apart = {who: _apart(who, given.values()) for who in people}
        conflicts = tuple(
            call_id for call_id, labels in given.items() if len(set(map(repr, labels.values()))) > 1
        )
        counts = {who: sum(who in labels for labels in given.values()) for who in people}
        return ReviewAgreement(krippendorff_alpha(rows, level), kappa, counts, apart, conflicts)

    def estimate(
        self, label: Any, *, confidence: float = 0.95, score: Callable[[Any], float] | None = None
    ) -> ProductionEstimate:
        """The share of all calls that reviewers would give this label, with its interval.

        Each reviewed call stands for one over its inclusion probability; several reviews of one
        are averaged. Calls that were put there by hand stand for none.

        Args:
            label: the label to count.
            confidence: in (0, 1).
            score: a number for each label, in place of whether it is `label`.
        """
        from reliai.stats import production_estimate  # noqa: PLC0415  loads numpy

        chances = {
            one.call_id: one.inclusion_probability for one in self.store.reviews.wanted(self.name)
        }
        values: list[float] = []
        shares: list[float] = []
        for call_id, labels in self.labels_given().items():
            chance = chances.get(call_id)
            if chance is not None:
                scores = [
                    float(given == label) if score is None else float(score(given))
                    for given in labels.values()
                ]
                values.append(sum(scores) / len(scores))
                shares.append(chance)
        return production_estimate(values, shares, confidence=confidence)

    def __repr__(self) -> str:
        return f"<reliai.feedback.ReviewQueue {self.name!r}>"


def _no_content() -> None:
    """A queue keeps no content: it is with the calls."""


def _matches(rule: Rule, judge: Judge | None, call: EndedCall, said: Sequence[Said]) -> bool:
    # Every judge sees every call, for those that remember.
    now = judge is not None and bool(judge(call))
    return now or (rule.late is not None and any(rule.late(one) for one in said))


def _apart(who: str, given: Iterable[dict[str, Any]]) -> float | None:
    compared = [labels for labels in given if who in labels and len(labels) > 1]
    if not compared:
        return None
    alone = [
        all(labels[who] != label for other, label in labels.items() if other != who)
        for labels in compared
    ]
    return sum(alone) / len(alone)
