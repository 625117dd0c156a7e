"""Prometheus counts calls in a registry, with labels that stay few and the trace of a call."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client import Counter as PrometheusCounter
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families

import reliai
from reliai._core.hub import hub
from reliai.telemetry import Memory, Prometheus, score
from reliai.telemetry.names import profile_of, prometheus_series
from reliai.testing import ScriptedModel, virtual_clock
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.samples import Sample


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


def scraped(registry: CollectorRegistry) -> list[Sample]:
    """What a scrape gives, as Prometheus' own parser reads it."""
    assert reliai.flush(60)
    text = generate_latest(registry).decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def of(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """The sum of the samples that have such a name and labels."""
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def completion(model: str, tokens: int = 5) -> dict[str, Any]:
    """An answer of a chat completion, as data."""
    return {
        "object": "chat.completion",
        "model": model,
        "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": tokens + 2},
    }


# --- what is counted ------------------------------------------------------------------------------
def test_calls_and_attempts_are_counted_once_each(registry: CollectorRegistry) -> None:
    observer = Prometheus(registry)
    model = ScriptedModel([ConnectionError("a"), ConnectionError("b"), "c"])
    with virtual_clock():
        reliai.reliable(reliai.Retry(3), observers=[observer], name="ask")(model)()
    samples = scraped(registry)
    call = {"reliai_call_name": "ask"}
    done = {**call, "reliai_outcome": "success", "error_type": ""}
    assert of(samples, "reliai_call_duration_seconds_count", **done) == 1
    assert of(samples, "reliai_call_duration_seconds_count") == 1
    assert of(samples, "reliai_attempt_duration_seconds_count", **call) == 3
    assert of(samples, "reliai_attempt_duration_seconds_count", error_type="connection") == 2
    assert of(samples, "reliai_call_retries_sum", **call) == 2
    assert of(samples, "reliai_events_total", reliai_event_type="retry") == 2


def test_buckets_are_those_of_the_name_table(registry: CollectorRegistry) -> None:
    reliai.reliable(observers=[Prometheus(registry)])(lambda: "a")()
    bounds = [
        float(sample.labels["le"])
        for sample in scraped(registry)
        if sample.name == "reliai_call_duration_seconds_bucket"
    ]
    table = profile_of("v1_41").metrics["call.duration"].buckets
    assert bounds == [*table, float("inf")]


def test_tokens_of_a_provider_are_counted_by_model_and_direction(
    registry: CollectorRegistry,
) -> None:
    ask = reliai.reliable(observers=[Prometheus(registry)])(lambda: completion("m-1"))
    for _ in range(3):
        ask()
    samples = scraped(registry)
    model = {"gen_ai_response_model": "m-1", "reliai_billed": "final"}
    assert of(samples, "reliai_tokens_total", **model, reliai_direction="input") == 15
    assert of(samples, "reliai_tokens_total", **model, reliai_direction="output") == 21


def test_every_series_is_one_of_the_name_table(registry: CollectorRegistry) -> None:
    guard = reliai.Guard(prompt=reliai.MaxLength(5))
    breaker = reliai.CircuitBreaker("prometheus-names")
    ask = reliai.reliable(guard, breaker, observers=[Prometheus(registry)])(
        lambda prompt: completion("m")
    )
    ask("a")
    with pytest.raises(reliai.GuardRejected):
        ask("too long")
    known = {
        series
        for metric in profile_of("v1_41").metrics.values()
        for series in prometheus_series(metric)
    }
    seen = {sample.name for sample in scraped(registry) if not sample.name.endswith("_created")}
    assert seen <= known
    assert len(seen) > 10


def test_scores_of_evaluators_are_counted_by_call_and_name(registry: CollectorRegistry) -> None:
    ask = reliai.reliable(observers=[Prometheus(registry)], name="ask")(lambda: "a")
    with reliai.collect() as calls:
        for _ in range(3):
            ask()
    score(calls[0], "helpfulness", 0.2)
    score(calls[1].id, "helpfulness", 0.9)
    score(calls[2], "verdict", label="pass")
    samples = scraped(registry)
    assert of(samples, "reliai_evaluation_score_count", reliai_call_name="ask") == 2
    assert of(samples, "reliai_evaluation_score_sum") == pytest.approx(1.1)


