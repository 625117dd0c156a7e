"""The index of a part: where each row is, by the hash of its key, and what it must be. Floor 5.

Columns of fixed width, so that a key is found by bisection without reading any row:

    head   8 bytes of name, rows (u32), named rows (u32), keys (16 each, sorted),
           digests of named rows (16 each, sorted), their row numbers (u32)
    tail   units (8), ends of the lines (u64), checks (8), leaves (32), digests (32)

The rows of a part are in the order of its keys. All numbers are little-endian.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from reliai.datasets._rows import REMOVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.datasets._rows import Row

__all__ = ["Index", "head_size", "index_of", "tail_size"]

_NAME: Final = b"reliaiX1"
_NO_DIGEST: Final = bytes(32)
_FIRST: Final = struct.Struct("<8sII")


def head_size(rows: int, named: int) -> int:
    """Bytes of the head: all that is read to see whether keys are there."""
    return _FIRST.size + 16 * rows + 20 * named


def tail_size(rows: int) -> int:
    """Bytes of the tail."""
    return 88 * rows


def index_of(rows: list[Row]) -> bytes:
    """The index of rows in the order of their keys."""
    named = sorted((row.digest[:16], at) for at, row in enumerate(rows) if row.named)
    ends, end = array("Q"), 0
    for row in rows:
        end += len(row.line)
        ends.append(end)
    pieces = [_FIRST.pack(_NAME, len(rows), len(named))]
    pieces += [row.hash for row in rows]
    pieces += [digest for digest, _ in named]
    pieces += [struct.pack("<I", at) for _, at in named]
    pieces += [row.unit for row in rows]
    pieces.append(struct.pack(f"<{len(ends)}Q", *ends))
    pieces += [row.check for row in rows]
    pieces += [row.leaf for row in rows]
    pieces += [row.digest for row in rows]
    return b"".join(pieces)


class Index:
    """An index as it was written. The tail is read when it is first asked for.

    Args:
        head: at least the head's bytes.
        rows: of the part.
        named: of them.
        rest: reads the tail.
    """

    __slots__ = ("_ends", "_head", "_rest", "_tail", "named", "rows")

    def __init__(self, head: bytes, rows: int, named: int, rest: Callable[[], bytes]) -> None:
        if len(head) < head_size(rows, named) or _FIRST.unpack_from(head) != (_NAME, rows, named):
            raise ValueError("the index is cut off, or is another part's")
        self.rows = rows
        self.named = named
        self._head = head
        self._rest = rest
        self._tail: bytes | None = None
        self._ends = array("Q")

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return head_size(self.rows, self.named) + tail_size(self.rows)

    def key(self, row: int) -> bytes:
        """The hash of a row's key."""
        start = _FIRST.size + 16 * row
        return self._head[start : start + 16]

    def find(self, key: bytes) -> int | None:
        """The row of a key, or None."""
        at = bisect_left(range(self.rows), key, key=self.key)
        return at if at < self.rows and self.key(at) == key else None

    def find_named(self, digest: bytes) -> Iterator[int]:
        """The rows with an id whose cases have this digest."""
        start, short = _FIRST.size + 16 * self.rows, digest[:16]
        numbers = start + 16 * self.named

        def at(place: int) -> bytes:
            return self._head[start + 16 * place : start + 16 * place + 16]

        place = bisect_left(range(self.named), short, key=at)
        while place < self.named and at(place) == short:
            row: int = struct.unpack_from("<I", self._head, numbers + 4 * place)[0]
            if self.digest(row) == digest:
                yield row
            place += 1

    def has_id(self, row: int) -> bool:
        """Whether the row's case has an id."""
        return row in self.find_named(self.digest(row))

    def _column(self, start: int, width: int, row: int) -> bytes:
        tail = self._tail or self._loaded()
        place = start * self.rows + width * row
        return tail[place : place + width]

    def _loaded(self) -> bytes:
        tail = self._rest()
        self.fill(tail)
        return tail

    def fill(self, tail: bytes) -> None:
        """Give it the tail, which was read already.

        Raises:
            ValueError: when it is cut off.
        """
        if self._tail is not None:
            return
        if len(tail) != tail_size(self.rows):
            raise ValueError("the index is cut off")
        ends = array("Q", tail[8 * self.rows : 16 * self.rows])
        if sys.byteorder == "big":
            ends.byteswap()
        self._ends = ends
        self._tail = tail

    def unit(self, row: int) -> bytes:
        """8 bytes of the group's hash."""
        return self._column(0, 8, row)

    def span(self, row: int) -> tuple[int, int]:
        """Where the row's line begins and ends in the part."""
        if self._tail is None:
            self._loaded()
        return self._ends[row - 1] if row else 0, self._ends[row]

    def check(self, row: int) -> bytes:
        """8 bytes of the hash of the line."""
        return self._column(16, 8, row)

    def leaf(self, row: int) -> bytes:
        """The hash of the whole case."""
        return self._column(24, 32, row)

    def digest(self, row: int) -> bytes:
        """The case's digest."""
        return self._column(56, 32, row)

    def gone(self, row: int) -> bool:
        """Whether there is no case to read: the row says that it was removed, or was forgotten."""
        return self.digest(row) == _NO_DIGEST

    def removes(self, row: int) -> bool:
        """Whether the row says that its case is no longer there."""
        return self.leaf(row) == REMOVED
