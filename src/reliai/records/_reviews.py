"""Who reviews which calls: slots that are claimed for a time, submitted once, and never too many.

A claim is one transaction that no other writer of feedback runs beside, so that two reviewers
cannot both get the last slot of a call.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, insert, or_, select, update

from reliai.records._asked import asked, plain
from reliai.records._review_queues import (
    behind,
    given_by,
    held_by,
    queues_in,
    set_settings,
    slot_of,
)
from reliai.records._tables import calls, review_items, review_slots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from reliai.records._writer import Writer
    from reliai.records.revision import Revision

__all__ = ["Claimed", "Progress", "Reviews", "Wanted"]

_AT_ONCE = 500


class Wanted(NamedTuple):
    """A call that is to be reviewed.

    Attributes:
        call_id: its id.
        rule: why; None for none.
        priority: lower ones come first.
        inclusion_probability: how likely it was to be chosen; None where nobody knows.
        other: the id of the call that it is compared with; "" for none.
    """

    call_id: str
    rule: str | None = None
    priority: int = 0
    inclusion_probability: float | None = None
    other: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """What it is known by in its queue."""
        return self.call_id, self.other


class Claimed(NamedTuple):
    """A slot that a reviewer has.

    Attributes:
        item: the number of the item.
        lease: what shows that it is theirs.
        leased_until: Unix seconds.
        wanted: the call.
    """

    item: int
    lease: str
    leased_until: float
    wanted: Wanted


class Progress(NamedTuple):
    """How far a queue is.

    Attributes:
        items: calls in it.
        done: those that have all their reviews.
        submitted: reviews there are, by reviewer.
        claimed: slots that somebody has now.
    """

    items: int
    done: int
    submitted: dict[str, int]
    claimed: int


class Reviews:
    """The review queues of a store.

    Args:
        writer: of the store.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def add(self, queue: str, wanted: Iterable[Wanted], now: float) -> int:
        """Put calls into a queue; of those that are in it the higher chance is kept.

        Returns:
            How many are new in it.
        """
        found = list({one.place: one for one in wanted}.values())
        pieces = [found[start : start + _AT_ONCE] for start in range(0, len(found), _AT_ONCE)]
        return sum(
            self._writer.patiently(lambda some=some: self._add(queue, some, now))  # type: ignore[misc]
            for some in pieces
        )

    def _add(self, queue: str, wanted: Sequence[Wanted], now: float) -> int:
        with self._writing() as connection:
            before = _there(connection, queue, [one.call_id for one in wanted])
            for one in wanted:
                known = before.get(one.place)
                chance = one.inclusion_probability
                if known is not None and chance is not None and (known[1] or 0.0) < chance:
                    higher = update(review_items).where(review_items.c.seq == known[0])
                    connection.execute(higher.values(inclusion_probability=chance))
            rows = [
                {"queue": plain(queue), **one._asdict(), "added_at": now, "done": False}
                for one in wanted
                if one.place not in before
            ]
            if rows:
                connection.execute(insert(review_items), rows)
            return len(rows)

    def claim(
        self,
        queue: str,
        reviewer: str,
        *,
        reviews: int,
        lease: float,
        now: float,
        after: int | None = None,
    ) -> Claimed | None:
        """A slot of the call that comes first of those the reviewer has none of; None for none.

        Args:
            queue: its name.
            reviewer: who asks.
            reviews: slots that a call has.
            lease: seconds until another may have it, unless something is submitted.
            now: Unix seconds.
            after: the number of an item: those behind it come first.
        """
        free = _next(queue, reviewer, reviews, now)
        wanted = [free] if after is None else [free.where(behind(after)), free]
        return self._writer.patiently(lambda: self._claim(reviewer, wanted, reviews, now, lease))

    def _claim(
        self, reviewer: str, wanted_in_turn: Sequence[Any], reviews: int, now: float, lease: float
    ) -> Claimed | None:
        with self._writing() as connection:
            looked = (connection.execute(each).first() for each in wanted_in_turn)
            found = next((row for row in looked if row is not None), None)
            if found is None:
                return None
            seq, *wanted = found
            claimed = Claimed(seq, uuid.uuid4().hex, now + lease, Wanted(*wanted))
            _make_room(connection, seq, reviewer, reviews)
            row = {"item": seq, "reviewer": plain(reviewer), "lease": claimed.lease}
            connection.execute(insert(review_slots).values(**row, leased_until=now + lease))
            return claimed

    def held(self, queue: str, reviewer: str, now: float) -> Claimed | None:
        """The slot that a reviewer has and has not submitted; None for none."""
        with self._writer.reading() as connection:
            return _claimed(held_by(connection, queue, reviewer, now))

    def slot(
        self, queue: str, reviewer: str, item: int, *, submitted: bool = False
    ) -> Claimed | None:
        """The slot that a reviewer has of an item, also when its lease is over.

        Args:
            queue: its name.
            reviewer: who has it.
            item: the number of the item.
            submitted: one that was submitted, or one that was not.

        Returns:
            None when there is none: another came after the lease was over.
        """
        with self._writer.reading() as connection:
            return _claimed(slot_of(connection, queue, reviewer, item, submitted=submitted))

    def given(self, queue: str, reviewer: str, limit: int) -> list[int]:
        """The numbers of the items that somebody reviewed, the latest first."""
        with self._writer.reading() as connection:
            return given_by(connection, queue, reviewer, limit)

    def queues(self) -> dict[str, dict[str, Any]]:
        """The queues that there are, each with the settings that were kept of it."""
        with self._writer.reading() as connection:
            return queues_in(connection)

    def keep_settings(self, queue: str, settings: Mapping[str, Any]) -> None:
        """Keep the settings of a queue; where they name no labels, those that are there stay."""

        def action() -> None:
            with self._writing() as connection:
                set_settings(connection, queue, settings)

        self._writer.patiently(action)

    def renew(self, lease: str, until: float) -> bool:
        """Have a slot for longer; say whether it is still there."""

        def action() -> bool:
            with self._writing() as connection:
                longer = update(review_slots).where(*_open(lease)).values(leased_until=until)
                return connection.execute(longer).rowcount == 1

        return self._writer.patiently(action)

    def release(self, lease: str) -> None:
        """Let another have the slot, unless something was submitted."""

        def action() -> None:
            with self._writing() as connection:
                connection.execute(delete(review_slots).where(*_open(lease)))

        self._writer.patiently(action)

    def submit(
        self, claimed: Claimed, revisions: Sequence[Revision], *, reviews: int, now: float
    ) -> bool:
        """Keep a review with its feedback, all or nothing; False when the slot is lost."""

        def action() -> bool:
            with self._writing() as connection:
                mine = update(review_slots).where(*_open(claimed.lease)).values(submitted_at=now)
                if connection.execute(mine).rowcount != 1:
                    return False
                self._writer.inbox.write_in(connection, revisions)
                there = select(func.count()).where(
                    review_slots.c.item == claimed.item, review_slots.c.submitted_at.is_not(None)
                )
                if (connection.execute(there).scalar() or 0) >= reviews:
                    done = update(review_items).where(review_items.c.seq == claimed.item)
                    connection.execute(done.values(done=True))
                return True

        return self._writer.patiently(action)

    def progress(self, queue: str, now: float) -> Progress:
        """How far the queue is."""
        mine = review_items.c.queue == asked(queue)
        theirs = select(review_slots.c.reviewer, func.count()).join(
            review_items, review_items.c.seq == review_slots.c.item
        )
        submitted = theirs.where(mine, review_slots.c.submitted_at.is_not(None))
        held = theirs.where(
            mine, review_slots.c.submitted_at.is_(None), review_slots.c.leased_until > now
        )
        counted = select(review_items.c.done, func.count()).where(mine)
        with self._writer.reading() as connection:
            done = _counts(connection.execute(counted.group_by(review_items.c.done)))
            by = _counts(connection.execute(submitted.group_by(review_slots.c.reviewer)))
            claimed = sum(n for _, n in connection.execute(held.group_by(review_slots.c.reviewer)))
        return Progress(sum(done.values()), done.get(True, 0), by, claimed)

    def wanted(self, queue: str) -> list[Wanted]:
        """The calls of a queue, in the order they were put there."""
        columns = [review_items.c[name] for name in Wanted._fields]
        found = select(*columns).where(review_items.c.queue == asked(queue))
        with self._writer.reading() as connection:
            return [Wanted(*row) for row in connection.execute(found.order_by(review_items.c.seq))]

    def reviewers(self, queue: str) -> dict[tuple[str, str], set[str]]:
        """Who has submitted a review of which call, and of the call that it was compared with."""
        found: dict[tuple[str, str], set[str]] = {}
        submitted = (
            select(review_items.c.call_id, review_items.c.other, review_slots.c.reviewer)
            .join(review_slots, review_slots.c.item == review_items.c.seq)
            .where(review_items.c.queue == asked(queue), review_slots.c.submitted_at.is_not(None))
        )
        with self._writer.reading() as connection:
            for call_id, other, reviewer in connection.execute(submitted):
                found.setdefault((call_id, other), set()).add(reviewer)
        return found

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._writer.open()
        with self._writer.database.writing() as connection:
            self._writer.database.lock_feedback(connection)
            yield connection


