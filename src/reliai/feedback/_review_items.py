"""One call that a reviewer has, and what they can do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai._core import ids
from reliai.feedback._checked import data_of, text_of
from reliai.feedback._pairs import TIE
from reliai.feedback._stores import tell
from reliai.feedback.failures import FeedbackError, LeaseLost
from reliai.records.revision import Revision

if TYPE_CHECKING:
    from types import TracebackType

    from reliai.feedback.reviews import ReviewQueue
    from reliai.records import StoredCall
    from reliai.records._reviews import Claimed
    from reliai.records.revision import Kind

__all__ = ["Claim", "ReviewItem"]


class ReviewItem:
    """A call to review.

    Attributes:
        call: the call; of a blind queue without what other reviewers said.
        other: of a pair the other call; None for none. Which is which is not the same for all
            reviewers, and in a blind queue neither says which model or arm it is of.
        number: its place in the queue; `take(after=…)` goes on behind it.
        reviewer: who has it.
        rule: why it is in the queue; None for none.
        inclusion_probability: how likely it was to be chosen; None where nobody knows.
        leased_until: Unix seconds.
        submitted: whether a review of it was submitted by now.
    """

    def __init__(
        self,
        queue: ReviewQueue,
        reviewer: str,
        claimed: Claimed,
        call: StoredCall,
        other: StoredCall | None = None,
    ) -> None:
        self._queue = queue
        self._claimed = claimed
        self.call = call
        self.other = other
        self.number = claimed.item
        self.reviewer = reviewer
        self.rule = claimed.wanted.rule
        self.inclusion_probability = claimed.wanted.inclusion_probability
        self.leased_until = claimed.leased_until
        self.submitted = False

    @property
    def call_id(self) -> str:
        """The call's id; of a pair, the one that is shown first."""
        return self.call.id

    @property
    def pair(self) -> bool:
        """Whether two calls are to be compared: by `prefer`, and not by `submit`."""
        return self.other is not None

    def submit(self, label: Any, *, correction: Any = None, comment: str | None = None) -> None:
        """Give the review: feedback of the queue's name, and a correction if there is one.

        It is in the database when this returns, with the slot, or nothing is. To change it later,
        `feedback.record(call_id, queue.name, label, by=reviewer)`.

        Args:
            label: the judgement: one of the queue's labels, where it has some.
            correction: what the output should have been; None for nothing to correct.
            comment: in words.

        Raises:
            FeedbackError: for a label that is none, a second review, or a pair.
            LeaseLost: when the lease was over, and another has the slot.
        """
        where = "ReviewItem.submit"
        if self.other is not None:
            raise FeedbackError(f"{where}: these are two calls: use prefer")
        labels = self._queue.labels
        if label is None or (labels is not None and label not in labels):
            expected = "anything but None" if labels is None else f"one of {labels!r}"
            raise FeedbackError(f"{where}(label={label!r}): must be {expected}")
        said = text_of(where, "comment", comment)
        given = [self._revision("value", self._queue.name, data_of(where, "label", label)[0], said)]
        if correction is not None:
            output = data_of(where, "correction", correction)[0]
            given.append(self._revision("correction", "correction", output, None))
        self._give(where, given)

    def prefer(self, better: str, *, comment: str | None = None) -> None:
        """Say which call of a pair answered better; feedback as of `feedback.prefer`.

        It is in the database when this returns, with the slot, or nothing is. To change it later,
        `feedback.prefer(better=…, worse=…, by=reviewer)`.

        Args:
            better: "call", "other", the id of one of them, or "tie" for neither.
            comment: in words.

        Raises:
            FeedbackError: for anything else, a second review, or an item that is no pair.
            LeaseLost: when the lease was over, and another has the slot.
        """
        where = "ReviewItem.prefer"
        if self.other is None:
            raise FeedbackError(f"{where}: this is one call: use submit")
        names = {"call": self.call.id, "other": self.other.id, TIE: None}
        names.update({self.call.id: self.call.id, self.other.id: self.other.id})
        if better not in names:
            expected = '"call", "other", "tie" or one of their ids'
            raise FeedbackError(f"{where}({better!r}): must be {expected}")
        best = names[better]
        worst = next(one for one in (self.call.id, self.other.id) if one != best)
        value = {"better": best, "worse": None if best is None else worst}
        first, second = sorted((self.call.id, self.other.id))
        said = text_of(where, "comment", comment)
        one = self._revision("preference", "preference", value, said)
        self._give(where, [one._replace(call_id=first, other=second)])

    def _give(self, where: str, given: list[Revision]) -> None:
        if self.submitted:
            raise FeedbackError(f"{where}: a review of {self.call_id} was submitted already")
        if not self._queue.store.reviews.submit(
            self._claimed,
            given,
            reviews=self._queue.reviews_per_item,
            now=clock.active().time(),
        ):
            message = f"{where}: the lease on {self.call_id} is over, and another has the slot"
            raise LeaseLost(message)
        self.submitted = True
        for one in given:
            tell(one)

    def _revision(self, kind: Kind, name: str, value: Any, comment: str | None) -> Revision:
        now = clock.active().time()
        key = ids.as_text(ids.new(now))
        return Revision(
            key, kind, name, value, now, now, self.call_id, by=self.reviewer, comment=comment
        )

    def renew(self) -> None:
        """Have it for as long again.

        Raises:
            LeaseLost: when the lease was over, and another has the slot.
        """
        until = clock.active().time() + self._queue.lease
        if not self._queue.store.reviews.renew(self._claimed.lease, until):
            raise LeaseLost(f"ReviewItem.renew: the lease on {self.call_id} is over")
        self.leased_until = until

    def release(self) -> None:
        """Let another have it; nothing happens after `submit`."""
        if not self.submitted:
            self._queue.store.reviews.release(self._claimed.lease)

    def __repr__(self) -> str:
        return f"<reliai review of {self.call_id} by {self.reviewer!r}>"


class Claim:
    """A block in which a reviewer has a call."""

    def __init__(self, queue: ReviewQueue, reviewer: str) -> None:
        self._queue, self._reviewer = queue, reviewer
        self._item: ReviewItem | None = None

    def __enter__(self) -> ReviewItem | None:
        self._item = self._queue.take(self._reviewer)
        return self._item

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._item is not None:
            self._item.release()
