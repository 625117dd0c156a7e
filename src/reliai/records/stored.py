"""A call as it comes back from the store: what a `CallRecord` shows, and what was said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.record_schema import RECORD_FIELDS, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.record_parts import Attempt, CheckResult, ErrorInfo, Event

__all__ = ["Feedback", "StoredCall"]


class Feedback(NamedTuple):
    """What somebody said of a call; the current value.

    Attributes:
        name: what was judged, for instance "thumbs".
        value: the judgement.
        by: who said it.
        at: when; Unix seconds.
        comment: in words.
    """

    name: str
    value: Any
    by: str | None
    at: float
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCall:
    """One call of the store. Its attributes are those of `CallRecord`, and these.

    Attributes:
        seq: grows with each call written to this database.
        epoch: the time with the store of the process that made the call.
        feedback: what was said of it; current values only.
        inputs, output: what went in, by parameter name, and what came out; None unless the store
            keeps content.
        inputs_bytes, output_bytes: bytes of all texts in them, where they were too long to be kept
            as they were; None otherwise.
    """

    seq: int
    epoch: str
    id: str
    name: str
    started_at: float
    duration: float | None
    status: str | None
    error: ErrorInfo | None
    attempts: tuple[Attempt, ...]
    events: tuple[Event, ...]
    target: str | None
    variant: str | None
    model_requested: str | None
    model_served: str | None
    provider: str | None
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    usage_state: str
    cost_usd: float | None
    wasted_usd: float | None
    time_to_first_chunk: float | None
    chunks: int | None
    inputs: Any
    output: Any
    values: Mapping[str, Any]
    checks: tuple[CheckResult, ...]
    subject: str | None
    session: str | None
    tenant: str | None
    run_id: str | None
    tags: Mapping[str, str]
    parent_id: str | None
    trace_id: str | None
    span_id: str | None
    fingerprint: str
    service: str | None
    release: str | None
    environment: str | None
    feedback: tuple[Feedback, ...] = field(default=())
    inputs_bytes: int | None = None
    output_bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in the shape of `CallRecord.json_schema()`."""
        fields: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        fields.update((name, getattr(self, name)) for name in RECORD_FIELDS)
        fields["error"] = _plain(self.error)
        fields["attempts"] = [
            {**attempt.to_dict(), "error": _plain(attempt.error)} for attempt in self.attempts
        ]
        fields["events"] = [event._asdict() for event in self.events]
        fields["checks"] = [check._asdict() for check in self.checks]
        fields["values"], fields["tags"] = dict(self.values), dict(self.tags)
        for name in ("inputs_bytes", "output_bytes"):
            if getattr(self, name) is not None:
                fields[name] = getattr(self, name)
        return fields

    def __repr__(self) -> str:
        return f"<StoredCall {self.id} {self.name}: {self.status}>"


def _plain(error: ErrorInfo | None) -> dict[str, Any] | None:
    """An error with the message that was stored; None for one that was not."""
    return None if error is None else {**error._asdict(), "message": error.message or None}
