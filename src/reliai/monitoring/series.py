"""All fields of a monitor: by function, by version, by slice; so many of each at most."""

from __future__ import annotations

from collections import OrderedDict
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from reliai._core.identity import prompt_of
from reliai.monitoring.fields import Field
from reliai.monitoring.references import reference_of
from reliai.monitoring.sources import Sources
from reliai.monitoring.tallies import CallStats
from reliai.monitoring.windows import window_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reliai.monitoring.changes import ChangeLog
    from reliai.monitoring.fields import Tuning
    from reliai.monitoring.references import Reference
    from reliai.monitoring.signals import Signal
    from reliai.records.counts import Change

__all__ = ["Book", "Series"]

MOST_NAMES: Final = 200
MOST_VERSIONS: Final = 4
"""Versions of a function that are watched at the same time; the one unseen longest gives way."""

Version = tuple[str, str | None, str | None]
"""Policies, model asked for, prompt."""


class Series:
    """One version of a function.

    Attributes:
        name: the function.
        version: its policies' fingerprint, the model asked for, the prompt.
        first: whether it is the first version of the function that was seen.
        signals: those that are about this function.
        stats: plain counts of its calls, whatever the version.
    """

    __slots__ = ("_book", "_scores", "_slices", "first", "name", "signals", "stats", "version")

    def __init__(
        self, book: Book, name: str, version: Version, stats: CallStats, *, first: bool
    ) -> None:
        self._book = book
        self.name = name
        self.version = version
        self.first = first
        self.stats = stats
        self.signals = tuple(s for s in book.signals if s.calls is None or name in s.calls)
        self._slices: dict[str, tuple[Field, ...]] = {}
        self._scores: dict[tuple[str, Signal], Field] = {}

    def fields(self, where: str) -> tuple[Field, ...]:
        """The fields of a slice, in the order of the signals; none when there are too many."""
        found = self._slices.get(where)
        if found is None:
            found = self._book.new_fields(self.signals, len(self._slices) + 1)
            if found:
                self._slices[where] = found
                for fields in self._slices.values():
                    for each in fields:
                        each.drift.among = len(self.signals) * len(self._slices)
        return found

    def score_field(self, where: str, signal: Signal) -> Field | None:
        """The field of scores that came after the call; None when there are too many."""
        found = self._scores.get((where, signal))
        if found is None:
            made = self._book.new_fields((signal,), len(self._scores) + 1)
            if made:
                found = self._scores[where, signal] = made[0]
        return found

    def items(self) -> Iterator[tuple[str, Field]]:
        """All fields with their slices."""
        for where, fields in self._slices.items():
            for field in fields:
                yield where, field
        for (where, _), field in self._scores.items():
            yield where, field

    def state_of(self, field: Field) -> str:
        """How a field stands."""
        if field.firing:
            return "firing"
        if field.ready:
            return "ok"
        return "insufficient" if self.first else "rebaselining"


