"""Evidence that units are not divided among arms as they should be: sample ratio mismatch."""

from __future__ import annotations

from math import lgamma, log
from typing import TYPE_CHECKING, Final

from reliai.errors import ConfigurationError
from reliai.stats._checked import number, whole
from reliai.stats._evidence import power_of_e

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["sample_ratio_e_value"]

_WHERE: Final = "sample_ratio_e_value"


def sample_ratio_e_value(
    counts: Sequence[int], weights: Sequence[float], *, concentration: float = 100.0
) -> float:
    """Evidence that the arms of an experiment do not get the units that their weights promise.

    A bug in the assignment or lost records show here first, and make every comparison of the arms
    worthless. The value is the likelihood ratio of shares near the promised ones (Dirichlet)
    against the promised ones themselves. If the assignment is right it exceeds 1 / alpha with a
    probability of alpha at most, however often it is looked at; 1,000 is a usual alarm.

    Lindon and Malek (2022), NeurIPS 35, "Anytime-valid inference for multinomial count data".

    Args:
        counts: units seen in each arm (>= 0), each unit once; without forced ones.
        weights: of the arms in the same order (>= 0), of any sum; an arm of weight 0 is left out.
        concentration: how near the shares are looked for (> 0); more is nearer.

    Returns:
        The e-value, from 0 up; `math.inf` where it is more than a float holds.

    Raises:
        ConfigurationError: a number is out of its range, less than two arms have a weight, or there
            are not as many counts as weights.

    Example:
        >>> round(sample_ratio_e_value([10_000, 9_500], [1, 1]), 1)
        42.0
        >>> round(sample_ratio_e_value([5_100, 4_900], [1, 1]), 2)
        0.72
    """
    sizes = [number(_WHERE, f"weights[{i}]", each, low=0.0) for i, each in enumerate(weights)]
    seen = [whole(_WHERE, f"counts[{i}]", each) for i, each in enumerate(counts)]
    if len(sizes) != len(seen):
        raise ConfigurationError(f"{_WHERE}(): {len(seen)} counts for {len(sizes)} weights")
    spread = number(_WHERE, "concentration", concentration, above=0.0)
    arms = [(count, size) for count, size in zip(seen, sizes, strict=True) if size > 0.0]
    if len(arms) < 2:
        raise ConfigurationError(f"{_WHERE}(weights={weights!r}): needs two arms with a weight")
    whole_weight = sum(size for _, size in arms)
    result = lgamma(spread) - lgamma(spread + sum(count for count, _ in arms))
    for count, size in arms:
        part = size / whole_weight
        result += lgamma(spread * part + count) - lgamma(spread * part) - count * log(part)
    return power_of_e(result)
