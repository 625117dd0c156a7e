"""The circuits of one name, kept in step with those of other processes through a shared state.

Each process decides by itself, from counts of the whole fleet; what it decides the others adopt at
their next exchange. One process at a time may probe: it holds a lease. When the store is away, each
decides from what it counted itself, and may send probes of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from reliai._core.forking import renew_after_fork
from reliai.decisions.circuit import Standing
from reliai.decisions.fleet_window import BUCKETS, FleetWindow
from reliai.state import Count, StateUnavailable
from reliai.state.base import PROMPT
from reliai.state.keeper import INTERVAL, keeper_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai._core.call import Call
    from reliai.clock import Clock
    from reliai.decisions.circuit import Change, Circuit
    from reliai.decisions.registry import CircuitGroup
    from reliai.decisions.window import Window
    from reliai.state import Counted, Entry, Exchanged, State

__all__ = ["CircuitSharing"]

_DAY: Final = 86_400.0
"""Seconds the store keeps where a circuit stands; what an operator said it keeps for good."""

_ROUNDING: Final = 0.01
"""Seconds by which a break must be longer than the others know, for them to be told."""

_NEWS: Final = 16
"""Changes heard of that wait for a call to be told on."""


class _Member:
    """What this process knows of one shared circuit's place in the store."""

    __slots__ = (
        "circuit",
        "epoch",
        "generation",
        "key",
        "lasting",
        "no_probe_before",
        "until",
        "version",
    )

    def __init__(self, circuit: Circuit, key: str, *, lasting: bool) -> None:
        self.circuit = circuit
        self.key = key
        self.lasting = lasting
        self.version = 0
        """Of the entry that says where it stands; 0: there is none."""
        self.epoch = 0
        """Part of its counter's key: after a break the fleet counts anew."""
        self.generation = 0
        """The circuit's, when it last stood where the entry says; 0: as it was made, closed."""
        self.no_probe_before = 0.0
        self.until = 0.0
        """When its break ends, by the store's time, as far as the others know."""


