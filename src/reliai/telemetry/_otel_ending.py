"""The end of a call's spans, on the worker: what they say, how they went, when they ended."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, Status, StatusCode

from reliai.telemetry._inferences import delivered, inferences
from reliai.telemetry._otel_attributes import named, of_attempt, of_call, of_event, of_inference
from reliai.telemetry._otel_spans import Learned, nanoseconds
from reliai.telemetry._otel_suppression import REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from reliai._core.record import CallRecord
    from reliai.telemetry._inferences import Inference
    from reliai.telemetry._otel_spans import Spans, Trace
    from reliai.telemetry.names import Profile

__all__ = ["end_spans", "gaps"]


def end_spans(
    spans: Spans, profile: Profile, record: CallRecord, trace: Trace, content: Mapping[str, Any]
) -> None:
    """End all spans of a call, innermost first.

    Args:
        spans: what learns from it.
        profile: what things are called.
        record: the ended call.
        trace: its spans.
        content: attributes by key for the span that gave the answer.
    """
    asked = {inference.target: inference for inference in inferences(record)}
    top = trace.top
    if trace.recording and top is not None:
        _end_attempts(profile, record, trace)
        _end_targets(profile, record, trace, asked, content)
        _end_call(profile, record, trace, top.span, asked, content)
    for target in {attempt.target for attempt in record.attempts}:
        inference = asked.get(target)
        provider = None if inference is None else inference.provider
        spans.learn(record._site, target, Learned(inference is not None, provider))  # noqa: SLF001


def _end_attempts(profile: Profile, record: CallRecord, trace: Trace) -> None:
    for attempt in record.attempts:
        started = trace.attempts.get(attempt.number)
        if started is None:
            continue
        values = of_attempt(record, attempt)
        started.span.set_attributes(named(profile, values))
        if attempt.status == "error":
            started.span.set_status(Status(StatusCode.ERROR))
        started.span.end(nanoseconds(attempt.started_at + (attempt.duration or 0.0)))


def _end_targets(
    profile: Profile,
    record: CallRecord,
    trace: Trace,
    asked: Mapping[str, Inference],
    content: Mapping[str, Any],
) -> None:
    final = delivered(record)
    for target, started in trace.targets.items():
        attempts = [attempt for attempt in record.attempts if attempt.target == target]
        inference, span = asked.get(target), started.span
        values: dict[str, Any] = {"target": target}
        failed = all(attempt.status == "error" for attempt in attempts)
        if inference is not None:
            values |= _of_model(record, inference, trace)
            if final not in attempts:  # another one's chunks were delivered
                values |= {"time_to_first_chunk": None, "stream": None}
            elif content:
                values |= content
            _rename(profile, span, inference)
        else:
            _turn(span, SpanKind.INTERNAL)
        span.set_attributes(named(profile, values))
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        ends = [each.started_at + (each.duration or 0.0) for each in attempts]
        span.end(nanoseconds(max(ends, default=record.started_at)))


def _end_call(  # noqa: PLR0917  called in one place
    profile: Profile,
    record: CallRecord,
    trace: Trace,
    span: Span,
    asked: Mapping[str, Inference],
    content: Mapping[str, Any],
) -> None:
    values = of_call(record)
    if not trace.spread and len(asked) == 1:
        (inference,) = asked.values()
        values |= _of_model(record, inference, trace)
        _rename(profile, span, inference)
    elif asked:
        values |= _costs(record, profile)
    else:
        _turn(span, SpanKind.INTERNAL)
    if not trace.spread or not asked:
        values |= content
    if asked and record.wasted_usd:
        values["cost_wasted"] = record.wasted_usd
    span.set_attributes(named(profile, values))
    for event in record.events:
        pattern = "retry" if event.kind == "retry" else "policy"
        name = profile.events[pattern].format(kind=event.kind)
        at = nanoseconds(record.started_at + event.at)
        span.add_event(name, of_event(profile, event), at)
    if record.status in {"error", "rejected"}:
        span.set_status(Status(StatusCode.ERROR))
    span.end(nanoseconds(record.started_at + (record.duration or 0.0)))


def _costs(record: CallRecord, profile: Profile) -> dict[str, Any]:
    """The cost of all targets, where that is not read as the cost of one more request."""
    ours = profile.attributes["cost"].startswith("reliai.")
    return {"cost": record.cost_usd} if ours else {}


def _of_model(record: CallRecord, inference: Inference, trace: Trace) -> dict[str, Any]:
    values = of_inference(record, inference)
    for attempt in inference.attempts:
        started = trace.attempts.get(attempt.number)
        if started is not None and started.data is not None:
            for theirs, key in REQUEST:
                value = getattr(started.data, theirs, None)
                if value is not None and values.get(key) is None:
                    values[key] = value
    return values


def _rename(profile: Profile, span: Span, inference: Inference) -> None:
    """Make a span that of a request to a model."""
    model = inference.request_model or inference.response_model
    pattern = profile.spans["inference"]
    span.update_name(pattern.format(operation=inference.operation, model=model or "").rstrip())
    _turn(span, SpanKind.CLIENT)
    constants = profile.constants.items()
    span.set_attributes(
        {name: value.format(operation=inference.operation) for name, value in constants}
    )
    if profile.attributes.get("request_model") is None and inference.response_model is None:
        span.set_attributes(named(profile, {"response_model": inference.request_model}))


def _turn(span: Span, kind: SpanKind) -> None:
    """Correct the kind of a span: what a first call of a function asks is known at its end."""
    if getattr(span, "_kind", kind) is not kind:
        span._kind = kind  # type: ignore[attr-defined]  # noqa: SLF001  the API cannot say it


def gaps(record: CallRecord, trace: Trace) -> list[float]:
    """Seconds from each chunk of the delivered stream to the next, as they came in."""
    final = delivered(record)
    if record.chunks is None or final is None:
        return []
    started = trace.attempts.get(final.number)
    if started is None:
        return []
    came = started.arrivals if started.generator else started.arrivals[1:]
    return [later - earlier for earlier, later in pairwise(came)]