class Book:
    """The series of all functions.

    Args:
        signals: what is watched.
        tuning: how.
        reference: what is normal, of the whole monitor; None to learn.
        limit: fields at most.
    """

    def __init__(
        self, signals: tuple[Signal, ...], tuning: Tuning, reference: Any, limit: int
    ) -> None:
        self.signals = signals
        self.tuning = tuning
        self._limit = limit
        given = hasattr(reference, "__iter__") and not isinstance(reference, str)
        items = list(reference) if given else reference
        self._references: dict[int, Reference | None] = {
            id(signal): reference_of(signal, items) for signal in signals
        }
        self._clear()

    def _clear(self) -> None:
        self._count = 0
        self._series: OrderedDict[tuple[str, Version], Series] = OrderedDict()
        self._names: OrderedDict[str, CallStats] = OrderedDict()
        self._asked: dict[tuple[str, str, str | None], Version] = {}
        self._retired: list[tuple[str, str, Field]] = []
        self._sources: Sources[dict[tuple[Any, ...], Any]] = Sources()

    def empty(self) -> Book:
        """One that watches the same, and has seen nothing."""
        book = copy(self)
        book._clear()  # noqa: SLF001  the copy is ours
        return book

    def series_of(self, record: Any, changes: ChangeLog, now: float) -> tuple[Series, list[Change]]:
        """The series of a record, and what it shows to have changed."""
        name = record.name
        version = (record.fingerprint, record.model_requested, prompt_of(record))
        new = changes.note(record, (name, *version), now)
        return self._found(name, self._placed(name, version)), new

    def _placed(self, name: str, version: Version) -> Version:
        """The version that a call belongs to.

        One that asked no model (refused by a circuit or a budget, or answered by a cache) says
        nothing of another version: it counts in the one that such calls belonged to last.
        """
        policies, model, prompt = version
        if model is None:
            return self._asked.get((name, policies, prompt), version)
        self._asked[name, policies, prompt] = version
        self._asked[name, policies, None] = version
        return version

    def _found(self, name: str, version: Version) -> Series:
        key = (name, version)
        series = self._series.get(key)
        if series is None:
            series = self._begin(name, version)
        elif next(reversed(self._series)) != key:
            self._series.move_to_end(key)
        return series

    def _begin(self, name: str, version: Version) -> Series:
        stats = self._names.get(name)
        first = stats is None
        if stats is None:
            if len(self._names) >= MOST_NAMES:
                gone, _ = self._names.popitem(last=False)
                self._drop([key for key in self._series if key[0] == gone])
            stats = self._names[name] = CallStats()
        mine = [key for key in self._series if key[0] == name]
        self._drop(mine[: max(0, len(mine) + 1 - MOST_VERSIONS)])
        series = self._series[name, version] = Series(self, name, version, stats, first=first)
        return series

    def _drop(self, keys: list[tuple[str, Version]]) -> None:
        for key in keys:
            series = self._series.pop(key)
            name, (policies, _, prompt) = key
            for asked in {(name, policies, prompt), (name, policies, None)}:
                if self._asked.get(asked) == key[1]:
                    del self._asked[asked]
            for where, field in series.items():
                self._count -= 1
                self._retired.append((series.name, where, field))

    def new_fields(self, signals: tuple[Signal, ...], slices: int) -> tuple[Field, ...]:
        """Fields for a new slice; none when there are too many already."""
        if self._count + len(signals) > self._limit and slices > 1:
            return ()
        self._count += len(signals)
        return tuple(Field(signal, self.tuning, self._references[id(signal)]) for signal in signals)

    def retired(self) -> list[tuple[str, str, Field]]:
        """The fields that are no longer watched, since it was asked last."""
        found, self._retired = self._retired, []
        return found

    def forget(self, name: str | None) -> list[tuple[str, str, Field]]:
        """Stop watching a function, or all; what comes is learnt anew."""
        self._drop([key for key in self._series if name is None or key[0] == name])
        return self.retired()

    def calls(self, now: float) -> dict[str, Any]:
        """Plain counts by function."""
        return {name: stats.to_dict(now) for name, stats in self._names.items()}

    def states(self) -> list[dict[str, Any]]:
        """How each signal stands in each slice, of the version seen last."""
        latest: dict[str, Series] = {series.name: series for series in self._series.values()}
        return [
            {
                "name": series.name,
                "signal": field.signal.name,
                "slice": where,
                "state": series.state_of(field),
                "firing": {each.detector: each.text for each in field.firing.values()},
                **field.described(),
            }
            for series in latest.values()
            for where, field in series.items()
        ]

    def fields_to_dict(self) -> list[dict[str, Any]]:
        """The windows of all fields since their start, for `absorb`."""
        return [
            {
                "name": series.name,
                "version": list(series.version),
                "signal": field.signal.name,
                "slice": where,
                "total": field.total.to_dict(),
            }
            for series in self._series.values()
            for where, field in series.items()
        ]

    def absorb(self, data: Mapping[str, Any], now: float) -> Iterator[tuple[str, str, Field]]:
        """Add what another process has seen since it was added last.

        One that is no longer remembered, as a thousand others were added since, is added in full.

        Gives:
            The fields in which something was found, or is over.
        """
        known = self._sources.get(data["source"]) or {}
        self._sources.put(data["source"], known)
        for each in data["fields"]:
            version: Any = tuple(each["version"])
            series = self._found(each["name"], version)
            key = (each["name"], version, each["signal"], each["slice"])
            field = next(
                (f for f in series.fields(each["slice"]) if f.signal.name == each["signal"]), None
            )
            if field is None or field.total.kind != each["total"]["kind"]:
                continue
            new = window_from(each["total"])
            added = window_from(each["total"])
            before = known.get(key)
            if before is not None and before.n <= new.n:
                added.merge(before, -1)
            known[key] = new
            if added.n and field.absorb(added, now):
                yield series.name, each["slice"], field
        for name, counts in data["calls"].items():
            stats = self._names.get(name)
            if stats is not None:
                before = known.get(("calls", name))
                stats.absorb(counts, before)
                known["calls", name] = counts