# --- circuits -------------------------------------------------------------------------------------
def test_states_of_a_circuit_sum_to_one_and_a_rejected_call_asks_no_model(
    registry: CollectorRegistry,
) -> None:
    """An opening circuit: one transition, 1 for one state and 0 for the others, rejected calls."""
    breaker = reliai.CircuitBreaker("prometheus-test", consecutive=2)
    model = ScriptedModel([ConnectionError("down"), ConnectionError("down")])
    ask = reliai.reliable(breaker, observers=[Prometheus(registry)])(model)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            ask()
    with pytest.raises(reliai.CircuitOpen):
        ask()
    samples = scraped(registry)
    circuit = {"reliai_breaker_name": "prometheus-test"}
    states = {
        sample.labels["reliai_breaker_state"]: sample.value
        for sample in samples
        if sample.name == "reliai_breaker_state" and circuit.items() <= sample.labels.items()
    }
    assert states == {"closed": 0, "open": 1, "half_open": 0, "isolated": 0}
    assert of(samples, "reliai_events_total", reliai_event_type="circuit_opened") == 1
    rejected = {"reliai_outcome": "rejected", "error_type": "circuit_open"}
    assert of(samples, "reliai_call_duration_seconds_count", **rejected) == 1
    assert of(samples, "reliai_attempt_duration_seconds_count") == 2


# --- exemplars ------------------------------------------------------------------------------------
def exemplars(registry: CollectorRegistry) -> list[tuple[str, dict[str, str]]]:
    """The exemplars of a scrape, by series."""
    assert reliai.flush(60)
    text = exposition.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    families = parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return [
        (sample.name, sample.exemplar.labels)
        for family in families
        for sample in family.samples
        if sample.exemplar is not None
    ]


def test_call_in_a_sampled_span_leaves_its_trace_as_an_exemplar(
    registry: CollectorRegistry,
) -> None:
    ask = reliai.reliable(observers=[Prometheus(registry)])(lambda: "a")
    with TracerProvider().get_tracer("test").start_as_current_span("request") as span:
        ask()
    context = span.get_span_context()
    wanted = {
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }
    found = exemplars(registry)
    assert ("reliai_call_duration_seconds_bucket", wanted) in found
    assert all(labels == wanted for _, labels in found)


def test_no_exemplar_without_a_span_that_is_sampled(registry: CollectorRegistry) -> None:
    ask = reliai.reliable(observers=[Prometheus(registry)])(lambda: "a")
    ask()
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("test")
    with tracer.start_as_current_span("request"):
        ask()
    assert exemplars(registry) == []


def test_exemplars_can_be_left_away(registry: CollectorRegistry) -> None:
    ask = reliai.reliable(observers=[Prometheus(registry, exemplars=False)])(lambda: "a")
    with TracerProvider().get_tracer("test").start_as_current_span("request"):
        ask()
    assert exemplars(registry) == []


# --- labels ---------------------------------------------------------------------------------------
def test_user_id_may_be_no_label(registry: CollectorRegistry) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"Prometheus\(labels=.*'user_id' may be"):
        Prometheus(registry, labels=["name", "user_id"])


def test_labels_can_be_fewer_and_the_counts_are_the_same(registry: CollectorRegistry) -> None:
    observer = Prometheus(registry, labels=["name"])
    ask = reliai.reliable(observers=[observer], name="ask")(ScriptedModel(["a", KeyError("b")]))
    ask()
    with pytest.raises(KeyError):
        ask()
    counts = [
        (sample.labels, sample.value)
        for sample in scraped(registry)
        if sample.name == "reliai_call_duration_seconds_count"
    ]
    assert counts == [({"reliai_call_name": "ask"}, 2)]


def test_ten_thousand_models_are_few_series_and_no_count_is_lost(
    registry: CollectorRegistry,
) -> None:
    observer = Prometheus(registry, label_limit=50)
    models = iter(range(10_000))
    ask = reliai.reliable(observers=[observer])(lambda: completion(f"model-{next(models)}"))
    for _ in range(100):
        for _ in range(100):
            ask()
        assert reliai.flush(60)
    seen: Counter[str] = Counter()
    for sample in scraped(registry):
        if sample.name == "reliai_tokens_total" and sample.labels["reliai_direction"] == "input":
            seen[sample.labels["gen_ai_response_model"]] += int(sample.value)
    assert len(seen) == 51
    assert sum(seen.values()) == 50_000
    assert seen["_other"] == (10_000 - 50) * 5


# --- registries -----------------------------------------------------------------------------------
def test_second_one_on_a_registry_is_refused_until_the_first_is_closed_or_gone(
    registry: CollectorRegistry,
) -> None:
    first: Prometheus | None = Prometheus(registry)
    assert first is not None
    with pytest.raises(reliai.ConfigurationError, match="another one writes to this registry"):
        Prometheus(registry)
    first.close()
    first = Prometheus(registry)
    del first
    Prometheus(registry)


def test_registry_that_has_such_a_metric_is_refused_and_left_as_it_was(
    registry: CollectorRegistry,
) -> None:
    PrometheusCounter("reliai_events", "Somebody else's.", registry=registry)
    before = generate_latest(registry)
    with pytest.raises(reliai.ConfigurationError, match="has other metrics of these names"):
        Prometheus(registry)
    assert generate_latest(registry) == before


