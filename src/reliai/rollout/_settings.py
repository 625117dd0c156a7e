"""What a rollout's settings must be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reliai.decisions.assignment import unit_text
from reliai.errors import ConfigurationError
from reliai.rollout._forcing import ARMS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["among", "chance", "checked_force", "count", "seconds", "share", "text", "yes_or_no"]


def text(name: str, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f"Rollout({name}={value!r}): must be a text that is not empty")


def among(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value in known:
        return str(value)
    raise ConfigurationError(f"Rollout({name}={value!r}): use {' or '.join(map(repr, known))}")


def yes_or_no(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"Rollout({name}={value!r}): must be True or False")


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def chance(name: str, value: Any) -> float:
    if _is_number(value) and 0 < value < 1:
        return float(value)
    raise ConfigurationError(f"Rollout({name}={value!r}): must be in (0, 1)")


def share(name: str, value: Any) -> float:
    if _is_number(value) and 0 <= value <= 1:
        return float(value)
    raise ConfigurationError(f"Rollout({name}={value!r}): must be a share in [0, 1]")


def seconds(name: str, value: Any, *, or_none: bool = False) -> float:
    if _is_number(value) and (value > 0 or (or_none and value == 0)):
        return float(value)
    least = "of at least 0" if or_none else "above 0"
    raise ConfigurationError(f"Rollout({name}={value!r}): must be seconds {least}")


def count(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ConfigurationError(f"Rollout({name}={value!r}): must be a whole number of at least 1")


def checked_force(force: Mapping[Any, str] | None) -> dict[str, str]:
    made: dict[str, str] = {}
    for unit, arm in (force or {}).items():
        text = unit_text(unit)
        if arm not in ARMS or text is None:
            raise ConfigurationError(
                f"Rollout(force=…): a unit is forced to {arm!r}; use 'control' or 'candidate'"
            )
        made[text] = arm
    return made
