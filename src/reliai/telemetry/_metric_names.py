"""The metrics of the name table; see `names`. Data only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LABELS", "METRICS_LATEST", "METRICS_V1_41", "Kind", "Metric"]

Kind: TypeAlias = Literal["counter", "histogram", "gauge"]

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""0.01 to 81.92 s, each twice the one before: what the conventions give for durations."""

CALL_SECONDS = (*SECONDS, 163.84)
TOKENS = tuple(float(4**power) for power in range(14))
"""1 to 67,108,864 tokens, each four times the one before."""

RETRIES = (1.0, 2.0, 3.0, 4.0, 5.0)
SHARES = tuple(tenth / 10 for tenth in range(1, 11))
EXPORT_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument.

    Attributes:
        key: reliai's word for it, the same in every profile.
        name: its name in OpenTelemetry.
        kind: "counter" (only grows), "histogram" or "gauge".
        unit: as UCUM writes it; in braces when it counts things.
        description: one line.
        labels: the keys of the attributes that it may have; a key of `Profile.attributes` each.
        buckets: upper bounds of a histogram's buckets, in its unit.
    """

    key: str
    name: str
    kind: Kind
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


LABELS: Mapping[str, str] = MappingProxyType(
    {
        "name": "the guarded function",
        "outcome": "success, degraded, rejected, error or cancelled",
        "error": "what went wrong, one word of a short list",
        "operation": "chat, embeddings, ...",
        "provider": "who serves the model",
        "request_model": "the model that was asked for",
        "response_model": "the model that answered",
        "server_address": "the host of the provider",
        "server_port": "its port",
        "token_type": "input or output",
        "modality": "text, image, audio or unknown",
        "target": "the function that was called",
        "variant": "what a rollout chose",
        "event": "what a policy did",
        "breaker": "the circuit breaker",
        "breaker_state": "closed, open, half_open or isolated",
        "guard": "the check",
        "verdict": "allow, deny, modify or error",
        "action": "allow, block or modify",
        "direction": "input or output",
        "billed": "final: of an answer that was delivered; wasted: of one that was not",
        "score": "the evaluator's name for what it scores",
        "observer": "the exporter",
        "reason": "why something was dropped",
        "device": "the device",
        "service": "the service, from configure",
        "environment": "the environment, from configure",
    }
)
"""All that may be a label of a metric, and what it tells. Never an id, a subject or a tenant."""

_MODELS = ("operation", "provider", "request_model", "response_model")
_INFERENCE = (*_MODELS, "server_address", "server_port")


def _table(*metrics: Metric) -> dict[str, Metric]:
    return {metric.key: metric for metric in metrics}


def _own(  # noqa: PLR0917  called in this table only
    key: str,
    kind: Kind,
    unit: str,
    description: str,
    labels: str = "",
    buckets: tuple[float, ...] = (),
) -> Metric:
    """One of reliai's own: its name is its key."""
    return Metric(key, f"reliai.{key}", kind, unit, description, tuple(labels.split()), buckets)


def _host(key: str, name: str, unit: str, description: str, labels: str = "") -> Metric:
    """What the process and its machine use, named by the conventions."""
    return Metric(key, name, "gauge", unit, description, tuple(labels.split()))


_CALL = "Time of one call of a guarded function, retries and waiting included."
_FIRST = "Time from the start of a call to the first chunk of its stream."
_RETRIES = "Attempts of a call beyond the first; calls without any are not counted."
_CIRCUIT = "1 for the state that a circuit is in, 0 for the others."
_FAILED = "Captured contents that were left away because redacting them failed."

