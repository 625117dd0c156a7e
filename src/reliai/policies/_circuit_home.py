"""Where a circuit breaker finds its circuits: by clock and name, alone or in step with a fleet."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from reliai._core.settings import settings
from reliai.decisions.registry import CircuitGroup, Registry
from reliai.state import configured_state

if TYPE_CHECKING:
    from reliai.clock import Clock
    from reliai.decisions.circuit import CircuitSettings
    from reliai.policies._circuit_sharing import CircuitSharing
    from reliai.state import State

__all__ = ["CircuitHome", "registry", "replaced"]

# Times of two clocks cannot be compared, so what was learnt belongs to its clock. A virtual clock
# thus begins with closed circuits, and leaves those of the process as they were.
_registries: WeakKeyDictionary[Clock, Registry] = WeakKeyDictionary()
_lock = Lock()


def _renew() -> None:
    """In a forked child: nobody is there to release the lock."""
    global _lock  # noqa: PLW0603  the one of this process
    _lock = Lock()


os.register_at_fork(after_in_child=_renew)


def registry(time: Clock) -> Registry:
    with _lock:
        return _registries.setdefault(time, Registry())


class CircuitHome:
    """Where a breaker finds its circuits: under the clock it worked with last."""

    __slots__ = ("_state", "clock", "group", "name", "seen", "settings", "sharing")

    group: CircuitGroup

    def __init__(self, name: str, circuit_settings: CircuitSettings, state: State | None) -> None:
        self.name = name
        self.settings = circuit_settings
        self.clock: Clock | None = None
        self.sharing: CircuitSharing | None = None
        self.seen: object = None
        self._state = state

    def join(self, time: Clock) -> bool:
        """Find or make the circuits that live by this clock.

        The first time, this breaker's settings become theirs.

        Returns:
            Whether they had others.
        """
        circuits = registry(time)
        if self.clock is None:
            self.group, replaced = circuits.define(self.name, self.settings, time.monotonic())
        else:
            isolated, replaced = self.group.isolated, False
            self.group = circuits.group(self.name, self.settings)
            if isolated:  # an operator's word holds under every clock
                self.group.isolate()
        self.clock = time
        self._share(time)
        return replaced

    def _share(self, time: Clock) -> None:
        """Keep the circuits in step with other processes where a state is set."""
        state = self._state or configured_state()
        self.seen = settings.state
        if state is None or not state.shared:
            self.sharing = None
            return
        from reliai.policies._circuit_sharing import CircuitSharing  # noqa: PLC0415  fleets only

        known: CircuitSharing | None = self.group.sharing
        if known is None or known.state is not state:
            known = self.group.sharing = CircuitSharing(self.group, state, time)
        self.sharing = known


def replaced(name: str) -> str:
    """What is said of a name that gets other settings."""
    return (
        f"circuit {name!r} was defined before with other settings; the new ones hold from now on, "
        "for all who use that name, and what was counted stays. Give one of them another name"
    )
