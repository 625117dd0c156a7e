"""Identifiers of calls: 128 bits, ordered by time, written as 32 hexadecimal digits."""

from __future__ import annotations

from reliai._core.chance import chance

__all__ = ["as_text", "new"]

_RANDOM_BITS = 76


def new(unix_time: float) -> int:
    """A fresh id for a call that starts at `unix_time` (seconds): microseconds, then chance."""
    return (int(unix_time * 1e6) << _RANDOM_BITS) | chance.getrandbits(_RANDOM_BITS)


def as_text(identifier: int | str) -> str:
    """The 32 digits; a text given by the caller stays as it is."""
    return identifier if isinstance(identifier, str) else f"{identifier:032x}"
