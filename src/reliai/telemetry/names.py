"""The one table of telemetry names: spans, attributes, events and metrics, by profile. Data only.

Nothing else in reliai writes such a name, so that a rename by the conventions is a change here and
nowhere in the code. Every exporter, dashboard and alert rule is made from this table. A profile is
one dialect: the conventions of a time, or what a backend reads. Keys are reliai's own words and do
not change; values are the names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from reliai.errors import ConfigurationError
from reliai.telemetry._attribute_names import ATTRIBUTES, EVENTS, PROVIDERS, SPANS
from reliai.telemetry._metric_names import LABELS, METRICS_LATEST, METRICS_V1_41, Kind, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_PROFILE",
    "LABELS",
    "PROFILES",
    "PROVIDERS",
    "TABLE_VERSION",
    "Kind",
    "Metric",
    "Profile",
    "Scheme",
    "profile_of",
    "prometheus_label",
    "prometheus_name",
    "prometheus_series",
    "provider_name",
]

Scheme: TypeAlias = Literal["underscores", "utf8"]
"""How Prometheus writes names: with underscores and suffixes, its default, or as they are."""

TABLE_VERSION = 1
"""Counts up whenever a key or a name of a profile changes."""

DEFAULT_PROFILE = "v1_41"

_LABEL_NAMES: Mapping[str, str] = MappingProxyType({key: ATTRIBUTES[key] for key in LABELS})


@dataclass(frozen=True, slots=True)
class Profile:
    """One dialect.

    Attributes:
        name: what `OpenTelemetry(semconv=)` calls it.
        conventions: which version of which conventions it follows.
        schema_url: of those conventions, where they have one.
        spans: patterns of span names by key.
        attributes: attribute names by key; a key that is not there is not emitted.
        events: event names by key.
        metrics: instruments by key; a key that is not there is not emitted.
        constants: attributes that spans have besides, by the key of their kind in `spans`; patterns
            of {operation}.
        labels: names of metrics' labels by key; the same in every profile.
    """

    name: str
    conventions: str
    schema_url: str | None
    spans: Mapping[str, str]
    attributes: Mapping[str, str]
    events: Mapping[str, str]
    metrics: Mapping[str, Metric]
    constants: Mapping[str, Mapping[str, str]]
    labels: Mapping[str, str] = field(default_factory=lambda: _LABEL_NAMES)


def _profile(  # noqa: PLR0917  called here only
    name: str,
    conventions: str,
    schema_url: str | None,
    attributes: Mapping[str, str | None],
    metrics: Mapping[str, Metric],
    constants: Mapping[str, Mapping[str, str]] | None = None,
) -> Profile:
    named = {**ATTRIBUTES, **attributes}
    return Profile(
        name,
        conventions,
        schema_url,
        MappingProxyType(SPANS),
        MappingProxyType({key: value for key, value in named.items() if value is not None}),
        MappingProxyType(EVENTS),
        MappingProxyType(dict(metrics)),
        MappingProxyType(dict(constants or {})),
    )


_OPENINFERENCE = "openinference.span.kind"
_V1_41_URL = "https://opentelemetry.io/schemas/1.41.0"

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "v1_41": _profile(
            "v1_41", "OpenTelemetry semantic conventions 1.41", _V1_41_URL, {}, METRICS_V1_41
        ),
        "latest": _profile(
            "latest",
            "OpenTelemetry GenAI semantic conventions 0.1.0",
            "https://opentelemetry.io/schemas/1.45.0",
            {"cache_write": "gen_ai.usage.cache_write.input_tokens"},
            METRICS_LATEST,
        ),
        "langfuse": _profile(
            "langfuse",
            "OpenTelemetry semantic conventions 1.41, as Langfuse reads them",
            _V1_41_URL,
            {
                # Each gen_ai.usage.* becomes a kind of usage there: no subset it does not subtract.
                "reasoning_tokens": None,
                "cost": "gen_ai.usage.cost",
                "conversation": "session.id",
            },
            METRICS_V1_41,
        ),
        "sentry": _profile(
            "sentry",
            "OpenTelemetry semantic conventions 1.41, as Sentry reads them",
            _V1_41_URL,
            {
                "cache_read": "gen_ai.usage.input_tokens.cached",
                "cache_write": "gen_ai.usage.input_tokens.cache_write",
                "total_tokens": "gen_ai.usage.total_tokens",
                "stream": "gen_ai.response.streaming",
                "time_to_first_chunk": "gen_ai.response.time_to_first_token",
            },
            METRICS_V1_41,
            {kind: {"sentry.op": "gen_ai.{operation}"} for kind in ("inference", "tool")},
        ),
        "openinference": _profile(
            "openinference",
            "OpenInference semantic conventions",
            None,
            {
                "operation": None,
                "provider": "llm.provider",
                "request_model": None,
                "response_model": "llm.model_name",
                "input_tokens": "llm.token_count.prompt",
                "output_tokens": "llm.token_count.completion",
                "total_tokens": "llm.token_count.total",
                "cache_read": "llm.token_count.prompt_details.cache_read",
                "cache_write": "llm.token_count.prompt_details.cache_write",
                "reasoning_tokens": "llm.token_count.completion_details.reasoning",
                "cost": "llm.cost.total",
                "tool_name": "tool.name",
                "conversation": "session.id",
                "input_messages": "input.value",
                "output_messages": "output.value",
                "system_instructions": None,
            },
            METRICS_V1_41,
            {
                **{kind: {_OPENINFERENCE: "CHAIN"} for kind in ("call", "target", "attempt")},
                "inference": {_OPENINFERENCE: "LLM"},
                "tool": {_OPENINFERENCE: "TOOL"},
            },
        ),
    }
)
"""Every profile by its name."""


def provider_name(provider: str) -> str:
    """The conventions' word for a provider; its own name where they have none."""
    return PROVIDERS.get(provider, provider)


