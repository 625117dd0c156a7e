"""The metric of pairs: which of two systems a judge prefers, and what its order did."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from reliai.evals.metrics.measuring import MetricResult, rows_of
from reliai.stats import mcnemar_exact, mean_interval, sign_e_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai.evals.trial import Trial

__all__ = ["Preference", "preference"]

PreferenceVerdict: TypeAlias = Literal["better", "worse", "inconclusive"]

_MOST: Final = 1e300
"""Evidence that JSON can still say."""


class Preference:
    """The share of pairs that are won, ties counted half. See `preference`."""

    def __init__(self, score: str, *, alpha: float, confidence: float) -> None:
        self.name = f"preference({score})"
        self.score = score
        self._alpha = alpha
        self._confidence = confidence

    def __repr__(self) -> str:
        return f"<reliai metric {self.name}>"

    def __call__(self, trials: Iterable[Trial]) -> MetricResult:
        """The figure of a run.

        Args:
            trials: of the run: `run.trials()`, or those of a slice.
        """
        kept = [each for each in trials if not each.extra]
        rows = rows_of(kept, self.score, ("votes",))
        cases, units = self._means(kept)
        wins = sum(value > 0.5 for value in cases.values())
        losses = sum(value < 0.5 for value in cases.values())
        flips = sum(bool(row.get("flipped")) for row in rows.told)
        for_it = sum(value > 0.5 for value in units.values())
        p_value = mcnemar_exact(for_it, sum(value < 0.5 for value in units.values()))
        verdict: PreferenceVerdict = "inconclusive"
        if p_value < self._alpha:
            verdict = "better" if wins > losses else "worse"
        values = [float(row["value"]) for row in rows.told]
        found = mean_interval(values, cluster=list(rows.clusters), confidence=self._confidence)
        rate = flips / len(values) if values else None
        notes = [found.note, _of_flips(rate)]
        return MetricResult(
            name=self.name,
            value=found.estimate,
            low=found.low,
            high=found.high,
            n_scored=len(values),
            n_total=rows.n_total,
            unscored=rows.unscored,
            clusters=len(set(rows.clusters)),
            confidence=self._confidence,
            detail={
                "verdict": verdict,
                "wins": wins,
                "losses": losses,
                "ties": len(cases) - wins - losses,
                "flips": flips,
                "flip_rate": rate,
                "p_value": p_value,
                "e_value": min(sign_e_value(wins, losses, alternative="two-sided"), _MOST),
            },
            note="; ".join(each for each in notes if each),
        )

    def _means(self, trials: Iterable[Trial]) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """The mean of the repeats of each case; and of the cases of each group, which are alike."""
        values: dict[str, list[float]] = {}
        groups: dict[str, str] = {}
        for trial in trials:
            score = trial.scores.get(self.score)
            if score is not None and score.value is not None:
                values.setdefault(trial.case, []).append(score.value)
                group = trial.group
                groups[trial.case] = f"case {trial.case}" if group is None else f"group {group}"
        cases = {key: fmean(each) for key, each in values.items()}
        units: dict[str, list[float]] = {}
        for key, value in cases.items():
            units.setdefault(groups[key], []).append(value)
        return cases, {name: fmean(each) for name, each in units.items()}


def preference(
    score: str = "pairwise", *, alpha: float = 0.05, confidence: float = 0.95
) -> Preference:
    """The share of pairs that are won, ties counted half, in [0, 1]; 0.5 for no difference.

    `detail` has the verdict: "better" or "worse" by the exact sign test over cases, or the groups
    that they come in, which leaves ties out, else "inconclusive"; wins, losses and ties of cases;
    and how many votes turned with the order in which the two were shown. Where that is frequent the
    judge looks at the order and not at the answers. `detail["e_value"]` is evidence that may be
    looked at again and again.

    Args:
        score: of `scorers.pairwise`.
        alpha: the level of the test.
        confidence: of the interval.

    Example:
        >>> preference("pairwise")
        <reliai metric preference(pairwise)>
    """
    return Preference(score, alpha=alpha, confidence=confidence)


def _of_flips(rate: Any) -> str:
    if rate is None or rate < 0.2:
        return ""
    return f"{rate:.0%} of the votes turn with the order: the judge cannot tell these apart"
