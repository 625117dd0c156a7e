"""Where a circuit breaker finds its circuits: by clock and name, alone or in step with a fleet."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from reliai._core.forking import renew_after_fork
from reliai._core.settings import settings
from reliai.decisions.registry import CircuitGroup, Registry
from reliai.state import configured_state

if TYPE_CHECKING:
    from reliai.clock import Clock
    from reliai.decisions.circuit import CircuitSettings
    from reliai.policies._circuit_sharing import CircuitSharing
    from reliai.state import State

__all__ = ["EVERYBODYS", "CircuitHome", "Registries", "registry", "replaced"]


class Registries:
    """The circuits of all who may meet, by clock: those of the process, or of one evaluation.

    Times of two clocks cannot be compared, so what was learnt belongs to its clock. A virtual clock
    thus begins with closed circuits, and leaves those of the process as they were.
    """

    def __init__(self) -> None:
        self._by_clock: WeakKeyDictionary[Clock, Registry] = WeakKeyDictionary()
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def of(self, time: Clock) -> Registry:
        """The circuits that live by this clock."""
        with self._lock:
            return self._by_clock.setdefault(time, Registry())


EVERYBODYS: Final = Registries()
"""Those of the process."""


def registry(time: Clock) -> Registry:
    """The circuits of the process that live by this clock."""
    return EVERYBODYS.of(time)


class CircuitHome:
    """Where a breaker finds its circuits: under the clock it worked with last."""

    __slots__ = ("_registries", "_state", "clock", "group", "name", "seen", "settings", "sharing")

    group: CircuitGroup

    def __init__(
        self,
        name: str,
        circuit_settings: CircuitSettings,
        state: State | None,
        registries: Registries,
    ) -> None:
        self.name = name
        self.settings = circuit_settings
        self.clock: Clock | None = None
        self.sharing: CircuitSharing | None = None
        self.seen: object = None
        self._state = state
        self._registries = registries

    def join(self, time: Clock) -> bool:
        """Find or make the circuits that live by this clock.

        The first time, this breaker's settings become theirs.

        Returns:
            Whether they had others.
        """
        circuits = self._registries.of(time)
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
