"""All sinks at once, and everything that any of them shows of calls."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import prometheus_client
import structlog
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

import reliai
from reliai.records import RecordStore
from reliai.telemetry import JsonLines, Memory, Prometheus, Structlog, Webhook
from tests.telemetry._collected import Collected
from tests.telemetry._receiving import receiver

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["CONTENT_SINKS", "SINKS", "Sinks", "otel_shown"]

CONTENT_SINKS = ("otel_spans", "jsonlines", "webhook", "store")
"""Those that show content when asked."""

SINKS = (
    *CONTENT_SINKS,
    "otel_logs",
    "otel_metrics",
    "prometheus",
    "openmetrics",
    "structlog",
    "memory",
)


class Sinks:
    """Every sink there is, as the observers of all calls.

    Args:
        folder: where those write that write files.
        settings: of those that show content: `content=`, `redact=`.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._receiver = self._stack.enter_context(receiver())
        self._lines = io.StringIO()
        self.otel = Collected(**settings)
        self.registry = prometheus_client.CollectorRegistry()
        self.memory = Memory()
        self.jsonlines = JsonLines(folder / "calls.jsonl", **settings)
        self.webhook = Webhook(self._receiver.url, linger=0.0, **settings)
        self.store = RecordStore(f"sqlite:///{folder}/records.db", **settings)
        logger: Any = structlog.wrap_logger(
            structlog.PrintLogger(self._lines), processors=[structlog.processors.JSONRenderer()]
        )
        self.observers: list[Any] = [
            self.otel.observer,
            Prometheus(self.registry),
            self.memory,
            self.jsonlines,
            self.webhook,
            Structlog(logger),
        ]

    def __enter__(self) -> Self:
        reliai.configure(observers=self.observers, records=self.store)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        reliai.configure(observers=[], records=None)
        self.store.close()
        self.webhook.close()
        self.jsonlines.close()
        self._stack.close()

    def shown(self) -> dict[str, str]:
        """All that each sink has shown, in its own form."""
        assert reliai.flush(60)
        openmetrics: Any = generate_openmetrics
        files = sorted(self.folder.glob("records.db*"))
        return {
            **otel_shown(self.otel),
            "prometheus": prometheus_client.generate_latest(self.registry).decode(),
            "openmetrics": openmetrics(self.registry).decode(),
            "jsonlines": (self.folder / "calls.jsonl").read_text(),
            "webhook": _joined(
                request.body.decode() + str(request.headers) for request in self._receiver.requests
            ),
            "store": b"".join(each.read_bytes() for each in files).decode(errors="replace"),
            "structlog": self._lines.getvalue(),
            "memory": _joined(
                json.dumps(record.to_dict()) + repr(record) + str((record.inputs, record.output))
                for record in self.memory
            ),
        }

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The records, as the sinks show them that show records."""
        assert reliai.flush(60)
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return {
            "jsonlines": [json.loads(line) for line in lines],
            "webhook": self._receiver.taken,
            "store": [call.to_dict() for call in self.store.calls(limit=None)],
        }


def otel_shown(collected: Collected) -> dict[str, str]:
    """All that OpenTelemetry was told."""
    spans, events = collected.spans(), collected.events()
    metrics: Any = collected._reader.get_metrics_data()
    return {
        "otel_spans": _joined(_span(span) for span in spans),
        "otel_logs": _joined(_log(each) for each in events),
        "otel_metrics": "" if metrics is None else metrics.to_json(),
    }


def _joined(parts: Any) -> str:
    return "\n".join(parts)


def _span(span: Any) -> str:
    return str(span.to_json()) + str(dict(span.attributes or {}))


def _log(record: Any) -> str:
    return f"{record.event_name} {record.body} {dict(record.attributes or {})}"
