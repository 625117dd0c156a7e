"""Rows of telemetry: reliai's observers, and what others make of the same call.

`function` is a function that gives an SDK's answer at once, traced by a decorator or by hand;
`client` is the SDK's own client over a transport that answers at once, traced by what each library
has for it. Every tracer has the SDK's batch processor and an exporter that counts and discards, and
every meter a reader that nobody reads meanwhile, so nobody is charged for a network.
"""

from __future__ import annotations

import functools
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import reliai
from benchmarks import _clients
from benchmarks._harness import PROMPT, load
from benchmarks._paced import PacedRow, Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks._harness import Target

FUNCTION, CLIENT = "function", "client"
GROUPS = (FUNCTION, CLIENT)
BARE = "bare"
NOBODY = "reliai, (a) no observer"
STORE = "reliai, (b) RecordStore on SQLite"
OTEL = "reliai, (c) OpenTelemetry, spans and metrics"
ALL = "reliai, (d) both, Prometheus, JsonLines and Monitor"
OURS = (NOBODY, STORE, OTEL, ALL)
ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": PROMPT}]}


class Sink:
    """A tracer provider and a meter provider; what they export is counted and discarded."""

    def __init__(self) -> None:
        """Build them, with the processor and the reader that the SDK recommends."""
        export = load("opentelemetry.sdk.trace.export")
        self.spans = 0
        self.processor = export.BatchSpanProcessor(_Discard(self, export))
        self.tracers = load("opentelemetry.sdk.trace").TracerProvider()
        self.tracers.add_span_processor(self.processor)
        metrics = load("opentelemetry.sdk.metrics")
        self.reader = load("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
        self.meters = metrics.MeterProvider(metric_readers=[self.reader])

    def lost(self, calls: int) -> int:
        """How many calls have no span at all."""
        self.processor.force_flush(10_000)
        return max(0, calls - self.spans)


class _Discard:
    def __init__(self, sink: Sink, export: Any) -> None:
        self._sink, self._done = sink, export.SpanExportResult.SUCCESS

    def export(self, spans: Any) -> Any:
        self._sink.spans += len(spans)
        return self._done

    def shutdown(self) -> None:
        pass

    def force_flush(self, _: int = 0) -> bool:
        return True


def bare(group: str) -> Target:
    """The call, and nothing around it."""
    if group == CLIENT:
        create = _clients.openai_client("sync").chat.completions.create
        return lambda _: create(**ASKED)
    answer = _clients.answered()
    return lambda _: answer


def wrapped() -> Target:
    """The call by a client that reliai has wrapped."""
    client = load("reliai.integrations.openai").wrap(_clients.openai_client("sync"))
    return lambda _: client.chat.completions.create(**ASKED)


def ours(group: str, name: str) -> Probe:
    """reliai around the call, with observers."""
    observers, lost = OBSERVERS[name]()
    function = wrapped() if group == CLIENT else bare(group)
    guarded = reliai.reliable(name=f"{group}, {name}", observers=observers)(function)
    return Probe(guarded, lost=lost)


def _nobody() -> tuple[list[Any], Callable[[int], int] | None]:
    return [], None


def _store() -> tuple[list[Any], Callable[[int], int]]:
    load("sqlalchemy")
    folder = tempfile.TemporaryDirectory(prefix="reliai-bench-")
    store = load("reliai.records").RecordStore(f"sqlite:///{folder.name}/records.db")

    def lost(calls: int) -> int:
        reliai.flush(30)
        store.flush(30)
        missing = calls - int(store.counts.written)
        store.close()
        folder.cleanup()
        return missing

    return [store], lost


def _otel() -> tuple[list[Any], Callable[[int], int]]:
    sink = Sink()
    telemetry = load("reliai.telemetry")
    observer = telemetry.OpenTelemetry(tracer_provider=sink.tracers, meter_provider=sink.meters)

    def lost(calls: int) -> int:
        reliai.flush(30)
        return sink.lost(calls)

    return [observer], lost


def _all() -> tuple[list[Any], Callable[[int], int]]:
    telemetry, registry = load("reliai.telemetry"), load("prometheus_client").CollectorRegistry()
    (store, counted), (otel, traced) = _store(), _otel()
    lines = telemetry.JsonLines(Path(os.devnull))
    monitor = load("reliai.monitoring").Monitor()
    observers = [*store, *otel, telemetry.Prometheus(registry=registry), lines, monitor]
    return observers, lambda calls: max(counted(calls), traced(calls))


OBSERVERS: dict[str, Callable[[], tuple[list[Any], Callable[[int], int] | None]]] = {
    NOBODY: _nobody,
    STORE: _store,
    OTEL: _otel,
    ALL: _all,
}


def by_hand() -> Probe:
    """A span with the attributes of the conventions, and the two histograms, by OpenTelemetry."""
    sink, function = Sink(), bare(FUNCTION)
    tracer, meter = sink.tracers.get_tracer("bench"), sink.meters.get_meter("bench")
    duration = meter.create_histogram("gen_ai.client.operation.duration", "s")
    tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")
    clock = load("time").perf_counter
    kind = load("opentelemetry.trace").SpanKind.CLIENT
    about = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": ASKED["model"],
    }

    def call(prompt: str) -> Any:
        started = clock()
        with tracer.start_as_current_span("chat gpt-4o-mini", kind=kind, attributes=about) as span:
            answer = function(prompt)
            used = answer.usage
            span.set_attributes(
                {
                    "gen_ai.response.model": answer.model,
                    "gen_ai.response.id": answer.id,
                    "gen_ai.response.finish_reasons": [answer.choices[0].finish_reason],
                    "gen_ai.usage.input_tokens": used.prompt_tokens,
                    "gen_ai.usage.output_tokens": used.completion_tokens,
                }
            )
        labels = {**about, "gen_ai.response.model": answer.model}
        duration.record(clock() - started, labels)
        tokens.record(used.prompt_tokens, {**labels, "gen_ai.token.type": "input"})
        tokens.record(used.completion_tokens, {**labels, "gen_ai.token.type": "output"})
        return answer

    return Probe(call, lost=sink.lost)


