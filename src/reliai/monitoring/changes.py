"""What changed in the configuration, as the records themselves tell it."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final

from reliai._core.identity import identity_values
from reliai.records.counts import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ChangeLog"]

RECENT: Final = 3600.0
"""Seconds in which a change is told as one that came just before."""

MOST_KEYS: Final = 1000
MOST_VALUES: Final = 50
"""Values of each that are remembered: two models in turn are no change each time."""

MOST_CHANGES: Final = 50


class ChangeLog:
    """The values that were seen, and the last changes."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], list[str]] = OrderedDict()
        self._usual: set[tuple[object, ...]] = set()
        self._changes: deque[Change] = deque(maxlen=MOST_CHANGES)

    def note(self, record: Any, version: tuple[object, ...], at: float) -> list[Change]:
        """Look at a record; the changes that it shows, and that were not seen before.

        Args:
            record: an ended call.
            version: what tells its version, with what `identity_values` gives but the rest.
            at: when it ended.
        """
        like = (version, record.model_served, record.release)
        if like in self._usual:
            return []
        if len(self._usual) >= MOST_KEYS:
            self._usual.clear()
        self._usual.add(like)
        found = []
        for kind, name, value in identity_values(record):
            change = self._look(record, kind, name, value, at)
            if change is not None:
                found.append(change)
        return found

    def _look(self, record: Any, kind: str, name: str, value: str, at: float) -> Change | None:
        seen = self._seen.get((kind, name))
        if seen is None:
            if len(self._seen) >= MOST_KEYS:
                self._seen.popitem(last=False)
            self._seen[kind, name] = [value]
            return None
        if value in seen:
            return None
        change = Change(at, kind, name, seen[-1], value, record.service, record.environment)
        if len(seen) >= MOST_VALUES:
            del seen[0]
        seen.append(value)
        self._changes.append(change)
        return change

    def add(self, changes: Iterable[Change]) -> None:
        """Take in what another process saw."""
        known = set(self._changes)
        merged = sorted({*known, *changes})
        self._changes = deque(merged[-MOST_CHANGES:], maxlen=MOST_CHANGES)

    def before(self, name: str | None, at: float) -> tuple[Change, ...]:
        """What changed for the function, or for any, in the hour before, the latest first."""
        return tuple(
            change
            for change in reversed(self._changes)
            if at - RECENT <= change.at <= at + 1e-6 and (name is None or _about(change, name))
        )

    def to_list(self) -> list[dict[str, Any]]:
        """The last changes, as plain data."""
        return [change._asdict() for change in self._changes]

    @staticmethod
    def from_list(data: Iterable[Mapping[str, Any]]) -> list[Change]:
        """The changes that `to_list` described."""
        return [Change(**each) for each in data]


def _about(change: Change, name: str) -> bool:
    return change.kind in {"release", "version"} or change.name.split(" ")[0] == name
