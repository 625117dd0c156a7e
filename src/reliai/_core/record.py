"""The call record: what one logical call leaves behind. Everything after the call reads it.

A call fills its record while it runs, so the hot path sets a handful of slots and no more; a slot
never set gives its default when it is read, and ids and names are put into words only then.
"""

from __future__ import annotations

import os
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias

from reliai._core import ids
from reliai._core.record_parts import Attempt, CheckResult, ErrorInfo, Event
from reliai._core.record_schema import RECORD_FIELDS, RECORD_SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping

    from reliai._core.ambient import Ambient
    from reliai._core.content import Capture
    from reliai._core.settings import Identity
    from reliai._core.site import Site

__all__ = ["SCHEMA_VERSION", "Attempt", "CallRecord", "CheckResult", "ErrorInfo", "Event"]

Refusal: TypeAlias = tuple[str, type[BaseException], tuple[Any, ...]]
"""One of reliai's own errors: kind, type and arguments, put into words when somebody reads it."""

_drawing = RLock()
"""Held while an id is drawn or an attempt written out, so that two readers see the same one."""


def _renew() -> None:
    """In a forked child: its parent's observers may have been reading an id."""
    global _drawing  # noqa: PLW0603  a lock that is held there is never released here
    _drawing = RLock()


os.register_at_fork(after_in_child=_renew)


