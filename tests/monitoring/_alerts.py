"""Alerts as a monitor raises them."""

from __future__ import annotations

from typing import Any

from reliai.monitoring.alert import Alert, Change

AT = 1_700_000_000.0


def alert(**fields: Any) -> Alert:
    given: dict[str, Any] = {
        "key": "slo-1",
        "name": "answer",
        "signal": "slo:success",
        "slice": "tag:locale=ja",
        "severity": "page",
        "state": "firing",
        "at": AT,
        "summary": "2.00% of calls failed & <broke> in the last 1h",
        "evidence": {"long_burn_rate": 20.0, "slo": "answer: success"},
        "changes": (Change(AT - 60, "release", "answer", "1.0", "1.1", "shop", "prod"),),
    }
    return Alert(**{**given, **fields})


def resolved(**fields: Any) -> Alert:
    return alert(**{"state": "resolved", "at": AT + 300, **fields})
