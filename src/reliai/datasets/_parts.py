"""Parts: files of rows whose name is the hash of their content, each with its index. Floor 5.

A part is never changed. A version is a list of parts; of the rows of one key the one in the
newest layer holds. The parts of one layer share no key.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reliai.datasets._index import Index, head_size, index_of, tail_size
from reliai.datasets._rows import Row, case_of
from reliai.datasets.failures import DatasetDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reliai.datasets._storage import Storage
    from reliai.datasets.case import Case

__all__ = ["Part", "Parts"]

_HASH: Final = re.compile(r"[0-9a-f]{64}")

_MOST_ROWS: Final = 10_000
_MOST_BYTES: Final = 16 * 2**20
"""Rows and bytes of one part: well below what hosts of git refuse, and one request of a store."""

_AGAIN: Final = "; if something was forgotten just now, open the version again"
_GONE: Final = f"the part is gone{_AGAIN}"
_INDEX_GONE: Final = f"the index is gone{_AGAIN}"
_NOT_THE_INDEX: Final = "the index is not as it was written"

_MANY_ROWS: Final = 16
"""Rows of one part that cost more one by one than all of the part."""

_MOST_CACHED: Final = 64 * 2**20
"""Bytes of indexes that are kept; those opened last stay."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a version's file says of a part.

    Attributes:
        part: hex SHA-256 of its bytes: its file's name.
        head: hex SHA-256 of the head of its index.
        tail: hex SHA-256 of the rest of it.
        layer: parts of higher layers are newer.
        rows: lines in it.
        named: of them, those with an id.
        removed: of them, those without a case: they say that one is gone, or were forgotten.
        bytes: of the part.
        low: hex hash of the first key.
        high: hex hash of the last key.
    """

    part: str
    head: str
    tail: str
    layer: int
    rows: int
    named: int
    removed: int
    bytes: int
    low: str
    high: str

    @property
    def path(self) -> str:
        """Where it is."""
        return f"parts/{self.part[:2]}/{self.part}.jsonl"

    @property
    def index_path(self) -> str:
        """Where its index is."""
        return f"parts/{self.part[:2]}/{self.part}.idx"

    def to_dict(self) -> dict[str, Any]:
        """JSON data, in the order of the fields."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Part:
        """The part that `to_dict` wrote.

        Raises:
            ValueError: when it is none; a name that is no hash could lead out of the folder.
        """
        part = cls(**data)
        if not _HASH.fullmatch(part.part):
            raise ValueError("a part is named by its hash")
        return part


_Found = TypeVar("_Found", bound=tuple[Part, int])
"""Where a row is."""


