"""The review queues there are: their settings, and what a reviewer has and gave in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, insert, or_, select, update

from reliai.records._asked import asked, plain
from reliai.records._tables import review_items, review_queues, review_slots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

__all__ = ["behind", "given_by", "held_by", "queues_in", "set_settings", "slot_of"]


def queues_in(connection: Connection) -> dict[str, dict[str, Any]]:
    """All queues by name, each with the settings that were kept of it."""
    names = connection.execute(select(review_items.c.queue).distinct()).scalars()
    kept = connection.execute(select(review_queues.c.name, review_queues.c.settings))
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    found.update((name, dict(settings)) for name, settings in kept)
    return dict(sorted(found.items()))


def set_settings(connection: Connection, queue: str, settings: Mapping[str, Any]) -> None:
    """Keep the settings of a queue; where they name no labels, those that are there stay."""
    mine = review_queues.c.name == asked(queue)
    known = connection.execute(select(review_queues.c.settings).where(mine)).scalar()
    made = {name: plain(value) for name, value in settings.items()}
    if known is None:
        row = {"name": plain(queue), "settings": made}
        connection.execute(insert(review_queues).values(**row))
        return
    if made.get("labels") is None:
        made["labels"] = known.get("labels")
    if made != known:
        connection.execute(update(review_queues).where(mine).values(settings=made))


def held_by(connection: Connection, queue: str, reviewer: str, now: float) -> Any:
    """Item, lease, its end and the wanted call of what a reviewer has; None for nothing."""
    now_open = review_slots.c.submitted_at.is_(None), review_slots.c.leased_until > now
    found = _claims(queue, reviewer).where(*now_open).order_by(review_slots.c.leased_until.desc())
    return connection.execute(found.limit(1)).first()


def slot_of(
    connection: Connection, queue: str, reviewer: str, item: int, *, submitted: bool
) -> Any:
    """The same of one item; also when its lease is over and nobody else came."""
    at = review_slots.c.submitted_at
    mine = _claims(queue, reviewer).where(
        review_items.c.seq == item, at.is_not(None) if submitted else at.is_(None)
    )
    return connection.execute(mine).first()


def _claims(queue: str, reviewer: str) -> Any:
    wanted = ("call_id", "rule", "priority", "inclusion_probability", "other")
    slot = (review_slots.c.lease, review_slots.c.leased_until)
    return _slots(queue, reviewer, review_items.c.seq, *slot, *(review_items.c[n] for n in wanted))


def given_by(connection: Connection, queue: str, reviewer: str, limit: int) -> list[int]:
    """The numbers of the items that somebody reviewed, the latest first."""
    mine = _slots(queue, reviewer, review_items.c.seq)
    latest = mine.where(review_slots.c.submitted_at.is_not(None)).order_by(
        review_slots.c.submitted_at.desc(), review_items.c.seq.desc()
    )
    return list(connection.execute(latest.limit(limit)).scalars())


def _slots(queue: str, reviewer: str, *columns: Any) -> Any:
    mine = review_items.c.queue == asked(queue), review_slots.c.reviewer == asked(reviewer)
    joined = select(*columns).join(review_slots, review_slots.c.item == review_items.c.seq)
    return joined.where(*mine)


def behind(after: int) -> Any:
    """Whether an item comes behind the one with that number, in the order that they are given."""
    marked = review_items.alias("marked")
    rank = select(marked.c.priority).where(marked.c.seq == after).scalar_subquery()
    same = and_(review_items.c.priority == rank, review_items.c.seq > after)
    return or_(review_items.c.priority > rank, same)
