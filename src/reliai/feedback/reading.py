"""What was said, as it stands now and as it came about; and what waits for its call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.feedback._stores import store_for
from reliai.feedback.failures import FeedbackError

if TYPE_CHECKING:
    from reliai.records.revision import Orphans, Revision

__all__ = ["history", "orphans", "read"]


def read(
    call_id: str | None = None,
    *,
    session: str | None = None,
    name: str | None = None,
    by: str | None = None,
    since: float | None = None,
    limit: int | None = 1000,
) -> list[Revision]:
    """What holds now, so that a page that is loaded again shows how somebody voted.

    Args:
        call_id: of this call, preferences over others included; None for any.
        session: of this conversation.
        name: what was judged.
        by: who said it.
        since: said at this time or later; Unix seconds.
        limit: how much at most; None for all of it.

    Raises:
        ConfigurationError: when no record store is configured.
    """
    return store_for("feedback.read").feedback.current(
        call_id, session=session, name=name, by=by, since=since, limit=limit
    )


def history(
    call_id: str | None = None,
    *,
    session: str | None = None,
    name: str | None = None,
    by: str | None = None,
    since: float | None = None,
    limit: int | None = 1000,
) -> list[Revision]:
    """All that was ever said, retractions included, in the order it was written.

    The arguments are those of `read`.

    Raises:
        ConfigurationError: when no record store is configured.
    """
    return store_for("feedback.history").feedback.history(
        call_id, session=session, name=name, by=by, since=since, limit=limit
    )


def orphans(ttl: float = 86_400.0) -> Orphans:
    """What is there on calls that the store does not have (yet).

    Args:
        ttl: seconds after which feedback that waits for its call is overdue.

    Raises:
        ConfigurationError: when no record store is configured.
        FeedbackError: for a number that is not above 0.
    """
    if type(ttl) not in {int, float} or not ttl > 0:
        raise FeedbackError(f"feedback.orphans(ttl={ttl!r}): must be seconds above 0")
    return store_for("feedback.orphans").feedback.orphans(ttl)
