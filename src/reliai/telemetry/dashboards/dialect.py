"""PromQL from the keys of the name table, in either way of writing names. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from reliai.errors import ConfigurationError
from reliai.telemetry.names import (
    DEFAULT_PROFILE,
    Scheme,
    profile_of,
    prometheus_label,
    prometheus_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INTERVAL", "Dialect"]

INTERVAL = "$__rate_interval"
"""What Grafana takes for the span of a rate."""

_PLAIN = {"job", "instance", "le"}
"""Labels that Prometheus gives by itself: written alike in both ways."""


class Dialect:
    """How the metrics of one profile are called in one way of writing names.

    Args:
        profile: a key of `telemetry.names.PROFILES`.
        naming: "underscores", what Prometheus scrapes and what an OTLP receiver makes of names by
            default; or "utf8", for a receiver that leaves them as they are (Prometheus 3).

    Raises:
        ConfigurationError: for an unknown profile or way.
    """

    def __init__(self, profile: str = DEFAULT_PROFILE, naming: Scheme = "underscores") -> None:
        if naming not in get_args(Scheme):
            known = ", ".join(map(repr, get_args(Scheme)))
            raise ConfigurationError(f"naming={naming!r}: use one of {known}")
        self.profile = profile_of(profile, "dashboards")
        self.naming: Scheme = naming

    def label(self, key: str) -> str:
        """The name of a label, by its key."""
        if key in _PLAIN:
            return key
        return prometheus_label(self.profile.labels[key], self.naming)

    def written(self, key: str) -> str:
        """The same as it is written in an expression."""
        name = self.label(key)
        return name if self.naming == "underscores" or key in _PLAIN else json.dumps(name)

    def listed(self, keys: str) -> str:
        """Labels as `by (…)` takes them, from keys with blanks between."""
        return ", ".join(self.written(key) for key in keys.split())

    def metric(self, key: str) -> str:
        """The name of a series: of a counter, a gauge, or "KEY:count", ":sum", ":bucket"."""
        name, _, part = key.partition(":")
        found = prometheus_name(self.profile.metrics[name], self.naming)
        return f"{found}_{part}" if part else found

    def buckets(self, key: str) -> tuple[float, ...]:
        """The bounds of a histogram's buckets."""
        return self.profile.metrics[key].buckets

    def series(self, key: str, where: Mapping[str, Any] | None = None) -> str:
        """A selector.

        Args:
            key: as of `metric`.
            where: what labels must be, by key: a value, or an operator and a value, as in
                `{"outcome": ("=~", "error|rejected")}`.
        """
        matchers: list[str] = []
        for name, wanted in (where or {}).items():
            sign, value = wanted if isinstance(wanted, tuple) else ("=", wanted)
            matchers.append(f"{self.written(name)}{sign}{json.dumps(value, ensure_ascii=False)}")
        if self.naming == "utf8":
            return "{" + ",".join([json.dumps(self.metric(key)), *matchers]) + "}"
        return self.metric(key) + ("{" + ",".join(matchers) + "}" if matchers else "")

    def rate(
        self,
        key: str,
        *,
        by: str = "",
        where: Mapping[str, Any] | None = None,
        over: str = INTERVAL,
    ) -> str:
        """How much a counter grows each second, summed up by some labels."""
        grows = f"rate({self.series(key, where)}[{over}])"
        return f"sum by ({self.listed(by)}) ({grows})" if by else f"sum({grows})"

    def increase(self, key: str, *, where: Mapping[str, Any] | None = None, over: str) -> str:
        """How much a counter grew over a span."""
        return f"sum(increase({self.series(key, where)}[{over}]))"

    def quantile(
        self,
        which: float,
        key: str,
        *,
        by: str = "",
        where: Mapping[str, Any] | None = None,
        over: str = INTERVAL,
    ) -> str:
        """A quantile of a histogram."""
        inner = self.rate(f"{key}:bucket", by=f"le {by}".strip(), where=where, over=over)
        return f"histogram_quantile({which:g}, {inner})"
