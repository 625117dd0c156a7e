"""Whether a case passed, of its tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai.evals.trial import Trial

__all__ = ["mean_of", "state_of", "verdict"]


def state_of(trials: tuple[Trial, ...]) -> str:
    """Whether a case passed: "pass", "fail", "flaky", "error", "skipped", or "" (no assertions)."""
    said = {verdict(trial) for trial in trials if trial.status != "skipped"}
    if not said:
        return "skipped"
    if said == {"error"}:
        return "error"
    said.discard("error")
    return "flaky" if said == {"pass", "fail"} else min(said)


def verdict(trial: Trial) -> str:
    """Whether all assertions of a try held."""
    if trial.status != "ok":
        return "error"
    held = [s.value for s in trial.scores.values() if s.kind == "assertion" and s.value is not None]
    if not held:
        return ""
    return "pass" if min(held) >= 1.0 else "fail"


def mean_of(trials: tuple[Trial, ...], name: str) -> float | None:
    """The mean over the planned tries that have the score; None where none has."""
    values = [
        score.value
        for trial in trials
        if not trial.extra and (score := trial.scores.get(name)) and score.value is not None
    ]
    return sum(values) / len(values) if values else None
