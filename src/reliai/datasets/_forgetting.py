"""Taking somebody's cases out of all versions of a dataset, so that the rest can still be proven.

First a version without them is committed, whose parts stand for those that held them: from then on
nobody builds on the old parts. Then each earlier version is told which parts stand for its own, and
the old parts are deleted. In a part that stands for another, a line that was forgotten is empty,
while its place and its hash are there: the roots of all versions still come out. Floor 5.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from reliai import clock
from reliai._core.chance import chance
from reliai.datasets._commit import following
from reliai.datasets._left import Leftovers
from reliai.datasets._live import lookup
from reliai.datasets._manifest import (
    Left,
    create_manifest,
    newest_manifest,
    read_manifest,
    version_path,
)
from reliai.datasets._parts import Parts
from reliai.datasets._rows import case_of, forgotten_row, row_of
from reliai.datasets._staging import Added, Removed, resolved
from reliai.datasets._theirs import Theirs
from reliai.datasets.case import Case
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

    from reliai.datasets._manifest import Manifest
    from reliai.datasets._parts import Part
    from reliai.datasets._staging import Operation
    from reliai.datasets._whose import Whose

__all__ = ["Forgotten", "forgotten_in"]

_LONGEST: Final = 0.1
"""Seconds at most until the next try after a lost race."""

_A_FILE: Final = re.compile(r"parts/[0-9a-f]{2}/[0-9a-f]{64}\.(?:jsonl|idx)")

_JOURNAL: Final = "forgetting.json"
"""What a run is about to delete."""

_STRAY_AFTER: Final = 3600.0
"""Seconds after which a part that no version has is of no commit that is still under way."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten in a dataset; true when it was anything.

    Attributes:
        dataset: where it is.
        version: the name of the version without them; None when the newest had none of them.
        removed: keys of cases that this version has no more.
        kept: keys of cases that others asked for too: they stay, without what was of these calls.
        versions: names of earlier versions of which cases were taken out.
        rows: lines that were emptied in all versions.
        staged: additions that waited for a commit, and are left out.
    """

    dataset: str
    version: str | None
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    versions: tuple[str, ...]
    rows: int
    staged: int

    def __bool__(self) -> bool:
        return bool(self.rows or self.staged)


def forgotten_in(parts: Parts, staged: deque[Operation], whose: Whose, message: str) -> Forgotten:
    """Take somebody's cases out of all versions, and see that they are gone.

    Args:
        parts: of the dataset.
        staged: what waits for a commit; theirs is taken out.
        whose: cases.
        message: of the version without them.

    Raises:
        DatasetDamaged: when a file is not as it was written: nothing is deleted then.
        DatasetError: when others committed such cases meanwhile.
    """
    waiting = _unstaged(staged, whose)
    done = _Forgetting(parts, whose).done(message, waiting)
    fresh = Parts(parts.storage)
    again = Theirs(fresh, whose)
    again.look(part for manifest in _history(fresh) for part in manifest.parts)
    if again:
        raise DatasetError(f"{parts.storage.url}: such cases came meanwhile; forget them again")
    return done


def _unstaged(staged: deque[Operation], whose: Whose) -> int:
    """Take theirs out of what waits for a commit; say how many are left out."""
    taken: list[Operation] = []
    while staged:
        taken.append(staged.popleft())
    kept: list[Operation] = []
    for each in taken:
        case = case_of(each.row.line, each.row.digest) if isinstance(each, Added) else None
        left = None if case is None else whose.left_of(case, frozenset())
        if left is case:
            kept.append(each)
        elif left is not None:
            kept.append(Added(row_of(left), whole=False))
    staged.extendleft(reversed(kept))
    return len(taken) - len(kept)


def _history(parts: Parts) -> Iterator[Manifest]:
    """All versions, the first one first."""
    number = 1
    while (found := read_manifest(parts.storage, number)) is not None:
        yield found
        number += 1


class _Forgetting:
    """One run through all files of a dataset."""

    def __init__(self, parts: Parts, whose: Whose) -> None:
        self._parts = parts
        self._whose = whose
        self._leftovers = Leftovers(parts)
        self._theirs = Theirs(parts, whose)
        self._stand_ins: dict[Part, Part] = {}
        self._superseded: set[str] = set()
        self._emptied = 0

    def done(self, message: str, staged: int) -> Forgotten:
        made, removed, kept = self._commit(message)
        self._begin_deleting()
        # The newest first: a run that is ended leaves the beginnings, by which the rest is found.
        earlier = reversed(list(_history(self._parts)))
        versions = [name for each in earlier if (name := self._rewrite(each)) is not None]
        self._delete_superseded()
        self._delete_strays()
        return Forgotten(
            self._parts.storage.url,
            None if made is None else f"v{made.version}",
            tuple(removed),
            tuple(kept),
            tuple(reversed(versions)),
            self._emptied,
            staged,
        )

    # --- standing for others --------------------------------------------------------------------
    def _standing(self, part: Part) -> Part:
        """The part itself, or one in which their lines are empty."""
        if part not in self._theirs:
            return part  # of a version that came since
        if part not in self._stand_ins:
            theirs = set(self._theirs.of(part))
            if not theirs and not self._names_some(part):
                return part
            self._stand_ins[part] = self._emptied_part(part, theirs)
            self._emptied += len(theirs)
        return self._stand_ins[part]

    def _names_some(self, part: Part) -> bool:
        return bool(part.removed) and next(self._removals(part), None) is not None

    def _removals(self, part: Part) -> Iterator[int]:
        """The rows that say of a case of theirs, by its key, that it was removed."""
        data, index = self._parts.data(part), self._parts.index(part)
        for at in range(part.rows):
            if index.removes(at):
                start, end = index.span(at)
                if json.loads(data[start:end]).get("removed") in self._theirs.gone:
                    yield at

    def _emptied_part(self, part: Part, theirs: set[int]) -> Part:
        data, index = self._parts.data(part), self._parts.index(part)
        if part.removed:
            theirs = theirs.union(self._removals(part))
        rows = []
        for at in range(part.rows):
            start, end = index.span(at)
            row = self._parts.row(part, at, data[start:end])
            rows.append(forgotten_row(row.hash, row.leaf) if at in theirs else row)
        return self._parts.write_one(rows, part.layer, set())

    # --- the version without them ---------------------------------------------------------------
    def _commit(self, message: str) -> tuple[Manifest | None, list[str], list[str]]:
        storage = self._parts.storage
        while True:
            self._theirs.look(part for each in _history(self._parts) for part in each.parts)
            head = newest_manifest(storage)
            if head is None:
                return None, [], []
            if not all(part in self._theirs for part in head.parts):
                continue  # one more came just now
            operations, removed, kept = self._operations(head)
            within = tuple(map(self._standing, head.parts))
            if within == head.parts:
                return None, [], []
            outcome = resolved(self._parts, head.parts, operations)
            made = following(self._parts, head, within, outcome, message)
            if create_manifest(storage, made):
                return made, removed, kept
            clock.active().sleep(chance.uniform(0, _LONGEST))

    def _operations(self, head: Manifest) -> tuple[list[Operation], list[str], list[str]]:
        """What is to be done to the rows of theirs that hold in the newest version."""
        of_place = {
            (part, at): row for part in head.parts for at, row in self._theirs.of(part).items()
        }
        keys = {self._parts.index(part).key(at) for part, at in of_place}
        operations: list[Operation] = []
        removed: list[str] = []
        kept: list[str] = []
        for found in lookup(self._parts, head.parts, keys).values():
            row = of_place.get(found)
            if row is None:
                continue  # what holds now is another case of that key
            if row.left is None:
                removed.append(row.case.key)
                operations.append(Removed(row.case.key, forgotten=True))
            else:
                kept.append(row.case.key)
                operations.append(Added(row_of(row.left), whole=True))
        return operations, removed, kept

    # --- the versions before it -----------------------------------------------------------------
    def _rewrite(self, manifest: Manifest) -> str | None:
        """Tell a version which parts stand for its own; its name, when there are any."""
        present = tuple(map(self._standing, manifest.parts))
        if present == manifest.parts:
            return None
        gone, root = self._leftovers.of(manifest, present)
        left = replace(manifest, parts=present, left=Left(gone, root, manifest.written))
        self._parts.storage.write(version_path(manifest.version), left.to_bytes())
        return f"v{manifest.version}"

    def _delete(self, *paths: str) -> None:
        for path in paths:
            self._parts.storage.delete(path)

    def _begin_deleting(self) -> None:
        """Write down which files are superseded, for a run that does not get to its end."""
        versions = (part for each in _history(self._parts) for part in each.parts)
        self._superseded = self._left_by_others()
        self._superseded |= {path for part in self._stand_ins for path in _files(part)}
        for part in versions:
            if self._standing(part) != part:
                self._superseded.update(_files(part))
        if self._superseded:
            said = json.dumps({"delete": sorted(self._superseded)}, indent=1)
            self._parts.storage.write(_JOURNAL, said.encode() + b"\n")

    def _left_by_others(self) -> set[str]:
        try:
            found = json.loads(self._parts.storage.read(_JOURNAL))
            return {path for path in found["delete"] if _A_FILE.fullmatch(path)}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return set()

    def _delete_superseded(self) -> None:
        """The parts for which others stand, also those of a run that did not get to its end."""
        if not self._superseded:
            return
        versions = (part for each in _history(self._parts) for part in each.parts)
        present = {path for part in versions for path in _files(part)}
        self._delete(*sorted(self._superseded - present), _JOURNAL)

    def _delete_strays(self) -> None:
        """Files that no version has: of commits that lost a race, or were killed; not new ones."""
        storage = self._parts.storage
        known = {
            path for each in _history(self._parts) for part in each.parts for path in _files(part)
        }
        oldest = clock.active().time() - _STRAY_AFTER
        for folder in storage.names("parts"):
            for name in storage.names(f"parts/{folder}"):
                path = f"parts/{folder}/{name}"
                rows = path.removesuffix(".idx") + ".jsonl" if name.endswith(".idx") else path
                if path in known or not self._is_theirs(rows):
                    continue
                if storage.modified(path) < oldest:
                    self._delete(path)

    def _is_theirs(self, path: str) -> bool:
        try:
            lines = self._parts.storage.read(path).splitlines()
        except FileNotFoundError:
            return True  # its index is what is left of it
        return any(self._says_theirs(line) for line in lines)

    def _says_theirs(self, line: bytes) -> bool:
        try:
            said = json.loads(line)
            if "inputs" not in said:
                return said.get("removed") in self._theirs.gone
            case = Case.from_dict(said)
            return self._whose.left_of(case, self._theirs.gone) is not case
        except (ValueError, TypeError, AttributeError):
            return False  # written at this moment, or no part


def _files(part: Part) -> tuple[str, str]:
    return part.path, part.index_path