def genai() -> Probe:
    """OpenTelemetry's own helper for generative models."""
    handlers = load("opentelemetry.util.genai.handler")
    sink, function = Sink(), bare(FUNCTION)
    handler = handlers.TelemetryHandler(tracer_provider=sink.tracers, meter_provider=sink.meters)

    def call(prompt: str) -> Any:
        with handler.inference("openai", request_model=ASKED["model"]) as seen:
            answer = function(prompt)
            seen.response_model_name, seen.response_id = answer.model, answer.id
            seen.finish_reasons = [answer.choices[0].finish_reason]
            seen.input_tokens = answer.usage.prompt_tokens
            seen.output_tokens = answer.usage.completion_tokens
        return answer

    return Probe(call, lost=sink.lost)


@functools.cache
def _logfire() -> tuple[Any, Sink]:
    library, sink = load("logfire"), Sink()
    made = library.configure(
        local=True,
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[sink.processor],
    )
    return made, sink


def logfire() -> Probe:
    """logfire's span with the same facts; its metrics are off outside of instrumentations."""
    made, sink = _logfire()
    function = bare(FUNCTION)

    def call(prompt: str) -> Any:
        with made.span("chat", model=ASKED["model"], _span_name="chat gpt-4o-mini") as span:
            answer = function(prompt)
            span.set_attributes(
                {
                    "gen_ai.response.model": answer.model,
                    "gen_ai.response.id": answer.id,
                    "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
                    "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
                }
            )
        return answer

    return Probe(call, lost=sink.lost)


