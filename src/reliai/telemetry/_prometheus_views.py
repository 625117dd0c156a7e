"""What is read when somebody scrapes: circuits, the state of telemetry, the use of resources."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from reliai.telemetry._health import BOUNDS, health
from reliai.telemetry._measurements import Measurement, of_circuits
from reliai.telemetry.names import Metric, Profile, prometheus_label, prometheus_name
from reliai.telemetry.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Views"]


class Views:
    """A collector of prometheus-client.

    Args:
        core: the library's `core`.
        profile: the profile of the name table.
        keys: the labels of each metric.
        resources: whether to tell what is used; None for where psutil is there.
    """

    def __init__(
        self,
        core: Any,
        profile: Profile,
        keys: Mapping[str, tuple[str, ...]],
        resources: bool | None,  # noqa: FBT001  handed on
    ) -> None:
        self._core = core
        self._profile = profile
        self._keys = keys
        self._resources = None if resources is False else Resources(required=bool(resources))

    def describe(self) -> list[Any]:
        """The families there may be, so that a registry knows their names."""
        shown = [
            metric
            for key, metric in self._profile.metrics.items()
            if metric.kind == "gauge" or key.startswith("telemetry.")
        ]
        return [self._family(metric) for metric in shown if self._told(metric)]

    def _told(self, metric: Metric) -> bool:
        return self._resources is not None or not metric.key.startswith(("process.", "gpu."))

    def _family(self, metric: Metric) -> Any:
        make = {
            "gauge": self._core.GaugeMetricFamily,
            "counter": self._core.CounterMetricFamily,
            "histogram": self._core.HistogramMetricFamily,
        }[metric.kind]
        names = [prometheus_label(self._profile.labels[key]) for key in self._keys[metric.key]]
        return make(prometheus_name(metric), metric.description, labels=names)

    def collect(self) -> Iterator[Any]:
        """The families as they are now."""
        sums: dict[str, dict[tuple[str, ...], float]] = {}
        for key, value, labels in self._measurements():
            values = tuple(labels.get(label, "") for label in self._keys[key])
            family = sums.setdefault(key, {})
            family[values] = family.get(values, 0.0) + value  # a label may be left away
        for key, of_key in sums.items():
            family = self._family(self._profile.metrics[key])
            for values, value in of_key.items():
                family.add_metric(values, value)
            yield family
        yield self._durations()

    def _measurements(self) -> Iterator[Measurement]:
        from reliai.policies.circuit_breaker import circuits  # noqa: PLC0415  where there are any

        yield from of_circuits(circuits())
        yield from _of_health()
        if self._resources is not None:
            yield from self._resources.now()

    def _durations(self) -> Any:
        metric = self._profile.metrics["telemetry.export.duration"]
        family = self._family(metric)
        everyone = list(health().values())
        if not self._keys[metric.key]:  # one for all
            seconds = sum(told.export_seconds for told in everyone)
            buckets = [told.export_buckets for told in everyone]
            totals = [sum(counts) for counts in zip(*buckets, strict=True)]
            family.add_metric([], _cumulative(totals), seconds)
            return family
        for told in everyone:
            family.add_metric([told.name], _cumulative(told.export_buckets), told.export_seconds)
        return family


def _cumulative(counts: Sequence[int]) -> list[list[Any]]:
    bounds = (*map(str, BOUNDS), "+Inf")
    return [[bound, total] for bound, total in zip(bounds, accumulate(counts), strict=False)]


def _of_health() -> Iterator[Measurement]:
    for told in health().values():
        labels = {"observer": told.name}
        yield Measurement("telemetry.events", told.exported, labels)
        for reason, count in told.drops.items():
            yield Measurement("telemetry.dropped", count, {**labels, "reason": reason})
        yield Measurement("telemetry.queue.size", told.pending, labels)
        yield Measurement("telemetry.redactions", told.redactions, labels)
        yield Measurement("telemetry.redaction_failures", told.redaction_failures, labels)
