"""Which circuits there are: one group a name, in it one circuit for each target and key.

A circuit belongs to its name, not to the object that asked for it, so a policy built anew for each
request still finds what the ones before it learnt.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from reliai._core.forking import renew_after_fork
from reliai.decisions.circuit import Circuit, CircuitSettings, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

__all__ = ["CircuitGroup", "Registry", "gravest", "together"]

_MAX_KEYS: Final = 1000
_BY_GRAVITY: Final[tuple[State, ...]] = ("isolated", "open", "half_open", "closed")
_MOST_SKIPPED: Final = 16  # bounds the search when most circuits are open


class CircuitGroup:
    """The circuits of one name. They share their settings; an operator's word reaches all of them.

    Args:
        name: what they protect.
        settings: thresholds and times of all of them.
        max_keys: how many circuits with a target or a key are kept. The one used least lately goes
            first; one whose break has not ended is never dropped, so there may be more.
    """

    __slots__ = (
        "__weakref__",
        "_by_key",
        "_lock",
        "default",
        "isolated",
        "max_keys",
        "name",
        "settings",
        "sharing",
    )

    def __init__(self, name: str, settings: CircuitSettings, max_keys: int = _MAX_KEYS) -> None:
        self.name = name
        self.settings = settings
        self.max_keys = max_keys
        self.isolated = False
        """Whether an operator isolated the whole group; new circuits start isolated then."""
        self.default = Circuit(name, settings)
        """The circuit of calls without target and key; kept for good."""
        self._by_key: OrderedDict[tuple[str | None, Hashable], Circuit] = OrderedDict()
        self._renew()
        renew_after_fork(self)
        self.sharing: Any = None
        """What keeps them in step with other processes; the circuit breaker's affair."""

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def circuit(self, now: float, target: str | None = None, key: Hashable = None) -> Circuit:
        """The circuit of this target and key: the same object every time, as long as it is kept."""
        if target is None and key is None:
            return self.default
        place = target, key
        with self._lock:
            circuit = self._by_key.get(place)
            if circuit is not None:
                self._by_key.move_to_end(place)
                return circuit
            self._make_place(now)
            circuit = Circuit(self.name, self.settings, target=target, key=key)
            if self.isolated:
                circuit.isolate()
            self._by_key[place] = circuit
            return circuit

    def circuits(self) -> list[Circuit]:
        """All of them, the default one first, then by last use."""
        with self._lock:
            return [self.default, *self._by_key.values()]

    @property
    def state(self) -> State:
        """The gravest state among them: isolated, open, half_open, closed."""
        return gravest(circuit.state for circuit in self.circuits())

    def snapshot(self, now: float) -> Snapshot:
        """All of them together: counts added up, the gravest state, the longest wait."""
        seen = [circuit.snapshot(now) for circuit in self.circuits()]
        return together(seen, self.settings.min_calls)

    def adopt(self, settings: CircuitSettings, now: float) -> bool:
        """Take other settings and keep what was counted; False when they are the same."""
        with self._lock:
            if settings == self.settings:
                return False
            self.settings = settings
            for circuit in (self.default, *self._by_key.values()):
                circuit.update(settings, now)
            return True

    def isolate(self) -> None:
        """Refuse every call, of future keys too, until `close()`."""
        with self._lock:
            self.isolated = True
            for circuit in (self.default, *self._by_key.values()):
                circuit.isolate()

    def close(self) -> None:
        """Let calls through again, with nothing counted."""
        with self._lock:
            self.isolated = False
            for circuit in (self.default, *self._by_key.values()):
                circuit.close()

    def _make_place(self, now: float) -> None:
        for _ in range(_MOST_SKIPPED):
            if len(self._by_key) < self.max_keys:
                return
            place, circuit = self._by_key.popitem(last=False)
            if circuit.is_needed(now):
                self._by_key[place] = circuit  # looked at again after all others


class Registry:
    """The groups of one process, by name."""

    def __init__(self, max_keys: int = _MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._groups: dict[str, CircuitGroup] = {}
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def group(self, name: str, settings: CircuitSettings) -> CircuitGroup:
        """The circuits of this name; made with these settings when there are none."""
        with self._lock:
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = CircuitGroup(name, settings, self._max_keys)
            return group

    def define(self, name: str, settings: CircuitSettings, now: float) -> tuple[CircuitGroup, bool]:
        """The circuits of this name, with these settings from now on; what was counted stays.

        Args:
            name: what they protect.
            settings: adopted when the name is known with others.
            now: the time, in seconds of the monotonic clock.

        Returns:
            The group, and whether it had other settings.
        """
        group = self.group(name, settings)
        return group, group.adopt(settings, now)

    def circuits(self) -> list[Circuit]:
        """Every circuit there is, group by group in the order of their making."""
        with self._lock:
            groups = list(self._groups.values())
        return [circuit for group in groups for circuit in group.circuits()]

    def clear(self) -> None:
        """Forget all groups; whoever holds one keeps it."""
        with self._lock:
            self._groups.clear()


def gravest(states: Iterable[State]) -> State:
    """The state that refuses most."""
    found = set(states)
    for state in _BY_GRAVITY:
        if state in found:
            return state
    return "closed"


def together(seen: list[Snapshot], min_calls: int) -> Snapshot:
    """Several snapshots as one: counts added up, the gravest state, the longest wait."""
    if len(seen) == 1:
        return seen[0]
    calls, failures = sum(each.calls for each in seen), sum(each.failures for each in seen)
    state = gravest(each.state for each in seen)
    opened = [each.opened_at for each in seen if each.opened_at is not None]
    return Snapshot(
        name=seen[0].name,
        target=None,
        key=None,
        state=state,
        calls=calls,
        failures=failures,
        slow=sum(each.slow for each in seen),
        ignored=sum(each.ignored for each in seen),
        rejected=sum(each.rejected for each in seen),
        late=sum(each.late for each in seen),
        rate=failures / calls if calls >= min_calls else None,
        opened_at=min(opened, default=None),
        retry_after=None if state == "isolated" else max(s.retry_after or 0.0 for s in seen),
        generation=sum(each.generation for each in seen),
    )
