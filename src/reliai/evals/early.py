"""Stopping a run as soon as it is known who is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.stats import sign_e_value

if TYPE_CHECKING:
    from reliai.evals.run import Run
    from reliai.evals.trial import Trial

__all__ = ["EarlyStop", "Watch"]


@dataclass(frozen=True, kw_only=True)
class EarlyStop:
    """Stop when one side is better beyond doubt, however often that is looked at.

    Each case on which candidate and baseline differ is a win or a loss. Where chance alone decides
    between them, the e-value of the counts exceeds 1 / alpha with a probability of alpha at most
    over the whole run, so nothing is lost by looking after every case. An estimate of the
    difference from a run that was stopped this way is larger than the truth; its sign is what
    holds.

    Args:
        scorer: whose values are compared; more is better.
        baseline: the run to compare with.
        alpha: the chance of a wrong end, in (0, 1).

    Raises:
        ConfigurationError: when alpha is not in (0, 1), or the baseline has no such scorer.
    """

    scorer: str
    baseline: Run
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not isinstance(self.alpha, float) or not 0 < self.alpha < 1:
            raise ConfigurationError(f"alpha={self.alpha!r}: must be in (0, 1)")
        if self.scorer not in self.baseline.scorers:
            known = ", ".join(self.baseline.scorers) or "none"
            raise ConfigurationError(f"scorer={self.scorer!r}: the baseline has {known}")


class Watch:
    """Takes trials in, and says when it is known.

    Attributes:
        wins, losses, ties: cases in which the candidate was better, worse, or the same.
    """

    def __init__(self, stop: EarlyStop) -> None:
        self._stop = stop
        self._theirs = {
            trials[0].case: mean
            for trials in stop.baseline.cases()
            if (mean := _mean(trials, stop.scorer)) is not None
        }
        self._open: dict[str, list[Trial]] = {}
        self.wins = self.losses = self.ties = 0

    def take(self, trial: Trial, *, last: bool) -> bool:
        """A try came to its end; say whether it is known who is better."""
        if not last:
            self._open.setdefault(trial.case, []).append(trial)
            return False
        ours = _mean([*self._open.pop(trial.case, ()), trial], self._stop.scorer)
        theirs = self._theirs.get(trial.case)
        if ours is None or theirs is None:
            return False
        difference = round(ours - theirs, 9)
        self.wins += difference > 0
        self.losses += difference < 0
        self.ties += difference == 0
        return difference != 0 and self.e_value >= 1.0 / self._stop.alpha

    @property
    def e_value(self) -> float:
        """The evidence that one side is better."""
        return sign_e_value(self.wins, self.losses, alternative="two-sided")

    def told(self) -> dict[str, Any]:
        """What it is about, for the manifest."""
        return {
            "scorer": self._stop.scorer,
            "baseline": self._stop.baseline.id,
            "alpha": self._stop.alpha,
            "wins": self.wins,
            "losses": self.losses,
            "ties": self.ties,
            "e_value": min(self.e_value, 1e300),
        }


def _mean(trials: Any, scorer: str) -> float | None:
    from reliai.evals.scoring import score_in  # noqa: PLC0415  not for reading runs

    values = [
        score.value
        for trial in trials
        if not trial.extra and (score := score_in(trial.scores, scorer)).value is not None
    ]
    return sum(values) / len(values) if values else None
