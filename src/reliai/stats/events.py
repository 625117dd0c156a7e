"""Evidence that a canary has more events (errors, timeouts, thumbs-down) than its baseline."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.stats._checked import number, share, whole
from reliai.stats._evidence import log_mean_exp, power_of_e

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["event_e_value"]

_HARM: Final = (1.25, 1.5, 2.0, 3.0, 5.0)
_SAFE: Final = (0.8, 0.67, 0.5, 0.33, 0.2)
_WHERE: Final = "event_e_value"


def event_e_value(
    canary: int | Sequence[int],
    baseline: int | Sequence[int],
    share: float | Sequence[float],
    *,
    ratio: float = 1.0,
    harm: bool = True,
) -> float:
    """Evidence on the risk of an event in a canary, from the counts of events in both arms.

    If the canary's risk is `ratio` times the baseline's, an event is the canary's with the
    probability `share * ratio / (share * ratio + 1 - share)`, whatever the risk itself is and
    however it changes over the day. The value is the mean likelihood ratio against that, over five
    larger risks (harm) or five smaller ones. If the risk is no more than `ratio` (harm), or no less
    (not harm), it exceeds 1 / alpha with a probability of alpha at most, however often it is looked
    at (Ville's inequality): at 20 roll back (harm), or promote (not harm, with the largest
    `ratio` that may be lived with), at the level of 5 %.

    It holds for events of independent units: count the first event of each, in the arm and with the
    share of the time of its call, and leave out calls that were forced into an arm.

    Sources: Przyborowski and Wilenski (1940), Biometrika 31, 313-323, on comparing rare counts;
    Ramdas, Grünwald, Vovk and Shafer (2023), Statistical Science 38, 576-601, on e-values;
    Lindon and Malek (2022), NeurIPS 35, on counts that come in.

    Args:
        canary: events in the canary (>= 0); with phases of different shares, one number each.
        baseline: events in the baseline (>= 0), likewise.
        share: the canary's share of the calls of both arms, in (0, 1), likewise.
        ratio: risk of the canary over that of the baseline to test against (> 0).
        harm: True: evidence that the risk is higher than `ratio`; False: that it is lower.

    Returns:
        The e-value, from 0 up; `math.inf` where it is more than a float holds.

    Raises:
        ConfigurationError: a number is out of its range, or the phases are not of one length.

    Example:
        >>> round(event_e_value(8, 12, 0.1), 1)
        137.9
        >>> round(event_e_value([8, 2], [12, 18], [0.1, 0.25]), 2)
        1.2
    """
    phases = _phases(canary, baseline, share)
    against = number(_WHERE, "ratio", ratio, above=0.0)
    grid = _HARM if harm else _SAFE
    return power_of_e(log_mean_exp([_log_ratio(phases, against, each) for each in grid]))


def _log_ratio(phases: list[tuple[int, int, float]], ratio: float, factor: float) -> float:
    total = 0.0
    for canary, baseline, part in phases:
        null, other = part * ratio, part * ratio * factor
        # of q = null / (null + 1 - part), and likewise of the other
        grown = log(null + 1.0 - part) - log(other + 1.0 - part)
        total += canary * (log(factor) + grown) + baseline * grown
    return total


def _phases(
    canary: int | Sequence[int], baseline: int | Sequence[int], part: float | Sequence[float]
) -> list[tuple[int, int, float]]:
    ours, others, parts = _listed(canary), _listed(baseline), _listed(part)
    if not len(ours) == len(others) == len(parts):
        raise ConfigurationError(
            f"{_WHERE}(canary, baseline, share): have {len(ours)}, {len(others)} and {len(parts)} "
            "phases; give one number of each for every phase"
        )
    return [
        (whole(_WHERE, "canary", a), whole(_WHERE, "baseline", b), share(_WHERE, "share", p))
        for a, b, p in zip(ours, others, parts, strict=True)
    ]


def _listed(value: Any) -> list[Any]:
    return list(value) if hasattr(value, "__len__") else [value]
