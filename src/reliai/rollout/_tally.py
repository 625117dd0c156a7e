"""What this process counted of a rollout and has not told the others yet."""

from __future__ import annotations

from collections import deque
from math import log
from threading import Lock
from typing import TYPE_CHECKING, Final

from reliai.decisions.assignment import PLACES, place_of
from reliai.rollout._young import Young
from reliai.rollout.beginning import SHADOW
from reliai.rollout.evidence import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reliai._core.record import CallRecord
    from reliai.decisions.choice import Choice
    from reliai.rollout.guardrails import Guardrail

__all__ = ["Tally"]

_HEAD: Final = 4
_MOST_WAITING: Final = 4_096
"""Calls that wait to be read; whoever brings one more reads them all."""


class _Seen:
    """Which units were there already: a bit for each of a million places that they fall into.

    Two units in one place count as one, in whatever arm they are, so no arm gains by it; and the
    memory is 128 KiB, however many units there are.
    """

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits: bytearray | None = None

    def first(self, place: int) -> bool:
        """Whether it is there for the first time; from now on it was."""
        if self._bits is None:
            self._bits = bytearray(PLACES // 8)
        byte, bit = place >> 3, 1 << (place & 7)
        if self._bits[byte] & bit:
            return False
        self._bits[byte] |= bit
        return True

    def forget(self) -> None:
        """Begin anew."""
        self._bits = None


class Tally:
    """Adds up calls by phase.

    Of an event the first one of each unit counts, and of a mean the first call of each unit in each
    phase: the evidence is for independent units, and ten calls of one user are not.

    Args:
        guardrails: what is read from each call.
        shadowed: whether there is a shadow before the first step.

    Attributes:
        shadow: gives the pairs of answers that were compared so far, and those in which only the
            candidate's answer differs, and only the control's; None where there is none here.
    """

    def __init__(self, guardrails: Sequence[Guardrail], *, shadowed: bool = False) -> None:
        self._guardrails = tuple(guardrails)
        self._widths = [4 if each.kind == "event" else 6 for each in guardrails]
        self._shadowed = shadowed
        self.shadow: Callable[[], tuple[int, int, int]] | None = None
        self._told = (0, 0, 0)
        self._width = _HEAD + sum(self._widths) + len(self._told) * shadowed
        self._pending: dict[int, list[float]] = {}
        self._phase = -1
        self._units = _Seen()
        self._seen = [_Seen() for _ in guardrails]
        self._reads = [each.read for each in guardrails]
        self._columns = [list(self._places(arm)) for arm in (0, 1)]
        self._waiting: deque[tuple[Choice, CallRecord]] = deque()
        self.young = Young(each.mature for each in guardrails if each.mature is not None)
        self._ages = self.young.counts
        self._lock = Lock()

    def _places(self, arm: int) -> Iterator[tuple[bool, int, _Seen]]:
        """Where an arm's sums of each guardrail begin, and which units were there."""
        at = _HEAD
        for guardrail, width, seen in zip(self._guardrails, self._widths, self._seen, strict=True):
            yield guardrail.kind == "event", at + arm * width // 2, seen
            at += width

    def renew(self) -> None:
        """In a forked child: what was counted is its parent's to tell."""
        self._lock = Lock()
        self._pending = {}
        self._waiting.clear()
        self.young.renew()

    def note(self, choice: Choice, record: CallRecord) -> None:
        """Remember a call that the hash assigned, to be read off its own path."""
        self._waiting.append((choice, record))
        if len(self._waiting) > _MOST_WAITING:
            self._read_all()

    def _read_all(self) -> None:
        waiting = self._waiting
        for _ in range(len(waiting)):
            try:
                choice, record = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            self.add(choice, record)

    def add(self, choice: Choice, record: CallRecord) -> None:
        """Count a call that the hash assigned."""
        arm = 0 if choice.name == "control" else 1
        place = place_of(choice.unit or "")
        read = [each(record) for each in self._reads]
        if self._ages:
            self.young.note(choice.phase, arm, record.started_at)
        with self._lock:
            late = choice.phase < self._phase
            if choice.phase > self._phase:
                self._next(choice.phase)
            sums = self._pending.get(choice.phase)
            if sums is None:
                sums = self._pending[choice.phase] = [0.0] * self._width
            sums[arm] += 1
            if not late and self._units.first(place):
                sums[2 + arm] += 1
            for value, (is_event, at, seen) in zip(read, self._columns[arm], strict=True):
                if value is None:
                    continue
                if is_event:
                    sums[at] += 1
                    if value and seen.first(place):
                        sums[at + 1] += 1
                elif value > 0 and not late and seen.first(place):
                    number = log(value)
                    sums[at] += 1
                    sums[at + 1] += number
                    sums[at + 2] += number * number

    def _next(self, phase: int) -> None:
        self._phase = phase
        self._units.forget()
        for guardrail, seen in zip(self._guardrails, self._seen, strict=True):
            if guardrail.kind == "mean":
                seen.forget()

    def _look_at_shadow(self) -> None:
        """Count the pairs of answers that the shadow has compared since the last time."""
        if self.shadow is None:
            return
        now = self.shadow()
        if now[0] < self._told[0]:  # a forked child counts from 0
            self._told = (0, 0, 0)
        new = [after - before for after, before in zip(now, self._told, strict=True)]
        self._told = now
        if any(new):
            sums = self._pending.setdefault(0, [0.0] * self._width)
            for place, amount in enumerate(new, start=-len(new)):
                sums[place] += amount

    def take(self) -> Mapping[int, tuple[float, ...]]:
        """What was counted since the last time, by phase."""
        self._read_all()
        with self._lock:
            self._look_at_shadow()
            taken, self._pending = self._pending, {}
        return {phase: tuple(sums) for phase, sums in taken.items()}

    def put_back(self, taken: Mapping[int, tuple[float, ...]]) -> None:
        """The others could not be told: tell them the next time."""
        with self._lock:
            for phase, sums in taken.items():
                here = self._pending.get(phase)
                both = sums if here is None else map(float.__add__, here, sums)
                self._pending[phase] = list(both)

    def counts(self, share: float, sums: Sequence[float]) -> Counts:
        """The sums of a phase, by name."""
        sums = sums or (0.0,) * self._width
        named, at = {}, _HEAD
        for guardrail, width in zip(self._guardrails, self._widths, strict=True):
            named[guardrail.name] = tuple(sums[at : at + width])
            at += width
        if self._shadowed:
            named[SHADOW] = tuple(sums[at:])
        calls, units = map(int, sums[:2]), map(int, sums[2:4])
        return Counts(share, (next(calls), next(calls)), (next(units), next(units)), named)
