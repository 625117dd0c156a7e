"""Observers that carry call records to where people look. Floor 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai._core.content import Content, content_of
    from reliai._core.scores import Score, score
    from reliai.telemetry._health import Health, health
    from reliai.telemetry._signing import verify
    from reliai.telemetry.jsonlines import JsonLines, read_json_lines
    from reliai.telemetry.memory import Memory
    from reliai.telemetry.opentelemetry import OpenTelemetry
    from reliai.telemetry.prometheus import Prometheus
    from reliai.telemetry.sampled import Sampled
    from reliai.telemetry.structlog import Structlog
    from reliai.telemetry.webhook import Webhook

__all__ = [
    "Content",
    "Health",
    "JsonLines",
    "Memory",
    "OpenTelemetry",
    "Prometheus",
    "Sampled",
    "Score",
    "Structlog",
    "Webhook",
    "content_of",
    "health",
    "read_json_lines",
    "score",
    "verify",
]

_MODULES = {
    "Content": "reliai._core.content",
    "Health": "reliai.telemetry._health",
    "JsonLines": "reliai.telemetry.jsonlines",
    "Memory": "reliai.telemetry.memory",
    "OpenTelemetry": "reliai.telemetry.opentelemetry",
    "Prometheus": "reliai.telemetry.prometheus",
    "Score": "reliai._core.scores",
    "Sampled": "reliai.telemetry.sampled",
    "Structlog": "reliai.telemetry.structlog",
    "content_of": "reliai._core.content",
    "health": "reliai.telemetry._health",
    "read_json_lines": "reliai.telemetry.jsonlines",
    "verify": "reliai.telemetry._signing",
    "Webhook": "reliai.telemetry.webhook",
    "score": "reliai._core.scores",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(_MODULES[name]), name)
