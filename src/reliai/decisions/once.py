"""What is known of each idempotency key: its first result, or that nobody knows what came of it.

A value with the time handed to it and no lock: whoever owns it guards it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["UNSHARED", "Held", "Known", "OnceLedger", "Word"]

UNSHARED: Final = "a result that cannot be shared"
"""What is known of a key whose result stayed in the process that made it."""


class Known(NamedTuple):
    """What became of a key."""

    at: float
    """When it was settled, by the monotonic clock."""
    result: Any = None
    """Its first result."""
    doubt: str | None = None
    """The name of the error after which nobody knows; None when there is a result."""
    sent: str | None = None
    """The idempotency key that the attempts in doubt carried, for the other side to look up."""


class Held(NamedTuple):
    """This process may make the call."""

    place: str
    confirmed: bool
    """Whether the store says so; not when it did not answer."""


class Word(NamedTuple):
    """What the fleet knows of a key: as `Known`, by the store's time."""

    at: float
    kept: Any = None
    doubt: str | None = None


class OnceLedger:
    """The keys settled within a time, bounded in number.

    Args:
        ttl: seconds a key is remembered.
        max_size: keys remembered. Results go before doubts: what is forgotten can happen twice.

    Attributes:
        forgotten: keys that went before their time, for lack of place.
    """

    __slots__ = ("_doubts", "_max_size", "_results", "_ttl", "forgotten")

    def __init__(self, ttl: float, max_size: int) -> None:
        self._ttl = ttl
        self._max_size = max_size
        self._results: OrderedDict[Hashable, Known] = OrderedDict()
        self._doubts: OrderedDict[Hashable, Known] = OrderedDict()
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._results) + len(self._doubts)

    def look(self, key: Hashable, now: float) -> Known | None:
        """What is known of a key; None when it may run."""
        for kept in (self._results, self._doubts):
            known = kept.get(key)
            if known is not None:
                if now - known.at < self._ttl:
                    return known
                del kept[key]
        return None

    def settle(self, key: Hashable, result: Any, now: float) -> None:
        """Remember the first result of a key."""
        self._results[key] = Known(now, result)
        self._tidy(now)

    def doubt(self, key: Hashable, error: str, now: float, sent: str | None = None) -> None:
        """Remember that nobody knows what came of a key, and what its attempts carried as one."""
        self._doubts[key] = Known(now, doubt=error, sent=sent)
        self._tidy(now)

    def forget(self, key: Hashable) -> bool:
        """Let a key run again; whether anything was known of it."""
        results = self._results.pop(key, None)
        return self._doubts.pop(key, None) is not None or results is not None

    def _tidy(self, now: float) -> None:
        """Keys are settled in the order of time and never touched again: the oldest come first."""
        for kept in (self._results, self._doubts):
            while kept:
                oldest = next(iter(kept))
                if now - kept[oldest].at < self._ttl:
                    break
                del kept[oldest]
        while len(self) > self._max_size:
            (self._results or self._doubts).popitem(last=False)
            self.forgotten += 1
