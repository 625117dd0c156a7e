"""Recording and alert rules for Prometheus. Data, made for a dialect and some objectives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.decisions.burn_windows import MIN_BAD, MIN_EVENTS, MONTH, PAIRS
from reliai.telemetry.dashboards.panels import NOT_CLOSED
from reliai.telemetry.dashboards.rule_names import BUDGET_LEFT, promql_span, ratio_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reliai.decisions.burn_windows import Pair
    from reliai.telemetry.dashboards.dialect import Dialect
    from reliai.telemetry.dashboards.objectives import Objective

__all__ = ["Alarm", "Group", "Recorded", "general_groups", "groups_of"]


class Recorded(NamedTuple):
    """A series that Prometheus reckons in advance."""

    name: str
    expr: str
    labels: Mapping[str, str]

    def rule(self) -> dict[str, Any]:
        """As a file of rules has it."""
        return {"record": self.name, "expr": self.expr, "labels": dict(self.labels)}


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that somebody should know of.

    Attributes:
        name: what the alert is called.
        expr: what gives a series while it holds.
        severity: "page", "ticket", "info", or "none" for those that nobody is to be told of.
        summary: one sentence; a template of Prometheus'.
        lasting: how long it must hold before it fires.
        labels: further ones.
        about: what to do, or to know.
    """

    name: str
    expr: str
    severity: str
    summary: str
    lasting: str = "0m"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    about: str = ""

    def rule(self) -> dict[str, Any]:
        """As a file of rules has it."""
        notes = {"summary": self.summary, "description": self.about}
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasting,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {name: value for name, value in notes.items() if value},
        }


class Group(NamedTuple):
    """Rules that are reckoned one after the other."""

    name: str
    rules: Sequence[Recorded | Alarm]

    def to_dict(self) -> dict[str, Any]:
        """As a file of rules has it."""
        return {"name": self.name, "rules": [rule.rule() for rule in self.rules]}


def groups_of(dialect: Dialect, slo: Objective) -> list[Group]:
    """The rules of one objective."""
    return [
        Group(f"reliai-{slo.slug}-shares", list(_recorded(dialect, slo))),
        Group(f"reliai-{slo.slug}", list(_alarms(dialect, slo))),
    ]


def general_groups(dialect: Dialect, spend_a_day: float | None = None) -> list[Group]:
    """The rules that hang on no objective.

    Args:
        dialect: how names are written.
        spend_a_day: US dollars of a day above which there is an alarm; None for none.
    """
    return [
        Group("reliai-policies", list(_policies(dialect, spend_a_day))),
        Group("reliai-telemetry", list(_telemetry(dialect))),
    ]


def _spans(slo: Objective) -> list[float]:
    found = {span for pair in PAIRS for span in (pair.short, pair.long)}
    return sorted(span * slo.window / MONTH for span in found)


def _recorded(dialect: Dialect, slo: Objective) -> Iterator[Recorded]:
    labels = {"slo": slo.name}
    for seconds in _spans(slo):
        span = promql_span(seconds)
        yield Recorded(ratio_name(span), slo.shares(dialect, span), labels)
    bad, every = slo.amounts(dialect, promql_span(slo.window), "increase")
    left = f"1 - {bad} / ({every} > 0) / {1 - slo.target:.6g}"
    yield Recorded(BUDGET_LEFT, left, labels)


def _alarms(dialect: Dialect, slo: Objective) -> Iterator[Alarm]:
    for pair in PAIRS:
        yield _burning(dialect, slo, pair)
    yield Alarm(
        "ReliaiBudgetSpent",
        f'{BUDGET_LEFT}{{slo="{slo.name}"}} <= 0',
        _severity(slo, "ticket"),
        f"{slo.name}: more went wrong than its target of {slo.target:g} allows.",
        "5m",
        _labels(slo),
    )
    yield Alarm(
        "ReliaiNothingToJudge",
        f"absent({slo.present(dialect)})",
        _severity(slo, "ticket"),
        f"{slo.name}: there is no series to judge it by.",
        "15m",
        _labels(slo),
        "An objective without data looks as if all were well. Is the service running and scraped?",
    )


