"""The end of a call's spans, on the worker: what they say, how they went, when they ended."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from reliai.telemetry._inferences import delivered
from reliai.telemetry._otel_attributes import named, of_attempt, of_call, of_event, of_inference
from reliai.telemetry._otel_spans import Finished, Learned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliai._core.record import Attempt, CallRecord
    from reliai.telemetry._inferences import Inference
    from reliai.telemetry._otel_spans import Spans, Trace
    from reliai.telemetry.names import Profile

__all__ = ["end_spans", "gaps"]

TOOL = "execute_tool"


def end_spans(  # noqa: PLR0917  called in one place
    spans: Spans,
    profile: Profile,
    record: CallRecord,
    trace: Trace,
    requests: Sequence[Inference],
    content: Mapping[str, Any],
) -> None:
    """End all spans of a call, innermost first.

    Args:
        spans: what ends them, and learns from it.
        profile: what things are called.
        record: the ended call.
        trace: its spans.
        requests: what it asked of models.
        content: attributes by key for the span that gave the answer.
    """
    asked = {inference.target: inference for inference in requests}
    top = trace.top
    if trace.recording and top is not None:
        for attempt in record.attempts:
            entry = trace.attempts.get(attempt.number)
            if entry is not None:
                above = trace.targets.get(attempt.target, top)
                spans.finished(entry, above.context, _of_attempt(profile, record, attempt))
        for target, started in trace.targets.items():
            finished = _of_target(profile, record, target, asked.get(target), content)
            spans.finished(started, top.context, finished)
        spans.finished(top, trace.parent, _of_call(profile, record, trace, asked, content))
    for target in {attempt.target for attempt in record.attempts}:
        inference = asked.get(target)
        provider = None if inference is None else inference.provider
        spans.learn(record._site, target, Learned(inference is not None, provider))  # noqa: SLF001


def _of_attempt(profile: Profile, record: CallRecord, attempt: Attempt) -> Finished:
    return Finished(
        profile.spans["attempt"],
        SpanKind.INTERNAL,
        named(profile, of_attempt(record, attempt)) | _constants(profile, "attempt"),
        attempt.started_at,
        _end_of(attempt),
        attempt.status == "error",
    )


def _end_of(attempt: Attempt) -> float:
    return attempt.started_at + (attempt.duration or 0.0)


def _of_target(
    profile: Profile,
    record: CallRecord,
    target: str,
    inference: Inference | None,
    content: Mapping[str, Any],
) -> Finished:
    attempts = [attempt for attempt in record.attempts if attempt.target == target]
    values: dict[str, Any] = {"target": target}
    name, kind = profile.spans["target"].format(target=target), SpanKind.INTERNAL
    constants = _constants(profile, "target")
    if inference is not None:
        values |= _of_model(record, inference)
        if delivered(record) not in attempts:  # another one's chunks were delivered
            values |= {"time_to_first_chunk": None, "stream": None}
        else:
            values |= content
        name, kind = _name(profile, inference), SpanKind.CLIENT
        constants = _of_request(profile, inference)
    return Finished(
        name,
        kind,
        named(profile, values) | constants,
        min((attempt.started_at for attempt in attempts), default=record.started_at),
        max(map(_end_of, attempts), default=record.started_at),
        all(attempt.status == "error" for attempt in attempts),
    )


def _of_call(
    profile: Profile,
    record: CallRecord,
    trace: Trace,
    asked: Mapping[str, Inference],
    content: Mapping[str, Any],
) -> Finished:
    values = {"name": record.name, **of_call(record)}
    name, kind = profile.spans["call"].format(name=record.name), SpanKind.INTERNAL
    constants = _constants(profile, "call")
    if not trace.spread and len(asked) == 1:
        (inference,) = asked.values()
        values |= _of_model(record, inference)
        name, kind = _name(profile, inference), SpanKind.CLIENT
        constants = _of_request(profile, inference)
    elif asked:
        values |= _costs(record, profile)
    elif record._site.is_tool:  # noqa: SLF001  the engine's own
        name = profile.spans["tool"].format(name=record.name)
        values |= {"operation": TOOL, "tool_name": record.name, "tool_type": "function"}
        constants = _constants(profile, "tool", TOOL)
    if not trace.spread or not asked:
        values |= content
    if asked and record.wasted_usd:
        values["cost_wasted"] = record.wasted_usd
    events = []
    for event in record.events:
        pattern = "retry" if event.kind == "retry" else "policy"
        title = profile.events[pattern].format(kind=event.kind)
        events.append((title, of_event(profile, event), record.started_at + event.at))
    return Finished(
        name,
        kind,
        named(profile, values) | constants,
        record.started_at,
        record.started_at + (record.duration or 0.0),
        record.status in {"error", "rejected"},
        events,
    )


def _name(profile: Profile, inference: Inference) -> str:
    """The name of the span of a request to a model."""
    model = inference.request_model or inference.response_model or ""
    return profile.spans["inference"].format(operation=inference.operation, model=model).rstrip()


def _constants(profile: Profile, kind: str, operation: str = "") -> dict[str, Any]:
    """What each span of a kind has in a profile."""
    found = profile.constants.get(kind, {})
    return {name: value.format(operation=operation) for name, value in found.items()}


def _of_request(profile: Profile, inference: Inference) -> dict[str, Any]:
    """What the span of each request to a model has in a profile."""
    made = _constants(profile, "inference", inference.operation)
    if "request_model" not in profile.attributes and inference.response_model is None:
        made |= named(profile, {"response_model": inference.request_model})
    return made


def _costs(record: CallRecord, profile: Profile) -> dict[str, Any]:
    """The cost of all targets, where that is not read as the cost of one more request."""
    ours = profile.attributes["cost"].startswith("reliai.")
    return {"cost": record.cost_usd} if ours else {}


def _of_model(record: CallRecord, inference: Inference) -> dict[str, Any]:
    values = of_inference(record, inference)
    known = {key: value for key, value in values.items() if value is not None}
    return {**values, **inference.request, **known}


def gaps(record: CallRecord, trace: Trace) -> list[float]:
    """Seconds from each chunk of the delivered stream to the next, as they came in."""
    final = None if record.chunks is None else delivered(record)
    if final is None:
        return []
    started = trace.attempts.get(final.number)
    if started is None:
        return []
    came = started.arrivals if started.generator else started.arrivals[1:]
    return [later - earlier for earlier, later in pairwise(came)]
