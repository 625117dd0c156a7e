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

__all__ = ["NO_GROUP", "REMOVED", "Row", "case_of", "key_hash", "removal", "row_of", "unit_of"]

REMOVED: Final = bytes(32)
"""The leaf of a row that says that a case is no longer there."""

NO_GROUP: Final = bytes(8)
"""The unit of a case without group: it is a unit of its own."""


_decoded: Final = json.JSONDecoder().decode


class Row(NamedTuple):
    """One line of a part.

    Attributes:
        hash: 16 bytes of the key's hash: rows are found and sorted by it.
        leaf: 32 bytes, the hash of the whole case; `REMOVED`: there is no such case any longer.
        digest: 32 bytes, the case's.
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
    data = case.to_dict()
    # The content is in the leaf by its digest: so 1 or 1.0, or another form of an accent, make
    # no other leaf, while the line keeps the values as they were given.
    digest = content_digest(case.inputs, case.expected, MISSING)  # inputs may have been changed
    rest = {name: each for name, each in data.items() if name not in {"inputs", "expected"}}
    leaf = sha256(canonical({"digest": digest, **rest}, "case")).digest()
    try:
        line = json_text(_plain(data)).encode() + b"\n"
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


def removal(key: str, hashed: bytes) -> Row:
    """The row that says that a case is gone."""
    line = json_text({"removed": key}).encode() + b"\n"
    return Row(hashed, REMOVED, bytes(32), NO_GROUP, named=False, line=line)


def case_of(line: bytes, digest: bytes) -> Case:
    """The case of a line whose digest is known."""
    return Case.restored(_decoded(line.decode()), "sha256:" + digest.hex())


def _plain(value: Any) -> Any:
    """The same data with dicts in place of other mappings."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "items"):
        return {key: _plain(each) for key, each in value.items()}
    return value
