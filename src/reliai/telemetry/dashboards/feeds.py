"""Series as a service would show them, for the tests of rules: so many good and bad events."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from reliai.telemetry.dashboards.dialect import Dialect
    from reliai.telemetry.dashboards.objectives import Objective

__all__ = ["MINUTES", "Fed", "feed", "growing"]

Fed: TypeAlias = dict[str, str]
"""A series and its values, as promtool takes them."""

MINUTES = 75
"""How long each test feeds."""


def growing(a_minute: int) -> str:
    """A counter that grows, in promtool's notation."""
    return f"0+{a_minute}x{MINUTES}"


def feed(dialect: Dialect, slo: Objective, *, good: str, bad: str, both: str) -> list[Fed]:
    """The series that an objective looks at.

    Args:
        dialect: how names are written.
        slo: the objective.
        good: values of the good events, in promtool's notation.
        bad: of the bad ones.
        both: of all.
    """

    def fed(key: str, values: str, **labels: str) -> Fed:
        where: dict[str, str] = {"job": "shop"}
        if kind != "telemetry":
            where["name"] = slo.call or "answer"
        return {"series": dialect.series(key, {**where, **labels}), "values": values}

    kind, _, name = slo.indicator.partition(":")
    bound = "" if slo.threshold is None else repr(float(slo.threshold))
    ended, first, score = "call.duration", "call.time_to_first_chunk", "evaluation.score"
    answered = fed(f"{ended}:count", good, outcome="success")
    found: dict[str, list[Fed]] = {
        "success": [answered, fed(f"{ended}:count", bad, outcome="error", error="server")],
        "full_quality": [answered, fed(f"{ended}:count", bad, outcome="degraded")],
        "latency": [
            fed(f"{ended}:count", both, outcome="success"),
            fed(f"{ended}:bucket", good, outcome="success", le=bound),
        ],
        "first_chunk": [fed(f"{first}:count", both), fed(f"{first}:bucket", good, le=bound)],
        "validation": [
            fed("attempt.duration:count", both, target="answer"),
            fed("events", bad, event="output_invalid"),
        ],
        "guard": [
            fed(f"{ended}:count", both, outcome="success"),
            fed("events", bad, event="guard_rejected"),
        ],
        "telemetry": [
            fed("telemetry.events", good, observer="Webhook"),
            fed("telemetry.dropped", bad, observer="Webhook", reason="full"),
        ],
        "score": [
            fed(f"{score}:count", both, score=name),
            fed(f"{score}:bucket", bad, score=name, le=bound),
        ],
    }
    return found[kind]
