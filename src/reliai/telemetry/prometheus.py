"""Metrics of calls for Prometheus, through prometheus-client: counters, histograms, exemplars.

Instruments, buckets and labels are those of the name table. Nothing but a look at the current span
happens in the call path; children are looked up once and kept.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from reliai._core.forking import renew_after_fork
from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.telemetry._measurements import Labels, Measurement, of_record, of_score
from reliai.telemetry._prometheus_views import Views
from reliai.telemetry._settings import flag, having
from reliai.telemetry._tracing import note_trace
from reliai.telemetry.names import Metric, profile_of, prometheus_label, prometheus_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client import CollectorRegistry

    from reliai._core.call import Call
    from reliai._core.record import CallRecord
    from reliai._core.scores import Score

__all__ = ["Prometheus"]

_WITH_EXEMPLARS = frozenset(
    "call.duration call.time_to_first_chunk attempt.duration inference.duration".split()
)
"""Where one wants to see the call behind a number."""

_writing: weakref.WeakKeyDictionary[Any, weakref.ref[Prometheus]] = weakref.WeakKeyDictionary()
"""Who writes to a registry."""


class Prometheus:
    """Keeps the metrics of calls in a registry of prometheus-client, for the program to serve.

    It opens no port: `prometheus_client.start_http_server(9464)` does, or what the framework has.
    States of circuits, what became of telemetry and the use of resources are read when somebody
    scrapes.

    Args:
        registry: where; the library's default registry when None. One observer writes to it.
        exemplars: whether to attach the trace of a call to the numbers it gives. Only calls made
            inside a sampled span have one, and only the OpenMetrics format shows it.
        labels: keys of the labels to keep, of `reliai.telemetry.names.LABELS`; None for all.
        label_limit: values of one label at most; those that come later are `_other`.
        semconv: the profile of the name table.
        resources: whether to tell what the process and GPUs use; None for where psutil is there.

    Raises:
        ConfigurationError: when prometheus-client is not installed, a label may be none, a setting
            is out of its range, or the registry is none or has such metrics already.
    """

    inline = False

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        exemplars: bool = True,
        labels: Iterable[str] | None = None,
        label_limit: int = 100,
        semconv: str = "v1_41",
        resources: bool | None = None,
    ) -> None:
        self._client = needed("prometheus_client", "prometheus", "Prometheus()")
        self.registry: Any = self._client.REGISTRY if registry is None else _checked(registry)
        self.profile = profile_of(semconv, "Prometheus")
        self._exemplars = flag("Prometheus", "exemplars", exemplars)
        self._given = labels if labels is None or isinstance(labels, str) else list(labels)
        self._limit = label_limit
        if resources is not None:
            flag("Prometheus", "resources", resources)
        self._forget()
        core = needed("prometheus_client.core", "prometheus", "Prometheus()")
        views = Views(core, self.profile, self._labels.keys, resources)
        self._instruments: dict[str, Any] = {}
        self._views = views
        self._register()
        renew_after_fork(self)

    def _forget(self) -> None:
        self._labels = Labels(self.profile, self._given, self._limit, "Prometheus")
        self._children: dict[tuple[str, tuple[str, ...]], Callable[..., None]] = {}

    def _register(self) -> None:
        registry = self.registry
        known = _writing.get(registry)
        other = None if known is None else known()
        if other is not None:
            message = (
                "Prometheus(): another one writes to this registry already, and calls that both "
                "see would count twice; use that one for all functions, close() it, or give "
                "this one a registry: Prometheus(prometheus_client.CollectorRegistry())"
            )
            raise ConfigurationError(message)
        registered: list[Any] = []
        try:
            for key, metric in self.profile.metrics.items():
                if metric.kind != "gauge" and not key.startswith("telemetry."):
                    self._instruments[key] = self._instrument(metric)
                    registered.append(self._instruments[key])
            registry.register(self._views)
        except ValueError as error:
            _unregister(registry, registered)
            message = f"Prometheus(): the registry has other metrics of these names ({error})"
            raise ConfigurationError(message) from error
        registered.append(self._views)
        _writing[registry] = weakref.ref(self)
        self._close = weakref.finalize(self, _unregister, registry, registered)
        self._close.atexit = False

    def _instrument(self, metric: Metric) -> Any:
        make = self._client.Counter if metric.kind == "counter" else self._client.Histogram
        settings: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
        names = [
            prometheus_label(self.profile.labels[key]) for key in self._labels.keys[metric.key]
        ]
        name = prometheus_name(metric)
        return make(name, metric.description, names, registry=self.registry, **settings)

    def _renew(self) -> None:
        """In a forked child: what its parent counted is the parent's to tell."""
        if self._client.values.ValueClass._multiprocess:  # noqa: SLF001  it has files for each process
            return
        self._forget()
        for instrument in self._instruments.values():
            with suppress(AttributeError):
                instrument._lock = Lock()  # noqa: SLF001  a thread of the parent may have held it
                instrument.clear()
                if not instrument._labelnames:  # noqa: SLF001  it is its only child
                    instrument._metric_init()  # noqa: SLF001

    def on_start(self, call: Call) -> None:
        """Note the span that the call is made in, for the exemplar."""
        if self._exemplars:
            note_trace(call)

    def on_end(self, record: CallRecord) -> None:
        """Count a record."""
        exemplar = _exemplar(record) if self._exemplars else None
        for measurement in of_record(record):
            if measurement.key in self._instruments:
                self._count(measurement, exemplar)

    def _count(self, measurement: Measurement, exemplar: Mapping[str, str] | None) -> None:
        values = self._labels.values(measurement)
        child = self._children.get((measurement.key, values))
        if child is None:
            child = self._child(measurement.key, values)
            self._children[measurement.key, values] = child
        if exemplar is not None and measurement.key in _WITH_EXEMPLARS:
            child(measurement.value, exemplar)
        else:
            child(measurement.value)

    def _child(self, key: str, values: tuple[str, ...]) -> Callable[..., None]:
        instrument = self._instruments[key]
        child = instrument.labels(*values) if values else instrument
        counting: bool = self.profile.metrics[key].kind == "counter"
        return child.inc if counting else child.observe  # type: ignore[no-any-return]

    def on_score(self, call_id: str, record: CallRecord | None, score: Score) -> None:
        """Count the score that an evaluator gave."""
        if score.value is not None:
            name = None if record is None else record.name
            self._count(of_score(name, score.name, score.value), None)

    def close(self) -> None:
        """Take the metrics out of the registry."""
        self._close()
        if _writing.get(self.registry) is not None and _writing[self.registry]() is self:
            del _writing[self.registry]


def _checked(registry: Any) -> Any:
    instead = "a prometheus_client.CollectorRegistry(), or leave it out for the default one"
    return having("Prometheus", "registry", registry, ("register", "unregister"), instead)


def _exemplar(record: CallRecord) -> Mapping[str, str] | None:
    trace_id = record.trace_id
    if trace_id is None or not record._sampled:  # noqa: SLF001  what was noted of the span
        return None
    span_id = record.span_id
    return {"trace_id": trace_id} if span_id is None else {"trace_id": trace_id, "span_id": span_id}


def _unregister(registry: Any, collectors: list[Any]) -> None:
    while collectors:
        with suppress(KeyError):
            registry.unregister(collectors.pop())
