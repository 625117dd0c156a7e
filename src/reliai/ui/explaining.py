"""One call in words: what happened, in the order it happened, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.ui.words import dollars, seconds, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai._core.record_parts import Attempt, ErrorInfo
    from reliai.records.stored import StoredCall

__all__ = ["WITHHELD", "explained", "facts", "said_of", "story"]

WITHHELD = "its message may quote content, and the store keeps none"

_ENDS = {
    "success": "It was answered",
    "degraded": "It was answered with a stand-in",
    "rejected": "It was turned away",
    "error": "It failed",
    "cancelled": "It was cancelled",
}


def story(call: StoredCall) -> str:
    """What happened besides the answer, in a few words."""
    words = [event.kind.replace("_", " ") for event in call.events[:4]]
    if len(call.events) > 4:
        words.append(f"{len(call.events) - 4} more")
    if call.error is not None:
        words.append(said_of(call.error))
    return ", ".join(words)


def said_of(error: ErrorInfo) -> str:
    """What went wrong in one line: the type where no message was kept."""
    return f"{error.kind}: {error.message or error.type}".replace("\n", " ")


def explained(call: StoredCall) -> list[str]:
    """Sentences for a person who was not there."""
    return [*_attempts(call), _end(call), *_costs(call)]


def _attempts(call: StoredCall) -> Iterator[str]:
    if not call.attempts:
        yield "No model was asked."
        return
    for attempt in call.attempts:
        yield _attempt(call, attempt)


def _attempt(call: StoredCall, attempt: Attempt) -> str:
    many = len(call.attempts) > 1
    who = f"Attempt {attempt.number}" if many else "The only attempt"
    waited = f", after a wait of {seconds(attempt.wait)}," if attempt.wait else ""
    model = f" ({attempt.model})" if attempt.model and attempt.model != attempt.target else ""
    took = f" after {seconds(attempt.duration)}" if attempt.duration is not None else ""
    asked = f"{who}{waited} asked {attempt.target}{model}"
    if attempt.status == "success":
        return f"{asked} and had its answer{took}."
    if attempt.status == "error" and attempt.error is not None:
        return f"{asked} and failed{took}: {said_of(attempt.error)}."
    return f"{asked}; it was {attempt.status or 'still running'}{took}."


def _end(call: StoredCall) -> str:
    end = _ENDS.get(call.status or "", "How it ended is not known")
    took = f" after {seconds(call.duration)}" if call.duration is not None else ""
    by = f" by {call.target}" if call.target and call.status in {"success", "degraded"} else ""
    why = f": {said_of(call.error)}" if call.error is not None else ""
    return f"{end}{by}{took}{why}."


def _costs(call: StoredCall) -> Iterator[str]:
    if call.cost_usd is not None:
        wasted = f", of which {dollars(call.wasted_usd)} bought no answer" * bool(call.wasted_usd)
        yield f"It cost {dollars(call.cost_usd)}{wasted}."
    elif call.attempts:
        yield "What it cost is not known."


def facts(call: StoredCall) -> dict[str, Any]:
    """What is known of a call, by name; what is not is left out."""
    first = call.time_to_first_chunk
    chunks = f"{call.chunks} chunk{'' if call.chunks == 1 else 's'}"
    found = {
        "Took": seconds(call.duration),
        "First chunk": None if first is None else f"{seconds(first)}, {chunks}",
        "Answered by": call.target,
        "Variant": call.variant,
        "Model": _model(call),
        "Finish reason": call.finish_reason,
        "Tokens": tokens(call) and f"{tokens(call)} ({call.usage_state})",
        "Cost": dollars(call.cost_usd),
        "Wasted": dollars(call.wasted_usd),
        "Tenant": call.tenant,
        "Trace": call.trace_id,
        "Tags": ", ".join(f"{key}={value}" for key, value in call.tags.items()),
        "Policies": call.fingerprint,
        "Service": " ".join(filter(None, (call.service, call.release, call.environment))),
    }
    return {name: value for name, value in found.items() if value}


def _model(call: StoredCall) -> str | None:
    asked, served = call.model_requested, call.model_served
    by = f" ({call.provider})" if call.provider else ""
    if asked and served and asked != served:
        return f"{served}, asked for as {asked}{by}"
    model = served or asked
    return model and f"{model}{by}"