@functools.cache
def _langfuse() -> tuple[Any, Sink]:
    library, sink = load("langfuse"), Sink()
    client = library.Langfuse(
        public_key="pk",
        secret_key="sk",  # noqa: S106  nobody's
        base_url="http://127.0.0.1:9",
        tracer_provider=sink.tracers,
        span_exporter=_Discard(sink, load("opentelemetry.sdk.trace.export")),
    )
    return client, sink


def langfuse() -> Probe:
    """langfuse's `observe`, as a generation, without its inputs and outputs."""
    client, sink = _langfuse()
    function = bare(FUNCTION)

    def ask(prompt: str) -> Any:
        answer = function(prompt)
        used = {"input": answer.usage.prompt_tokens, "output": answer.usage.completion_tokens}
        client.update_current_generation(model=answer.model, usage_details=used)
        return answer

    observe = load("langfuse").observe
    settings = {"as_type": "generation", "capture_input": False, "capture_output": False}
    return Probe(observe(**settings)(ask), lost=sink.lost)


def instrumented(module: str, **settings: str) -> Probe:
    """A client that an instrumentation of OpenTelemetry's kind patches, while its block runs."""
    instrumentor, sink = load(module).OpenAIInstrumentor(), Sink()
    given = {name: getattr(sink, source) for name, source in settings.items()}

    @contextmanager
    def patched() -> Iterator[None]:
        instrumentor.instrument(**given)
        try:
            yield
        finally:
            instrumentor.uninstrument()

    client = _clients.openai_client("sync")

    def call(_: str) -> Any:
        return client.chat.completions.create(**ASKED)

    return Probe(call, patched, sink.lost)


def logfire_client() -> Probe:
    """A client that logfire instruments."""
    made, sink = _logfire()
    client = _clients.openai_client("sync")
    made.instrument_openai(client)
    return Probe(lambda _: client.chat.completions.create(**ASKED), lost=sink.lost)


@functools.cache
def _langfuse_patch() -> tuple[Any, Any, Any]:
    """What langfuse patches when it is imported, as it was and as it is then."""
    patched = load("openai.resources.chat.completions").Completions
    before = patched.create
    load("langfuse.openai")
    after, patched.create = patched.create, before
    return patched, before, after


def langfuse_client() -> Probe:
    """langfuse's OpenAI class: it patches the SDK for good, which is undone outside its blocks."""
    _, sink = _langfuse()
    patched, before, after = _langfuse_patch()

    @contextmanager
    def active() -> Iterator[None]:
        patched.create = after
        try:
            yield
        finally:
            patched.create = before

    client = _clients.openai_client("sync")
    return Probe(lambda _: client.chat.completions.create(**ASKED), active, sink.lost)


PROVIDERS = {"tracer_provider": "tracers", "meter_provider": "meters"}
PEERS: tuple[tuple[str, str, Callable[[], Probe]], ...] = (
    (FUNCTION, "OpenTelemetry by hand", by_hand),
    (FUNCTION, "opentelemetry-util-genai", genai),
    (FUNCTION, "logfire, span", logfire),
    (FUNCTION, "langfuse, observe", langfuse),
    (
        CLIENT,
        "OpenTelemetry's instrumentation of openai",
        functools.partial(instrumented, "opentelemetry.instrumentation.genai.openai", **PROVIDERS),
    ),
    (
        CLIENT,
        "openllmetry's instrumentation of openai",
        functools.partial(instrumented, "opentelemetry.instrumentation.openai", **PROVIDERS),
    ),
    (CLIENT, "logfire, instrument_openai", logfire_client),
    (CLIENT, "langfuse, langfuse.openai", langfuse_client),
)


def rows() -> Iterator[PacedRow]:
    """All of them."""
    for group in GROUPS:
        yield PacedRow(group, BARE, functools.partial(_plain, group))
        for name in OURS:
            yield PacedRow(group, name, functools.partial(ours, group, name))
    for group, name, build in PEERS:
        yield PacedRow(group, name, build)


def _plain(group: str) -> Probe:
    return Probe(bare(group))
