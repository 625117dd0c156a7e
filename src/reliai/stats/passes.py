"""Cases tried several times: the chance of a pass in k tries, and of passes in all k."""

from __future__ import annotations

from math import ceil, comb, log1p

from reliai.errors import ConfigurationError
from reliai.stats._checked import share, whole

__all__ = ["pass_at_k", "pass_hat_k", "runs_to_see"]


def pass_at_k(n: int, c: int, k: int) -> float | None:
    """The chance that at least one of k tries passes, from n tries of which c passed.

    The unbiased estimate `1 - C(n-c, k) / C(n, k)` of Chen et al. (2021), arXiv 2107.03374. For
    several cases take the mean of their values, each with its own n.

    Args:
        n: tries of the case (>= 0), independent of one another.
        c: those that passed, 0 to n.
        k: tries in question (>= 1).

    Returns:
        The chance, in [0, 1]; None for less than k tries: such a case is not scored.

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> pass_at_k(5, 3, 2)
        0.9
    """
    n, c, k = _tries("pass_at_k", n, c, k)
    return 1.0 - comb(n - c, k) / comb(n, k) if n >= k else None


def pass_hat_k(n: int, c: int, k: int) -> float | None:
    """The chance that all of k tries pass (pass^k), from n tries of which c passed.

    The unbiased estimate `C(c, k) / C(n, k)` of Yao et al. (2024), arXiv 2406.12045; the plug-in
    `(c/n)^k` is too high. For several cases take the mean of their values, each with its own n: a
    try that is missing is no failure.

    Args:
        n: tries of the case (>= 0), independent of one another.
        c: those that passed, 0 to n.
        k: tries in question (>= 1).

    Returns:
        The chance, in [0, 1]; None for less than k tries: such a case is not scored.

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> pass_hat_k(5, 3, 2)
        0.3
    """
    n, c, k = _tries("pass_hat_k", n, c, k)
    return comb(c, k) / comb(n, k) if n >= k else None


def runs_to_see(rate: float, *, confidence: float = 0.95) -> int:
    """Runs needed to see, at least once, what happens at a rate: a flaky failure, say.

    `ln(1 - confidence) / ln(1 - rate)`, rounded up; the runs are independent.

    Args:
        rate: share of runs in which it happens, in (0, 1).
        confidence: wanted chance to see it, in (0, 1).

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> runs_to_see(0.05)
        59
    """
    seldom = share("runs_to_see", "rate", rate)
    sure = share("runs_to_see", "confidence", confidence)
    return ceil(log1p(-sure) / log1p(-seldom) * (1.0 - 1e-12))


def _tries(where: str, n: int, c: int, k: int) -> tuple[int, int, int]:
    tries, passed = whole(where, "n", n), whole(where, "c", c)
    if passed > tries:
        raise ConfigurationError(f"{where}(n={n!r}, c={c!r}): c must be from 0 to n")
    return tries, passed, whole(where, "k", k, 1)
