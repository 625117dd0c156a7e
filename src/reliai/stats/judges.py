"""What a judge's verdicts are worth: corrected for its errors, and for the order it was shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._arrays import numbers, rounded, same_length
from reliai.stats._checked import number, share
from reliai.stats._needs import needed
from reliai.stats.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.stats._arrays import Floats

__all__ = ["SwapVerdicts", "corrected_share", "prediction_powered_mean", "swap_verdicts"]

_VOTES: Final = ("a", "b", "tie")


@dataclass(frozen=True, slots=True)
class SwapVerdicts:
    """What is left of pairwise verdicts once the order of showing is taken out.

    Attributes:
        verdicts: of each pair, "a", "b" or "tie"; None where one of the orders gave no vote.
        wins, losses, ties: pairs that A won, that B won, and that neither won.
        flips: pairs in which the two orders gave different votes; each is a tie.
        unpaired: pairs without a vote in each order; they count nowhere.
    """

    verdicts: tuple[str | None, ...]
    wins: int
    losses: int
    ties: int
    flips: int
    unpaired: int

    @property
    def flip_rate(self) -> float | None:
        """Share of the judged pairs whose vote hung on the order, in [0, 1]; None for no pairs."""
        judged = self.wins + self.losses + self.ties
        return self.flips / judged if judged else None


def swap_verdicts(first: Iterable[str | None], second: Iterable[str | None]) -> SwapVerdicts:
    """The verdicts of a judge that saw each pair in both orders.

    A judge that likes what it reads first prefers A in one order and B in the other: such a pair
    is a tie (Zheng et al. 2023, NeurIPS 36, "Judging LLM-as-a-judge", section 3.4).

    Args:
        first: the winner of each pair when A was shown first; None for no vote.
        second: the winner of each pair when B was shown first; None for no vote.

    Raises:
        ConfigurationError: a vote is none of "a", "b" and "tie", or the lengths differ.

    Example:
        >>> result = swap_verdicts(["a", "a", "b"], ["a", "b", "b"])
        >>> result.verdicts, round(result.flip_rate, 2)
        (('a', 'tie', 'b'), 0.33)
    """
    where = "swap_verdicts"
    votes, others = list(first), list(second)
    same_length(where, "second", len(others), len(votes))
    for vote in (*votes, *others):
        if vote is not None and vote not in _VOTES:
            raise ConfigurationError(f"{where}({vote!r}): a vote is 'a', 'b', 'tie' or None")
    pairs = list(zip(votes, others, strict=True))
    verdicts: tuple[str | None, ...] = tuple(_verdict(*pair) for pair in pairs)
    flips = sum(None not in pair and pair[0] != pair[1] for pair in pairs)
    wins, losses, ties, unpaired = (verdicts.count(each) for each in (*_VOTES, None))
    return SwapVerdicts(verdicts, wins, losses, ties, flips, unpaired)


def corrected_share(observed: float, sensitivity: float, specificity: float) -> float:
    """The true share of positives, from the share that an imperfect judge reports.

    `(observed + specificity - 1) / (sensitivity + specificity - 1)`, within [0, 1]: Rogan and
    Gladen (1978), Am. J. Epidemiol. 107, 71-76. The two rates are those of the judge on cases of
    the same kind that people have labelled.

    Args:
        observed: share that the judge calls positive, in [0, 1].
        sensitivity: share of the true positives that it calls so, in [0, 1].
        specificity: share of the true negatives that it calls so, in [0, 1].

    Raises:
        ConfigurationError: a number is out of its range, or the judge is no better than chance
            (`sensitivity + specificity <= 1`): nothing can be told from it.

    Example:
        >>> round(corrected_share(0.8, 0.9, 0.85), 3)
        0.867
    """
    where = "corrected_share"
    seen = number(where, "observed", observed, low=0.0, high=1.0)
    hit = number(where, "sensitivity", sensitivity, low=0.0, high=1.0)
    miss = number(where, "specificity", specificity, low=0.0, high=1.0)
    if hit + miss <= 1.0:
        raise ConfigurationError(
            f"{where}(sensitivity={sensitivity!r}, specificity={specificity!r}): their sum must be "
            "above 1; such a judge is no better than chance"
        )
    return min(1.0, max(0.0, (seen + miss - 1.0) / (hit + miss - 1.0)))


def prediction_powered_mean(
    labels: Iterable[float],
    judged: Iterable[float],
    judged_only: Iterable[float],
    *,
    confidence: float = 0.95,
) -> Interval:
    """The mean of what people would say, from few labels of people and many of a judge.

    The judge's mean on many cases, put right by how far it is off where people labelled too. It
    holds however bad the judge is, and is about as narrow as the labels alone would give, or
    narrower: the judge counts as much as it is worth (`lambda`), which is estimated. Angelopoulos,
    Bates, Fannjiang, Jordan and Zrnic (2023), Science 382, 669-674, with the tuning of
    Angelopoulos, Duchi and Zrnic (2023), arXiv 2311.01453. Both sets are samples of the same
    traffic; the interval is the normal one, so have some 30 labels or more.

    Args:
        labels: shape (n,), finite: what people said.
        judged: shape (n,), finite: what the judge said of the same cases.
        judged_only: shape (N,), finite: what it said of cases without a label.
        confidence: in (0, 1).

    Returns:
        The interval, in the unit of the labels; `n` counts the labels.

    Raises:
        ConfigurationError: a number is not finite, or the lengths of the first two differ.

    Example:
        >>> people, judge = [1, 0, 1, 1, 0, 1], [1, 0, 1, 1, 1, 1]
        >>> round(prediction_powered_mean(people, judge, [1, 1, 0, 1] * 50).estimate, 2)
        0.61
    """
    where = "prediction_powered_mean"
    said, guessed = numbers(where, "labels", labels), numbers(where, "judged", judged)
    rest = numbers(where, "judged_only", judged_only)
    same_length(where, "judged", len(guessed), len(said))
    confidence = share(where, "confidence", confidence)
    n, more = len(said), len(rest)
    if n < 2 or more < 2:
        note = "two labels and two judged cases without one are needed"
        estimate = float(said.mean()) if n else None
        return Interval(estimate, None, None, None, n, None, confidence, note)
    trust = _trust(said, guessed, rest)
    left = said - trust * guessed
    estimate = float(trust * rest.mean() + left.mean())
    scale = float(max(abs(said).max(), abs(guessed).max(), abs(rest).max()))
    if not rounded(left - left.mean(), scale).any():
        note = "the labels do not vary: how far the mean may be off cannot be told"
        return Interval(estimate, None, None, None, n, None, confidence, note)
    error = float(np.sqrt(trust**2 * rest.var(ddof=1) / more + left.var(ddof=1) / n))
    reach = float(needed("scipy.special").ndtri((1.0 + confidence) / 2.0)) * error
    return Interval(estimate, estimate - reach, estimate + reach, error, n, None, confidence)


def _trust(said: Floats, guessed: Floats, rest: Floats) -> float:
    """The weight of the judge that makes the variance smallest; 0 for one that never varies."""
    variance = float(np.concatenate([guessed, rest]).var(ddof=1))
    if not variance:
        return 0.0
    covariance = float(np.cov(said, guessed)[0, 1])
    return covariance / ((1.0 + len(said) / len(rest)) * variance)


def _verdict(vote: str | None, other: str | None) -> str | None:
    if vote is None or other is None:
        return None
    return vote if vote == other else "tie"
