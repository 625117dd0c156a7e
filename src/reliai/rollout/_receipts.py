"""Whether counts that were told have arrived, when the answer was lost on its way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core import ids
from reliai.state.base import Count

if TYPE_CHECKING:
    from reliai.state.base import Counted, Exchanged

__all__ = ["Receipts"]

_DAY: Final = 86_400.0
_KEPT: Final = 2
"""Days for which a receipt is kept."""


class Receipts:
    """Counts what this process told, in the same step as that which it tells.

    Told twice, failures would be evidence out of nothing; left out, an outage would be. So after
    one of which nobody knows whether it arrived, the count of what was told says so.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """In a forked child: what its parent told is its parent's."""
        self._name = ids.as_text(ids.new(0.0))
        self._known: Counted = {}
        self._bucket = 0
        self.unsure: Any = None

    def signed(self, key: str) -> Count:
        """What to tell with the counts."""
        self._bucket = int(clock.active().time() // _DAY)
        return self._count(key, (1.0,))

    def asking(self, key: str) -> Count:
        """What to ask when the answer was lost."""
        return self._count(key, ())

    def _count(self, key: str, amounts: tuple[float, ...]) -> Count:
        return Count(f"{key}:told:{self._name}", self._bucket, _DAY, _KEPT, amounts)

    def heard(self, key: str, exchanged: Exchanged) -> bool:
        """Take in an answer; whether something has arrived since the one before."""
        counted = exchanged.counted.get(self._count(key, ()).key)
        if counted is None:  # nothing was told
            return False
        new, old = (each.get(self._bucket, (0.0,)) for each in (counted, self._known))
        self._known = counted
        return new > old
