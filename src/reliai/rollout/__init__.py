"""Rollouts: a candidate takes over from a control step by step, as long as nothing gets worse.

Floor 7: imports evaluations, datasets and all below; only testing, integrations and the command
line import it. Names are loaded when they are first used; nothing starts when it is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.decisions.assignment import bucket
    from reliai.decisions.choice import Choice
    from reliai.rollout._book import AuditEntry
    from reliai.rollout._forcing import force
    from reliai.rollout.bandit import Bandit
    from reliai.rollout.conflict import RolloutConflict
    from reliai.rollout.guardrails import Guardrail, cost, failure_rate, latency, score
    from reliai.rollout.labels import feedback
    from reliai.rollout.plan import Step
    from reliai.rollout.rollout import Rollout
    from reliai.rollout.slice_alerts import SliceAlerts
    from reliai.rollout.slices import SliceRouter, SliceRule, slice_rules
    from reliai.rollout.status import Explanation, RolloutStatus

__all__ = [
    "AuditEntry",
    "Bandit",
    "Choice",
    "Explanation",
    "Guardrail",
    "Rollout",
    "RolloutConflict",
    "RolloutStatus",
    "SliceAlerts",
    "SliceRouter",
    "SliceRule",
    "Step",
    "bucket",
    "cost",
    "failure_rate",
    "feedback",
    "force",
    "latency",
    "score",
    "slice_rules",
]

_MODULES = {
    "AuditEntry": "reliai.rollout._book",
    "Bandit": "reliai.rollout.bandit",
    "Choice": "reliai.decisions.choice",
    "Explanation": "reliai.rollout.status",
    "Guardrail": "reliai.rollout.guardrails",
    "Rollout": "reliai.rollout.rollout",
    "RolloutConflict": "reliai.rollout.conflict",
    "RolloutStatus": "reliai.rollout.status",
    "SliceAlerts": "reliai.rollout.slice_alerts",
    "SliceRouter": "reliai.rollout.slices",
    "SliceRule": "reliai.rollout.slices",
    "Step": "reliai.rollout.plan",
    "bucket": "reliai.decisions.assignment",
    "cost": "reliai.rollout.guardrails",
    "failure_rate": "reliai.rollout.guardrails",
    "feedback": "reliai.rollout.labels",
    "force": "reliai.rollout._forcing",
    "latency": "reliai.rollout.guardrails",
    "score": "reliai.rollout.guardrails",
    "slice_rules": "reliai.rollout.slices",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        return getattr(importlib.import_module(_MODULES[name]), name)
