"""Experiments: a target on a dataset, scored, compared and judged by gates. Floor 6.

Each name is loaded when it is first used. Summaries, comparisons and gates need the extra `evals`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.evals._absent import NoBaseline
    from reliai.evals.anchor_checks import AnchorCheck
    from reliai.evals.anchors import Anchors, anchor_items, served_models
    from reliai.evals.baselines import Pin, baseline, pin
    from reliai.evals.comparison import RunComparison, compare
    from reliai.evals.early import EarlyStop
    from reliai.evals.experiment import Experiment
    from reliai.evals.gate import Gate
    from reliai.evals.judge_errors import JudgeQuality, judge_quality
    from reliai.evals.quarantine import Quarantine
    from reliai.evals.replaying import areplay, production_calls, replay
    from reliai.evals.reports.reporting import Report, report
    from reliai.evals.results import GateResult, RuleResult
    from reliai.evals.run import Run, merge
    from reliai.evals.scoring import Scorer, Unscored, scorer
    from reliai.evals.summary import Summary
    from reliai.evals.trial import Score, Trial
    from reliai.evals.verdicts import Verdict

__all__ = [
    "AnchorCheck",
    "Anchors",
    "EarlyStop",
    "Experiment",
    "Gate",
    "GateResult",
    "JudgeQuality",
    "NoBaseline",
    "Pin",
    "Quarantine",
    "Report",
    "RuleResult",
    "Run",
    "RunComparison",
    "Score",
    "Scorer",
    "Summary",
    "Trial",
    "Unscored",
    "Verdict",
    "anchor_items",
    "areplay",
    "baseline",
    "compare",
    "judge_quality",
    "merge",
    "pin",
    "production_calls",
    "replay",
    "report",
    "scorer",
    "served_models",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "AnchorCheck": "anchor_checks",
    "Anchors": "anchors",
    "EarlyStop": "early",
    "Experiment": "experiment",
    "Gate": "gate",
    "GateResult": "results",
    "JudgeQuality": "judge_errors",
    "NoBaseline": "_absent",
    "Pin": "pins",
    "Quarantine": "quarantine",
    "Report": "reports.reporting",
    "RuleResult": "results",
    "Run": "run",
    "RunComparison": "comparison",
    "Score": "trial",
    "Scorer": "scoring",
    "Summary": "summary",
    "Trial": "trial",
    "Unscored": "scoring",
    "Verdict": "verdicts",
    "anchor_items": "anchors",
    "areplay": "replaying",
    "baseline": "baselines",
    "compare": "comparison",
    "judge_quality": "judge_errors",
    "merge": "run",
    "pin": "pins",
    "production_calls": "replaying",
    "replay": "replaying",
    "report": "reports.reporting",
    "scorer": "scoring",
    "served_models": "anchors",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}", "evals"), name)