_OWN_METRICS = _table(
    _own("call.duration", "histogram", "s", _CALL, "name outcome error variant", CALL_SECONDS),
    _own("call.time_to_first_chunk", "histogram", "s", _FIRST, "name variant", CALL_SECONDS),
    _own("call.retries", "histogram", "{retry}", _RETRIES, "name outcome", RETRIES),
    _own(
        "attempt.duration",
        "histogram",
        "s",
        "Time of one attempt of a call.",
        "name target error",
        CALL_SECONDS,
    ),
    _own("events", "counter", "{event}", "What policies did.", "name event"),
    _own("breaker.state", "gauge", "{circuit}", _CIRCUIT, "breaker target breaker_state"),
    _own(
        "guard.results",
        "counter",
        "{result}",
        "What input and output checks found.",
        "name guard verdict action",
    ),
    _own(
        "tokens",
        "counter",
        "{token}",
        "Tokens that were used, as far as the provider told.",
        "name provider response_model direction billed",
    ),
    _own(
        "cost",
        "counter",
        "{USD}",
        "What calls cost in US dollars, where the price is known.",
        "name provider response_model billed",
    ),
    _own(
        "cost.unknown",
        "counter",
        "{call}",
        "Calls of models whose cost is not known.",
        "name provider response_model",
    ),
    _own(
        "evaluation.score",
        "histogram",
        "{score}",
        "Scores of evaluators; those from 0 to 1 are told apart.",
        "name score",
        SHARES,
    ),
    _own("telemetry.events", "counter", "{event}", "Entries that an exporter took.", "observer"),
    _own(
        "telemetry.dropped",
        "counter",
        "{event}",
        "Entries that were lost before an exporter took them.",
        "observer reason",
    ),
    _own(
        "telemetry.queue.size", "gauge", "{event}", "Entries that wait for an exporter.", "observer"
    ),
    _own(
        "telemetry.export.duration",
        "histogram",
        "s",
        "Time an exporter took for one entry or batch.",
        "observer",
        EXPORT_SECONDS,
    ),
    _own(
        "telemetry.redactions",
        "counter",
        "{redaction}",
        "Places of captured content that were redacted.",
        "observer",
    ),
    _own("telemetry.redaction_failures", "counter", "{failure}", _FAILED, "observer"),
    _host("process.cpu", "process.cpu.utilization", "1", "Share of all processors in use."),
    _host("process.memory", "process.memory.usage", "By", "Memory of the process in use."),
    _host("process.threads", "process.thread.count", "{thread}", "Threads of the process."),
    _host(
        "process.files",
        "process.open_file_descriptor.count",
        "{file_descriptor}",
        "Open files of the process.",
    ),
    _host("gpu.utilization", "hw.gpu.utilization", "1", "Share of time a GPU is busy.", "device"),
    _host("gpu.memory", "hw.gpu.memory.usage", "By", "Memory of a GPU in use.", "device"),
)

_DURATION = Metric(
    "inference.duration",
    "gen_ai.client.operation.duration",
    "histogram",
    "s",
    "Time of one request to a model, its retries included.",
    (*_INFERENCE, "error"),
    SECONDS,
)
_FIRST_CHUNK = Metric(
    "inference.time_to_first_chunk",
    "gen_ai.client.operation.time_to_first_chunk",
    "histogram",
    "s",
    "Time to the first chunk of a streamed answer.",
    _INFERENCE,
    SECONDS,
)
_PER_CHUNK = Metric(
    "inference.time_per_output_chunk",
    "gen_ai.client.operation.time_per_output_chunk",
    "histogram",
    "s",
    "Time from one chunk of a streamed answer to the next.",
    _INFERENCE,
    SECONDS,
)
_TOKEN_USAGE = Metric(
    "token.usage",
    "gen_ai.client.token.usage",
    "histogram",
    "{token}",
    "Tokens of one request to a model.",
    (*_INFERENCE, "token_type"),
    TOKENS,
)

METRICS_V1_41 = {**_OWN_METRICS, **_table(_DURATION, _FIRST_CHUNK, _PER_CHUNK, _TOKEN_USAGE)}


def _usage(kind: str, description: str) -> Metric:
    name = f"gen_ai.client.inference.usage.{kind}"
    labels = (*_INFERENCE, "modality")
    return Metric(f"usage.{kind}", name, "counter", "{token}", description, labels)


def _spread(kind: str, description: str) -> Metric:
    name = f"gen_ai.client.inference.operation.{kind}"
    labels = (*_INFERENCE, "error")
    return Metric(f"operation.{kind}", name, "histogram", "{token}", description, labels, TOKENS)


METRICS_LATEST = {
    **_OWN_METRICS,
    **_table(
        replace(_DURATION, name="gen_ai.client.inference.duration"),
        replace(_FIRST_CHUNK, name="gen_ai.client.inference.time_to_first_chunk"),
        replace(_PER_CHUNK, name="gen_ai.client.inference.time_per_output_chunk"),
        _usage("input_tokens", "Tokens of requests, those from a cache included."),
        _usage("output_tokens", "Tokens of answers, reasoning included."),
        _usage("cache_read.input_tokens", "Tokens of requests that were read from a cache."),
        _usage("cache_write.input_tokens", "Tokens of requests that were written to a cache."),
        _spread("input_tokens", "Tokens of one request."),
        _spread("output_tokens", "Tokens of one answer."),
    ),
}
