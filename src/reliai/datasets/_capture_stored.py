"""Calls that a store has kept, looked at by the rules of a capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai.datasets._capture_calls import EndedCall, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from reliai.datasets._capture_content import Held
    from reliai.datasets._capture_counts import Tally
    from reliai.datasets._capture_selection import Selection
    from reliai.datasets.case import Case
    from reliai.datasets.rules import Judge
    from reliai.records.store import RecordStore
    from reliai.records.stored import StoredCall

    Scrubbed: TypeAlias = Callable[[Any, Any], Held | None]
    Clean: TypeAlias = Callable[[Any, Held], Any]

__all__ = ["ByDay", "calls_of", "said_of", "stored_call"]

_DAY: Final = 86_400.0
_AT_ONCE: Final = 1000


def stored_call(call: StoredCall, tally: Tally, scrubbed: Scrubbed) -> EndedCall:
    """A call of a store as rules see it; its content may be missing, or cut."""

    def make() -> Held | None:
        if call.inputs is None or call.inputs_bytes is not None:
            tally.without_content += 1
            return None
        return scrubbed(call.inputs, None if call.output_bytes is not None else call.output)

    return EndedCall(call, make)


def said_of(call: StoredCall) -> list[Said]:
    """What was said of a call of a store."""
    return [Said(each.name, each.value, each.at) for each in call.feedback]


def calls_of(
    store: RecordStore, since: float | datetime | None, which: Mapping[str, Any]
) -> Iterator[StoredCall]:
    """The calls of a store in the order in which they were written, some at a time."""
    store.flush()
    seq = 0
    while True:
        found, looked = store.after(seq, limit=_AT_ONCE, settled=False, since=since, **which)
        yield from found
        if looked <= seq:
            return
        seq = looked


class ByDay:
    """Selections of the days that calls ended on, which share what their judges remember.

    Args:
        make: makes a selection with judges of its own, or with those that are given.
    """

    def __init__(self, make: Callable[[list[Judge | None] | None], Selection]) -> None:
        self._make = make
        self._days: dict[int, Selection] = {}

    def looked_at(
        self, calls: Iterable[StoredCall], tally: Tally, scrubbed: Scrubbed, clean: Clean
    ) -> list[Case]:
        """The cases of calls, which come in their order."""
        for call in calls:
            ended = stored_call(call, tally, scrubbed)
            self.of(ended).look(ended, ended.at, said_of(call), clean)
        return [case for day in sorted(self._days) for case in self._days[day].hand_over()]

    def of(self, call: EndedCall) -> Selection:
        """The selection of the day on which a call ended."""
        day = int(call.at // _DAY)
        selection = self._days.get(day)
        if selection is None:
            others = next(iter(self._days.values()), None)
            selection = self._days[day] = self._make(None if others is None else others.judges)
        return selection
