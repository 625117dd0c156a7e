"""A commit: rows are written, then the version's file is created, or the race is lost. Floor 5.

What is written costs by what changed. Small layers on top are merged as they pile up, so that a
version never has many; layers with thousands of rows stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai import clock
from reliai._core.chance import chance
from reliai.datasets._manifest import (
    Manifest,
    create_manifest,
    later_manifest,
    newest_manifest,
)
from reliai.datasets._set_hash import SetHash
from reliai.datasets._staging import resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.datasets._parts import Part, Parts
    from reliai.datasets._rows import Row
    from reliai.datasets._staging import Operation, Outcome

__all__ = ["committed", "following"]

_SMALL: Final = 4096
"""Rows of the largest layer that is merged into a newer one: a commit rewrites no more."""

_WASTE: Final = 2
"""A version whose parts hold so many times its cases, and `_SMALL` more, is written anew."""

_MOST_LAYERS: Final = 64
"""With so many, small ones are merged whatever it costs."""

_LONGEST: Final = 1.0
"""Seconds at most between two tries for the next number."""


def committed(
    parts: Parts, operations: Sequence[Operation], message: str, known: int
) -> Manifest | None:
    """Have the operations done in the newest version, whoever else commits meanwhile.

    Args:
        parts: of the dataset.
        operations: in their order.
        message: for the log.
        known: a version that is there for certain, or 0.

    Returns:
        The version that has them: the newest one when they change nothing, None when then there
        is no version at all.
    """
    return _Commit(parts, operations, message).done(newest_manifest(parts.storage, known))


def following(
    parts: Parts, head: Manifest, within: tuple[Part, ...], outcome: Outcome, message: str
) -> Manifest:
    """The version that comes after one, to be created: its rows are written.

    Args:
        parts: of the dataset.
        head: the version before.
        within: its parts, or others that stand for them.
        outcome: what is done to it.
        message: for the log.
    """
    return _Commit(parts, (), message).following(head, within, outcome)


class _Commit:
    """One commit, until it is done."""

    def __init__(self, parts: Parts, operations: Sequence[Operation], message: str) -> None:
        self._parts = parts
        self._operations = operations
        self._message = message
        self._lost = 0
        self._written: set[str] = set()

    def done(self, head: Manifest | None) -> Manifest | None:
        storage = self._parts.storage
        while True:
            within = () if head is None else head.parts
            outcome = resolved(self._parts, within, self._operations)
            if not outcome.rows:
                return head
            if not self._lost:
                storage.prepare()
            made = self.following(head, within, outcome)
            if create_manifest(storage, made):
                return made
            self._lost += 1
            longest = min(_LONGEST, 0.002 * 2 ** min(self._lost, 9))
            clock.active().sleep(chance.uniform(0, longest))
            head = later_manifest(storage, head)

    def following(
        self, head: Manifest | None, within: tuple[Part, ...], outcome: Outcome
    ) -> Manifest:
        """The version that comes after one."""
        sums = SetHash("" if head is None else head.sums)
        for leaf in outcome.lost:
            sums.remove(leaf)
        for leaf in outcome.gained:
            sums.add(leaf)
        cases = (0 if head is None else head.cases) + outcome.added - outcome.removed
        return Manifest(
            version=1 if head is None else head.version + 1,
            parent=None if head is None else head.version,
            message=self._message,
            at=clock.active().time(),
            cases=cases,
            added=outcome.added,
            changed=outcome.changed,
            removed=outcome.removed,
            root=sums.root(),
            parts=self._layered(within, outcome.rows, cases),
            sums=sums.text(),
            parent_seal=None if head is None else head.seal,
        )

    def _layered(self, before: tuple[Part, ...], rows: list[Row], cases: int) -> tuple[Part, ...]:
        """The parts of the next version: those of before, and the rows on top as one layer.

        Who has lost a race writes its own rows only, which are written already, and leaves it to
        later commits to merge small layers, unless there are too many.
        """
        layers: dict[int, list[Part]] = {}
        for part in before:
            layers.setdefault(part.layer, []).append(part)
        number = max(layers, default=0) + 1
        merged: list[Part] = []
        if not self._lost or len(layers) >= _MOST_LAYERS:
            stored = sum(part.rows for part in before) + len(rows)
            stale = stored > _WASTE * cases + _SMALL
            for layer in _to_merge(layers, len(rows), everything=stale):
                merged += layers.pop(layer)
        if merged:
            rows = _rows_of(self._parts, merged, rows, bottom=not layers)
        kept = tuple(part for part in before if part.layer in layers)
        return kept + tuple(self._parts.write(rows, number, self._written))


def _to_merge(layers: dict[int, list[Part]], size: int, *, everything: bool) -> list[int]:
    """Which of the layers on top become one with so many new rows.

    Those that are no larger than all above them together: so each row is rewritten a few times at
    most while a dataset grows, and there are few layers.
    """
    chosen: list[int] = []
    for layer in sorted(layers, reverse=True):
        rows = sum(part.rows for part in layers[layer])
        if not everything and (rows > size or size + rows > _SMALL):
            break
        size += rows
        chosen.append(layer)
    return chosen


def _rows_of(parts: Parts, merged: list[Part], rows: list[Row], *, bottom: bool) -> list[Row]:
    """The rows of several layers as one; at the bottom nothing need be said to be gone."""
    made: dict[bytes, Row] = {}
    for part in sorted(merged, key=lambda each: each.layer):
        data = parts.data(part)
        index = parts.index(part)
        for at in range(part.rows):
            start, end = index.span(at)
            made[index.key(at)] = parts.row(part, at, parts.checked(part, at, data[start:end]))
    made.update((row.hash, row) for row in rows)
    kept = (made[key] for key in sorted(made))
    return [row for row in kept if not (bottom and row.gone)]