def _burning(dialect: Dialect, slo: Objective, pair: Pair) -> Alarm:
    long, short = (promql_span(span * slo.window / MONTH) for span in (pair.long, pair.short))
    limit = f"{pair.factor * (1 - slo.target):.6g}"
    chosen = f'{{slo="{slo.name}"}}'
    bad = slo.amounts(dialect, long, "increase")[0]
    every = slo.amounts(dialect, short, "increase")[1]
    # `and on ()`: the sums have no labels, and there is one of each.
    expr = (
        f"{ratio_name(long)}{chosen} > {limit} and {ratio_name(short)}{chosen} > {limit} "
        f"and on () {every} >= {MIN_EVENTS} and on () {bad} >= {MIN_BAD}"
    )
    return Alarm(
        "ReliaiBudgetBurns",
        expr,
        _severity(slo, pair.severity),
        f"{slo.name}: {{{{ $value | humanizePercentage }}}} bad over {long}, more than "
        f"{pair.factor:.3g} times what the target of {slo.target:g} allows.",
        labels={**_labels(slo), "long": long, "short": short},
        about=f"At this rate {pair.budget:.0%} of the budget is gone in {long}.",
    )


def _severity(slo: Objective, severity: str) -> str:
    return "none" if slo.burn_in else severity


def _labels(slo: Objective) -> dict[str, str]:
    return {"slo": slo.name, **({"burn_in": "true"} if slo.burn_in else {})}


def _told(dialect: Dialect, key: str) -> str:
    """A label's value, in a template of Prometheus'."""
    return f'{{{{ index $labels "{dialect.label(key)}" }}}}'


def _policies(dialect: Dialect, spend_a_day: float | None) -> Iterator[Alarm]:
    by = dialect.listed("breaker target breaker_state")
    not_closed = {**NOT_CLOSED, "breaker_state": ("=~", "open|isolated")}
    circuits = dialect.series("breaker.state", not_closed)
    yield Alarm(
        "ReliaiCircuitOpen",
        f"sum by ({by}) ({circuits}) > 0",
        "ticket",
        f"The circuit {_told(dialect, 'breaker')} of {_told(dialect, 'target')} is "
        f"{_told(dialect, 'breaker_state')}.",
        "2m",
        about="Calls of that target are refused at once; fallbacks answer where there are any.",
    )
    refused = {"event": ("=~", "budget_rejected|run_rejected")}
    grown = dialect.series("events", refused)
    yield Alarm(
        "ReliaiBudgetRefuses",
        f"sum by ({dialect.listed('name')}) (increase({grown}[15m])) > 0",
        "ticket",
        f"Calls of {_told(dialect, 'name')} are refused: their budget of money or tokens is spent.",
    )
    unknown = dialect.series("cost.unknown")
    yield Alarm(
        "ReliaiPriceUnknown",
        f"sum by ({dialect.listed('response_model')}) (increase({unknown}[1h])) > 0",
        "info",
        f"What calls of {_told(dialect, 'response_model')} cost is not known.",
        about="Budgets and costs lack them; give the price with reliai.set_price.",
    )
    if spend_a_day is not None:
        yield Alarm(
            "ReliaiSpending",
            f"{dialect.increase('cost', over='1d')} > {spend_a_day:g}",
            "ticket",
            "Models cost {{ $value | humanize }} US dollars within a day.",
        )


def _telemetry(dialect: Dialect) -> Iterator[Alarm]:
    observer = dialect.listed("observer")
    lost = f"sum by ({observer}) (increase({dialect.series('telemetry.dropped')}[15m]))"
    taken = f"sum by ({observer}) (increase({dialect.series('telemetry.events')}[15m]))"
    yield Alarm(
        "ReliaiTelemetryLost",
        f"{lost} / ({lost} + ({taken} or 0 * {lost})) > 0.001",
        "ticket",
        f"{_told(dialect, 'observer')} loses {{{{ $value | humanizePercentage }}}} of its entries.",
        "5m",
        about="All that is reckoned from it lacks something.",
    )
    failed = dialect.series("telemetry.redaction_failures")
    yield Alarm(
        "ReliaiRedactionFails",
        f"sum by ({observer}) (increase({failed}[15m])) > 0",
        "ticket",
        f"Content for {_told(dialect, 'observer')} is left away: redacting it fails.",
    )
    yield Alarm(
        "ReliaiNoCalls",
        f"absent({dialect.series('call.duration:count')})",
        "ticket",
        "No service tells of any call.",
        "15m",
        about="Nothing is scraped, or nothing runs.",
    )
