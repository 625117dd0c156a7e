"""What the pages of review queues show: queues, and one call as a reviewer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from reliai.errors import ConfigurationError
from reliai.feedback import ReviewQueue
from reliai.ui._saying import as_said, text_shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.feedback import ReviewItem
    from reliai.records import RecordStore
    from reliai.records.revision import Revision
    from reliai.ui._saying import Text

__all__ = ["Draft", "Place", "Row", "of_item", "of_own", "place_of", "queue_named", "rows_of"]

_MOST = 1_000
"""Reviews of one's own that one can go back through."""


@dataclass(frozen=True, slots=True)
class Row:
    """A queue in the list.

    Attributes:
        name: of the queue.
        labels: that may be given.
        items, done, mine, claimed: calls in it, those with all reviews, reviews of the visitor,
            and calls that somebody has now.
        reviewers: reviews by person.
        per_item: how many people review a call.
    """

    name: str
    labels: tuple[Any, ...]
    items: int
    done: int
    mine: int
    claimed: int
    reviewers: dict[str, int]
    per_item: int

    @property
    def share(self) -> float:
        """Of the calls that are done."""
        return self.done / self.items if self.items else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in the form.

    Attributes:
        label: that is chosen, as text; of a pair "call", "other" or "tie".
        correction: as text.
        comment: in words.
    """

    label: str = ""
    correction: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A call to review, or one that was reviewed; or a pair of calls.

    Attributes:
        item: what the visitor has, or has submitted.
        output: as text.
        draft: what stands in the form.
    """

    item: ReviewItem
    output: Text
    draft: Draft

    @property
    def key(self) -> str:
        """Tells it from others in the browser."""
        other = self.item.other
        return self.item.call.id if other is None else f"{self.item.call.id} {other.id}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one is among one's own reviews.

    Attributes:
        before: the number of the item reviewed before; None for none.
        after: of the one reviewed after; None where that is the call under way.
    """

    before: int | None
    after: int | None


def queue_named(store: RecordStore | None, name: str) -> ReviewQueue:
    """A queue of the store.

    Raises:
        HTTPException: 404 when there is none.
    """
    if store is None:
        raise HTTPException(404, "There is no record store.")
    try:
        return ReviewQueue.open(name, store=store)
    except ConfigurationError as error:
        raise HTTPException(404, f"There is no review queue {name!r}.") from error


def rows_of(store: RecordStore, visitor: str | None) -> list[Row]:
    """All queues, those with work first."""
    rows = [row_of(queue, visitor) for queue in ReviewQueue.list(store=store)]
    return sorted(rows, key=lambda row: (row.items == row.done, row.name))


def row_of(queue: ReviewQueue, visitor: str | None) -> Row:
    """How far one queue is."""
    progress = queue.progress()
    return Row(
        queue.name,
        queue.labels or (),
        progress.items,
        progress.done,
        progress.submitted.get(visitor or "", 0),
        progress.claimed,
        dict(sorted(progress.submitted.items(), key=lambda each: (-each[1], each[0]))),
        queue.reviews_per_item,
    )


def of_item(item: ReviewItem, draft: Draft | None = None) -> Shown:
    """A call that the visitor has."""
    output = text_shown(item.call.output)
    return Shown(item=item, output=output, draft=draft or Draft(correction=as_said(output.text)))


def of_own(queue: ReviewQueue, item: ReviewItem, visitor: str) -> Shown:
    """A call that the visitor reviewed, with what they said."""
    output = text_shown(item.call.output)
    current = queue.store.feedback.current(item.call.id, by=visitor)
    if item.other is not None:
        return Shown(item=item, output=output, draft=_preferred(item, item.other.id, current))
    said = {one.name: one for one in current}
    review, correction = said.get(queue.name), said.get("correction")
    text = output.text if correction is None else text_shown(correction.value).text
    draft = Draft(
        label="" if review is None else str(review.value),
        correction=as_said(text),
        comment=(review.comment or "") if review is not None else "",
    )
    return Shown(item=item, output=output, draft=draft)


def _preferred(item: ReviewItem, other: str, current: Iterable[Revision]) -> Draft:
    both = {item.call.id, other}
    for one in current:
        if one.kind == "preference" and {one.call_id, one.other} == both:
            better = one.value["better"]
            label = "tie" if better is None else "call" if better == item.call.id else "other"
            return Draft(label=label, comment=one.comment or "")
    return Draft()


def place_of(queue: ReviewQueue, visitor: str, number: int | None) -> Place:
    """Where an item is among the reviews of the visitor; None: the call under way."""
    given = queue.given(visitor, limit=_MOST)
    if number is None:
        return Place(given[0] if given else None, None)
    if number not in given:
        raise HTTPException(404, "You have not reviewed this call.")
    at = given.index(number)
    before = given[at + 1] if at + 1 < len(given) else None
    return Place(before, given[at - 1] if at else None)
