"""What is added and removed before a commit, and how that meets what is there. Floor 5."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reliai.datasets._live import lookup, lookup_named
from reliai.datasets._rows import (
    REMOVED,
    Row,
    case_of,
    forgotten_row,
    key_hash,
    removal,
    row_of,
)
from reliai.datasets.weights import inclusion_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.datasets._live import Found
    from reliai.datasets._parts import Part, Parts
    from reliai.datasets.case import Case, Source

__all__ = ["Added", "Operation", "Outcome", "Removed", "merged", "resolved"]


class Added(NamedTuple):
    """A case to have. `whole`: it takes the place of one of the same content, unmerged."""

    row: Row
    whole: bool


class Removed(NamedTuple):
    """A key not to have. `forgotten`: nor to name."""

    key: str
    forgotten: bool = False


Operation: TypeAlias = Added | Removed


class Outcome(NamedTuple):
    """What operations do to a version.

    Attributes:
        rows: to write, in the order of their keys.
        gained: leaves that come.
        lost: leaves that go.
        added, changed, removed: how many keys.
    """

    rows: list[Row]
    gained: list[bytes]
    lost: list[bytes]
    added: int
    changed: int
    removed: int


class _Absent(NamedTuple):
    """There is no such case any longer."""

    key: str
    forgotten: bool = False


def merged(old: Case, new: Case) -> Case:
    """One case of two with the same content: sources of both, and what the newer one says."""
    sources = _united(old.sources, new.sources)
    inclusion = inclusion_of(sources)
    if inclusion is None:
        inclusion = new.inclusion_probability or old.inclusion_probability
    return replace(
        old,
        id=new.id or old.id,
        tags={**old.tags, **new.tags},
        group=old.group if new.group is None else new.group,
        repeats=new.repeats or old.repeats,
        sources=sources,
        inclusion_probability=inclusion,
        metadata={**old.metadata, **new.metadata},
    )


def _united(old: Sequence[Source], new: Sequence[Source]) -> tuple[Source, ...]:
    """Each source once, in the order in which they came; of two of one identity the newer."""
    by_identity = {source.identity: source for source in old}
    by_identity.update((source.identity, source) for source in new)
    return tuple(by_identity.values())


def resolved(parts: Parts, within: Sequence[Part], operations: Sequence[Operation]) -> Outcome:
    """See what operations do to a version that consists of parts."""
    return _Resolving(parts, within, operations).outcome()


class _Resolving:
    """The version with the operations done so far on top of it."""

    def __init__(
        self, parts: Parts, within: Sequence[Part], operations: Sequence[Operation]
    ) -> None:
        self._parts = parts
        keys: set[bytes] = set()
        digests: set[bytes] = set()
        for each in operations:
            if isinstance(each, Removed):
                keys.add(key_hash(each.key))
                continue
            keys.add(each.row.hash)
            if each.row.named:
                keys.add(_unnamed(each.row))
            else:
                digests.add(each.row.digest)
        self._there = lookup(parts, within, keys)
        self._named = lookup_named(parts, within, digests - self._digests_there(digests))
        for found in self._named.values():
            self._there[parts.index(found.part).key(found.row)] = found
        self._lines = parts.lines(self._changing(operations))
        self._now: dict[bytes, Row | _Absent] = {}
        self._named_now: dict[bytes, bytes] = {}
        for each in operations:
            if isinstance(each, Removed):
                self._remove(each)
            else:
                self._add(each)

    def _changing(self, operations: Sequence[Operation]) -> set[Found]:
        """Rows that are there and that cases will be joined with: read at once, they cost less."""
        found: set[Found] = set()
        for each in operations:
            if isinstance(each, Removed):
                continue
            row = each.row
            there = self._there.get(row.hash) or self._there.get(_unnamed(row))
            there = there or self._named.get(row.digest)
            if there is not None and self._leaf(there) != row.leaf:
                found.add(there)
        return found

    def _digests_there(self, digests: set[bytes]) -> set[bytes]:
        return {each for each in digests if key_hash("sha256:" + each.hex()) in self._there}

    def _current(self, key: bytes) -> Row | Found | None:
        now = self._now.get(key)
        if now is not None:
            return now if isinstance(now, Row) else None
        return self._there.get(key)

    def _add(self, operation: Added) -> None:
        row = operation.row
        current = self._current(row.hash)
        if current is None and not row.named:
            key = self._named_key(row.digest)
            current = None if key is None else self._current(key)
        elif current is None:
            current = self._current(_unnamed(row))  # the same content gets a name
        if current is not None:
            row = self._joined(current, operation)
        self._now[row.hash] = row
        if row.named:
            self._named_now[row.digest] = row.hash
            unnamed = _unnamed(row)
            if self._current(unnamed) is not None:
                self._now[unnamed] = _Absent("sha256:" + row.digest.hex())

    def _named_key(self, digest: bytes) -> bytes | None:
        key = self._named_now.get(digest)
        if key is None and digest in self._named:
            found = self._named[digest]
            key = self._parts.index(found.part).key(found.row)
        if key is None:
            return None
        current = self._current(key)
        return key if current is not None and self._digest(current) == digest else None

    def _joined(self, current: Row | Found, operation: Added) -> Row:
        row = operation.row
        if self._leaf(current) == row.leaf:
            return row
        old, new = self._case(current), case_of(row.line, row.digest)
        if self._digest(current) != row.digest:
            return row_of(replace(new, sources=_united(old.sources, new.sources)))
        if operation.whole:
            return row_of(replace(new, id=new.id or old.id))
        return row_of(merged(old, new))

    def _remove(self, operation: Removed) -> None:
        hashed = key_hash(operation.key)
        if self._current(hashed) is not None:
            self._now[hashed] = _Absent(*operation)

    def _leaf(self, current: Row | Found) -> bytes:
        return (
            current.leaf
            if isinstance(current, Row)
            else self._parts.index(current.part).leaf(current.row)
        )

    def _digest(self, current: Row | Found) -> bytes:
        return (
            current.digest
            if isinstance(current, Row)
            else self._parts.index(current.part).digest(current.row)
        )

    def _case(self, current: Row | Found) -> Case:
        if isinstance(current, Row):
            return case_of(current.line, current.digest)
        line = self._lines.get(current) or self._parts.line(current.part, current.row)
        return case_of(line, self._digest(current))

    def outcome(self) -> Outcome:
        rows: list[Row] = []
        gained: list[bytes] = []
        lost: list[bytes] = []
        added = changed = removed = 0
        for key in sorted(self._now):
            now, before = self._now[key], self._there.get(key)
            leaf = None if before is None else self._leaf(before)
            if isinstance(now, Row):
                if now.leaf == leaf:
                    continue
                rows.append(now)
                gained.append(now.leaf)
                added += leaf is None
                changed += leaf is not None
            elif before is None:
                continue
            else:
                named = removal(now.key, key)
                rows.append(forgotten_row(key, REMOVED) if now.forgotten else named)
                removed += 1
            if leaf is not None:
                lost.append(leaf)
        return Outcome(rows, gained, lost, added, changed, removed)


def _unnamed(row: Row) -> bytes:
    """The hash of the key that the same content has without an id."""
    return key_hash("sha256:" + row.digest.hex())
