"""All cases of a version from one end to the other, without having all of it in memory. Floor 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.datasets._live import rows_in_order
from reliai.datasets._rows import case_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reliai.datasets._index import Index
    from reliai.datasets._parts import Part, Parts
    from reliai.datasets.case import Case

__all__ = ["Stored", "rows_with_data"]

_MOST_AHEAD: Final = 4
"""Parts that are asked for at once where a request takes its time."""


class Stored:
    """A case of a part that need not be read to know its hashes."""

    __slots__ = ("_data", "_index", "_part", "_parts", "_row")

    def __init__(self, parts: Parts, part: Part, row: int, index: Index, data: _Data) -> None:
        self._parts = parts
        self._part = part
        self._row = row
        self._index = index
        self._data = data

    @property
    def hash(self) -> bytes:
        return self._index.key(self._row)

    @property
    def leaf(self) -> bytes:
        return self._index.leaf(self._row)

    @property
    def unit(self) -> bytes:
        return self._index.unit(self._row)

    def case(self) -> Case:
        line = self._parts.checked(self._part, self._row, self._data.line(self._row))
        return case_of(line, self._index.digest(self._row))


class _Data:
    """The bytes of a part, read with the first case that is wanted."""

    __slots__ = ("_ahead", "_bytes", "_index", "part")

    def __init__(self, ahead: _Ahead, part: Part, index: Index) -> None:
        self._ahead = ahead
        self.part = part
        self._index = index
        self._bytes: bytes | None = None

    def line(self, row: int) -> bytes:
        if self._bytes is None:
            self._bytes = self._ahead.data(self.part)
        start, end = self._index.span(row)
        return self._bytes[start:end]


class _Ahead:
    """Reads parts in their order; on a store elsewhere several at once, the more the longer."""

    def __init__(self, parts: Parts, within: Sequence[Part]) -> None:
        self._parts = parts
        self._order = sorted(within, key=_low)
        self._read: dict[str, bytes] = {}
        self._many = 1

    def data(self, part: Part) -> bytes:
        found = self._read.pop(part.part, None)
        if found is not None:
            return found
        wanted = [part]
        if self._parts.storage.remote:
            behind = self._order[self._order.index(part) + 1 :]
            wanted += behind[: self._many - 1]
            self._many = min(2 * self._many, _MOST_AHEAD)
        first, *others = self._parts.data_of(wanted)
        self._read = {each.part: data for each, data in zip(wanted[1:], others, strict=True)}
        return first


def _low(part: Part) -> str:
    return part.low


def rows_with_data(
    parts: Parts, within: Sequence[Part]
) -> Iterator[tuple[Part, int, Index, _Data]]:
    """All rows in order, each with what reads its part. Parts that are through are let go."""
    ahead = _Ahead(parts, within)
    held: dict[str, _Data] = {}
    for part, row, index in rows_in_order(parts, within):
        data = held.get(part.part)
        if data is None:
            now = index.key(row).hex()
            held = {name: each for name, each in held.items() if each.part.high >= now}
            data = held[part.part] = _Data(ahead, part, index)
        yield part, row, index, data
