"""The sign test as an e-value: evidence for one of two, good at whatever time it is looked at."""

from __future__ import annotations

from math import exp, inf, log
from typing import Any, Final

from reliai.errors import ConfigurationError

__all__ = ["sign_e_value"]

_CHANCES: Final = (0.55, 0.6, 0.7, 0.8, 0.9)
_LARGEST: Final = 709.0
"""The largest power of e that a float holds."""


def sign_e_value(wins: int, losses: int) -> float:
    """Evidence that wins are more frequent than losses, where chance alone would make them even.

    Under chance the value exceeds 1 / alpha with a probability of alpha at most, however often it
    is looked at while pairs come in (Ville's inequality): 20 or more is evidence at the level of 5
    %. It is the mean, over five probabilities of a win, of the likelihood ratio against 1/2; ties
    are left out. Values below 1 say that chance explains the pairs better.

    Ramdas, Grünwald, Vovk and Shafer (2023), Statistical Science 38, 576-601.

    Args:
        wins: pairs in which the first was better (>= 0).
        losses: pairs in which the second was better (>= 0).

    Returns:
        The e-value, from 0 up; `math.inf` where it is more than a float holds.

    Raises:
        ConfigurationError: a count is no whole number from 0 up.

    Example:
        >>> round(sign_e_value(30, 10), 1)
        64.4
    """
    b, c = _counted("wins", wins), _counted("losses", losses)
    logs = [b * log(2 * g) + c * log(2 * (1 - g)) for g in _CHANCES]
    largest = max(logs)
    mean = largest + log(sum(exp(each - largest) for each in logs) / len(logs))
    return inf if mean > _LARGEST else exp(mean)


def _counted(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    index = getattr(value, "__index__", None)  # of numpy's numbers
    whole = -1 if index is None or isinstance(value, bool) else int(index())
    if whole >= 0:
        return whole
    raise ConfigurationError(f"sign_e_value({name}={value!r}): must be a whole number from 0 up")
