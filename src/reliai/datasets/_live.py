"""Which rows hold in a list of parts: lookups by key, and all rows in order. Floor 5."""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reliai.datasets._index import Index
    from reliai.datasets._parts import Part, Parts

__all__ = ["Found", "lookup", "lookup_named", "rows_in_order"]


class Found(NamedTuple):
    """Where a row is."""

    part: Part
    row: int


def lookup(
    parts: Parts, within: Sequence[Part], keys: Iterable[bytes], *, forgotten: bool = False
) -> dict[bytes, Found]:
    """The rows that hold for keys, by the keys' hashes; nothing for a key that is not there.

    Only the heads of indexes are read where a key may be.

    Args:
        parts: of the dataset.
        within: the parts of a version.
        keys: hashes of keys.
        forgotten: have rows too whose case was forgotten: they cannot be read.
    """
    wanted = set(keys)
    found: dict[bytes, Found] = {}
    if not wanted:
        return found
    parts.fetch(within)
    for part in sorted(within, key=_newest):
        if not wanted:
            break
        low, high = bytes.fromhex(part.low), bytes.fromhex(part.high)
        here = [key for key in wanted if low <= key <= high]
        if not here:
            continue
        index = parts.index(part)
        for key in here:
            row = index.find(key)
            if row is not None:
                wanted.discard(key)
                without = index.removes if forgotten else index.gone
                if not (part.removed and without(row)):
                    found[key] = Found(part, row)
    return found


def lookup_named(
    parts: Parts, within: Sequence[Part], digests: Iterable[bytes]
) -> dict[bytes, Found]:
    """For digests, a row with an id that holds and has this digest."""
    wanted = set(digests)
    found: dict[bytes, Found] = {}
    for part in sorted(within, key=_newest):
        if not part.named or not wanted:
            continue
        index = parts.index(part)
        for digest in tuple(wanted):
            for row in index.find_named(digest):
                key = index.key(row)
                if lookup(parts, within, [key]).get(key) == (part, row):
                    found[digest] = Found(part, row)
                    wanted.discard(digest)
                    break
    return found


def rows_in_order(parts: Parts, within: Sequence[Part]) -> Iterator[tuple[Part, int, Index]]:
    """All rows that hold, in the order of their keys, each with its part's index.

    A part is opened when the order reaches it, and let go when it is through.
    """
    waiting = sorted(within, key=_last_first)
    open_now: list[tuple[bytes, int, int, Part, Index]] = []
    before = b""
    while waiting or open_now:
        while waiting and (not open_now or bytes.fromhex(waiting[-1].low) <= open_now[0][0]):
            part = waiting.pop()
            index = parts.index(part)
            heappush(open_now, (index.key(0), -part.layer, 0, part, index))
        key, age, row, part, index = open_now[0]
        if key != before:  # of the rows of one key the newest comes first
            before = key
            if not (part.removed and index.gone(row)):
                yield part, row, index
        if row + 1 < part.rows:
            heapreplace(open_now, (index.key(row + 1), age, row + 1, part, index))
        else:
            heappop(open_now)


def _newest(part: Part) -> int:
    return -part.layer


def _last_first(part: Part) -> tuple[int, int]:
    return -int(part.low, 16), part.layer
