"""Unit tests of the rules, for `promtool test rules`: each alarm fires when it should, else not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reliai.decisions.burn_windows import PAIRS
from reliai.telemetry.dashboards.feeds import MINUTES, feed, growing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reliai.telemetry.dashboards.dialect import Dialect
    from reliai.telemetry.dashboards.objectives import Objective
    from reliai.telemetry.dashboards.rules import Alarm

__all__ = ["cases_of", "general_cases"]

_LATE = f"{MINUTES - 5}m"
_NEVER = f"0x{MINUTES}"


def cases_of(dialect: Dialect, slo: Objective, alarms: Sequence[Alarm]) -> Iterator[dict[str, Any]]:
    """The tests of one objective's alarms.

    Args:
        dialect: how names are written.
        slo: the objective.
        alarms: all of its alarms.
    """
    burns = [alarm for alarm in alarms if alarm.name == "ReliaiBudgetBurns"]
    possible = [
        alarm
        for alarm, pair in zip(burns, PAIRS, strict=True)
        if pair.factor * (1 - slo.target) < 1  # else not even failing calls alone burn so fast
    ]
    others = ("ReliaiBudgetSpent", "ReliaiNothingToJudge")
    (spent,), (missing,) = ([each for each in alarms if each.name == name] for name in others)
    some = growing(60)
    yield _case(
        f"{slo.name}: all bad",
        feed(dialect, slo, good=_NEVER, bad=some, both=some),
        [
            _expected("ReliaiBudgetBurns", [_fired(alarm, {}, "100%") for alarm in possible]),
            _expected(spent.name, [_fired(spent, {})]),
            _expected(missing.name, []),
        ],
    )
    yield _case(
        f"{slo.name}: all good",
        feed(dialect, slo, good=some, bad=_NEVER, both=some),
        [_expected(name, []) for name in ("ReliaiBudgetBurns", *others)],
    )
    one = f"0x{MINUTES - 12} 1x12"
    yield _case(
        f"{slo.name}: one bad event and no other",
        feed(dialect, slo, good=_NEVER, bad=one, both=one),
        [_expected("ReliaiBudgetBurns", [])],
    )
    named = {} if slo.call is None else {dialect.label("name"): slo.call}
    yield _case(f"{slo.name}: no series", [], [_expected(missing.name, [_fired(missing, named)])])


def general_cases(dialect: Dialect, alarms: Iterable[Alarm]) -> Iterator[dict[str, Any]]:
    """The tests of the alarms that hang on no objective."""
    by_name = {alarm.name: alarm for alarm in alarms}

    def both(
        name: str,
        firing: list[tuple[str, str, dict[str, str]]],
        quiet: list[tuple[str, str, dict[str, str]]],
        shown: str,
        value: str = "",
    ) -> Iterator[dict[str, Any]]:
        """A case in which an alarm fires, and one in which it does not."""
        alarm = by_name.get(name)
        if alarm is None:
            return
        labels = {key: said for _, _, each in firing for key, said in each.items()}
        told = {dialect.label(key): labels[key] for key in shown.split()}
        expected = [_expected(name, [_fired(alarm, told, value)])]
        yield _case(f"{name} fires", _series(dialect, firing), expected)
        yield _case(f"{name} keeps quiet", _series(dialect, quiet), [_expected(name, [])])

    circuit = {"breaker": "model", "target": "primary"}
    is_open = {**circuit, "breaker_state": "open"}
    on, off = f"1x{MINUTES}", _NEVER
    yield from both(
        "ReliaiCircuitOpen",
        [("breaker.state", on, is_open)],
        [
            ("breaker.state", off, is_open),
            ("breaker.state", on, {**circuit, "breaker_state": "closed"}),
        ],
        "breaker target breaker_state",
    )
    event = {"name": "answer", "event": "budget_rejected"}
    other = {"name": "answer", "event": "retry"}
    grows = growing(1)
    yield from both(
        "ReliaiBudgetRefuses", [("events", grows, event)], [("events", grows, other)], "name"
    )
    unknown = {"name": "answer", "response_model": "new"}
    yield from both(
        "ReliaiPriceUnknown",
        [("cost.unknown", grows, unknown)],
        [("cost.unknown", off, unknown)],
        "response_model",
    )
    webhook = {"observer": "Webhook"}
    lost = {**webhook, "reason": "full"}
    taken = ("telemetry.events", growing(60), webhook)
    yield from both(
        "ReliaiTelemetryLost",
        [taken, ("telemetry.dropped", growing(60), lost)],
        [taken, ("telemetry.dropped", off, lost)],
        "observer",
        "50%",
    )
    failures = "telemetry.redaction_failures"
    yield from both(
        "ReliaiRedactionFails", [(failures, grows, webhook)], [(failures, off, webhook)], "observer"
    )
    calls = ("call.duration:count", grows, {"name": "answer", "outcome": "success"})
    yield from both("ReliaiNoCalls", [], [calls], "")


def _series(
    dialect: Dialect, given: Iterable[tuple[str, str, dict[str, str]]]
) -> list[dict[str, str]]:
    return [
        {"series": dialect.series(key, {"job": "shop", **labels}), "values": values}
        for key, values, labels in given
    ]


def _case(
    name: str, series: Sequence[Mapping[str, str]], expected: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [dict(each) for each in series],
        "alert_rule_test": expected,
    }


def _expected(name: str, alerts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"eval_time": _LATE, "alertname": name, "exp_alerts": alerts}


def _fired(alarm: Alarm, labels: Mapping[str, str], value: str = "") -> dict[str, Any]:
    """An alarm as Prometheus tells of it, its templates filled in."""

    def filled(text: str) -> str:
        told = re.sub(
            r'\{\{ index \$labels "([^"]+)" \}\}', lambda found: labels.get(found[1], ""), text
        )
        return re.sub(r"\{\{ \$value \|.*?\}\}", value, told)

    rule = alarm.rule()
    notes: dict[str, str] = rule["annotations"]
    return {
        "exp_labels": {**labels, **rule["labels"]},
        "exp_annotations": {name: filled(text) for name, text in notes.items()},
    }
