"""Passes and fails of the same cases under two systems."""

from __future__ import annotations

from typing import Final, Literal

from reliai.stats._checked import chosen, whole
from reliai.stats._needs import needed

__all__ = ["mcnemar_exact"]

_ALTERNATIVES: Final = ("two-sided", "greater", "less")


def mcnemar_exact(
    b: int,
    c: int,
    *,
    alternative: Literal["two-sided", "greater", "less"] = "two-sided",
    mid_p: bool = False,
) -> float:
    """How likely chance alone divides the discordant pairs as unevenly: the p-value.

    Only the cases that one system passes and the other fails tell the two apart; under chance each
    is as likely to go either way, so their number is binomial (McNemar 1947, Psychometrika 12,
    153-157, in its exact form). The pairs are independent. Below 6 discordant pairs no two-sided
    result is significant at 5 %.

    Args:
        b: cases that only the first passes (>= 0).
        c: cases that only the second passes (>= 0).
        alternative: "two-sided"; "greater": the first is better; "less": it is worse.
        mid_p: count half of the probability of what was seen: less cautious, and no longer sure to
            keep the level (Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13, 91).

    Returns:
        The p-value, in (0, 1]; 1 when no pair is discordant: no difference was observed.

    Raises:
        ConfigurationError: a count is no whole number from 0 up.

    Example:
        >>> round(mcnemar_exact(10, 2), 4)
        0.0386
    """
    first, second = whole("mcnemar_exact", "b", b), whole("mcnemar_exact", "c", c)
    chosen("mcnemar_exact", "alternative", alternative, _ALTERNATIVES)
    n = first + second
    if n == 0:
        return 1.0
    tail = {"greater": second, "less": first}.get(alternative, min(first, second))
    special = needed("scipy.special")
    p = float(special.bdtr(tail, n, 0.5))
    if mid_p:
        p -= _probability(tail, n) / 2.0
    return min(1.0, p if alternative != "two-sided" else 2.0 * p)


def _probability(count: int, n: int) -> float:
    """The chance of exactly so many of n when each is as likely as not."""
    special = needed("scipy.special")
    below = float(special.bdtr(count - 1, n, 0.5)) if count else 0.0
    return float(special.bdtr(count, n, 0.5)) - below
