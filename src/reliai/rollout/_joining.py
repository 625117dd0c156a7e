"""Bad feedback, joined to the calls that it is about, and to the variants that they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai._core.complaints import warn_once
from reliai.decisions.assignment import place_of
from reliai.feedback._stores import store_for
from reliai.rollout._young import is_mature, mature_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reliai.records import RecordStore
    from reliai.records.stored import StoredCall
    from reliai.rollout.guardrails import Guardrail

__all__ = ["Bad", "Joiner", "added_up"]

_MOST: Final = 5_000
"""Calls with bad feedback that are counted, of each guardrail; later ones say nothing new."""
_AT_ONCE: Final = 500
_WAITING: Final = 100_000
"""Calls that wait to be judged, or to be stored, and are remembered."""
_AGAIN: Final = 1_000
"""Numbers of what was said last that are read once more."""
_SKEW: Final = 3_600.0
"""Seconds by which the clock of who took feedback in may be behind the state's."""
_ORPHAN: Final = 10.0
"""Seconds between two looks for a call that is not stored yet."""


class Bad(NamedTuple):
    """A call with bad feedback.

    Attributes:
        phase: of the rollout, when the call began.
        arm: 0 for the control, 1 for the candidate.
        place: that its unit falls into.
        began: Unix seconds.
    """

    phase: int
    arm: int
    place: int
    began: float


class Joiner:
    """Keeps a list of the calls with bad feedback up to date.

    Args:
        name, version: of the rollout.
        guardrail: made by `feedback`.
        since: when the rollout began, Unix seconds.
    """

    def __init__(self, name: str, version: str, guardrail: Guardrail, since: float) -> None:
        self._rollout = (name, version)
        self._guardrail = guardrail
        self._label = guardrail.name.partition(":")[2]
        self._mature = guardrail.mature or 0.0
        self._since = since
        self._heard = 0
        self._seen: set[int] = set()
        self._waiting: dict[str, float] = {}

    def update(self, known: dict[str, Bad], now: float) -> None:
        """Read what was said since the last time, and judge what is old enough.

        Args:
            known: the calls with bad feedback by id, which is changed.
            now: Unix seconds.

        Raises:
            Exception: what the record store raises when it cannot be read.
        """
        store = self._guardrail.records or store_for(self._guardrail.name)
        waiting = self._waiting
        due = [call_id for call_id, at in waiting.items() if at <= now]
        asked = list(dict.fromkeys((*self._spoken_of(store), *due)))
        waiting.update(dict.fromkeys(asked, now + _ORPHAN))
        for call in _stored(store, asked):
            del waiting[call.id]
            self._judge(call, known, now)
        for call_id in list(waiting)[: max(0, len(waiting) - _WAITING)]:
            del waiting[call_id]

    def _spoken_of(self, store: RecordStore) -> list[str]:
        """The calls of which something was said that was not read yet.

        Of two that write at the same time the later one may be seen first, so the last ones are
        read again.
        """
        since = self._since - _SKEW
        said = store.feedback.heard(self._label, after=self._heard - _AGAIN, since=since)
        new = [call_id for number, call_id in said if number not in self._seen]
        if said:
            self._heard = max(self._heard, said[-1][0])
        self._seen = {number for number, _ in said if number > self._heard - _AGAIN}
        return new

    def _judge(self, call: StoredCall, known: dict[str, Bad], now: float) -> None:
        found = self._assigned(call)
        if found is None or call.started_at < self._since - self._mature:
            return
        if not is_mature(call.started_at, self._mature, now):
            self._waiting[call.id] = mature_at(call.started_at, self._mature)
            return
        if not self._is_bad(call):
            known.pop(call.id, None)
        elif len(known) < _MOST:
            known[call.id] = found

    def _assigned(self, call: StoredCall) -> Bad | None:
        """Which variant the hash gave to a call; None when it is none of this rollout's."""
        if "shadow" in call.tags:
            return None
        for event in reversed(call.events):
            told = event.attributes
            if (
                event.kind == "route"
                and (told.get("rollout"), told.get("version")) == self._rollout
            ):
                if told.get("reason") != "SPLIT":
                    return None
                arm = 0 if told.get("variant") == "control" else 1
                place = told.get("place")
                if place is None:
                    place = place_of(call.subject or call.id)
                return Bad(told["phase"], arm, place, call.started_at)
        return None

    def _is_bad(self, call: StoredCall) -> bool:
        until = call.started_at + self._mature if self._mature else float("inf")
        return any(
            said.name == self._label and said.at <= until and self._says_bad(said.value)
            for said in call.feedback
        )

    def _says_bad(self, value: Any) -> bool:
        judge = self._guardrail.bad
        try:
            return judge is not None and bool(judge(value))
        except Exception as error:  # noqa: BLE001  one value that it does not know says nothing
            warn_once(
                f"rollout:{self._guardrail.name}:{type(error).__name__}",
                f"bad= of {self._guardrail.name} raised {type(error).__name__} for a value of type "
                f"{type(value).__name__}, which says nothing then",
            )
            return False


def _stored(store: RecordStore, identifiers: Sequence[str]) -> Iterator[StoredCall]:
    for start in range(0, len(identifiers), _AT_ONCE):
        some = list(identifiers[start : start + _AT_ONCE])
        yield from store.calls(where={"id": some}, limit=None)


def added_up(known: dict[str, Bad]) -> list[list[int]]:
    """By phase, units of control and candidate with bad feedback: each in its first such call."""
    first: dict[int, Bad] = {}
    for bad in sorted(known.values(), key=lambda each: each.began):
        first.setdefault(bad.place, bad)
    sums: list[list[int]] = []
    for bad in first.values():
        while len(sums) <= bad.phase:
            sums.append([0, 0])
        sums[bad.phase][bad.arm] += 1
    return sums
