"""OpenTelemetry's own SDK, collecting in memory what an observer tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import reliai
from reliai._core.hub import hub
from reliai.telemetry import OpenTelemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.sampling import Sampler

__all__ = ["Collected"]


class Collected:
    """An observer with providers of its own, and what they collected.

    Args:
        semconv: the profile.
        sampler: of the tracer provider; everything by default.
        options: of the observer.
    """

    def __init__(
        self, semconv: str = "v1_41", sampler: Sampler | None = None, **options: Any
    ) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self._logs: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.loggers = LoggerProvider(shutdown_on_exit=False)
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self.observer = OpenTelemetry(
            semconv,
            tracer_provider=self.tracers,
            meter_provider=self.meters,
            logger_provider=self.loggers,
            **options,
        )
        self.tracer = self.tracers.get_tracer("tests")

    def spans(self) -> list[ReadableSpan]:
        """The ended spans, by their start."""
        assert reliai.flush(60)
        return sorted(self._spans.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, name: str) -> list[ReadableSpan]:
        """The ended spans of a name."""
        return [span for span in self.spans() if span.name == name]

    def only(self, name: str) -> ReadableSpan:
        """The one ended span of a name."""
        (span,) = self.named(name)
        return span

    def metrics(self) -> dict[str, list[Any]]:
        """The data points of each metric."""
        assert hub.flush(60)  # without the providers, for a collection takes exemplars along
        data = self._reader.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for resource in [] if data is None else data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:  # one that two scopes tell of has the points of both
                    found.setdefault(metric.name, []).extend(metric.data.data_points)
        return found

    def events(self, name: str | None = None) -> list[Any]:
        """The log records, those of one event when it is named."""
        assert reliai.flush(60)
        found = [each.log_record for each in self._logs.get_finished_logs()]
        return [each for each in found if name in {None, each.event_name}]


def told(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes."""
    return dict(span.attributes or {})


def parent_of(span: ReadableSpan) -> int | None:
    """The id of a span's parent."""
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    """A span's id."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id
