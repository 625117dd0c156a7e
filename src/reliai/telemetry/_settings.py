"""Settings of sinks, checked when the sink is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reliai.errors import ConfigurationError

__all__ = ["checked_headers", "checked_secret", "flag", "having", "number", "whole"]


def whole(where: str, name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        message = f"{where}({name}={value!r}): must be a whole number of at least {least}"
        raise ConfigurationError(message)
    return value


def number(where: str, name: str, value: Any, *, least: float | None = None) -> float:
    """A number of seconds above 0, or from `least` on."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not (value > 0 if least is None else value >= least) or value > 1e9:
        range_of = "above 0" if least is None else f"of at least {least:g}"
        message = f"{where}({name}={value!r}): must be a number of seconds {range_of}"
        raise ConfigurationError(message)
    return float(value)


def flag(where: str, name: str, value: Any) -> bool:
    """True or False; a word in place of it would be taken for True."""
    if not isinstance(value, bool):
        message = f"{where}({name}={value!r}): must be True or False"
        raise ConfigurationError(message)
    return value


def having(where: str, name: str, value: Any, methods: tuple[str, ...], instead: str) -> Any:
    """An object with these methods; `instead` says what to give."""
    if isinstance(value, type) or not all(callable(getattr(value, one, None)) for one in methods):
        has = " and ".join(f"{one}()" for one in methods)
        message = f"{where}({name}={value!r}): has no {has}; give {instead}"
        raise ConfigurationError(message)
    return value


def checked_secret(where: str, secret: Any) -> bytes | None:
    """A secret as bytes."""
    if secret is None:
        return None
    if not isinstance(secret, str | bytes) or not secret:
        message = f"{where}(secret=…): must be a string or bytes, and not empty"
        raise ConfigurationError(message)
    return secret.encode() if isinstance(secret, str) else secret


def checked_headers(where: str, headers: Any) -> dict[str, str]:
    """Headers that a request can have."""
    given = {} if headers is None else headers
    if not isinstance(given, Mapping):
        message = f"{where}(headers=…): must be a mapping of names to values"
        raise ConfigurationError(message)
    for name, value in given.items():
        plain = isinstance(name, str) and isinstance(value, str)
        if not plain or not name or not f"{name}{value}".isprintable():
            message = f"{where}(headers=…): {name!r} and its value must be strings of one line"
            raise ConfigurationError(message)
    return dict(given)
