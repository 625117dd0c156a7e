"""Calls as traces, metrics and events in OpenTelemetry, through the providers of the application.

Spans start in the call path, where what is inside them must find them; they get their attributes
and end on the worker, and metrics and events are made there. See docs/telemetry.md.
"""

from __future__ import annotations

import atexit
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from reliai.checks.redaction import redaction_of
from reliai.errors import ConfigurationError
from reliai.telemetry._inferences import inferences
from reliai.telemetry._measurements import Labels, of_gaps, of_record, of_score
from reliai.telemetry._otel_content import content_attributes
from reliai.telemetry._otel_ending import end_spans, gaps
from reliai.telemetry._otel_logs import Logs
from reliai.telemetry._otel_metrics import Metrics
from reliai.telemetry._otel_spans import Spans, Trace, note_ids
from reliai.telemetry._otel_suppression import instrumented, note_asked
from reliai.telemetry._settings import flag, having
from reliai.telemetry.names import DEFAULT_PROFILE, profile_of
from reliai.telemetry.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from reliai._core.call import Call
    from reliai._core.record import Attempt, CallRecord
    from reliai._core.scores import Score
    from reliai.telemetry._inferences import Inference
    from reliai.telemetry._otel_spans import Step

__all__ = ["OpenTelemetry"]

_SCOPE = "reliai"
_SIGNALS = ("traces", "metrics", "logs")

BEFORE_PROVIDERS = 0.4
"""Seconds that the end of a program waits for calls to be told, before providers shut down."""

OFTEN = 64
"""The first so many calls, and from then on each that is a multiple, look for a provider."""


