"""Metrics through OpenTelemetry's own API: recorded on the worker, read when they are collected.

An SDK takes 7 to 25 µs for each number, so none is recorded in the call path, and of counters only
the sums are kept, to be read when they are collected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.metrics import Observation

from reliai._core.forking import renew_after_fork
from reliai.telemetry._health import health
from reliai.telemetry._measurements import Labels, Measurement, of_circuits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter

    from reliai.telemetry.names import Metric, Profile
    from reliai.telemetry.resources import Resources

__all__ = ["Metrics"]

_COLLECTED: Final = (
    "breaker.state",
    "telemetry.events",
    "telemetry.dropped",
    "telemetry.queue.size",
    "telemetry.redactions",
    "telemetry.redaction_failures",
)
"""What is asked for when metrics are collected, and not recorded call by call."""


_USED: Final = ("process.", "gpu.")
"""Beginnings of the keys of what the process and its machine use."""


class Metrics:
    """The instruments of one profile on one meter; each is made when it is first needed.

    Args:
        meter: of the application's provider.
        profile: what instruments are called, with their units and buckets.
        labels: what attributes they may have.
        resources: what the process uses; None when that is not told.
    """

    def __init__(
        self, meter: Meter, profile: Profile, labels: Labels, resources: Resources | None = None
    ) -> None:
        self._meter = meter
        self._profile = profile
        self._labels = labels
        self._histograms: dict[str, Histogram] = {}
        self._sums: dict[str, dict[tuple[str, ...], float]] = {}
        self._collected: Labels = labels.again()
        self._resources = resources
        used = () if resources is None else [k for k in profile.metrics if k.startswith(_USED)]
        for key in (*_COLLECTED, *used):
            self._observe(profile.metrics[key])
        renew_after_fork(self)

    def record(self, measurements: Iterable[Measurement], context: Context | None) -> None:
        """Add numbers to their instruments; those this profile has no instrument for go nowhere.

        Args:
            measurements: of one call.
            context: holds the span that exemplars name.
        """
        for measurement in measurements:
            metric = self._profile.metrics.get(measurement.key)
            if metric is None or measurement.value < 0:  # the SDK takes no score below 0
                continue
            values = self._labels.values(measurement)
            if metric.kind == "counter":
                sums = self._sums.get(metric.key) or self._summed(metric)
                sums[values] = sums.get(values, 0) + measurement.value
                continue
            histogram = self._histograms.get(metric.key) or self._made(metric)
            histogram.record(measurement.value, self._named(metric, values), context=context)

    def _named(self, metric: Metric, values: tuple[str, ...]) -> dict[str, str | int]:
        names, keys = self._profile.labels, self._labels.keys[metric.key]
        return {
            names[key]: int(value) if key == "server_port" and value.isdecimal() else value
            for key, value in zip(keys, values, strict=True)
            if value
        }

    def _made(self, metric: Metric) -> Histogram:
        made = self._histograms[metric.key] = self._meter.create_histogram(
            metric.name,
            metric.unit,
            metric.description,
            explicit_bucket_boundaries_advisory=metric.buckets,
        )
        return made

    def _summed(self, metric: Metric) -> dict[tuple[str, ...], float]:
        known = self._sums.get(metric.key)
        if known is not None:  # it is empty: its process was forked
            return known
        sums: dict[tuple[str, ...], float] = {}
        self._sums[metric.key] = sums

        def collect(_: CallbackOptions) -> Iterator[Observation]:
            for values, total in list(sums.items()):
                yield Observation(total, self._named(metric, values))

        self._meter.create_observable_counter(
            metric.name, [collect], metric.unit, metric.description
        )
        return sums

    def _renew(self) -> None:
        """In a forked child: what was counted is its parent's to tell."""
        for sums in self._sums.values():
            sums.clear()

    def _observe(self, metric: Metric) -> None:
        create: Callable[..., Any] = (
            self._meter.create_observable_counter
            if metric.kind == "counter"
            else self._meter.create_observable_gauge
        )

        def collect(_: CallbackOptions) -> Iterator[Observation]:
            for measurement in self._now(metric.key):
                values = self._collected.values(measurement)
                yield Observation(measurement.value, self._named(metric, values))

        create(metric.name, [collect], metric.unit, metric.description)

    def _now(self, key: str) -> list[Measurement]:
        if self._resources is not None and key.startswith(_USED):
            return [each for each in self._resources.now() if each.key == key]
        return _collected(key)


def _collected(key: str) -> list[Measurement]:
    if key == "breaker.state":
        from reliai.policies.circuit_breaker import circuits  # noqa: PLC0415  when it is collected

        return of_circuits(circuits())
    found = []
    for name, seen in health().items():
        numbers: dict[str, float] = {
            "telemetry.events": seen.exported,
            "telemetry.queue.size": seen.pending,
            "telemetry.redactions": seen.redactions,
            "telemetry.redaction_failures": seen.redaction_failures,
        }
        if key in numbers:
            found.append(Measurement(key, numbers[key], {"observer": name}))
        else:
            found += [
                Measurement(key, count, {"observer": name, "reason": reason})
                for reason, count in seen.drops.items()
            ]
    return found