def profile_of(name: object, where: str = "OpenTelemetry") -> Profile:
    """The profile of a name.

    Args:
        name: a key of `PROFILES`.
        where: who asks, for the message.

    Raises:
        ConfigurationError: for an unknown name, or for several at once: two dialects of the same
            data would be counted twice by whoever reads both.
    """
    if isinstance(name, str) and name in PROFILES:
        return PROFILES[name]
    known = ", ".join(map(repr, PROFILES))
    message = f"{where}(semconv={name!r}): unknown profile; use one of {known}"
    if isinstance(name, list | tuple | set | frozenset):
        message = (
            f"{where}(semconv={name!r}): one profile at a time, for what is told in two dialects "
            f"is counted twice; use one of {known}"
        )
    raise ConfigurationError(message)


_SUFFIXES: Final = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "ratio"}


def prometheus_name(metric: Metric, scheme: Scheme = "underscores") -> str:
    """The name of a metric's family in Prometheus, by the translation that OpenTelemetry defines.

    Args:
        metric: of any profile.
        scheme: "underscores": dots become underscores, the unit and `_total` are added; "utf8": the
            name as OpenTelemetry has it, as an OTLP receiver without translation keeps it.
    """
    if scheme == "utf8":
        return metric.name
    name = _underscored(metric.name)
    unit = "" if metric.unit.startswith("{") else _SUFFIXES.get(metric.unit, metric.unit)
    if metric.unit == "1" and metric.kind != "gauge":
        unit = ""
    if unit and not name.endswith(f"_{unit}"):
        name = f"{name}_{unit}"
    return f"{name}_total" if metric.kind == "counter" else name


def prometheus_series(metric: Metric, scheme: Scheme = "underscores") -> tuple[str, ...]:
    """The names of the series that a metric has in Prometheus."""
    name = prometheus_name(metric, scheme)
    if metric.kind != "histogram":
        return (name,)
    return (f"{name}_bucket", f"{name}_sum", f"{name}_count")


def prometheus_label(attribute: str, scheme: Scheme = "underscores") -> str:
    """The name of a label in Prometheus."""
    return attribute if scheme == "utf8" else _underscored(attribute)


def _underscored(name: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9_:]", "_", name))
