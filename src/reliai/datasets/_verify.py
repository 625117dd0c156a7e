"""Whether the files of a dataset are what was written, and which cases are not. Floor 5."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reliai.datasets._index import Index, head_size
from reliai.datasets._left import Leftovers
from reliai.datasets._live import lookup
from reliai.datasets._manifest import newest_manifest, read_manifest, version_path
from reliai.datasets._rows import row_of
from reliai.datasets._set_hash import SetHash
from reliai.datasets._tags import tag_root, tags_of
from reliai.datasets.case import Case
from reliai.datasets.failures import DatasetDamaged, DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reliai.datasets._manifest import Manifest
    from reliai.datasets._parts import Part, Parts

__all__ = ["Problem", "Verification", "verified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        path: the file.
        line: in it, from 1, or None.
        digest: of the case that is damaged, or None.
        message: what is wrong.
    """

    path: str
    line: int | None = None
    digest: str | None = None
    message: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was looked at, and what is wrong.

    Attributes:
        versions: that were looked at.
        parts: files of rows.
        rows: in them.
        problems: all that is wrong.
    """

    versions: int
    parts: int
    rows: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the cases that are damaged."""
        return tuple(dict.fromkeys(each.digest for each in self.problems if each.digest))

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        counts = {"version": self.versions, "part": self.parts, "row": self.rows}
        seen = ", ".join(_many(count, what) for what, count in counts.items())
        said = "as they were written" if self.ok else _many(len(self.problems), "problem")
        return "\n".join([f"{seen}: {said}", *map(str, self.problems)])

    def require(self) -> None:
        """Go on only if everything is as it was written.

        Raises:
            DatasetDamaged: when it is not.
        """
        if not self.ok:
            raise DatasetDamaged(str(self), digests=self.digests)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def verified(
    parts: Parts, *, deep: bool = False, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Look at every file of a dataset.

    Args:
        parts: of it.
        deep: make the digest of every case anew, also where the file's own hash is right.
        progress: is told how many parts of how many are done.
    """
    problems: list[Problem] = []
    manifests = list(_history(parts, problems))
    files = list({part: None for manifest in manifests for part in manifest.parts})
    sound: set[Part] = set()
    for at, part in enumerate(files):
        found = list(_wrong_in(parts, part, deep=deep))
        problems += found
        if not found:
            sound.add(part)
        if progress is not None:
            progress(at + 1, len(files))
    problems += _wrong_roots(parts, manifests, sound)
    problems += _wrong_tags(parts, manifests)
    rows = sum(part.rows for part in files)
    return Verification(
        versions=len(manifests), parts=len(files), rows=rows, problems=tuple(problems)
    )


def _history(parts: Parts, problems: list[Problem]) -> Iterator[Manifest]:
    """Every version that can be read, the first one first."""
    try:
        newest = newest_manifest(parts.storage)
        number = 0 if newest is None else newest.version
    except DatasetDamaged:
        number = max(_numbers(parts), default=0)
    before: Manifest | None = None
    for each in range(1, number + 1):
        try:
            found = read_manifest(parts.storage, each)
        except DatasetError as error:
            problems.append(Problem(path=version_path(each), message=_without_place(error)))
            before = None
            continue
        if found is None:
            problems.append(Problem(path=version_path(each), message="is gone"))
        elif before is not None and found.parent_seal != before.seal:
            problems.append(
                Problem(path=version_path(each), message="follows another version than is there")
            )
        before = found
        if found is not None:
            yield found


def _numbers(parts: Parts) -> Iterator[int]:
    for name in parts.storage.names("versions"):
        number = name.removeprefix("v").removesuffix(".json")
        if number.isdecimal():
            yield int(number)


def _without_place(error: DatasetError) -> str:
    return str(error).removeprefix(f"{error.path}: ")


def _wrong_in(parts: Parts, part: Part, *, deep: bool) -> Iterator[Problem]:
    """What is wrong in one part and its index."""
    data, index = _file(parts, part.path), _file(parts, part.index_path)
    if index is None or not _is_index(part, index):
        said = "is gone" if index is None else "the index is not as it was written"
        yield Problem(path=part.index_path, message=said)
        index = None
    if data is None:
        yield Problem(path=part.path, message=f"the part of {part.rows} rows is gone")
    elif sha256(data).hexdigest() != part.part:
        wrong = list(_wrong_lines(part, data, index))
        said = "the part is not as it was written"
        yield from wrong or [Problem(path=part.path, message=said)]
    elif deep and index is not None:
        yield from _wrong_rows(part, data, _whole(part, index))


def _is_index(part: Part, index: bytes) -> bool:
    size = head_size(part.rows, part.named)
    found = sha256(index[:size]).hexdigest(), sha256(index[size:]).hexdigest()
    return found == (part.head, part.tail)


def _file(parts: Parts, path: str) -> bytes | None:
    try:
        return parts.storage.read(path)
    except FileNotFoundError:
        return None


def _whole(part: Part, index: bytes) -> Index:
    size = head_size(part.rows, part.named)
    return Index(index[:size], part.rows, part.named, lambda: index[size:])


def _wrong_lines(part: Part, data: bytes, index: bytes | None) -> Iterator[Problem]:
    """Which rows are not as they were written; by the index, else by the lines themselves."""
    lines = data.splitlines(keepends=True)
    if index is None:
        for at, line in enumerate(lines):
            if not _readable(line):
                yield Problem(path=part.path, line=at + 1, message="the line is no case")
        return
    whole = _whole(part, index)
    there = {sha256(line).digest()[:8] for line in lines}
    for row in range(part.rows):
        if whole.check(row) not in there:
            gone = whole.gone(row)
            digest = None if gone else "sha256:" + whole.digest(row).hex()
            said = "a row without a case" if gone else f"the case {digest}"
            yield Problem(
                path=part.path,
                line=row + 1,
                digest=digest,
                message=f"{said} is not as it was written",
            )


def _readable(line: bytes) -> bool:
    try:
        found = json.loads(line)
        return bool({"removed", "forgotten"} & set(found) or Case.from_dict(found).digest)
    except (ValueError, TypeError):
        return False


def _wrong_rows(part: Part, data: bytes, index: Index) -> Iterator[Problem]:
    """Rows whose hashes are not those of their content."""
    for at, line in enumerate(data.splitlines(keepends=True)):
        if index.gone(at):
            continue
        digest = "sha256:" + index.digest(at).hex()
        try:
            row = row_of(Case.from_dict(json.loads(line)))
            right = (row.leaf, row.hash, row.unit) == (
                index.leaf(at),
                index.key(at),
                index.unit(at),
            )
        except (ValueError, TypeError):
            right = False
        if not right:
            message = f"the case {digest} has other content than its digest says"
            yield Problem(path=part.path, line=at + 1, digest=digest, message=message)


def _wrong_roots(
    parts: Parts, manifests: Iterable[Manifest], sound: set[Part]
) -> Iterator[Problem]:
    """Versions whose root is not that of their rows: each is made from the one before."""
    leftovers = Leftovers(parts)
    before: Manifest | None = None
    sums: SetHash | None = SetHash()
    for each in manifests:
        old = () if before is None else before.parts
        if sums is None or not sound.issuperset((*old, *each.parts)):
            before, sums = each, SetHash(each.sums)  # what is damaged was said already
            continue
        count = _follow(parts, old, each.parts, sums) + (0 if before is None else before.cases)
        path, left = version_path(each.version), (each.cases - each.cases_left, each.root_left)
        if sums.root() != each.root or sums.text() != each.sums or count != each.cases:
            yield Problem(path=path, message="the root is not that of the version's rows")
        elif leftovers.of(each, each.parts) != left:
            yield Problem(path=path, message="what is left is not what was not forgotten")
        before, sums = each, SetHash(each.sums)


def _follow(parts: Parts, old: tuple[Any, ...], new: tuple[Any, ...], sums: SetHash) -> int:
    """Turn the sums of one version into those of the next; says how many cases came on top."""
    keys: set[bytes] = set()
    for part in set(old) ^ set(new):
        keys.update(map(parts.index(part).key, range(part.rows)))
    # Of what was forgotten the hash is there: so the root still proves all that is left.
    was, now = lookup(parts, old, keys, forgotten=True), lookup(parts, new, keys, forgotten=True)
    for found in was.values():
        sums.remove(parts.index(found.part).leaf(found.row))
    for found in now.values():
        sums.add(parts.index(found.part).leaf(found.row))
    return len(now) - len(was)


def _wrong_tags(parts: Parts, manifests: Iterable[Manifest]) -> Iterator[Problem]:
    roots = {f"v{each.version}": {each.root, each.root_left} for each in manifests}
    for tag, version in tags_of(parts.storage).items():
        if tag_root(parts.storage, tag) not in roots.get(version, set()):
            said = f"the tag {tag!r} is of another {version} than is there"
            yield Problem(path=f"tags/{tag}.json", message=said)