class CircuitSharing:
    """One name's circuits in step with other processes; a participant of the store's keeper.

    Args:
        group: the circuits.
        state: the store.
        time: the clock the circuits live by.
    """

    def __init__(self, group: CircuitGroup, state: State, time: Clock) -> None:
        self.group = group
        self.state = state
        self.introduced = False
        """Whether the store was asked once, so that what an operator said before is known."""
        self.news: deque[tuple[Circuit, Change]] = deque(maxlen=_NEWS)
        self._clock = time
        self._keeper = keeper_of(state)
        self._key = f"circuit:{group.name}"
        self._members: dict[int, _Member] = {}
        self._offered: dict[str, _Member] = {}
        self._wish: bool | None = None
        """What an operator here said and nobody was told: True to isolate, False to close."""
        self._operator_version = 0
        self._renew()
        renew_after_fork(self)
        self._keeper.join(self)

    def _renew(self) -> None:
        self._owner = os.urandom(8).hex()

    # On the path of a call

    @property
    def waiting(self) -> bool:
        """Whether a call has something to hear of first."""
        return bool(self.news) or not self.introduced

    @property
    def wait(self) -> float:
        """Seconds until the fleet's probe may have ended."""
        return INTERVAL

    async def introduce(self, call: Call) -> None:
        """Ask the store once before the first call; go on without it when it does not answer."""
        self.introduced = True
        try:
            await self._keeper.ask(call.runtime, self._keeper.step, PROMPT)
        except StateUnavailable:
            return

    async def may_probe(self, call: Call, circuit: Circuit) -> bool:
        """Whether this process may send the fleet's probe."""
        member, now = self._member(circuit), self._clock.monotonic()
        if now < member.no_probe_before:
            return False
        try:
            granted = await self._keeper.ask(call.runtime, self._leased, member)
        except StateUnavailable:
            return True  # each process by itself
        if not granted:
            member.no_probe_before = now + INTERVAL
        return granted

    def _leased(self, member: _Member) -> bool:
        """Take the fleet's one lease; not when another has probed since this process last heard."""
        state, place = self._keeper.state, f"{member.key}:probe"
        if state.lease(place, self._owner, member.circuit.settings.open_for) is None:
            return False
        entry = state.get(member.key)
        if entry is None or entry.version == member.version:
            return True
        state.release(place, self._owner)
        self._keeper.hurry()
        return False

    # By an operator

    def isolate(self) -> None:
        """Isolate the circuits of every process, until `close`."""
        self._wish = True
        self._tell_now()

    def close(self) -> None:
        """Close the circuits of every process."""
        self._wish = False
        self._tell_now()

    def _tell_now(self) -> None:
        try:
            self._tell(self._keeper.state)
        except StateUnavailable:
            self._keeper.hurry()  # the thread tells it as soon as the store is there

    def _tell(self, state: State) -> None:
        if self._wish is not None:
            said = json.dumps({"isolated": self._wish}).encode()
            self._operator_version = state.put(self._key, said) or 0
            self._wish = None

    # By the keeper's thread

    def offer(self, now: float) -> tuple[Sequence[Count], Sequence[str]]:
        members = self._current_members()
        self._offered = {}
        counts: list[Count] = []
        for member in members:
            counts += self._counts(member, now)
        return counts, [self._key, *(member.key for member in members)]

    def learn(self, exchanged: Exchanged, state: State) -> None:
        self.introduced = True
        self._obey(exchanged.entries.get(self._key), state)
        now = self._clock.monotonic()
        for member in list(self._members.values()):
            counted = exchanged.counted.get(self._counter(member))
            if counted is not None:
                self._hear(member, counted, now, ahead=exchanged.now - now)
            if member.key in exchanged.entries:
                self._settle(member, exchanged.entries[member.key], exchanged.now, state)

    def keep(self, counts: Sequence[Count]) -> None:
        for key in {count.key for count in counts}:
            member = self._offered.get(key)
            if member is not None:
                self._on_window(member, FleetWindow.take_back)

    def _current_members(self) -> list[_Member]:
        circuits = self.group.circuits()
        known = self._members
        self._members = {}
        for circuit in circuits:
            self._members[id(circuit)] = known.get(id(circuit)) or self._new(circuit)
        return list(self._members.values())

    def _member(self, circuit: Circuit) -> _Member:
        member = self._members.get(id(circuit))
        if member is None or member.circuit is not circuit:
            member = self._members[id(circuit)] = self._new(circuit)
        return member

    def _new(self, circuit: Circuit) -> _Member:
        lasting = circuit is self.group.default
        place = self._key
        if not lasting:  # a key may be personal, so only its digest leaves the process
            given = repr((circuit.target, circuit.key)).encode()
            place = f"{place}:{hashlib.sha256(given).hexdigest()[:16]}"
        circuit.changed = self._keeper.hurry
        return _Member(circuit, f"{place}:standing", lasting=lasting)

    def _counter(self, member: _Member) -> str:
        return f"{member.key}:{member.epoch}"

    def _counts(self, member: _Member, now: float) -> list[Count]:
        """What was counted here since the last time, ready to be sent."""
        key, keep, counts = self._counter(member), BUCKETS + 1, list[Count]()

        def hand_over(window: FleetWindow) -> None:
            if not (member.lasting or window.calls):
                return
            sums: dict[int, tuple[float, ...]] = {int(now // window.width): ()}
            sums.update(window.hand_over())
            counts.extend(Count(key, at, window.width, keep, each) for at, each in sums.items())

        self._on_window(member, hand_over)
        if counts:
            self._offered[key] = member
        return counts

    def _on_window(self, member: _Member, act: Callable[[FleetWindow], None]) -> None:
        """Have `act` work on a circuit's window, which is made the fleet's if it is not yet.

        A window over a number of calls stays the process's own: only what is decided is shared.
        """
        settings = member.circuit.settings
        if settings.calls is not None:
            return

        def made(window: Window) -> Window:
            if not isinstance(window, FleetWindow):
                ahead = self._keeper.now() - self._clock.monotonic()
                window = FleetWindow(settings.window, ahead)
            act(window)
            return window

        member.circuit.count_in(made)

    def _hear(self, member: _Member, counted: Counted, now: float, *, ahead: float) -> None:
        def hear(window: FleetWindow) -> None:
            window.ahead = ahead
            window.hear(counted, now)

        self._on_window(member, hear)

    def _obey(self, entry: Entry | None, state: State) -> None:
        """Do what an operator said, here or in another process."""
        if self._wish is None and entry is None and self.group.isolated:
            self._wish = True  # the store lost it
        if self._wish is not None:
            self._tell(state)
            return
        if entry is None or entry.version == self._operator_version:
            return
        self._operator_version = entry.version
        isolated = bool(json.loads(entry.value)["isolated"])
        if isolated and not self.group.isolated:
            self.group.isolate()
        elif not isolated:
            self.group.close()

    def _settle(self, member: _Member, entry: Entry | None, now: float, state: State) -> None:
        """Adopt where others stand, or tell them where this circuit stands now."""
        if self.group.isolated:
            member.generation = member.circuit.generation
            return
        if entry is not None and entry.version != member.version:
            self._adopt(member, entry, now)
            return
        if entry is None and member.version:
            member.version = 0  # forgotten by the store: told again below, unless it is closed
            member.generation = -1 if member.circuit.state == "open" else member.generation
        circuit, monotonic = member.circuit, self._clock.monotonic()
        change = circuit.reconsider(monotonic)
        if change is not None:
            self.news.append((circuit, change))
        left = self._left(member)
        prolonged = left > 0 and now + left > member.until
        if (prolonged or circuit.generation != member.generation) and circuit.state != "half_open":
            self._publish(member, now, state)

    def _adopt(self, member: _Member, entry: Entry, now: float) -> None:
        circuit, said = member.circuit, json.loads(entry.value)
        member.version = entry.version
        if said["epoch"] != member.epoch:
            member.epoch = said["epoch"]
            self._on_window(member, FleetWindow.clear)
        member.until = said["until"] + _ROUNDING
        left = max(0.0, said["until"] - now)
        if said["state"] == "open":  # a longer pause was asked for here: the others hear of it next
            left = max(left, self._left(member))
        standing = Standing(said["state"], left, said["failed_attempts"], said["only_paused"])
        if circuit.state == "closed" and standing.state == "open" and not left:
            standing = Standing("closed")  # it is over; whoever probes says how it went
        change = circuit.stand(standing, self._clock.monotonic())
        member.generation = circuit.generation
        if change is not None:
            self.news.append((circuit, change))

    def _left(self, member: _Member) -> float:
        """Seconds until the break of an open circuit ends; 0 when it is not open."""
        standing = member.circuit.standing(self._clock.monotonic())
        return standing.seconds if standing.state == "open" else 0.0

    def _publish(self, member: _Member, now: float, state: State) -> None:
        circuit = member.circuit
        generation, standing = circuit.generation, circuit.standing(self._clock.monotonic())
        epoch = member.epoch
        if standing.state == "closed" and not standing.only_paused:
            epoch += 1
        said: dict[str, Any] = {
            "state": standing.state,
            "until": now + standing.seconds,
            "failed_attempts": standing.failed_attempts,
            "only_paused": standing.only_paused,
            "epoch": epoch,
        }
        place = member.key
        given = json.dumps(said).encode()
        version = state.put(place, given, ttl=_DAY, expected=member.version)
        if version is None:
            return  # another was first: what it says is adopted at the next exchange
        member.version, member.generation = version, generation
        member.until = now + standing.seconds + _ROUNDING
        if epoch != member.epoch:
            member.epoch = epoch
            self._on_window(member, FleetWindow.clear)
        state.release(f"{place}:probe", self._owner)
