"""The evidence in pairs: the same cases under a candidate and under a baseline. Needs numpy.

All of it is about numbers of which more is better; what is the other way round is negated before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai._needs import needed
from reliai.evals._bounded import ENOUGH, Bounded, sample_of
from reliai.stats import Comparison, mcnemar_exact, paired_difference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.evals._columns import Flags, Floats

__all__ = ["ENOUGH", "PairedEvidence", "Pairs", "evidence_of", "observed", "uneven"]

_ALL_WAYS: Final = 12
"""Units that differ, up to which all ways of their signs are looked at instead of Student's t.

It takes 0.02 s; for 16 it would take half a second, and there may be twenty slices.
"""

_NOISE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is known of each case under both systems.

    Attributes:
        ours, theirs: shape (n,), the candidate's means and the baseline's; NaN for none.
        our_lost, their_lost: shape (n,), shares of the tries that are missing.
        groups: of the cases, as labels; None where each stands for itself.
        low, high: the least and the most that a score can be.
    """

    ours: Floats
    theirs: Floats
    our_lost: Floats
    their_lost: Floats
    groups: tuple[object, ...] | None
    low: float = 0.0
    high: float = 1.0

    def __len__(self) -> int:
        return len(self.ours)

    @property
    def span(self) -> float:
        """The largest difference that one pair can have."""
        return max(self.high - self.low, _NOISE)

    def where(self, chosen: Iterable[int]) -> Pairs:
        """Some of the pairs."""
        rows = np.asarray(list(chosen), dtype=np.intp)
        groups = None if self.groups is None else tuple(self.groups[row] for row in rows.tolist())
        return Pairs(
            self.ours[rows],
            self.theirs[rows],
            self.our_lost[rows],
            self.their_lost[rows],
            groups,
            self.low,
            self.high,
        )


@dataclass(frozen=True, slots=True)
class PairedEvidence:
    """What pairs tell of a drop.

    Attributes:
        observed: of the pairs that have both scores.
        bound: the lower confidence bound, with all that is missing counted against the candidate;
            None where the data cannot tell.
        top: the upper one, with all that is missing counted for it.
        p_drop: how likely chance alone gives such a drop, with all that is missing counted for
            the candidate; one-sided.
        differing: units (pairs, or groups of them) whose scores differ.
        units: all of them.
        asked: pairs, those without a score on either side included.
        variance: of one pair's difference, with what clusters add to it; None for unknown.
        ours_missing, theirs_missing: cases without a score, in parts where some tries have one.
    """

    observed: Comparison
    bound: float | None
    top: float | None
    p_drop: float | None
    differing: int
    units: int
    asked: int
    variance: float | None
    ours_missing: float
    theirs_missing: float


def evidence_of(pairs: Pairs, confidence: float) -> PairedEvidence:
    """The evidence of a drop, one way and the other."""
    seen = observed(pairs, confidence)
    lost = bool(pairs.our_lost.any() or pairs.their_lost.any())
    if lost:
        worst = _filled(pairs, pairs.low, pairs.high), _filled(pairs, pairs.high, pairs.low)
    else:
        both = (pairs.ours, pairs.theirs)
        worst = both, both
    bound = _bound(*worst[0], pairs, confidence)
    ours, theirs = worst[1]
    top = _bound(theirs, ours, pairs, confidence)
    p_drop = _p_drop(*worst[1], pairs)
    off = _units(pairs.ours, pairs.theirs, pairs.groups)
    return PairedEvidence(
        observed=seen,
        bound=bound,
        top=None if top is None else -top,
        p_drop=p_drop,
        differing=int(np.count_nonzero(off)),
        units=len(off),
        asked=len(pairs),
        variance=None if seen.standard_error is None else seen.standard_error**2 * seen.n,
        ours_missing=float(pairs.our_lost.sum()),
        theirs_missing=float(pairs.their_lost.sum()),
    )


def observed(pairs: Pairs, confidence: float) -> Comparison:
    """The difference of the pairs that have both scores, with an exact p-value where there is one.

    Of passes and fails that come in no groups it is McNemar's; else Student's t, robust to
    clusters.
    """
    both = ~(np.isnan(pairs.ours) | np.isnan(pairs.theirs))
    ours, theirs = pairs.ours[both], pairs.theirs[both]
    groups = _some(pairs.groups, both)
    result = paired_difference(ours, theirs, cluster=groups, confidence=confidence, span=pairs.span)
    if groups is None and len(ours) and _passes(ours, theirs):
        return replace(result, p_value=mcnemar_exact(result.wins, result.losses))
    return result


def _filled(pairs: Pairs, ours: float, theirs: float) -> tuple[Floats, Floats]:
    """The scores, with those that are missing put at one end."""
    return (
        np.nan_to_num(pairs.ours) * (1.0 - pairs.our_lost) + ours * pairs.our_lost,
        np.nan_to_num(pairs.theirs) * (1.0 - pairs.their_lost) + theirs * pairs.their_lost,
    )