def _claimed(found: Any) -> Claimed | None:
    if found is None:
        return None
    item, lease, leased_until, *wanted = found
    return Claimed(item, lease, leased_until, Wanted(*wanted))


def _there(
    connection: Connection, queue: str, identifiers: list[str]
) -> dict[tuple[str, str], tuple[int, float | None]]:
    columns = (
        review_items.c.call_id,
        review_items.c.other,
        review_items.c.seq,
        review_items.c.inclusion_probability,
    )
    known = select(*columns).where(
        review_items.c.queue == asked(queue), review_items.c.call_id.in_(identifiers)
    )
    rows = connection.execute(known)
    return {(call_id, other): (seq, chance) for call_id, other, seq, chance in rows}


def _counts(rows: Iterable[Any]) -> dict[Any, int]:
    return {key: int(count) for key, count in rows}


def _make_room(connection: Connection, item: int, reviewer: str, reviews: int) -> None:
    """Take the slots of an item whose lease is over, as far as one is needed: late reviews count.

    That there is a free one was seen before, so those that are over are the ones taken.
    """
    mine = review_slots.c.item == item
    own = review_slots.c.reviewer == asked(reviewer)
    connection.execute(delete(review_slots).where(mine, own))
    open_ones = (
        select(review_slots.c.lease)
        .where(mine, review_slots.c.submitted_at.is_(None))
        .order_by(review_slots.c.leased_until)
    )
    taken = connection.execute(select(func.count()).where(mine)).scalar() or 0
    for lease in connection.execute(open_ones).scalars().all()[: max(0, taken + 1 - reviews)]:
        connection.execute(delete(review_slots).where(review_slots.c.lease == lease))


def _next(queue: str, reviewer: str, reviews: int, now: float) -> Any:
    of_item = (
        review_slots.c.item == review_items.c.seq,
        or_(review_slots.c.submitted_at.is_not(None), review_slots.c.leased_until > now),
    )
    slots = select(func.count()).where(*of_item)
    mine = select(review_slots.c.item).where(*of_item, review_slots.c.reviewer == asked(reviewer))
    columns = [review_items.c[name] for name in ("seq", *Wanted._fields)]
    others = select(calls.c.id).where(calls.c.id == review_items.c.other)
    free = select(*columns).where(
        review_items.c.queue == asked(queue),
        ~review_items.c.done,
        select(calls.c.id).where(calls.c.id == review_items.c.call_id).exists(),
        or_(review_items.c.other == "", others.correlate(review_items).exists()),
        slots.correlate(review_items).scalar_subquery() < reviews,
        ~mine.correlate(review_items).exists(),
    )
    return free.order_by(review_items.c.priority, review_items.c.seq).limit(1)


def _open(lease: str) -> tuple[Any, ...]:
    return review_slots.c.lease == lease, review_slots.c.submitted_at.is_(None)
