"""Spans, metrics and events over OTLP/HTTP, as a collector receives them."""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import reliai
from reliai.telemetry import OpenTelemetry, score
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


class Collector:
    """An HTTP server that takes OTLP as a collector does.

    Attributes:
        url: where it listens.
        received: the decoded requests, by path.
    """

    def __init__(self) -> None:
        self.received: dict[str, list[Any]] = defaultdict(list)
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.headers["Content-Type"] == "application/x-protobuf"
                request = REQUESTS[self.path]()
                request.ParseFromString(body)
                collector.received[self.path].append(request)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.received["/v1/traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> dict[str, Any]:
        return {
            metric.name: metric
            for request in self.received["/v1/metrics"]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def logs(self) -> list[Any]:
        return [
            record
            for request in self.received["/v1/logs"]
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


@contextmanager
def exporting(url: str, **options: Any) -> Iterator[OpenTelemetry]:
    """An observer whose providers export to a collector; all is there after the block."""
    resource = Resource({"service.name": "tests"})
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces", timeout=2)))
    exporter = OTLPMetricExporter(f"{url}/v1/metrics", timeout=2)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=600_000)
    meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
    loggers.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs", timeout=2))
    )
    try:
        yield OpenTelemetry(
            tracer_provider=tracers,
            meter_provider=meters,
            logger_provider=loggers,
            **options,
        )
        reliai.flush(60)
    finally:
        tracers.shutdown()
        meters.shutdown()
        loggers.shutdown()


def attributes_of(thing: Any) -> dict[str, Any]:
    """Attributes of a decoded span, point or event."""
    found: dict[str, Any] = {}
    for pair in thing.attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = (
            [each.string_value for each in value.values] if kind == "array_value" else value
        )
    return found


def test_a_collector_gets_the_whole_shape_of_a_call() -> None:
    errors = iter([ConnectionError("down"), None])
    with Collector() as collector:
        with exporting(collector.url) as observer:

            @reliai.reliable(reliai.Retry(2), name="ask", observers=[observer])
            def ask(model: str) -> str:
                error = next(errors)
                if error is not None:
                    raise error
                reliai.usage(model="gpt-x-1", input_tokens=10, output_tokens=3, cost_usd=0.5)
                return "a"

            with virtual_clock():
                ask("gpt-x")
        spans = {span.name: span for span in collector.spans()}
        call = spans["chat gpt-x"]
        attempts = [span for span in collector.spans() if span.name == "reliai.attempt"]
        assert call.kind == call.SPAN_KIND_CLIENT
        assert [span.parent_span_id for span in attempts] == [call.span_id] * 2
        assert {span.trace_id for span in attempts} == {call.trace_id}
        said = attributes_of(call)
        assert said["gen_ai.usage.input_tokens"] == 10
        assert said["reliai.attempt.count"] == 2
        assert [event.name for event in call.events] == ["reliai.retry"]
        duration = collector.metrics()["gen_ai.client.operation.duration"]
        assert duration.unit == "s"
        (point,) = duration.histogram.data_points
        assert attributes_of(point)["gen_ai.request.model"] == "gpt-x"
        cost = collector.metrics()["reliai.cost"]
        assert cost.sum.is_monotonic
        assert cost.sum.data_points[0].as_double == pytest.approx(0.5)


def test_a_collector_gets_failures_and_scores_at_their_spans() -> None:
    with Collector() as collector:
        with exporting(collector.url) as observer, reliai.collect() as calls:

            @reliai.reliable(name="ask", observers=[observer])
            def ask(model: str) -> str:
                raise ConnectionError("canary")

            with pytest.raises(ConnectionError):
                ask("gpt-x")
            score(calls[0], "quality", 0.0, evaluator="judge", version="1")
        (call,) = (span for span in collector.spans() if span.name == "chat gpt-x")
        events = {record.event_name: record for record in collector.logs()}
        assert set(events) == {"gen_ai.client.operation.exception", "gen_ai.evaluation.result"}
        assert {record.span_id for record in events.values()} == {call.span_id}
        assert attributes_of(events["gen_ai.evaluation.result"])["reliai.eval.version"] == "1"
        everything = "".join(map(str, collector.received.values()))
        assert "canary" not in everything


def test_a_collector_that_is_down_fails_no_call() -> None:
    with Collector() as collector:
        url = collector.url
    with exporting(url) as observer:
        ask = reliai.reliable(name="ask", observers=[observer])(lambda: "a")
        assert [ask() for _ in range(10)] == ["a"] * 10