class CallRecord:
    """What one logical call leaves behind, whatever its decorators, retries and targets.

    Unchanged once the call has ended. `to_dict` gives plain data, `json_schema` its shape.

    Attributes:
        id: 32 hexadecimal digits, ordered by time, or the id that `context(call_id=)` gave.
        name: the guarded function's name.
        started_at: Unix seconds.
        duration: seconds; of a stream, until its end; None while the call runs.
        status: "success", "degraded", "rejected", "error" or "cancelled"; None while it runs.
        error: kind, type and message of what the caller got; None on success.
        target: the function that gave the answer, or was called last.
        usage_state: "measured", "estimated" or "unknown".
        cost_usd, wasted_usd: US dollars; None where unknown, never 0.
        time_to_first_chunk: seconds from the start to the first chunk.
        chunks: how many chunks were delivered; None for a call that is no stream.
        inputs, output: None; observers that read content ask `content_of`, and a store that keeps
            it gives it back on its calls.
    """

    __slots__ = (
        "_after",
        "_ambient",
        "_aside",
        "_asked",
        "_attempts",
        "_began",
        "_content",
        "_error",
        "_events",
        "_exhausted",
        "_id",
        "_identity",
        "_inner",
        "_notes",
        "_parent",
        "_sampled",
        "_seen",
        "_site",
        "_spent",
        "_started",
        "_target",
        "_told",
        "checks",
        "chunks",
        "cost_usd",
        "duration",
        "finish_reason",
        "input_tokens",
        "inputs",
        "model_requested",
        "model_served",
        "output",
        "output_tokens",
        "provider",
        "span_id",
        "started_at",
        "status",
        "time_to_first_chunk",
        "trace_id",
        "usage_state",
        "values",
        "variant",
        "wasted_usd",
    )

    _id: int | str | None
    _after: list[Callable[[], object]] | None
    _site: Site
    _ambient: Ambient
    _identity: Identity
    _parent: CallRecord | str | None
    _attempts: list[Attempt] | None
    _began: float | None
    _spent: float | None
    _started: float
    _target: str | None
    _events: list[tuple[str, float, dict[str, Any]]] | None
    _error: ErrorInfo | Refusal | None
    _asked: tuple[object, ...]
    _exhausted: int
    _seen: deque[object] | None
    _aside: Attempt | None
    _told: bool
    _sampled: bool
    _inner: bool
    _notes: dict[object, Any] | None
    """What observers keep with the record, each under a key of its own, while it runs."""
    _content: Capture | None

    started_at: float
    duration: float | None
    status: str | None
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
    trace_id: str | None
    span_id: str | None

    def __getattr__(self, name: str) -> Any:
        if name in _DEFAULTS:
            return _DEFAULTS[name]
        message = f"CallRecord has no attribute {name!r}"
        raise AttributeError(message)

    @property
    def id(self) -> str:
        """The call's id, drawn when it is first read."""
        identifier = self._id
        if identifier is None:
            with _drawing:
                if self._id is None:
                    self._id = ids.new(self.started_at)
                identifier = self._id
        return ids.as_text(identifier)

    @property
    def name(self) -> str:
        """The guarded function's name."""
        return self._site.name

    @property
    def ended(self) -> bool:
        """Whether the call has ended; from then on the record does not change."""
        return self.duration is not None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts, in the order they started."""
        return tuple(self.written_attempts())

    def written_attempts(self) -> list[Attempt]:
        """The attempts, written out: of a first one that succeeds only two numbers are kept."""
        if self._attempts is not None:
            return self._attempts
        if self._began is None:
            return []
        with _drawing:  # also read from threads that the function started
            return self._write_first() if self._attempts is None else self._attempts

    def _write_first(self) -> list[Attempt]:
        assert self._began is not None  # noqa: S101  asked for when there is a first one
        first = Attempt()
        first.number = 1
        first.target = self._site.target.name
        first.began = self._began
        first.started_at = self.started_at + (self._began - self._started)
        first.duration = self._spent
        first.status = None if self._spent is None else "success"
        attempts = self._attempts = [first]
        return attempts

    @property
    def target(self) -> str | None:
        """The function that gave the answer, or was called last."""
        if self._target is not None:
            return self._target
        attempts = self.written_attempts()
        return attempts[-1].target if attempts else None

    @property
    def events(self) -> tuple[Event, ...]:
        """What the policies did, in order."""
        return tuple(Event._make(event) for event in self._events or ())

    @property
    def error(self) -> ErrorInfo | None:
        """What the caller got, when that was an error."""
        error = self._error
        if error is None or isinstance(error, ErrorInfo):
            return error
        kind, error_type, args = error
        return ErrorInfo.of(error_type(*args), kind)

    @property
    def parent_id(self) -> str | None:
        """The id of the call inside which this one was made."""
        parent = self._parent
        return parent.id if isinstance(parent, CallRecord) else parent

    @property
    def subject(self) -> str | None:
        """Whom the call was made for, from `context`."""
        return self._ambient.subject

    @property
    def session(self) -> str | None:
        """The conversation it belongs to, from `context`."""
        return self._ambient.session

    @property
    def tenant(self) -> str | None:
        """The customer it was made for, from `context`."""
        return self._ambient.tenant

    @property
    def run_id(self) -> str | None:
        """The agent's run it belongs to."""
        return self._ambient.run_id

    @property
    def tags(self) -> Mapping[str, str]:
        """The function's tags, with those of `context` over them."""
        return {**self._site.tags, **self._ambient.tags}

    @property
    def fingerprint(self) -> str:
        """A digest of the policies and their settings: what changed when it changed."""
        return self._site.fingerprint

    @property
    def service(self) -> str | None:
        """The service's name, from `configure`."""
        return self._identity.service

    @property
    def release(self) -> str | None:
        """The service's release, from `configure`."""
        return self._identity.release

    @property
    def environment(self) -> str | None:
        """The environment, from `configure`."""
        return self._identity.environment

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; durations in seconds, times in Unix seconds.

        Messages of errors that are not reliai's own are left out, for they may quote content.
        """
        fields: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        fields.update((name, getattr(self, name)) for name in RECORD_FIELDS)
        fields["error"] = None if self.error is None else self.error.shown()
        fields["attempts"] = [attempt.to_dict() for attempt in self.written_attempts()]
        fields["events"] = [
            {"kind": kind, "at": at, "attributes": dict(attributes)}
            for kind, at, attributes in self._events or ()
        ]
        fields["checks"] = [check._asdict() for check in self.checks]
        fields["values"] = dict(self.values)
        return fields

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of what `to_dict` gives."""
        return RECORD_SCHEMA

    def __repr__(self) -> str:
        return f"<CallRecord {self.id} {self.name}: {self.status or 'running'}>"


_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(RECORD_FIELDS),
    "usage_state": "unknown",
    "checks": (),
    "values": {},
    "_error": None,
    "_spent": None,
    "_target": None,
    "_asked": (),
    "_exhausted": 0,
    "_parent": None,
    "_after": None,
    "_seen": None,
    "_aside": None,
    "_content": None,
    "_told": False,
    "_sampled": False,
    "_inner": False,
    "_notes": None,
}
for _name, _member in vars(CallRecord).items():
    if isinstance(_member, property):
        _DEFAULTS.pop(_name, None)
