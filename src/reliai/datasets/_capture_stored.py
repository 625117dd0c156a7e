"""Calls that a store has kept, looked at by the rules of a capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai.datasets._capture_calls import EndedCall, Said
from reliai.datasets._capture_counts import Tally
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from reliai.datasets._capture_content import Held, Scrubber
    from reliai.datasets._capture_selection import Selection
    from reliai.datasets.case import Case
    from reliai.datasets.rules import Judge
    from reliai.records.store import RecordStore
    from reliai.records.stored import StoredCall

    Make: TypeAlias = Callable[[Tally, list[Judge | None] | None], Selection]
    Scrubbed: TypeAlias = Callable[[Any, Any], Held | None]

__all__ = ["Reader", "stored_call"]

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


class Reader:
    """Has a store's calls looked at by the rules of a capture, those of each day apart.

    Args:
        capture: for what is said in the log.
        make: makes a selection, with judges of its own, or with those that are given.
        scrubber: makes of content what may be kept.
        ignores: whether a call is none of the capture's.
    """

    def __init__(
        self, capture: object, make: Make, scrubber: Scrubber, ignores: Callable[[Any], bool]
    ) -> None:
        self._capture = capture
        self._make = make
        self._scrubber = scrubber
        self._ignores = ignores
        self._tally = Tally()
        self._days: dict[int, Selection] = {}

    def read(
        self,
        store: RecordStore,
        since: float | datetime | None,
        which: Mapping[str, Any],
        *,
        by_day: bool,
    ) -> tuple[list[Case], Tally]:
        """The cases, and what became of the calls.

        Raises:
            DatasetError: when calls were taken and the store has the content of none.
        """
        for call in calls_of(store, since, which):
            if not self._ignores(call):
                ended = stored_call(call, self._tally, self._scrubbed)
                day = int(ended.at // _DAY) if by_day else 0
                self._selection_of(day).look(ended, ended.at, said_of(call), self._cleaned)
        cases = [case for day in sorted(self._days) for case in self._days[day].hand_over()]
        if self._tally.without_content and not cases:
            raise DatasetError(
                f"{store!r} has the whole content of none of the calls that the rules took: "
                'RecordStore(…, content="redacted") keeps it of the calls to come'
            )
        return cases, self._tally

    def _selection_of(self, day: int) -> Selection:
        """The selection of a day; all days share what their judges remember."""
        selection = self._days.get(day)
        if selection is None:
            other = next(iter(self._days.values()), None)
            selection = self._make(self._tally, None if other is None else other.judges)
            self._days[day] = selection
        return selection

    def _scrubbed(self, inputs: Any, output: Any) -> Held | None:
        return self._tally.scrubbed(self._capture, self._scrubber, inputs, output)

    def _cleaned(self, value: Any, held: Held) -> Any:
        return self._tally.cleaned(self._capture, self._scrubber, value, held)
