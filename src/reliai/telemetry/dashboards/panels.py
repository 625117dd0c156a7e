"""What the dashboard shows: rows of panels, each with its queries. Data, made for a dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from reliai.telemetry.dashboards.rule_names import BUDGET_LEFT, ratio_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliai.telemetry.dashboards.dialect import Dialect

__all__ = ["Panel", "Query", "Row", "rows"]

Shape: TypeAlias = Literal["lines", "bars", "number"]


class Query(NamedTuple):
    """An expression, and how each of its series is called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: what it shows.
        queries: what it asks.
        unit: of Grafana's units.
        shape: lines, stacked bars, or one number.
        about: what to read from it.
        width: of 24 columns.
        most: the top of its axis; None for as it comes.
    """

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    shape: Shape = "lines"
    about: str = ""
    width: int = 8
    most: float | None = None


class Row(NamedTuple):
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


_CALLS: Mapping[str, Any] = {"job": ("=~", "$job"), "name": ("=~", "$call")}
_PROCESS: Mapping[str, Any] = {"job": ("=~", "$job")}


class _Maker:
    """Makes panels whose queries keep to what is chosen at the top of the dashboard."""

    def __init__(self, dialect: Dialect) -> None:
        self.to = dialect

    def legend(self, keys: str) -> str:
        return " ".join(f"{{{{{self.to.label(key)}}}}}" for key in keys.split())

    def rate(self, key: str, by: str = "", where: Mapping[str, Any] | None = None) -> Query:
        chosen = _CALLS if "name" in self._labels(key) else _PROCESS
        expr = self.to.rate(key, by=by, where={**chosen, **(where or {})})
        return Query(expr, self.legend(by))

    def _labels(self, key: str) -> tuple[str, ...]:
        return self.to.profile.metrics[key.partition(":")[0]].labels

    def quantiles(self, key: str, by: str, *which: float) -> tuple[Query, ...]:
        chosen = _CALLS if "name" in self._labels(key) else _PROCESS
        return tuple(
            Query(
                self.to.quantile(each, key, by=by, where=chosen),
                f"p{each * 100:g} {self.legend(by)}".strip(),
            )
            for each in which
        )

    def ratio(self, some: Query, every: Query, legend: str = "") -> Query:
        """One over the other; 0 where the first was never counted."""
        return Query(f"({some.expr} or 0 * {every.expr}) / {every.expr}", legend)

    def gauge(self, key: str, by: str = "", where: Mapping[str, Any] | None = None) -> Query:
        series = self.to.series(key, {**_PROCESS, **(where or {})})
        found = f"sum by ({self.to.listed(by)}) ({series})" if by else f"sum({series})"
        return Query(found, self.legend(by))


def rows(dialect: Dialect) -> list[Row]:
    """The whole dashboard."""
    make = _Maker(dialect)
    return [
        Row("Calls", _calls(make)),
        Row("Objectives", _objectives()),
        Row("Attempts and policies", _policies(make)),
        Row("Models and money", _models(make)),
        Row("Checks and scores", _quality(make)),
        Row("Telemetry and process", _process(make)),
    ]


def _calls(make: _Maker) -> list[Panel]:
    count = "call.duration:count"
    ended = make.rate(count)
    good = make.rate(count, where={"outcome": ("=~", "success|degraded")})
    return [
        Panel("Calls a second", (make.rate(count, "name"),), "reqps"),
        Panel(
            "How calls end",
            (make.rate(count, "outcome"),),
            "reqps",
            "bars",
            "degraded: answered by a stand-in; rejected: refused by a policy.",
        ),
        Panel("Answered", (make.ratio(good, ended, "answered"),), "percentunit", most=1),
        Panel("Time of calls", make.quantiles("call.duration", "name", 0.5, 0.95, 0.99), "s"),
        Panel(
            "Time to the first chunk",
            make.quantiles("call.time_to_first_chunk", "name", 0.5, 0.95),
            "s",
        ),
        Panel(
            "Errors of calls",
            (make.rate(count, "error", {"error": ("!=", "")}),),
            "reqps",
            "bars",
            "What callers got, after all retries and stand-ins.",
        ),
    ]


def _objectives() -> list[Panel]:
    return [
        Panel(
            "Error budget left",
            (Query(BUDGET_LEFT, "{{slo}}"),),
            "percentunit",
            about="Of the bad calls that the window allows, the share that is left.",
            width=12,
            most=1,
        ),
        Panel(
            "Share of bad calls",
            (Query(ratio_name("5m"), "{{slo}} 5m"), Query(ratio_name("1h"), "{{slo}} 1h")),
            "percentunit",
            width=12,
        ),
    ]


def _policies(make: _Maker) -> list[Panel]:
    attempts, calls = make.rate("attempt.duration:count"), make.rate("call.duration:count")
    hits = make.rate("events", where={"event": ("=~", "cache_hit|cache_stale")})
    looked = make.rate("events", where={"event": ("=~", "cache_hit|cache_stale|cache_miss")})
    return [
        Panel(
            "Attempts a call",
            (make.ratio(attempts, calls, "attempts"),),
            about="1 without retries and stand-ins; less when a cache answers.",
        ),
        Panel(
            "Errors of attempts",
            (make.rate("attempt.duration:count", "target error", {"error": ("!=", "")}),),
            "reqps",
            "bars",
        ),
        Panel("Time of attempts", make.quantiles("attempt.duration", "target", 0.5, 0.95), "s"),
        Panel("What policies did", (make.rate("events", "event"),), "ops"),
        Panel(
            "Circuits that are not closed",
            (make.gauge("breaker.state", "breaker target breaker_state", NOT_CLOSED),),
        ),
        Panel("Answered by the cache", (make.ratio(hits, looked, "hits"),), "percentunit", most=1),
    ]


NOT_CLOSED: Mapping[str, Any] = {"breaker_state": ("!=", "closed")}


def _models(make: _Maker) -> list[Panel]:
    an_hour = make.rate("cost", "response_model")
    wasted = make.rate("cost", where={"billed": "wasted"})
    return [
        Panel(
            "Time of requests to models",
            make.quantiles("inference.duration", "request_model", 0.5, 0.95),
            "s",
        ),
        Panel(
            "First chunk of models",
            make.quantiles("inference.time_to_first_chunk", "request_model", 0.5, 0.95),
            "s",
        ),
        Panel(
            "Errors of models",
            (make.rate("inference.duration:count", "request_model error", {"error": ("!=", "")}),),
            "reqps",
            "bars",
        ),
        Panel("Tokens a second", (make.rate("tokens", "response_model direction"),), "short"),
        Panel(
            "US dollars an hour",
            (Query(f"3600 * {an_hour.expr}", an_hour.legend),),
            "currencyUSD",
        ),
        Panel(
            "Money for answers that nobody got",
            (make.ratio(wasted, make.rate("cost"), "wasted"),),
            "percentunit",
            most=1,
        ),
        Panel(
            "Attempts without a known price",
            (make.rate("cost.unknown", "response_model"),),
            "reqps",
            about="What they cost is in no number here.",
        ),
    ]


def _quality(make: _Maker) -> list[Panel]:
    summed = make.rate("evaluation.score:sum", "score")
    counted = make.rate("evaluation.score:count", "score")
    invalid = make.rate("events", where={"event": "output_invalid"})
    return [
        Panel("What checks found", (make.rate("guard.results", "guard verdict action"),), "ops"),
        Panel(
            "Invalid answers",
            (make.ratio(invalid, make.rate("attempt.duration:count"), "invalid"),),
            "percentunit",
            most=1,
        ),
        Panel("Mean score", (Query(f"{summed.expr} / {counted.expr}", summed.legend),)),
    ]


def _process(make: _Maker) -> list[Panel]:
    told = [
        Panel("Entries exported", (make.rate("telemetry.events", "observer"),), "ops"),
        Panel(
            "Entries lost",
            (make.rate("telemetry.dropped", "observer reason"),),
            "ops",
            about="Anything but 0 means that the other numbers lack something.",
        ),
        Panel("Entries that wait", (make.gauge("telemetry.queue.size"),)),
        Panel(
            "Places redacted, and contents given up",
            (
                make.rate("telemetry.redactions", "observer"),
                make.rate("telemetry.redaction_failures", "observer"),
            ),
            "ops",
        ),
    ]
    return told if make.to.naming == "utf8" else told + _scraped(make)


def _scraped(make: _Maker) -> list[Panel]:
    """What only the native exporter tells, which Prometheus scrapes."""
    export = make.quantiles("telemetry.export.duration", "observer", 0.95)
    return [
        Panel("Time of an export", export, "s"),
        Panel("Processor", (make.gauge("process.cpu", "instance"),), "percentunit"),
        Panel("Memory", (make.gauge("process.memory", "instance"),), "bytes"),
        Panel("Threads", (make.gauge("process.threads", "instance"),)),
        Panel("GPU", (make.gauge("gpu.utilization", "instance device"),), "percentunit"),
        Panel("Memory of the GPU", (make.gauge("gpu.memory", "instance device"),), "bytes"),
    ]