def _bound(ours: Floats, theirs: Floats, pairs: Pairs, confidence: float) -> float | None:
    """The one-sided lower bound of the mean difference.

    Of passes and fails it is Tango's: with Student's t a loss of 5 points would pass a margin of as
    much in 12 % of the runs of 200 cases where none becomes better.
    Where few units differ, a spread estimated from them is not to be relied on, and one of none
    proves nothing. What holds then is that at most so many of all units can be worse (Clopper and
    Pearson's bound of their share), each by the largest difference there is: for identical runs
    `1 - (1 - confidence)^(1 / n)`. Groups may be as large as the largest of them. Where all
    differ by the same, those that were not seen may still differ otherwise.
    Else it is the lower of Student's, and of what losses and gains come to.
    """
    if not len(ours):
        return None
    off = _units(ours, theirs, pairs.groups)
    differing = int(np.count_nonzero(off))
    if differing < ENOUGH and differing < len(off):
        worse = int((off < 0).sum())
        return -pairs.span * min(1.0, _most(worse, len(off), confidence) * uneven(pairs.groups))
    if pairs.groups is None and _passes(ours, theirs):
        worse, better = int((off < 0).sum()), int((off > 0).sum())
        return _score_bound(better, worse, len(off), confidence)
    result = paired_difference(
        ours, theirs, cluster=pairs.groups, confidence=confidence, span=pairs.span
    )
    if result.lower_bound is None and result.estimate is not None and len(off) > 1:
        unseen = min(1.0, _most(0, len(off), confidence) * uneven(pairs.groups))
        return float(result.estimate * (1.0 - unseen) - pairs.span * unseen)
    if result.lower_bound is None:
        return None
    return min(result.lower_bound, _of_both(ours - theirs, pairs, confidence))


def _of_both(off: Floats, pairs: Pairs, confidence: float) -> float:
    """The lower bound of a mean difference from the bounds of its losses and of its gains.

    A spread of losses alone is too small where few have them, as that of few failures is. The two
    bounds are put together as those of independent means: Zou and Donner (2008), Statistics in
    Medicine 27, 1693-1702.
    """
    about = Bounded(pairs.groups, 0.0, pairs.span)
    lost, won = np.maximum(0.0, -off), np.maximum(0.0, off)
    most = sample_of(lost, about, confidence).upper(confidence) - float(lost.mean())
    least = float(won.mean()) - sample_of(won, about, confidence).lower(confidence)
    return float(off.mean()) - sqrt(most**2 + least**2)


def _score_bound(better: int, worse: int, n: int, confidence: float) -> float:
    """The lower bound of a difference of paired shares: Tango (1998), Stat. Med. 17, 891-908.

    The difference at which the score test, with the other share at its likeliest, is as surprised
    as the confidence allows; by bisection.
    """
    z = float(needed("scipy.special", "stats").ndtri(confidence))

    def surprise(difference: float) -> float:
        b = (2 * n - better + worse) * difference - better - worse
        c = worse * difference * (1.0 - difference)
        share = (sqrt(max(0.0, b * b + 8.0 * n * c)) - b) / (4.0 * n)
        variance = n * (2.0 * share + difference * (1.0 - difference))
        return (better - worse - n * difference) / sqrt(variance) if variance > 0.0 else inf

    low, high = -1.0, (better - worse) / n
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if surprise(middle) > z else (low, middle)
    return low


def _p_drop(ours: Floats, theirs: Floats, pairs: Pairs) -> float | None:
    """How likely chance gives such a drop: exact for passes and fails, and where few differ."""
    if not len(ours):
        return None
    off = _units(ours, theirs, pairs.groups)
    worse, better = int((off < 0).sum()), int((off > 0).sum())
    if pairs.groups is None and _passes(ours, theirs):
        return mcnemar_exact(better, worse, alternative="less")
    result = paired_difference(
        ours,
        theirs,
        cluster=pairs.groups,
        test="sign_flip" if worse + better <= _ALL_WAYS else "t",
        span=pairs.span,
    )
    if result.p_value is None or result.estimate is None:
        return result.p_value
    return result.p_value / 2.0 if result.estimate < 0 else 1.0 - result.p_value / 2.0


def _units(ours: Floats, theirs: Floats, groups: tuple[object, ...] | None) -> Floats:
    """The differences of what varies by itself: of pairs, or summed over each group of them."""
    off = ours - theirs
    known = ~np.isnan(off)
    off = np.where(known, off, 0.0)
    if groups is not None:
        _, codes = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
        seen = np.bincount(codes, weights=known) > 0
        off = np.bincount(codes, weights=off).astype(np.float64)[seen]
    else:
        off = off[known]
    off[np.abs(off) <= _NOISE] = 0.0
    return off


def uneven(groups: tuple[object, ...] | None) -> float:
    """How many times as large as the mean the largest group is; 1 without groups."""
    if not groups:
        return 1.0
    sizes = Counter(groups)
    return max(sizes.values()) * len(sizes) / len(groups)


def _most(count: int, n: int, confidence: float) -> float:
    """The largest share of which so many in n are not surprising (Clopper and Pearson 1934)."""
    if count >= n:
        return 1.0
    return float(needed("scipy.special", "stats").betaincinv(count + 1, n - count, confidence))


def _passes(ours: Floats, theirs: Floats) -> bool:
    both = np.abs(np.concatenate([ours, theirs]))
    return bool(((both == 0.0) | (both == 1.0)).all())


def _some(groups: tuple[object, ...] | None, chosen: Flags) -> tuple[object, ...] | None:
    if groups is None:
        return None
    return tuple(each for each, wanted in zip(groups, chosen.tolist(), strict=True) if wanted)
