"""The sign test as an e-value: evidence for one of two, good at whatever time it is looked at."""

from __future__ import annotations

from math import lgamma, log
from typing import Final, Literal

from reliai.stats._checked import chosen, whole
from reliai.stats._evidence import log_mean_exp, power_of_e

__all__ = ["sign_e_value"]

_CHANCES: Final = (0.55, 0.6, 0.7, 0.8, 0.9)
_ALTERNATIVES: Final = ("greater", "two-sided")


def sign_e_value(
    wins: int, losses: int, *, alternative: Literal["greater", "two-sided"] = "greater"
) -> float:
    """Evidence that wins are more frequent than losses, where chance alone would make them even.

    Under chance the value exceeds 1 / alpha with a probability of alpha at most, however often it
    is looked at while pairs come in (Ville's inequality): 20 or more is evidence at the level of 5
    %. It is the mean of the likelihood ratio against 1/2, over five probabilities of a win, or
    over all of them from 0 to 1 when either way counts, `2^n B(1 + wins, 1 + losses)`; ties are
    left out. Values below 1 say that chance explains the pairs better.

    Ramdas, Grünwald, Vovk and Shafer (2023), Statistical Science 38, 576-601.

    Args:
        wins: pairs in which the first was better (>= 0).
        losses: pairs in which the second was better (>= 0).
        alternative: "greater": evidence for the first alone; "two-sided": for either.

    Returns:
        The e-value, from 0 up; `math.inf` where it is more than a float holds.

    Raises:
        ConfigurationError: a count is no whole number from 0 up.

    Example:
        >>> round(sign_e_value(30, 10), 1)
        64.4
        >>> round(sign_e_value(9, 1, alternative="two-sided"), 2)
        9.31
    """
    b, c = whole("sign_e_value", "wins", wins), whole("sign_e_value", "losses", losses)
    if chosen("sign_e_value", "alternative", alternative, _ALTERNATIVES) == "two-sided":
        beta = lgamma(1 + b) + lgamma(1 + c) - lgamma(2 + b + c)
        return power_of_e((b + c) * log(2.0) + beta)
    return power_of_e(log_mean_exp([b * log(2 * g) + c * log(2 * (1 - g)) for g in _CHANCES]))
