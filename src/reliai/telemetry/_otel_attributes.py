"""What a record says as attributes of spans and events, in the words of a profile. Pure.

No text of a call is among them: numbers, names, ids, kinds and models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.telemetry._inferences import attempt_error, error_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reliai._core.record import Attempt, CallRecord, Event
    from reliai.telemetry._inferences import Inference
    from reliai.telemetry.names import Profile

__all__ = ["Json", "named", "of_attempt", "of_call", "of_event", "of_inference"]


class Json(str):
    """A text that is written out whole: it was cut to size when it was redacted."""

    __slots__ = ()


MOST_CHARACTERS: Final = 500
"""Of a text that is an attribute."""

_CACHE: Final = {
    "cache_hit": "exact",
    "cache_joined": "joined",
    "cache_stale": "stale",
}
_WAITS: Final = ("rate_limit_wait", "queued")

_CIRCUITS: Final = {
    "circuit_opened": ("open", "closed"),
    "circuit_half_open": ("half_open", "open"),
    "circuit_closed": ("closed", "half_open"),
    "circuit_isolated": ("isolated", None),
}
"""Events of circuits: the state since, and the one before."""

_EVENT_KEYS: Final = {
    "wait": "retry_delay",
    "attempt": "attempt_number",
    "error": "error",
    "circuit": "breaker",
    "check": "guard",
    "to": "target",
}
"""What the events' own attributes are in the name table."""


def named(profile: Profile, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by key of the name table as attributes; what is not known or not named is not there.

    Args:
        profile: whose names.
        values: a key "tag:x" stands for the name that is made for "x".
    """
    found = {}
    for key, value in values.items():
        if value is None:
            continue
        kind, _, of = key.partition(":")
        name = profile.attributes.get(kind)
        if name is not None:
            found[name.format(key=of) if of else name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Json):
        return str(value)
    if isinstance(value, str):
        return value[:MOST_CHARACTERS]
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value if item is not None]
    return str(value)[:MOST_CHARACTERS]


def of_call(record: CallRecord) -> dict[str, Any]:
    """What the span of a call says besides its name."""
    streamed = record.chunks is not None
    values: dict[str, Any] = {
        "call_id": record.id,
        "parent_id": record.parent_id,
        "outcome": record.status,
        "error": error_type(record.error),
        "attempt_count": len(record.attempts),
        "target": record.target,
        "chunks": record.chunks,
        "variant": record.variant,
        "variant_key": None if record.variant is None else record.name,
        "variant_result": record.variant,
        "conversation": record.session,
        "user": record.subject,
        "tenant": record.tenant,
        "run": record.run_id,
        "environment": record.environment,
        "release": record.release,
        "fingerprint": record.fingerprint,
        "time_to_first_chunk": record.time_to_first_chunk if streamed else None,
        **dict(_of_cache(record)),
        **{f"tag:{name}": value for name, value in record.tags.items()},
        **{f"value:{name}": value for name, value in _numbers(record)},
    }
    waited = [event.attributes.get("seconds") for event in record.events if event.kind in _WAITS]
    values["limit_wait"] = sum(each for each in waited if each) or None
    return values


def _of_cache(record: CallRecord) -> Iterator[tuple[str, Any]]:
    for event in record.events:
        if event.kind in _CACHE:
            shared = event.attributes.get("shared")
            yield "cache_hit", True
            yield "cache_kind", "shared" if shared else _CACHE[event.kind]
        elif event.kind == "cache_miss":
            yield "cache_hit", False


def _numbers(record: CallRecord) -> Iterator[tuple[str, float]]:
    for name, value in record.values.items():
        if isinstance(value, bool | int | float):  # a text would be content
            yield name, value


def of_inference(record: CallRecord, inference: Inference) -> dict[str, Any]:
    """What the span of a request to a model says, the sum of what its attempts used included."""
    reason = inference.finish_reason
    first = record.time_to_first_chunk
    estimated = any(attempt.usage_state == "estimated" for attempt in inference.attempts)
    incomplete = estimated or any(each.usage_state == "unknown" for each in inference.attempts)
    tokens = (inference.input_tokens, inference.output_tokens)
    if tokens == (None, None) and any(each.status != "error" for each in inference.attempts):
        incomplete = True
    return {
        "operation": inference.operation,
        "provider": inference.provider,
        "request_model": inference.request_model,
        "response_model": inference.response_model,
        "response_id": inference.response_id,
        "finish_reasons": None if reason is None else [reason],
        "stream": True if record.chunks is not None else None,
        "time_to_first_chunk": None if first is None or record.chunks is None else first,
        "conversation": record.session,
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        "total_tokens": None if None in tokens else sum(each or 0 for each in tokens),
        "cache_read": inference.cached_tokens,
        "cache_write": inference.cache_write_tokens,
        "usage_complete": False if incomplete else None,
        "cost": inference.cost_usd,
        "cost_estimated": True if estimated and inference.cost_usd is not None else None,
        "error": inference.error,
        **_of_prompt(record),
    }


def _of_prompt(record: CallRecord) -> dict[str, Any]:
    """The prompt that was sent; of several none, for an attribute holds one."""
    used = [event.attributes for event in record.events if event.kind == "prompt"]
    if len(used) != 1:
        return {}
    return {"prompt_name": used[0].get("name"), "prompt_version": used[0].get("version")}


def of_attempt(record: CallRecord, attempt: Attempt) -> dict[str, Any]:
    """What the span of an attempt says; nothing of usage, which is counted above it."""
    before = [each for each in record.attempts if each.number < attempt.number]
    last = before[-1] if before else None
    moved = last is not None and last.target != attempt.target
    return {
        "attempt_number": attempt.number,
        "attempt_result": attempt.status,
        "attempt_reason": None if last is None else attempt_error(last),
        "target": attempt.target,
        "fallback_from": last.target if last is not None and moved else None,
        "retry_delay": attempt.wait or None,
        "error": attempt_error(attempt),
    }


def of_event(profile: Profile, event: Event) -> dict[str, Any]:
    """What an event of a span says."""
    values = {
        _EVENT_KEYS.get(key, f"attribute:{key}"): value for key, value in event.attributes.items()
    }
    if event.kind in _CIRCUITS:
        state, before = _CIRCUITS[event.kind]
        if event.attributes.get("reason") == "probe_failed":
            before = "half_open"
        values["breaker_state"], values["breaker_previous"] = state, before
    return named(profile, values)