class OpenTelemetry:
    """An observer that tells OpenTelemetry of each call: spans, metrics and events.

    It uses the providers that the application has set up; with none of them it does nothing.

    Args:
        semconv: what things are called: "v1_41" (the conventions that most backends read), "latest"
            (GenAI conventions 0.1.0), "langfuse", "sentry" or "openinference". One at a time.
        content: whether spans carry what went in and came out: "none", "redacted" (personal data
            and secrets replaced) or "full".
        redact: with "redacted", a function of a text in place of the rules of `Pii` and `Secrets`.
        content_limit: bytes of each attribute of content at most, from 64.
        tracer_provider: by default the global one, also when it is set later (after more than 64
            calls it is found within 64); so the other two.
        meter_provider: as above.
        logger_provider: as above.
        metric_labels: labels that metrics keep, of `reliai.telemetry.names.LABELS`; all by default.
        label_limit: values of one label at most; later ones are counted as "_other".
        keep_failures: whether spans of calls that were no success, or in which a check said no,
            are told although the sampler left their trace out.
        keep_slow: seconds from which the same holds for calls that took so long; None for none.
        resources: whether metrics tell what the process and GPUs use; None for where psutil is
            there.

    Raises:
        ConfigurationError: for an unknown profile, several at once, a label that may be none, a
            value out of range, a provider that is none, or resources that are asked for without
            psutil.
    """

    inline = False

    def __init__(
        self,
        semconv: str = DEFAULT_PROFILE,
        content: str = "none",
        *,
        redact: Callable[[str], str] | None = None,
        content_limit: int = 8192,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        metric_labels: Iterable[str] | None = None,
        label_limit: int = 100,
        keep_failures: bool = False,
        keep_slow: float | None = None,
        resources: bool | None = None,
    ) -> None:
        self._profile = profile_of(semconv)
        self._redaction = redaction_of("OpenTelemetry", content, redact, limit=content_limit)
        self.reads_content = self._redaction is not None
        self._labels = Labels(self._profile, metric_labels, label_limit, "OpenTelemetry")
        self._providers: tuple[Any, Any, Any] = (tracer_provider, meter_provider, logger_provider)
        _check_providers(self._providers)
        if resources is not None:
            flag("OpenTelemetry", "resources", resources)
        self._resources = None if resources is False else Resources(required=bool(resources))
        slow = keep_slow is None or (isinstance(keep_slow, int | float) and keep_slow > 0)
        if not slow or isinstance(keep_slow, bool):
            message = f"OpenTelemetry(keep_slow={keep_slow!r}): must be seconds above 0, or None"
            raise ConfigurationError(message)
        self._keep_failures = flag("OpenTelemetry", "keep_failures", keep_failures)
        self._keep_slow = keep_slow
        self._version = _version()  # looked up here, for the first call would wait for it
        self._spans: Spans | None = None
        self._looked = 0
        self._metrics: Metrics | None = None
        self._logs: Logs | None = None
        self.redactions = 0
        self.redaction_failures = 0

    @property
    def semconv(self) -> str:
        """The profile's name."""
        return self._profile.name

    @property
    def asleep(self) -> bool:
        """Whether there are no spans to make current: no tracer provider is set."""
        return self._spans is None

    def conflict(self, other: object) -> str | None:
        """Why another observer cannot be there beside this one; None when it can."""
        if not isinstance(other, OpenTelemetry):
            return None
        both = zip(_SIGNALS, self._told_to(), other._told_to(), strict=True)  # noqa: SLF001  its own
        shared = [name for name, one, two in both if one is two and one is not None]
        if not shared:
            return None
        return (
            f"OpenTelemetry(semconv={self.semconv!r}) and (semconv={other.semconv!r}) would tell "
            f"the same provider of {' and '.join(shared)}, and all would be counted twice. Use "
            "one, or give each providers of its own (one of the API's NoOp providers for none)"
        )

    def _told_to(self) -> list[Any]:
        """The providers that it tells, or will; None for one that was given to tell nobody."""
        found = zip(self._providers, self._now(), strict=True)
        return [None if given and _idle(given) else now for given, now in found]

    def on_start(self, call: Call) -> None:
        """Keep where a call is made; its span starts with its first attempt."""
        if self._spans is None:
            self._looked += 1  # each look takes 1 µs, and most who trace are ready by then
            if self._looked > OFTEN and self._looked % OFTEN:
                return
            if self._new_spans() is None:
                return
        started = Trace(get_current(), call._site.spreads)  # noqa: SLF001  the engine's own
        record = call._record  # noqa: SLF001  the record is being filled
        notes = record._notes  # noqa: SLF001
        if notes is None:
            record._notes = {self: started}  # noqa: SLF001
        else:
            notes[self] = started
        note_ids(record, trace.get_current_span(started.parent).get_span_context())

    def activate(self, call: Call, attempt: Attempt) -> Step | None:
        """What makes the span of an attempt current around one step of the function."""
        notes = call._record._notes  # noqa: SLF001  as above
        started: Trace | None = None if notes is None else notes.get(self)
        if started is None or self._spans is None:
            return None
        return self._spans.step(started, call, attempt)

    def on_end(self, record: CallRecord) -> None:
        """End the spans of a call, and tell metrics and events of it."""
        notes = record._notes  # noqa: SLF001  as above
        started: Trace | None = None if notes is None else notes.pop(self, None)
        context = None
        for entry in () if started is None else started.attempts.values():
            if entry.data is not None:  # of a stream that was left early it is told at its closing
                note_asked(entry.attempt, entry.data)
        asked = inferences(record)
        try:
            if started is not None and self._spans is not None:
                top = started.top or self._spans.start(started, record)
                context = top.context
                self._end(self._spans, record, started, asked)
        finally:  # what a processor of spans raises is no reason to miscount
            self._count(record, started, asked, context)

    def _end(
        self, spans: Spans, record: CallRecord, started: Trace, asked: list[Inference]
    ) -> None:
        top = started.top
        if top is not None and getattr(top.span, "spare", False) and not self._keeps(record):
            started.recording = False
        content = self._content(record) if started.recording else {}
        end_spans(spans, self._profile, record, started, asked, content)

    def _count(
        self,
        record: CallRecord,
        started: Trace | None,
        asked: list[Inference],
        context: Context | None,
    ) -> None:
        counted = self._metrics or self._new_metrics()
        if counted is not None:
            counted.record(of_record(record, asked), context)
            times = [] if started is None else gaps(record, started)
            if times:
                counted.record(of_gaps(record, times, asked), context)
        logs = self._logs or self._new_logs()
        if logs is not None:
            logs.failure(record, context, self._redaction, model=bool(asked))
            logs.variant(record, context)
            logs.check_scores(record, context)

    def on_score(self, call_id: str | None, record: CallRecord | None, score: Score) -> None:
        """Tell of a score that an evaluator gave a call."""
        context = _context_of(record)
        logs = self._logs or self._new_logs()
        if logs is not None:
            logs.score(call_id, record, score, context, self._redaction)
        counted = self._metrics or self._new_metrics()
        if counted is not None and score.value is not None:
            name = None if record is None else record.name
            counted.record([of_score(name, score.name, score.value)], context)

    def flush(self, timeout: float) -> None:
        """Have the providers export what they hold back."""
        until = time.monotonic() + timeout
        for provider in self._now():
            force = getattr(provider, "force_flush", None)
            if callable(force):
                force(max(1, int((until - time.monotonic()) * 1000)))

    def _keeps(self, record: CallRecord) -> bool:
        """Whether a call that the sampler left out matters all the same."""
        if self._keep_slow is not None and (record.duration or 0.0) >= self._keep_slow:
            return True
        refused = any(not check.passed for check in record.checks)
        return self._keep_failures and (record.status != "success" or refused)

    def _content(self, record: CallRecord) -> dict[str, Any]:
        found, failures = content_attributes(record, self._redaction)
        self.redactions += found.get("content_redactions", 0)
        self.redaction_failures += failures
        return found

    def _now(self) -> tuple[Any, Any, Any]:
        """The providers, those of the application where none was given."""
        tracers, meters, loggers = self._providers
        return (
            tracers or trace.get_tracer_provider(),
            meters or metrics.get_meter_provider(),
            loggers or _logs.get_logger_provider(),
        )

    def _new_spans(self) -> Spans | None:
        provider, meters, _ = self._now()
        # Without spans an instrumentation inside must still leave the metrics to us.
        if not _idle(provider) or (instrumented() and not _idle(meters)):
            tracer = provider.get_tracer(_SCOPE, self._version, self._profile.schema_url)
            spares = self._keep_failures or self._keep_slow is not None
            self._spans = Spans(self._profile, tracer, spares=spares)
            _arrange_exit()
        return self._spans

    def _new_metrics(self) -> Metrics | None:
        provider = self._now()[1]
        if not _idle(provider):
            meter = provider.get_meter(_SCOPE, self._version, self._profile.schema_url)
            self._metrics = Metrics(meter, self._profile, self._labels, self._resources)
        return self._metrics

    def _new_logs(self) -> Logs | None:
        provider = self._now()[2]
        if not _idle(provider):
            logger = provider.get_logger(_SCOPE, self._version, self._profile.schema_url)
            self._logs = Logs(logger, self._profile)
        return self._logs

    def __repr__(self) -> str:
        return f"<reliai.telemetry.OpenTelemetry {self.semconv}>"


