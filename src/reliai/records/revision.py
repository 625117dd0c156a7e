"""One thing that somebody said, as it goes to a store and as its history shows it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = ["Kind", "Orphans", "Revision"]

Kind: TypeAlias = Literal["value", "correction", "preference", "retraction"]
"""A judgement, what an output should have been, which of two is better, or the end of one."""


class Revision(NamedTuple):
    """What somebody said once. The latest of the same name, target and author is current.

    Attributes:
        key: tells it from every other; a second one with the same key is the same thing told again.
        kind: what it is.
        name: what was judged, for instance "thumbs".
        value: the judgement; what JSON can say.
        at: when it was said; Unix seconds.
        received_at: when reliai heard of it; Unix seconds.
        call_id: the call it is about; of a preference, one of the two.
        session: the conversation it is about, if it is about no single call.
        other: of a preference, the other call.
        by: who said it.
        comment: in words.
    """

    key: str
    kind: Kind
    name: str
    value: Any
    at: float
    received_at: float
    call_id: str | None = None
    session: str | None = None
    other: str | None = None
    by: str | None = None
    comment: str | None = None

    def __repr__(self) -> str:
        target = self.call_id if self.session is None else f"session {self.session}"
        return f"<reliai feedback {self.name!r} ({self.kind}) on {target}>"


class Orphans(NamedTuple):
    """Feedback on calls that the store does not have.

    Attributes:
        waiting: how many of it; a call that arrives takes its feedback with it.
        overdue: those of it that have waited for longer than was asked for: whose call was lost,
            deleted or kept elsewhere, or whose id is wrong.
        oldest_at: since when the first has waited; Unix seconds, None for none.
        call_ids: up to ten of the calls that are overdue.
    """

    waiting: int
    overdue: int
    oldest_at: float | None
    call_ids: tuple[str, ...]
