"""The spans of a call while it runs: started in the call path, so that what is inside finds them.

A span is current only around a step of the function itself, in whatever thread, task or context it
runs; never across a `yield`. All that takes time, attributes and ends, waits for the worker.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context, attach, detach, set_value
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from reliai.errors import ReliaiWarning
from reliai.telemetry._inferences import OPERATION
from reliai.telemetry._otel_noted import Noted, later
from reliai.telemetry._otel_suppression import CONTEXT_KEY, note_data, shared_data

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, Tracer

    from reliai._core.call import Call
    from reliai._core.record import Attempt, CallRecord
    from reliai._core.site import Site
    from reliai.telemetry.names import Profile

__all__ = ["Finished", "Learned", "Spans", "Step", "Trace", "nanoseconds", "note_ids"]

MOST_GAPS: Final = 4096
"""Chunks of one stream whose times are kept."""

MOST_LEARNED: Final = 1024
"""Functions of which it is remembered what they ask."""


def nanoseconds(seconds: float) -> int:
    """A time in Unix seconds as OpenTelemetry has it."""
    return int(seconds * 1e9)


@dataclass(slots=True)
class Started:
    """A span that was started, and the context in which it is current."""

    span: Span
    context: Context


@dataclass(slots=True)
class AttemptSpan(Started):
    """The span of one attempt.

    Attributes:
        attempt: whose it is.
        data: what inner instrumentations write into; None when there are none.
        arrivals: when its steps gave something, by the monotonic clock.
        generator: whether each step gives a chunk.
    """

    attempt: Attempt
    data: Any
    generator: bool
    arrivals: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """The spans of one call.

    Attributes:
        parent: the context it was made in.
        spread: whether each target has a span of its own below it.
        top: the call's own span; what its attempts are children of when it has one target. It
            starts with the first attempt, when it is known that a model will be asked.
        recording: whether anybody wants to know; else no more than the context is handed on.
    """

    parent: Context
    spread: bool
    top: Started | None = None
    recording: bool = True
    targets: dict[str, Started] = field(default_factory=dict)
    attempts: dict[int, AttemptSpan] = field(default_factory=dict)


@dataclass(slots=True)
class Finished:
    """What a span is, once it is over; times in Unix seconds."""

    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    start: float
    end: float
    failed: bool
    events: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)


@dataclass(slots=True)
class Learned:
    """What is known of the requests of one function to one target from those before."""

    model: bool
    provider: str | None = None


class Step:
    """What is entered around one step of a function: makes a context current, and no more."""

    __slots__ = ("_call", "_context", "_entry", "_token")

    def __init__(self, context: Context, entry: AttemptSpan, call: Call) -> None:
        self._context = context
        self._entry = entry
        self._call = call

    def __enter__(self) -> None:
        self._token = attach(self._context)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        detach(self._token)
        entry = self._entry
        if kind is None and len(entry.arrivals) <= MOST_GAPS:
            entry.arrivals.append(self._call.clock.monotonic())
        if entry.data is not None:
            note_data(self._call, entry.attempt, entry.data)


class Spans:
    """Starts the spans of calls.

    Args:
        profile: what things are called.
        tracer: of the application's provider.
        spares: whether spans that the sampler leaves out are kept until the call has ended.
    """

    def __init__(self, profile: Profile, tracer: Tracer, *, spares: bool = False) -> None:
        self._tracer = tracer
        self._later = later(tracer, spares=spares)
        if spares and self._later is None:
            warnings.warn(
                f"OpenTelemetry(keep_failures=…, keep_slow=…): {type(tracer).__qualname__} lets no "
                "span be made after its call; what its sampler leaves out is left out",
                ReliaiWarning,
                stacklevel=2,
            )
        self._names = profile.attributes
        self._patterns = profile.spans
        self._learned: dict[tuple[str, str], Learned] = {}

    def start(self, trace: Trace, record: CallRecord, call: Call | None = None) -> Started:
        """Start the span of a call.

        Args:
            trace: of the call.
            record: of the call.
            call: the call, when its function is about to be entered; None for one that has ended
                without, refused or answered from a cache.
        """
        attributes: dict[str, Any] = {self._names["name"]: record.name}
        asks = call is not None and not trace.spread and self._adds(attributes, call)
        kind = SpanKind.CLIENT if asks else SpanKind.INTERNAL
        name = self._patterns["call"].format(name=record.name)
        span = self._started(name, trace.parent, kind, attributes, record.started_at)
        top = trace.top = Started(span, set_span_in_context(span, trace.parent))
        trace.recording = span.is_recording()
        note_ids(record, span.get_span_context())
        return top

    def _started(
        self,
        name: str,
        parent: Context,
        kind: SpanKind,
        attributes: dict[str, Any],
        started_at: float,
    ) -> Span:
        """A span: one that is to be, or where the tracer cannot do that, one that is."""
        noted = None if self._later is None else self._later.noted(name, parent, kind, attributes)
        if noted is not None:
            return noted
        start = nanoseconds(started_at)
        return self._tracer.start_span(name, parent, kind, attributes, start_time=start)

    def step(self, trace: Trace, call: Call, attempt: Attempt) -> Step:
        """What is entered around a step of an attempt."""
        entry = trace.attempts.get(attempt.number)
        if entry is None:
            record = call._record  # noqa: SLF001  the engine's own
            top = trace.top or self.start(trace, record, call)
            entry = self._attempt(trace, top, call, attempt)
            trace.attempts[attempt.number] = entry
        return Step(entry.context, entry, call)

    def _attempt(self, trace: Trace, top: Started, call: Call, attempt: Attempt) -> AttemptSpan:
        data = shared_data()
        _note_model(call, attempt)
        generator = call._target.kind.endswith("generator")  # noqa: SLF001  the engine's own
        above, span, context = top, top.span, top.context
        if trace.recording:
            if trace.spread:
                above = self._target(trace, top, call, attempt)
            span = self._below(above, attempt)
            context = set_span_in_context(span, above.context)
        if data is not None:
            context = set_value(CONTEXT_KEY, data, context)
        return AttemptSpan(span, context, attempt, data, generator)

    def _below(self, above: Started, attempt: Attempt) -> Span:
        if self._later is not None and isinstance(above.span, Noted):
            return self._later.below(above.span)
        attributes = {self._names["attempt_number"]: attempt.number}
        name, kind = self._patterns["attempt"], SpanKind.INTERNAL
        return self._started(name, above.context, kind, attributes, attempt.started_at)

    def _target(self, trace: Trace, top: Started, call: Call, attempt: Attempt) -> Started:
        known = trace.targets.get(attempt.target)
        if known is not None:
            return known
        attributes: dict[str, Any] = {self._names["target"]: attempt.target}
        kind = SpanKind.CLIENT if self._adds(attributes, call) else SpanKind.INTERNAL
        name = self._patterns["target"].format(target=attempt.target)
        span = self._started(name, top.context, kind, attributes, attempt.started_at)
        started = Started(span, set_span_in_context(span, top.context))
        # Rivals of a hedge may come here at the same time, but only after the first one has.
        return trace.targets.setdefault(attempt.target, started)

    def finished(self, started: Started, parent: Context, told: Finished) -> None:
        """End a span with all that is known now; make it first, when it was only noted."""
        span = started.span
        if isinstance(span, Noted) and self._later is not None:
            made = self._later.made(
                span, told.name, parent, told.kind, told.attributes, nanoseconds(told.start)
            )
        else:
            made = span
            made.update_name(told.name)
            made.set_attributes(told.attributes)
        for name, attributes, at in told.events:
            made.add_event(name, attributes, nanoseconds(at))
        if told.failed:
            made.set_status(Status(StatusCode.ERROR))
        made.end(nanoseconds(told.end))

    def _adds(self, attributes: dict[str, Any], call: Call) -> bool:
        """Add what samplers look at, where it is known that a model will be asked; say whether."""
        site, names = call._site, self._names  # noqa: SLF001  the engine's own
        learned = self._learned.get((site.name, call.target))
        if not (site.spared if learned is None else learned.model):
            return False
        if "operation" in names:
            attributes[names["operation"]] = OPERATION
        if learned is not None and learned.provider is not None:
            attributes[names["provider"]] = learned.provider
        if site.names_model:
            model = site.model_of(call.args, call.kwargs)
            key = names.get("request_model")
            if isinstance(model, str) and key is not None:
                attributes[key] = model[:200]
        return True

    def learn(self, site: Site, target: str, learned: Learned) -> None:
        """Remember what a call asked, for the start of the next one."""
        if len(self._learned) < MOST_LEARNED or (site.name, target) in self._learned:
            self._learned[site.name, target] = learned


def _note_model(call: Call, attempt: Attempt) -> None:
    """Keep which model this attempt is to ask: another target gets other arguments."""
    site = call._site  # noqa: SLF001  the engine's own
    if site.names_model and attempt.model_requested is None:
        model = site.model_of(call.args, call.kwargs)
        if isinstance(model, str):
            attempt.model_requested = model[:200]


def note_ids(record: CallRecord, context: SpanContext) -> None:
    """Put the ids of a span on a record."""
    if context.is_valid:
        record.trace_id = f"{context.trace_id:032x}"
        record.span_id = f"{context.span_id:016x}"
        record._sampled = context.trace_flags.sampled  # noqa: SLF001  as above
