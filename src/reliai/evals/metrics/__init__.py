"""Figures of a whole run that no mean of its cases is: F1, calibration, preference of pairs.

Each is a function of trials. Names are loaded when they are first used; they need the extra
`evals`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._needs import needed

if TYPE_CHECKING:
    from reliai.evals.metrics.confidences import auc, brier, calibration, log_loss
    from reliai.evals.metrics.labels import (
        accuracy,
        confusion,
        f1,
        kappa,
        matthews,
        precision,
        recall,
    )
    from reliai.evals.metrics.measuring import Metric, MetricResult
    from reliai.evals.metrics.numbers import mean_absolute_error, r_squared, root_mean_squared_error
    from reliai.evals.metrics.preferences import Preference, preference

__all__ = [
    "Metric",
    "MetricResult",
    "Preference",
    "accuracy",
    "auc",
    "brier",
    "calibration",
    "confusion",
    "f1",
    "kappa",
    "log_loss",
    "matthews",
    "mean_absolute_error",
    "precision",
    "preference",
    "r_squared",
    "recall",
    "root_mean_squared_error",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "Metric": "measuring",
    "MetricResult": "measuring",
    "Preference": "preferences",
    "accuracy": "labels",
    "auc": "confidences",
    "brier": "confidences",
    "calibration": "confidences",
    "confusion": "labels",
    "f1": "labels",
    "kappa": "labels",
    "log_loss": "confidences",
    "matthews": "labels",
    "mean_absolute_error": "numbers",
    "precision": "labels",
    "preference": "preferences",
    "r_squared": "numbers",
    "recall": "labels",
    "root_mean_squared_error": "numbers",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        return getattr(needed(f"{__name__}.{_MODULES[name]}", "evals"), name)
