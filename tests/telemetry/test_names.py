"""The name table: what each profile calls things, and what Prometheus makes of that."""

from __future__ import annotations

import re

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

import reliai
from reliai.telemetry.names import (
    LABELS,
    PROFILES,
    Metric,
    Profile,
    profile_of,
    prometheus_label,
    prometheus_name,
    prometheus_series,
    provider_name,
)

EVERY = pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))

MODEL_METRICS = {
    "v1_41": {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.operation.time_per_output_chunk",
        "gen_ai.client.token.usage",
    },
    "latest": {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.time_per_output_chunk",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.cache_write.input_tokens",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
    },
}
OWN_METRICS = {
    "reliai.call.duration": "reliai_call_duration_seconds",
    "reliai.call.time_to_first_chunk": "reliai_call_time_to_first_chunk_seconds",
    "reliai.call.retries": "reliai_call_retries",
    "reliai.attempt.duration": "reliai_attempt_duration_seconds",
    "reliai.events": "reliai_events_total",
    "reliai.breaker.state": "reliai_breaker_state",
    "reliai.guard.results": "reliai_guard_results_total",
    "reliai.tokens": "reliai_tokens_total",
    "reliai.cost": "reliai_cost_total",
    "reliai.cost.unknown": "reliai_cost_unknown_total",
    "reliai.evaluation.score": "reliai_evaluation_score",
    "reliai.telemetry.events": "reliai_telemetry_events_total",
    "reliai.telemetry.dropped": "reliai_telemetry_dropped_total",
    "reliai.telemetry.queue.size": "reliai_telemetry_queue_size",
    "reliai.telemetry.export.duration": "reliai_telemetry_export_duration_seconds",
    "reliai.telemetry.redactions": "reliai_telemetry_redactions_total",
    "reliai.telemetry.redaction_failures": "reliai_telemetry_redaction_failures_total",
    "process.cpu.utilization": "process_cpu_utilization_ratio",
    "process.memory.usage": "process_memory_usage_bytes",
    "process.thread.count": "process_thread_count",
    "process.open_file_descriptor.count": "process_open_file_descriptor_count",
    "hw.gpu.utilization": "hw_gpu_utilization_ratio",
    "hw.gpu.memory.usage": "hw_gpu_memory_usage_bytes",
}


@pytest.mark.parametrize("name", ["v1_41", "latest"])
def test_the_metrics_of_models_are_exactly_those_of_the_conventions(name: str) -> None:
    named = {metric.name for metric in PROFILES[name].metrics.values()}
    assert {each for each in named if each.startswith("gen_ai.")} == MODEL_METRICS[name]


@EVERY
def test_reliais_own_metrics_are_the_same_in_every_profile(profile: Profile) -> None:
    own = [metric for metric in profile.metrics.values() if not metric.name.startswith("gen_ai.")]
    assert {metric.name: prometheus_name(metric) for metric in own} == OWN_METRICS


def test_names_and_units_of_the_older_profile_are_those_of_the_published_package() -> None:
    metrics = PROFILES["v1_41"].metrics
    assert metrics["inference.duration"].name == gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION
    assert metrics["token.usage"].name == gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE
    assert (metrics["inference.duration"].unit, metrics["token.usage"].unit) == ("s", "{token}")


def test_attributes_of_the_older_profile_are_those_of_the_published_package() -> None:
    known = {
        value
        for name, value in vars(gen_ai_attributes).items()
        if name.startswith("GEN_AI_") and isinstance(value, str)
    }
    ours = {v for v in PROFILES["v1_41"].attributes.values() if v.startswith("gen_ai.")}
    young = {"gen_ai.prompt.version", "gen_ai.token.modality"}  # since 1.42
    assert ours - known <= young


@EVERY
def test_labels_are_of_the_allowed_ones_and_have_names(profile: Profile) -> None:
    for metric in profile.metrics.values():
        assert set(metric.labels) <= set(LABELS)
        assert set(metric.labels) <= set(profile.labels)


def test_no_label_is_an_id() -> None:
    assert not {"user", "subject", "session", "tenant", "call_id", "run", "key"} & set(LABELS)


@EVERY
def test_only_histograms_have_buckets_and_these_grow(profile: Profile) -> None:
    for metric in profile.metrics.values():
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert list(metric.buckets) == sorted(set(metric.buckets))


@EVERY
def test_each_series_in_prometheus_has_a_valid_name_of_its_own(profile: Profile) -> None:
    series = [each for metric in profile.metrics.values() for each in prometheus_series(metric)]
    assert len(series) == len(set(series))
    assert all(re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", each) for each in series)


def test_durations_have_the_buckets_of_the_conventions() -> None:
    duration = PROFILES["latest"].metrics["inference.duration"].buckets
    assert duration[0] == 0.01
    assert duration[-1] == 81.92
    assert PROFILES["latest"].metrics["call.duration"].buckets == (*duration, 163.84)
    assert PROFILES["v1_41"].metrics["token.usage"].buckets[-1] == 67_108_864


def test_names_stay_as_they_are_where_prometheus_takes_any() -> None:
    metric = PROFILES["latest"].metrics["inference.duration"]
    assert prometheus_series(metric, "utf8") == (
        "gen_ai.client.inference.duration_bucket",
        "gen_ai.client.inference.duration_sum",
        "gen_ai.client.inference.duration_count",
    )
    assert prometheus_label("error.type", "utf8") == "error.type"
    assert prometheus_label("error.type") == "error_type"


def test_a_unit_that_prometheus_does_not_know_is_added_as_it_is() -> None:
    assert prometheus_name(Metric("x", "x.y", "counter", "m", "")) == "x_y_m_total"


@EVERY
def test_one_name_alone_stands_for_what_was_written_to_a_cache(profile: Profile) -> None:
    named = set(profile.attributes.values())
    both = {
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
    }
    assert len(named & both) <= 1


def test_langfuse_gets_no_kind_of_usage_that_it_would_add_to_the_bill() -> None:
    usage = {v for v in PROFILES["langfuse"].attributes.values() if "gen_ai.usage." in v}
    assert usage == {
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cost",
    }


def test_cost_is_no_kind_of_usage_in_the_conventions_profiles() -> None:
    for name in ("v1_41", "latest", "sentry"):
        assert PROFILES[name].attributes["cost"] == "reliai.cost.usd"


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"semconv='v2'.*'v1_41', 'latest'"):
        profile_of("v2")


def test_two_profiles_at_once_are_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="one profile at a time"):
        profile_of(["v1_41", "latest"])


def test_providers_are_called_what_the_conventions_call_them() -> None:
    assert provider_name("bedrock") == "aws.bedrock"
    assert provider_name("openai") == "openai"
    assert provider_name("our-own") == "our-own"
