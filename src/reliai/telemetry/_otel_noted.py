"""Spans that cost the call next to nothing: noted first, made on the worker.

The SDK takes 10 to 25 µs to start a span. What runs inside a call needs no more of it than its ids
and whether it is sampled. So the ids are drawn and the sampler is asked at once, and the span is
made later, with these ids, that decision, and its own times; by then it is also known what it was:
its name, its kind. What the function adds to the current span meanwhile is noted and added then.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import (
    INVALID_SPAN_ID,
    INVALID_TRACE_ID,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_current_span,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer
    from opentelemetry.trace.status import Status, StatusCode
    from opentelemetry.util import types

__all__ = ["Later", "Noted", "later"]

_RANDOM: Final = getattr(TraceFlags, "RANDOM_TRACE_ID", 0)

MOST_NOTES: Final = 256
"""Of what is added to one span; what comes on top is left away."""


class Noted(Span):
    """A span that is to be: it has its ids, and notes what it is told."""

    __slots__ = ("_context", "_notes", "given", "result", "spare")

    def __init__(
        self,
        context: SpanContext,
        result: Any,
        given: Mapping[str, Any] | None = None,
        *,
        spare: bool = False,
    ) -> None:
        self._context = context
        self.result = result
        """What the sampler decided."""
        self.given = given
        """What it was told; None when it was not asked for this one."""
        self.spare = spare
        """Whether the sampler left it out, and it is made only if the call turns out to matter."""
        self._notes: list[tuple[str, tuple[Any, ...], dict[str, Any]]] | None = None

    def _note(self, method: str, *args: Any, **kwargs: Any) -> None:
        if self._notes is None:
            self._notes = []
        if len(self._notes) < MOST_NOTES:
            self._notes.append((method, args, kwargs))

    def retell(self, span: Span) -> None:
        """Tell the span that was made later what this one was told."""
        for method, args, kwargs in self._notes or ():
            getattr(span, method)(*args, **kwargs)

    def get_span_context(self) -> SpanContext:
        """The ids."""
        return self._context

    def is_recording(self) -> bool:
        """Whether it takes what it is told; it does."""
        return True

    def end(self, end_time: int | None = None) -> None:
        """Nothing: an attempt ends when it ends."""

    def set_attributes(self, attributes: Mapping[str, types.AttributeValue]) -> None:
        """Note attributes."""
        self._note("set_attributes", dict(attributes))

    def set_attribute(self, key: str, value: types.AttributeValue) -> None:
        """Note an attribute."""
        self._note("set_attribute", key, value)

    def add_event(
        self, name: str, attributes: types.Attributes = None, timestamp: int | None = None
    ) -> None:
        """Note an event, and when it was."""
        self._note("add_event", name, attributes, timestamp or time.time_ns())

    def add_link(self, context: SpanContext, attributes: types.Attributes = None) -> None:
        """Note a link."""
        self._note("add_link", context, attributes)

    def update_name(self, name: str) -> None:
        """Note another name."""
        self._note("update_name", name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Note how it went."""
        self._note("set_status", status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: types.Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002  the API's
    ) -> None:
        """Note an exception, and when it was."""
        at = timestamp or time.time_ns()
        self._note("record_exception", exception, attributes, at, escaped)


class _Drawn:
    """A source of ids that gives certain ones next. For one thread."""

    def __init__(self, source: Any) -> None:
        self.span_id = INVALID_SPAN_ID
        self.trace_id = INVALID_TRACE_ID
        self._source = source

    def generate_span_id(self) -> int:
        """An id for a span."""
        return self.span_id or int(self._source.generate_span_id())

    def generate_trace_id(self) -> int:
        """An id for a trace."""
        return self.trace_id or int(self._source.generate_trace_id())

    def is_trace_id_random(self) -> bool:
        """Whether those of traces are random."""
        return _randomly(self._source)


class _Decided:
    """A sampler that has been asked already. For one thread."""

    def __init__(self, sampler: Any) -> None:
        self.result: Any = None
        self._sampler = sampler

    def should_sample(self, parent: Any, trace_id: int, name: str, *more: Any, **kw: Any) -> Any:
        """What was decided."""
        if self.result is not None:
            return self.result
        return self._sampler.should_sample(parent, trace_id, name, *more, **kw)

    def get_description(self) -> str:
        """Its name."""
        return str(self._sampler.get_description())