_arranged = False


def _arrange_exit() -> None:
    """See that what waits at the end of the program is told before the providers shut down.

    They do so by `atexit`, the last one that was registered first: after the first provider was
    seen it is time.
    """
    global _arranged  # noqa: PLW0603  once a process, and its children have it from there
    if not _arranged:
        _arranged = True
        atexit.register(_before_providers)


def _before_providers() -> None:
    from reliai._core.hub import hub  # noqa: PLC0415  loaded by now

    hub.flush(BEFORE_PROVIDERS)


def _check_providers(given: tuple[Any, Any, Any]) -> None:
    for signal, provider in zip(("tracer", "meter", "logger"), given, strict=True):
        if provider is not None:
            name, instead = f"{signal}_provider", f"a {signal.title()}Provider, or leave it out"
            having("OpenTelemetry", name, provider, (f"get_{signal}",), instead)


def _idle(provider: object) -> bool:
    """Whether a provider is one of the API's own, which do nothing."""
    module = type(provider).__module__
    return module.startswith("opentelemetry.") and not module.startswith("opentelemetry.sdk")


def _version() -> str:
    with suppress(PackageNotFoundError):
        return version("reliai")
    return ""


def _context_of(record: CallRecord | None) -> Context | None:
    """A context in which the span of an ended call is current."""
    if record is None or record.trace_id is None or record.span_id is None:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if record._sampled else TraceFlags.DEFAULT)  # noqa: SLF001
    trace_id, span_id = int(record.trace_id, 16), int(record.span_id, 16)
    span = SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(span), Context())
