"""Who has had the candidate, written down: they keep it when fewer take part.

The hash alone keeps everybody's variant while the share grows. A record is needed only where who
takes part may change under way: the exposure, the target, or what a call says of its unit.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from threading import Lock
from typing import TYPE_CHECKING, Final

from reliai import clock
from reliai._core.forking import renew_after_fork
from reliai.state.base import PATIENT, PROMPT, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.state import State

__all__ = ["Sticky"]

_KNOWN: Final = 20_000
"""Units that a process remembers; of others it asks the state."""
_KEPT: Final = 2_592_000.0
"""Seconds that the state keeps a unit: thirty days."""
_AT_ONCE: Final = 500
"""Units that are told in one go."""
_PAUSE: Final = 2.0
"""Seconds in which a state that did not answer is not asked again."""


class Sticky:
    """The record of one version of one rollout.

    Args:
        key: of its document.
        state: gives where it is shared.
    """

    def __init__(self, key: str, state: Callable[[], State]) -> None:
        self._key = key
        self._state = state
        self._known: OrderedDict[str, bool] = OrderedDict()
        self._away_until = -1e300
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()
        self._untold: deque[str] = deque(maxlen=_KNOWN)

    def remember(self, unit: str) -> None:
        """A unit has the candidate; the state is told off the path of the call."""
        if self._known.get(unit):
            return
        self._note(unit, holds=True)
        self._untold.append(unit)

    def holds(self, unit: str) -> bool:
        """Whether a unit had the candidate; asks the state, once, of one that is not known here."""
        known = self._known.get(unit)
        if known is not None:
            return known
        now = clock.active().monotonic()
        if now < self._away_until:
            return False
        try:
            found = self._state().get(self._place(unit), within=PROMPT) is not None
        except StateUnavailable:
            self._away_until = now + _PAUSE
            return False
        self._note(unit, holds=found)
        return found

    def tell(self) -> None:
        """Tell the state of the units that are new; those it does not take are told again."""
        state = self._state()
        for _ in range(min(len(self._untold), _AT_ONCE)):
            unit = self._untold.popleft()
            try:
                state.put(self._place(unit), b"1", ttl=_KEPT, expected=0, within=PATIENT)
            except StateUnavailable:
                self._untold.appendleft(unit)
                return

    def _note(self, unit: str, *, holds: bool) -> None:
        with self._lock:
            self._known[unit] = holds
            self._known.move_to_end(unit)
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)

    def _place(self, unit: str) -> str:
        """Where a unit stands, without saying who it is."""
        digest = hashlib.sha256(f"{self._key}\0{unit}".encode("utf-8", "surrogatepass"))
        return f"{self._key}:had:{digest.hexdigest()[:32]}"