BAD: list[tuple[dict[str, Any], str]] = [
    ({"registry": 5}, r"registry=5\): has no register\(\).*CollectorRegistry\(\)"),
    ({"registry": CollectorRegistry}, "registry=.*has no register"),
    ({"resources": "yes"}, r"resources='yes'\): must be True or False"),
    ({"exemplars": "no"}, r"exemplars='no'\): must be True or False"),
    ({"label_limit": 0}, "label_limit=0"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD, ids=range(len(BAD)))
def test_wrong_setting_is_refused_and_named(
    registry: CollectorRegistry, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(reliai.ConfigurationError, match=rf"Prometheus\({message}"):
        Prometheus(**wrong)
    Prometheus(registry)


def test_package_that_is_missing_is_named() -> None:
    lines = printed("""
        import sys
        sys.modules["prometheus_client"] = None
        import reliai
        from reliai.telemetry import Prometheus
        try:
            Prometheus()
        except reliai.ConfigurationError as error:
            print(error)
    """)
    assert lines == [
        'Prometheus() needs prometheus_client, which comes with: pip install "reliai[prometheus]"'
    ]


# --- itself ---------------------------------------------------------------------------------------
def test_state_of_telemetry_is_told_with_the_rest(registry: CollectorRegistry) -> None:
    class Refusing:
        def on_end(self, record: reliai.CallRecord) -> None:
            raise OSError("no")

    observers: list[object] = [Prometheus(registry), Memory(), Refusing()]
    ask = reliai.reliable(observers=observers)(lambda: "a")
    names = {one: hub.lane(one).counts.name for one in observers}
    before = scraped(registry)
    for _ in range(4):
        ask()
    after = scraped(registry)

    def more(series: str, one: object, **labels: str) -> float:
        which = {"reliai_observer": names[one], **labels}
        return of(after, series, **which) - of(before, series, **which)

    told = [more("reliai_telemetry_events_total", one) for one in observers]
    assert told == [4, 4, 0]
    assert more("reliai_telemetry_dropped_total", observers[2], reliai_reason="raised") == 4
    assert more("reliai_telemetry_export_duration_seconds_count", observers[0]) == 4
    waiting = [more("reliai_telemetry_queue_size", one) for one in observers]
    assert waiting == [0, 0, 0]


def test_use_of_the_process_is_told_unless_it_is_not_wanted(registry: CollectorRegistry) -> None:
    other = CollectorRegistry()
    observers = [Prometheus(registry), Prometheus(other, resources=False)]
    told = [{sample.name for sample in scraped(one.registry)} for one in observers]
    assert ["process_memory_usage_bytes" in names for names in told] == [True, False]


# --- processes ------------------------------------------------------------------------------------
FORKING = """
import os, sys
import prometheus_client
import reliai
from reliai.telemetry import Prometheus
reliai.configure(observers=[Prometheus(labels=sys.argv[1].split())])
ask = reliai.reliable(name="ask")(lambda: "a")
for _ in range(3):
    ask()
reliai.flush(60)
def counted():
    reliai.flush(60)
    labels = {"reliai_call_name": "ask"} if sys.argv[1] else {}
    value = prometheus_client.REGISTRY.get_sample_value
    return value("reliai_call_duration_seconds_count", labels)
read, write = os.pipe()
if os.fork() == 0:
    ask()
    os.write(write, str(counted()).encode())
    os._exit(0)
os.wait()
print(os.read(read, 99).decode(), counted())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("labels", ["name", ""])
def test_forked_child_counts_its_own_calls_only(labels: str) -> None:
    assert printed(FORKING, labels) == ["1.0 3.0"]


SERVING = """
import os, sys, tempfile
folder = tempfile.mkdtemp()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
import prometheus_client
from prometheus_client import multiprocess
import reliai
from reliai.telemetry import Prometheus
reliai.configure(observers=[Prometheus()])
ask = reliai.reliable(name="ask")(lambda: "a")
for _ in range(3):
    ask()
reliai.flush(60)
for _ in range(2):
    if os.fork() == 0:
        ask()
        reliai.flush(60)
        os._exit(0)
    os.wait()
together = prometheus_client.CollectorRegistry()
multiprocess.MultiProcessCollector(together)
server, thread = prometheus_client.start_http_server(0, "127.0.0.1", together)
from urllib.request import urlopen
text = urlopen(f"http://127.0.0.1:{server.server_port}/metrics").read().decode()
name = "reliai_call_duration_seconds_count"
print(*(line for line in text.splitlines() if line.startswith(name)))
server.shutdown()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_that_share_a_folder_are_added_up_at_a_scrape() -> None:
    (line,) = printed(SERVING)
    assert line.endswith("} 5.0")
    assert 'reliai_call_name="ask"' in line


def test_what_is_served_over_http_is_read_by_a_parser(registry: CollectorRegistry) -> None:
    reliai.reliable(observers=[Prometheus(registry)], name="ask")(lambda: "a")()
    assert reliai.flush(60)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as response:
            text = response.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["reliai_call_duration_seconds"].type == "histogram"
    assert families["reliai_telemetry_events"].type == "counter"