class Parts:
    """Reads and writes the parts of one dataset; keeps the indexes that were opened last."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._indexes: dict[str, Index] = {}
        self._cached = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return Parts, (self.storage,)

    def index(self, part: Part) -> Index:
        """A part's index; its head is read now, the rest when it is asked for."""
        found = self._indexes.get(part.part)
        if found is None:
            found = self._opened(part)
            self._keep(part, found)
        return found

    def _keep(self, part: Part, index: Index) -> None:
        """Keep an index, and let go those that were opened first, when they are too many."""
        self._indexes[part.part] = index
        self._cached += index.size
        while self._cached > _MOST_CACHED and len(self._indexes) > 1:
            with suppress(RuntimeError, StopIteration):  # another thread changes it just now
                gone = self._indexes.pop(next(iter(self._indexes)), None)
                self._cached -= 0 if gone is None else gone.size

    def fetch(self, wanted: Iterable[Part]) -> None:
        """Read the heads of several indexes in one go, where each request takes its time."""
        missing = [part for part in wanted if part.part not in self._indexes]
        if not self.storage.remote or len(missing) < 2:
            return
        ranges = [(part.index_path, 0, head_size(part.rows, part.named)) for part in missing]
        try:
            heads = self.storage.read_ranges(ranges)
        except FileNotFoundError:
            return  # which one is said when it is opened
        for part, head in zip(missing, heads, strict=True):
            self._keep(part, self._opened(part, head))

    def _opened(self, part: Part, head: bytes | None = None) -> Index:
        size = head_size(part.rows, part.named)
        try:
            if head is None:
                head = self.storage.read(part.index_path, 0, size)
            if sha256(head).hexdigest() != part.head:
                raise DatasetDamaged(_NOT_THE_INDEX, path=part.index_path)
            return Index(head, part.rows, part.named, partial(self._tail, part))
        except FileNotFoundError as error:
            raise DatasetDamaged(_INDEX_GONE, path=part.index_path) from error

    def _tail(self, part: Part) -> bytes:
        size = head_size(part.rows, part.named)
        try:
            tail = self.storage.read(part.index_path, size)
        except FileNotFoundError as error:
            raise DatasetDamaged(_INDEX_GONE, path=part.index_path) from error
        return self._sound(part, tail)

    def _sound(self, part: Part, tail: bytes) -> bytes:
        """The tail of an index, if it is as it was written."""
        if sha256(tail).hexdigest() != part.tail:
            raise DatasetDamaged(_NOT_THE_INDEX, path=part.index_path)
        return tail

    def data(self, part: Part) -> bytes:
        """All of a part."""
        try:
            return self.storage.read(part.path)
        except FileNotFoundError as error:
            raise DatasetDamaged(_GONE, path=part.path) from error

    def data_of(self, wanted: Sequence[Part]) -> list[bytes]:
        """All of several parts, asked for at once; and what else of their indexes is needed."""
        if len(wanted) == 1:
            return [self.data(wanted[0])]
        ranges = [(part.path, 0, part.bytes) for part in wanted]
        for part in wanted:
            size = head_size(part.rows, part.named)
            ranges.append((part.index_path, 0, size + tail_size(part.rows)))
        try:
            found = self.storage.read_ranges(ranges)
        except FileNotFoundError:
            return [self.data(part) for part in wanted]  # it is said which one is gone
        for part, whole in zip(wanted, found[len(wanted) :], strict=True):
            size = head_size(part.rows, part.named)
            if part.part not in self._indexes:
                self._keep(part, self._opened(part, whole[:size]))
            self.index(part).fill(self._sound(part, whole[size:]))
        return found[: len(wanted)]

    def line(self, part: Part, row: int) -> bytes:
        """One row's line, as it was written."""
        index = self.index(part)
        start, end = index.span(row)
        try:
            line = self.storage.read(part.path, start, end)
        except FileNotFoundError as error:
            raise DatasetDamaged(_GONE, path=part.path) from error
        return self.checked(part, row, line)

    def lines(self, wanted: Iterable[_Found]) -> dict[_Found, bytes]:
        """Lines of rows in several parts, asked for at once; of many in one part all of it."""
        of_part: dict[Part, list[_Found]] = {}
        for each in wanted:
            of_part.setdefault(each[0], []).append(each)
        found: dict[_Found, bytes] = {}
        single: list[_Found] = []
        for part, rows in of_part.items():
            if len(rows) < _MANY_ROWS:
                single += rows
                continue
            data, index = self.data(part), self.index(part)
            for each in rows:
                start, end = index.span(each[1])
                found[each] = self.checked(part, each[1], data[start:end])
        return found | self._single_lines(single)

    def _single_lines(self, rows: list[_Found]) -> dict[_Found, bytes]:
        if not rows or not self.storage.remote:
            return {}  # on a disk each is read when it is needed
        ranges = [(part.path, *self.index(part).span(row)) for part, row in rows]
        try:
            lines = self.storage.read_ranges(ranges)
        except FileNotFoundError:
            return {}  # it is said which one is gone when it is read alone
        return {
            each: self.checked(each[0], each[1], line)
            for each, line in zip(rows, lines, strict=True)
        }

    def checked(self, part: Part, row: int, line: bytes) -> bytes:
        """The line, if it is as it was written.

        Raises:
            DatasetDamaged: when it is not, naming the case.
        """
        index = self.index(part)
        if sha256(line).digest()[:8] != index.check(row):
            digest = "sha256:" + index.digest(row).hex()
            message = f"the case {digest} is not as it was written"
            raise DatasetDamaged(message, path=part.path, line=row + 1, digests=(digest,))
        return line

    def case(self, part: Part, row: int) -> Case:
        """One row's case."""
        return case_of(self.line(part, row), self.index(part).digest(row))

    def row(self, part: Part, row: int, line: bytes) -> Row:
        """One row as it was handed to `write`."""
        index = self.index(part)
        return Row(
            hash=index.key(row),
            leaf=index.leaf(row),
            digest=index.digest(row),
            unit=index.unit(row),
            named=index.has_id(row),
            line=line,
        )

    def write(self, rows: Iterable[Row], layer: int, written: set[str]) -> list[Part]:
        """Have rows stored as one layer, in as many parts as they need.

        They must be in the order of their keys, each key once. What this commit has `written`
        already is not written again.
        """
        return [self.write_one(chunk, layer, written) for chunk in _chunks(rows)]

    def write_one(self, rows: list[Row], layer: int, written: set[str]) -> Part:
        """Have rows stored as one part, however many they are."""
        data, index = b"".join(row.line for row in rows), index_of(rows)
        named = sum(row.named for row in rows)
        size = head_size(len(rows), named)
        part = Part(
            part=sha256(data).hexdigest(),
            head=sha256(index[:size]).hexdigest(),
            tail=sha256(index[size:]).hexdigest(),
            layer=layer,
            rows=len(rows),
            named=named,
            removed=sum(row.unreadable for row in rows),
            bytes=len(data),
            low=rows[0].hash.hex(),
            high=rows[-1].hash.hex(),
        )
        if part.part not in written:  # a commit that lost a race has written it already
            self.storage.write(part.path, data)
            self.storage.write(part.index_path, index)
            written.add(part.part)
        return part


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in rows:
        if chunk and (len(chunk) >= _MOST_ROWS or size + len(row.line) > _MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += len(row.line)
    if chunk:
        yield chunk