class Later:
    """Notes spans in the call path, and makes them on the worker: with the same ids and decision.

    Args:
        tracer: of the SDK.
        spares: whether to note spans too that the sampler leaves out.
    """

    def __init__(self, tracer: Any, *, spares: bool = False) -> None:
        self._spares = spares
        own: Any = copy.copy(tracer)
        self._source: Any = tracer.id_generator
        self._sampler: Any = tracer.sampler
        self._enabled: Any = getattr(tracer, "_is_enabled", None)
        self._drawn = own.id_generator = _Drawn(self._source)
        self._decided = own.sampler = _Decided(self._sampler)
        self._tracer: Tracer = own

    def noted(
        self, name: str, parent: Context, kind: SpanKind, attributes: Mapping[str, Any]
    ) -> Noted | NonRecordingSpan | None:
        """A span that is to be; one of no consequence when it is not sampled.

        Args:
            name: what the sampler is told, so far as it is known now.
            parent: the context that holds the span above it, if there is one.
            kind: as the name.
            attributes: as the name.

        Returns:
            None when the tracer is switched off.
        """
        if self._enabled is not None and not self._enabled():
            return None
        above = get_current_span(parent).get_span_context()
        if above.is_valid:
            trace_id, random = above.trace_id, above.trace_flags & _RANDOM
        else:
            trace_id = self._source.generate_trace_id()
            random = _RANDOM if _randomly(self._source) else 0
        result = self._sampler.should_sample(parent, trace_id, name, kind, attributes, ())
        flags = (TraceFlags.SAMPLED if result.decision.is_sampled() else 0) | random
        span_id = self._source.generate_span_id()
        state = result.trace_state
        context = SpanContext(
            trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags), trace_state=state
        )
        if result.decision.is_recording():
            return Noted(context, result, attributes)
        if not self._spares:
            return NonRecordingSpan(context)
        kept = type(result)(type(result.decision).RECORD_AND_SAMPLE, None, state)
        return Noted(context, kept, attributes, spare=True)

    def below(self, above: Noted) -> Noted:
        """A span below another that is to be, which goes where that one goes."""
        context = above.get_span_context()
        span_id = self._source.generate_span_id()
        flags, state = context.trace_flags, context.trace_state
        ids = SpanContext(
            context.trace_id, span_id, is_remote=False, trace_flags=flags, trace_state=state
        )
        return Noted(ids, above.result)

    def made(  # noqa: PLR0917  called in one place
        self,
        noted: Noted,
        name: str,
        parent: Context,
        kind: SpanKind,
        attributes: Mapping[str, Any],
        start: int,
    ) -> Span:
        """The span itself. For the worker alone."""
        ids, decided, given = noted.get_span_context(), noted.result, noted.given
        self._drawn.span_id, self._drawn.trace_id = ids.span_id, ids.trace_id
        more = dict(attributes)  # the SDK gives a span the attributes that its sampler gives back
        if given is not None and decided.attributes:
            more |= {key: value for key, value in decided.attributes.items() if key not in given}
        self._decided.result = type(decided)(decided.decision, more, decided.trace_state)
        try:
            span = self._tracer.start_span(name, parent, kind, start_time=start)
        finally:
            self._drawn.span_id, self._drawn.trace_id = INVALID_SPAN_ID, INVALID_TRACE_ID
            self._decided.result = None
        noted.retell(span)
        return span


def later(tracer: Any, *, spares: bool = False) -> Later | None:
    """What makes spans later; None where a tracer does not let their ids be chosen."""
    source, sampler = getattr(tracer, "id_generator", None), getattr(tracer, "sampler", None)
    able = callable(getattr(source, "generate_span_id", None))
    able = able and callable(getattr(sampler, "should_sample", None))
    return Later(tracer, spares=spares) if able else None


def _randomly(source: Any) -> bool:
    told = getattr(source, "is_trace_id_random", None)
    return bool(told()) if callable(told) else False
