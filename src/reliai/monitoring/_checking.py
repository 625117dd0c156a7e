"""The settings of a monitor, looked at when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.monitoring import signals as known_signals
from reliai.monitoring.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["checked_signals", "checked_slos", "flag", "number", "whole"]


def checked_signals(given: Iterable[Signal] | None) -> tuple[Signal, ...]:
    """The signals; those that are watched by default when none are given.

    Raises:
        ConfigurationError: for something that is no signal, or one that is there twice.
    """
    if given is None:
        return (
            known_signals.errors(),
            known_signals.latency(),
            known_signals.cost(),
            known_signals.refusals(),
        )
    if isinstance(given, Signal) or not hasattr(given, "__iter__"):
        raise ConfigurationError(f"Monitor(signals={given!r}): give a list, also of one: [...]")
    found = tuple(given)
    for signal in found:
        if not isinstance(signal, Signal):
            message = (
                f"Monitor(signals=…): {signal!r} is no signal; make one by "
                "reliai.monitoring.signals, for instance signals.errors()"
            )
            raise ConfigurationError(message)
    keys = [(signal.name, signal.calls) for signal in found]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        message = f"Monitor(signals=…): {twice[0]!r} is there twice; give one another name="
        raise ConfigurationError(message)
    return found


def checked_slos(given: Iterable[Any]) -> tuple[Any, ...]:
    """The objectives.

    Raises:
        ConfigurationError: for something that is none, or two of one name.
    """
    if hasattr(given, "judge") or not hasattr(given, "__iter__"):
        raise ConfigurationError(f"Monitor(slos={given!r}): give a list, also of one: [...]")
    found = tuple(given)
    for slo in found:
        if isinstance(slo, type) or not callable(getattr(slo, "judge", None)):
            raise ConfigurationError(f"Monitor(slos=…): {slo!r} is no objective; give SLO(…)")
    names = [getattr(slo, "name", None) for slo in found]
    twice = next((name for name in names if name is not None and names.count(name) > 1), None)
    if twice is not None:  # receivers would take the alerts of one for those of the other
        message = f"Monitor(slos=…): two are called {twice!r}; give one another name="
        raise ConfigurationError(message)
    return found


def flag(name: str, value: Any, where: str = "Monitor") -> bool:
    """True or False; a word in place of it would be taken for True.

    Raises:
        ConfigurationError: when it is neither.
    """
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"{where}({name}={value!r}): must be True or False")


def whole(name: str, value: Any, low: int) -> int:
    """A whole number from `low` up.

    Raises:
        ConfigurationError: when it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= low:
        return value
    raise ConfigurationError(f"Monitor({name}={value!r}): must be a whole number from {low} up")


def number(name: str, value: Any, low: float) -> float:
    """A number from `low` up.

    Raises:
        ConfigurationError: when it is none.
    """
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    if real and low <= value < float("inf"):
        return float(value)
    raise ConfigurationError(f"Monitor({name}={value!r}): must be a number from {low:g} up")
