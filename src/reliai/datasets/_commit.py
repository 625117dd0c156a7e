"""A commit: rows are written, then the version's file is created, or the race is lost. Floor 5.

What is written costs by what changed. Small layers on top are merged as they pile up, so that a
version never has many; layers with thousands of rows stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai import clock
from reliai._core.chance import chance
from reliai.datasets._manifest import Manifest, create_manifest, newest_manifest
from reliai.datasets._set_hash import SetHash
from reliai.datasets._staging import resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.datasets._parts import Part, Parts
    from reliai.datasets._rows import Row
    from reliai.datasets._staging import Operation, Outcome

__all__ = ["committed"]

_SMALL: Final = 4096
"""Rows of the largest layer that is merged into a newer one: a commit rewrites no more."""

_WASTE: Final = 2
"""A version whose parts hold so many times its cases, and `_SMALL` more, is written anew."""

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
    tries = 0
    while True:
        head = newest_manifest(parts.storage, known)
        if head is None and known:
            head = newest_manifest(parts.storage)
        outcome = resolved(parts, () if head is None else head.parts, operations)
        if not outcome.rows:
            return head
        if not tries:
            parts.storage.prepare()
        made = _manifest(parts, head, outcome, message)
        if create_manifest(parts.storage, made):
            return made
        known = 0 if head is None else head.version
        tries += 1
        clock.active().sleep(chance.uniform(0, min(_LONGEST, 0.002 * 2 ** min(tries, 9))))


def _manifest(parts: Parts, head: Manifest | None, outcome: Outcome, message: str) -> Manifest:
    sums = SetHash("" if head is None else head.sums)
    for leaf in outcome.lost:
        sums.remove(leaf)
    for leaf in outcome.gained:
        sums.add(leaf)
    before = 0 if head is None else head.cases
    cases = before + outcome.added - outcome.removed
    return Manifest(
        version=1 if head is None else head.version + 1,
        parent=None if head is None else head.version,
        message=message,
        at=clock.active().time(),
        cases=cases,
        added=outcome.added,
        changed=outcome.changed,
        removed=outcome.removed,
        root=sums.root(),
        parts=_layered(parts, () if head is None else head.parts, outcome.rows, cases),
        sums=sums.text(),
        parent_seal=None if head is None else head.seal,
    )


def _layered(
    parts: Parts, before: tuple[Part, ...], rows: list[Row], cases: int
) -> tuple[Part, ...]:
    """The parts of the next version: those of before, and the rows on top as one layer."""
    layers: dict[int, list[Part]] = {}
    for part in before:
        layers.setdefault(part.layer, []).append(part)
    number = max(layers, default=0) + 1
    stale = sum(part.rows for part in before) + len(rows) - _WASTE * cases - _SMALL > 0
    merged: list[Part] = []
    size = len(rows)
    for layer in sorted(layers, reverse=True):
        its = sum(part.rows for part in layers[layer])
        if not stale and (its > size or size + its > _SMALL):
            break
        size += its
        merged += layers.pop(layer)
    if merged:
        rows = _rows_of(parts, merged, rows, bottom=not layers)
    kept = tuple(part for part in before if part.layer in layers)
    return kept + tuple(parts.write(rows, number))


def _rows_of(parts: Parts, merged: list[Part], rows: list[Row], *, bottom: bool) -> list[Row]:
    """The rows of several layers as one; at the bottom nothing need be said to be gone."""
    made = {}
    for part in sorted(merged, key=lambda each: each.layer):
        data = parts.data(part)
        index = parts.index(part)
        for at in range(part.rows):
            start, end = index.span(at)
            made[index.key(at)] = parts.row(part, at, parts.checked(part, at, data[start:end]))
    made.update((row.hash, row) for row in rows)
    kept = (made[key] for key in sorted(made))
    return [row for row in kept if not (bottom and row.gone)]
