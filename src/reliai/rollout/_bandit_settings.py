"""What a bandit's settings must be, and how its estimates are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from math import exp, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.rollout.guardrails import Guardrail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.rollout.thompson import Pooled

__all__ = [
    "at_least_two",
    "checked_metric",
    "checked_variants",
    "discount",
    "floors",
    "interval",
    "present",
    "seconds",
    "text",
]

_Z: Final = NormalDist().inv_cdf(0.975)


def text(name: str, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f"Bandit({name}={value!r}): must be a text that is not empty")


def present(name: str, value: Any) -> Any:
    if value is None:
        raise ConfigurationError(f"Bandit({name}=None): must say who is assigned")
    return value


def checked_variants(given: Any) -> dict[str, Any]:
    named = isinstance(given, Mapping) and all(isinstance(each, str) and each for each in given)
    if named and len(given) >= 2:
        return dict(given)
    raise ConfigurationError(
        "Bandit(variants=…): must be two or more by name, such as {'small': f, 'large': g}"
    )


def checked_metric(given: Any) -> Guardrail:
    if isinstance(given, Guardrail) and given.mature is None:
        return given
    raise ConfigurationError(
        f"Bandit(minimise={getattr(given, 'name', type(given).__name__)}): must be what is read "
        "from each call: cost(), latency(), failure_rate() or score(name, below=…)"
    )


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def floors(names: Sequence[str], floor: Any, control_floor: Any) -> dict[str, float]:
    first = floor if control_floor is None else control_floor
    for name, value in (("floor", floor), ("control_floor", first)):
        if not _is_number(value) or not 0 <= value <= 1:
            raise ConfigurationError(f"Bandit({name}={value!r}): must be a share in [0, 1]")
    made = {name: float(first if at == 0 else floor) for at, name in enumerate(names)}
    if sum(made.values()) > 1:
        raise ConfigurationError(
            f"Bandit(floor={floor!r}): the floors of {len(names)} variants add up to "
            f"{sum(made.values()):g}; they may be 1 together"
        )
    return made


def seconds(name: str, value: Any) -> float:
    if _is_number(value) and value > 0:
        return float(value)
    raise ConfigurationError(f"Bandit({name}={value!r}): must be seconds above 0")


def at_least_two(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 2:
        return value
    raise ConfigurationError(f"Bandit({name}={value!r}): must be a whole number of at least 2")


def discount(value: Any) -> float:
    if _is_number(value) and 0 < value <= 1:
        return float(value)
    raise ConfigurationError(f"Bandit(discount={value!r}): must be in (0, 1]")


def interval(kind: str, seen: Pooled) -> tuple[float | None, float | None, float | None]:
    """Estimate and 95 % interval: of an event Wilson's, of a mean around that of the logarithms."""
    mean, n = seen.mean, seen.worth
    if mean is None or not n:
        return None, None, None
    if kind == "mean":
        reach = _Z * seen.error
        return exp(mean), exp(mean - reach), exp(mean + reach)
    middle = (mean + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    reach = _Z / (1 + _Z * _Z / n) * sqrt(max(0.0, mean * (1 - mean)) / n + (_Z / (2 * n)) ** 2)
    return mean, max(0.0, middle - reach), min(1.0, middle + reach)
