"""A case as it is stored: one line of JSON, and the hashes by which it is found and checked.

Floor 5.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final, NamedTuple

from reliai.datasets.canonical import canonical, content_digest, json_text
from reliai.datasets.case import MISSING, Case
from reliai.datasets.failures import DatasetError

__all__ = [
    "NO_GROUP",
    "REMOVED",
    "Row",
    "case_of",
    "forgotten_row",
    "key_hash",
    "leaf_of",
    "removal",
    "row_of",
    "unit_of",
]

REMOVED: Final = bytes(32)
"""The leaf of a row that says that a case is no longer there."""

_NO_DIGEST: Final = bytes(32)

NO_GROUP: Final = bytes(8)
"""The unit of a case without group: it is a unit of its own."""


_decoded: Final = json.JSONDecoder().decode


class Row(NamedTuple):
    """One line of a part.

    Attributes:
        hash: 16 bytes of the key's hash: rows are found and sorted by it.
        leaf: 32 bytes, the hash of the whole case; `REMOVED`: there is no such case any longer.
        digest: 32 bytes, the case's; zeros: there is none to read, or no longer.
        unit: 8 bytes of the group's hash, or `NO_GROUP`.
        named: whether the case has an id.
        line: what is written, with the line's end.
    """

    hash: bytes
    leaf: bytes
    digest: bytes
    unit: bytes
    named: bool
    line: bytes

    @property
    def gone(self) -> bool:
        """Whether it says that a case is no longer there."""
        return self.leaf == REMOVED

    @property
    def unreadable(self) -> bool:
        """Whether it has no case: it says that one is gone, or its own was forgotten."""
        return self.digest == _NO_DIGEST

    @property
    def check(self) -> bytes:
        """8 bytes that tell whether the line is as it was written."""
        return sha256(self.line).digest()[:8]


def key_hash(key: str) -> bytes:
    """Where a key is in the order of rows; 128 bits, so no two keys are in one place."""
    return sha256(key.encode()).digest()[:16]


def unit_of(group: str | None) -> bytes:
    """The group's hash, by which splits keep its cases together."""
    return NO_GROUP if group is None else sha256(group.encode()).digest()[:8]


def row_of(case: Case) -> Row:
    """A case's row.

    Raises:
        DatasetError: when something in it is no JSON data, naming the place.
    """
    digest = content_digest(case.inputs, case.expected, MISSING)  # inputs may have been changed
    data = case.to_dict()
    leaf = _leaf(data, digest)
    try:
        line = json_text(data).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise DatasetError(f"the case {digest} cannot be written as JSON") from error
    return Row(
        hash=key_hash(digest if case.id is None else case.id),
        leaf=leaf,
        digest=bytes.fromhex(digest.removeprefix("sha256:")),
        unit=unit_of(case.group),
        named=case.id is not None,
        line=line,
    )


def leaf_of(case: Case) -> bytes:
    """The hash of a whole case: its digest, and all that is no part of that.

    Raises:
        DatasetError: when something in it is no JSON data, naming the place.
    """
    return _leaf(case.to_dict(), case.digest)


def _leaf(data: dict[str, Any], digest: str) -> bytes:
    # The content is in it by its digest: so 1 or 1.0, or another form of an accent, make no other
    # leaf, while the line keeps the values as they were given.
    rest = {name: each for name, each in data.items() if name not in {"inputs", "expected"}}
    return sha256(canonical({"digest": digest, **rest}, "case")).digest()


def removal(key: str, hashed: bytes) -> Row:
    """The row that says that a case is gone."""
    line = json_text({"removed": key}).encode() + b"\n"
    return Row(hashed, REMOVED, _NO_DIGEST, NO_GROUP, named=False, line=line)


def forgotten_row(hashed: bytes, leaf: bytes) -> Row:
    """What is left of a row that was forgotten: its place, and its share of the version's root."""
    # Both are in the line, so that no two parts with other rows have one content and one name.
    line = f'{{"forgotten": "{hashed.hex()}-{leaf.hex()}"}}\n'.encode()
    return Row(hashed, leaf, _NO_DIGEST, NO_GROUP, named=False, line=line)


def case_of(line: bytes, digest: bytes) -> Case:
    """The case of a line whose digest is known."""
    return Case.restored(_decoded(line.decode()), "sha256:" + digest.hex())
