"""Queues of calls for people to review: chosen by rules, claimed for a time, blind, and compared.

Which calls get in is recorded with its chance, so that what reviewers find can be read as a number
on all traffic. What they say is feedback like any other, under the queue's name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai.datasets._capture_calls import EndedCall, Said, chance_of
from reliai.datasets.rules import checked_rules
from reliai.errors import ConfigurationError
from reliai.feedback._checked import word_of
from reliai.feedback._pairs import label_of, pairs_of_shadows, shown_first, unnamed
from reliai.feedback._review_items import Claim, ReviewItem
from reliai.feedback._review_results import ReviewAgreement, agreement_of, estimate_of
from reliai.feedback._stores import store_for
from reliai.feedback._walking import pieces
from reliai.feedback.failures import FeedbackError
from reliai.records._reviews import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Literal

    from reliai.datasets.rules import Judge, Rule
    from reliai.records import RecordStore, StoredCall
    from reliai.records._reviews import Claimed, Progress
    from reliai.stats import ProductionEstimate

__all__ = ["ReviewAgreement", "ReviewQueue"]


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

    def add_pair(
        self, call_id: str, other: str, *, priority: int = 0, rule: str | None = None
    ) -> int:
        """Put two calls into the queue, for reviewers to say which answered better.

        Args:
            call_id: the first call, for instance of the model that is used now.
            other: the second one; it should have been asked the same.
            priority: lower ones come first.
            rule: why.

        Returns:
            1 if they are new in it, else 0.

        Raises:
            FeedbackError: when both are the same call.
        """
        where = "ReviewQueue.add_pair"
        if word_of(where, "call_id", call_id) == word_of(where, "other", other):
            raise FeedbackError(f"{where}({call_id!r}, {other!r}): give two calls")
        self._tell()
        return self._put_pairs([Wanted(call_id, rule, priority, None, other)])

    def fill_pairs(
        self, *, rate: float = 1.0, since: float | datetime | None = None, **which: Any
    ) -> int:
        """Put calls into the queue, each with what a candidate answered in its `Shadow`.

        Those whose answers differ; the candidate is the second, so `estimate("second")` is how
        often it is preferred where it answers otherwise. The store must keep content. Call it as
        often as you like.

        Args:
            rate: the share of them, decided by a hash of the call's id.
            since: when the shadows started at the earliest.
            **which: of the shadows, as of `RecordStore.calls`: name, where …

        Returns:
            How many pairs are new in it.

        Raises:
            ConfigurationError: for a rate that is not in (0, 1].
        """
        if type(rate) not in {int, float} or not 0 < rate <= 1:
            raise ConfigurationError(f"ReviewQueue.fill_pairs(rate={rate!r}): must be in (0, 1]")
        self._tell()
        found = pairs_of_shadows(self.store, self.name, float(rate), since, which)
        return sum(map(self._put_pairs, found))

    def _put_pairs(self, wanted: Sequence[Wanted]) -> int:
        known = {one.place for one in self.store.reviews.wanted(self.name)} if wanted else set()
        new = [one for one in wanted if (one.other, one.call_id) not in known]
        return self.store.reviews.add(self.name, new, clock.active().time())

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
            item = self._item(reviewer, claimed)
            if item is not None:
                return item
            self.store.reviews.release(claimed.lease)  # it was deleted just now

    def resume(self, reviewer: str, *, number: int | None = None) -> ReviewItem | None:
        """The call that a reviewer has taken and not submitted: after a restart, or a reload.

        Args:
            reviewer: who has it.
            number: of this item, also when its lease is over and nobody else has come.

        Returns:
            None when there is none, or when another has it now.
        """
        word_of("ReviewQueue.resume", "reviewer", reviewer)
        reviews, now = self.store.reviews, clock.active().time()
        if number is None:
            claimed = reviews.held(self.name, reviewer, now)
        else:
            claimed = reviews.slot(self.name, reviewer, number)
        return None if claimed is None else self._item(reviewer, claimed)

    def reviewed(self, reviewer: str, number: int) -> ReviewItem | None:
        """A call that somebody has reviewed, to look at it again; None where they have not.

        Args:
            reviewer: who has reviewed it.
            number: of the item.
        """
        claimed = self.store.reviews.slot(self.name, reviewer, number, submitted=True)
        item = None if claimed is None else self._item(reviewer, claimed)
        if item is not None:
            item.submitted = True
        return item

    def given(self, reviewer: str, *, limit: int = 100) -> tuple[int, ...]:
        """The numbers of the items that somebody has reviewed, the latest first."""
        return tuple(self.store.reviews.given(self.name, reviewer, limit))

    def _item(self, reviewer: str, claimed: Claimed) -> ReviewItem | None:
        """What the reviewer sees; None when a call of it is gone."""
        call_id, other = claimed.wanted.place
        names = (call_id, other) if other else (call_id,)
        if other and not shown_first(self.name, reviewer, call_id, other):
            names = names[::-1]
        calls = [call for name in names if (call := self.store.get(name)) is not None]
        if len(calls) < len(names):
            return None
        if other and self.blind:
            shared = next(call.name for call in calls if call.id == call_id)
            calls = [unnamed(call, shared) for call in calls]
        return ReviewItem(self, reviewer, claimed, *map(self._shown, calls))

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
        """The current label of each reviewer, by call; those that were retracted are not there.

        Of a pair the label is "first", "second" or "tie", under both ids with " vs " between them.
        """
        return {_name_of(place): labels for place, labels in self._given().items()}

    def _given(self) -> dict[tuple[str, str], dict[str, Any]]:
        reviewers = self.store.reviews.reviewers(self.name)
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for said in self.store.feedback.current(name=self.name, limit=None):
            place = (said.call_id or "", "")
            if said.by is not None and said.by in reviewers.get(place, ()):
                found.setdefault(place, {})[said.by] = said.value
        pairs = {frozenset(place): place for place in reviewers if place[1]}
        for said in self.store.feedback.current(name="preference", limit=None) if pairs else ():
            both = pairs.get(frozenset((said.call_id or "", said.other or "")))
            if both is not None and said.by is not None and said.by in reviewers[both]:
                found.setdefault(both, {})[said.by] = label_of(said, *both)
        return found

    def agreement(
        self, level: Literal["nominal", "ordinal", "interval", "ratio"] = "nominal"
    ) -> ReviewAgreement:
        """How far the reviewers agree.

        Args:
            level: of the labels: "nominal" words, "ordinal" grades, "interval" or "ratio" numbers.
        """
        return agreement_of(self.labels_given(), level)

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
        chances = {
            one.place: one.inclusion_probability for one in self.store.reviews.wanted(self.name)
        }
        of_label = (lambda given: float(given == label)) if score is None else score
        given = {place: list(labels.values()) for place, labels in self._given().items()}
        return estimate_of(given, chances, of_label, confidence)

    def __repr__(self) -> str:
        return f"<reliai.feedback.ReviewQueue {self.name!r}>"


def _name_of(place: tuple[str, str]) -> str:
    return " vs ".join(filter(None, place))


def _no_content() -> None:
    """A queue keeps no content: it is with the calls."""


def _matches(rule: Rule, judge: Judge | None, call: EndedCall, said: Sequence[Said]) -> bool:
    # Every judge sees every call, for those that remember.
    now = judge is not None and bool(judge(call))
    return now or (rule.late is not None and any(rule.late(one) for one in said))
