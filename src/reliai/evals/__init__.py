"""Experiments: a target on a dataset, scored, compared and judged by gates. Floor 6.

Each name is loaded when it is first used. Summaries, comparisons and gates need the extra `evals`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.evals.experiment import Experiment
    from reliai.evals.run import Run, merge
    from reliai.evals.scoring import Scorer, Unscored, scorer
    from reliai.evals.summary import Summary
    from reliai.evals.trial import Score, Trial

__all__ = [
    "Experiment",
    "Run",
    "Score",
    "Scorer",
    "Summary",
    "Trial",
    "Unscored",
    "merge",
    "scorer",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "Experiment": "experiment",
    "Run": "run",
    "Score": "trial",
    "Scorer": "scoring",
    "Summary": "summary",
    "Trial": "trial",
    "Unscored": "scoring",
    "merge": "run",
    "scorer": "scoring",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}", "evals"), name)
